"""A directory of this machine as the place of a data set that is written."""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pyarrow as pa

from genanalytics.base.atomic import sync
from genanalytics.dataset.content import Manifest
from genanalytics.dataset.directory import DATA, MODE, check_place, lock, open_files
from genanalytics.dataset.folder import CURRENT, FILES, Folder
from genanalytics.dataset.format_1 import adopt, remove_commits
from genanalytics.dataset.inside import find_missing
from genanalytics.dataset.manifest import MANIFEST, load_manifest
from genanalytics.dataset.place import MANIFESTS, TakenError, find_commit, list_numbers, name_manifest
from genanalytics.dataset.view import View
from genanalytics.errors import InputError
from genanalytics.formats.parquet import write_table

_KEPT_COMMITS = 10
"""The number of commits before the last one whose files remain, for readers that started with them."""
_KEPT_S = 3_600.0
"""The time for which replaced files remain at least."""
_CLEANED_EVERY = 10
_THINNED_S = 60.0
"""Of the manifests before the last ones, one for each minute remains."""
_THREADS = 8


class Disk(Folder):
    """A directory with a data set that one process writes.

    Args:
        directory: The data set; it is created when it is opened.
    """

    young_folder = DATA
    merges_final = True
    files_at_once = 1

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._directory = directory
        self._view = View(directory)
        self._written: list[str] = []
        self._folders: set[str] = set()
        self._handle = -1

    @contextmanager
    def open(self) -> Iterator[None]:
        """Check the directory, hold its lock, and take over a data set of format 1."""
        with ExitStack() as opened:
            check_place(self._directory)
            opened.enter_context(lock(self._directory))
            self._handle = opened.enter_context(open_files(self._directory))
            self.root = os.path.realpath(self._directory / FILES)
            if not self.list_manifests():
                adopt(self._directory, self)
            yield

    def find_last(self) -> Manifest | None:
        """Return the last commit; None if there is none. Of a copy, later ones whose files are missing are removed."""
        incomplete: list[str] = []
        for number in reversed(self.list_manifests()):
            find_missing(self._directory, self.root, [name_manifest(number)])  # which refuses links
            found = load_manifest(self, name_manifest(number))
            find_missing(self._directory, self.root, [file.path for file in found.id_files])
            missing = find_missing(self._directory, self.root, found.list_needed())
            if found.commit != number:
                msg = (
                    f"the manifest.json of {self._directory} is that of another commit ({found.commit}): restore the"
                    " data set from a copy"
                )
                raise InputError(msg)
            if not missing:
                self.remove(incomplete)
                return found
            if found.inode == self.inode:
                msg = f"{missing[0]} of {self._directory} is missing: restore the data set from a copy"
                raise InputError(msg)
            incomplete.append(name_manifest(number))
        shown = self._directory / MANIFEST
        was_shown = shown.is_symlink() and shown.readlink().parts[0] == FILES
        if incomplete or was_shown or os.path.lexists(self._directory / CURRENT):
            msg = f"cannot write the data set {self._directory}: it has no complete commit; restore it from a copy"
            raise InputError(msg)
        return None

    def write_table(self, rows: pa.Table, name: str) -> None:
        """Write a new Parquet file."""
        write_table(rows, self._begin(name))

    def write_bytes(self, content: bytes, name: str) -> None:
        """Write a new file."""
        Path(self._begin(name)).write_bytes(content)

    def take(self, path: str, name: str) -> None:
        """Give a file of this file system a name in the data set."""
        target = self._begin(name)
        with suppress(FileExistsError):  # an interrupted writer got as far as this
            os.link(path, target)

    def _begin(self, name: str) -> str:
        """Return the path of a new file until it is complete: a copy of the folder has its name only for all of it."""
        folder = os.path.dirname(name)  # noqa: PTH120 - a text
        if folder not in self._folders:
            Path(self.locate(folder)).mkdir(MODE, exist_ok=True)
            self._folders.add(folder)
        self._written.append(name)
        return self.locate(_name_part(name))

    def flush(self) -> None:
        """Flush all written files and their folders to the disk."""
        written, self._written = self._written, []
        folders = {os.path.dirname(name) for name in written} | {DATA, ""}  # noqa: PTH120 - texts
        with ThreadPoolExecutor(_THREADS) as threads:
            list(threads.map(sync, [Path(self.locate(_name_part(name))) for name in written]))
            for name in written:
                os.rename(self.locate(_name_part(name)), self.locate(name))  # noqa: PTH104 - texts
            list(threads.map(sync, [Path(self.locate(folder)) for folder in sorted(folders, reverse=True)]))

    def publish(self, manifest: Manifest) -> None:
        """Publish a manifest: a rename, under the lock."""
        self.flush()
        path = Path(self.locate(name_manifest(manifest.commit)))
        if path.exists():
            raise TakenError(path.name)
        part = path.with_name(f".{path.name}.part")
        part.write_text(manifest.to_json(), encoding="utf-8")
        sync(part)
        part.rename(path)
        sync(path.parent)

    def show(self, manifest: Manifest) -> None:
        """Bring the visible names to a commit."""
        self._view.show(manifest)
        remove_commits(self._directory)

    def remove(self, names: Iterable[str]) -> None:
        """Remove files; those that cannot be removed stay until they are cleaned away."""
        for name in names:
            self._written = [each for each in self._written if each != name]
            folder, _, file = name.rpartition("/")
            for path in (file, f".{file}.part"):
                with suppress(OSError), _open_folder(self._handle, folder) as handle:
                    os.unlink(path, dir_fd=handle)

    def discard(self, names: Iterable[str], number: int) -> None:
        """Remove the files of a commit, unless it was published: a signal can arrive after the last step."""
        if number not in self.list_manifests():
            self.remove(names)

    def sweep(self) -> None:
        """Do nothing: `clean` removes merged files."""

    def clean(self, manifest: Manifest) -> None:
        """Remove files that no kept manifest names, after an hour; at every tenth commit."""
        if manifest.commit % _CLEANED_EVERY:
            return
        before = time.time() - _KEPT_S
        numbers = self._list_own(MANIFESTS, before=float("inf"))
        kept = _choose_kept(numbers, before)
        self.remove(name for name in numbers if name not in kept)  # parts of an interrupted writer too
        first = load_manifest(self, kept[0])
        named = {*first.list_names(), *manifest.list_names()}
        # a file belongs to the commit that wrote it and to those after it, until one replaces it
        self.remove(
            name
            for name in self._list_files(before - _THINNED_S)
            if name not in named and find_commit(name) <= first.commit
        )

    def _list_files(self, before: float) -> Iterator[str]:
        """Yield the names of files that were written before a moment."""
        for folder in ("failures", "ids", DATA):
            yield from self._list_own(folder, before)
        with _open_folder(self._handle, DATA) as handle:
            names = os.listdir(handle)  # noqa: PTH208 - of a handle
        for name in names:
            with suppress(NotADirectoryError):
                yield from self._list_own(f"{DATA}/{name}", before)

    def _list_own(self, folder: str, before: float) -> dict[str, float]:
        """Return the files in a folder that were written before a moment, with their times."""
        found = {}
        with _open_folder(self._handle, folder) as handle, os.scandir(handle) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if entry.is_file(follow_symlinks=False) and status.st_mtime < before:
                    found[f"{folder}/{entry.name}"] = status.st_mtime
        return found


def _choose_kept(manifests: dict[str, float], before: float) -> list[str]:
    """Return the names of the manifests to keep: the last ones, and of the last hour its first and one per minute.

    The first is older: what it names and no later one does was replaced in this hour. Younger files stay anyway.
    """
    names = {number: name_manifest(number) for number in list_numbers(manifests)}
    numbers: Sequence[int] = list(names)
    last = numbers[-1 - _KEPT_COMMITS :]
    minutes = {
        int(manifests[names[number]] / _THINNED_S): number for number in numbers if manifests[names[number]] >= before
    }
    first = [number for number in numbers if manifests[names[number]] < before][-1:]
    return [names[number] for number in sorted({*first, *last, *minutes.values()})]


def _name_part(name: str) -> str:
    """Return the name of a file that is not complete yet.

    >>> _name_part("ids/00000042-1f0c9a7e.ids")
    'ids/.00000042-1f0c9a7e.ids.part'
    """
    folder, _, file = name.rpartition("/")
    return f"{folder}/.{file}.part"


@contextmanager
def _open_folder(files: int, folder: str) -> Iterator[int]:
    """Yield a handle of a folder, to which no link leads."""
    with ExitStack() as opened:
        handle = files
        for name in filter(None, folder.split("/")):
            handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
            opened.callback(os.close, handle)
        yield handle
