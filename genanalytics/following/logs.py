"""Several logs and directories of logs, as one growing list of ids."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from genanalytics.base.content import find_files
from genanalytics.base.mask import hide_api_keys
from genanalytics.errors import InputError
from genanalytics.following.tail import Member, Tail
from genanalytics.ids.known import KnownIds

_SLACK_S = 60.0
"""The clock of a file server can differ by this much."""


class Logs(AbstractContextManager["Logs"]):
    """Logs that are followed, while the context lasts; each id is returned once, however often it occurs.

    Args:
        paths: Logs, which need not exist yet, and directories, in which every file is a log, new ones too.
        since: Rotated copies that changed after this moment (Unix time) are read too; None for none.

    Attributes:
        problems: What could not be read in the last call, one sentence each.
    """

    def __init__(self, paths: Sequence[Path], *, since: float | None = None) -> None:
        self._paths = paths
        self._since = None if since is None else since - _SLACK_S
        self._tails: dict[Path, Tail | Member] = {}
        self._known = KnownIds()
        self.problems: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self._known)

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files of the logs."""
        for tail in self._tails.values():
            tail.close()

    def read(self) -> list[str]:
        """Return the ids that are new since the last call, in the order of each log."""
        problems: list[str] = []
        found: list[str] = []
        for path in self._paths:
            try:
                self._find_logs(path)
            except InputError as error:
                problems.append(str(error))
        for tail in self._tails.values():
            try:
                for generation_id in tail.read():  # until an error, which loses none of them
                    found.append(generation_id)  # noqa: PERF402
            except InputError as error:
                problems.append(str(error))
        problems += [f"{path} does not exist yet" for path in self._paths if not self._was_found(path)]
        self.problems = tuple(map(hide_api_keys, problems))
        return self._keep_new(found)

    def finish(self) -> list[str]:
        """Return new ids at the ends of the logs, which nothing follows any more, and close the logs."""
        return self._keep_new(generation_id for tail in self._tails.values() for generation_id in tail.finish())

    def _find_logs(self, path: Path) -> None:
        if not path.is_dir():
            self._tails.setdefault(path, Tail(path, since=self._since))
            return
        self._tails.pop(path, None)  # it did not exist before
        for file in find_files(path):
            if file not in self._tails:
                self._tails[file] = Member(file)

    def _was_found(self, path: Path) -> bool:
        tail = self._tails.get(path)
        return tail is None or tail.was_found

    def _keep_new(self, ids: Iterable[str]) -> list[str]:
        given = list(ids)
        return [each for each, is_new in zip(given, self._known.add(given), strict=True) if is_new] if given else []
