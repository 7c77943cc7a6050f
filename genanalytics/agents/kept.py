"""The records of a server: read once, and again when a file changed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import pandas as pd

from genanalytics.base.text import to_sentence
from genanalytics.metrics.where.choose import choose_rows
from genanalytics.metrics.where.time_range import TimeRange, find_time_range


class Selection(Protocol):
    """The records that a server shows, as the command line chose them."""

    @property
    def paths(self) -> tuple[str, ...]: ...  # noqa: D102 - those of the command line

    @property
    def labels(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def where(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def tz(self) -> str: ...  # noqa: D102

    def find_time_range(self) -> TimeRange: ...  # noqa: D102

    def open_all(self) -> AbstractContextManager[Any]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Query:
    """The records that a call of a tool is about.

    Attributes:
        data: The chosen records.
        everything: The records of the server, of which these are a part; None if they are all of them.
        tz: The time zone.
        paths: The files.
        notices: What an agent should know of the choice, in sentences.
    """

    data: Any
    everything: Any
    tz: str
    paths: tuple[str, ...]
    notices: tuple[str, ...]


@dataclass(slots=True)
class KeptRecords:
    """Records that stay in memory until a file changes; those of an engine stay where they are.

    Attributes:
        selection: The records.
        find_state: Returns the state of files, which differs after each change.
    """

    selection: Selection
    find_state: Callable[[Sequence[str]], object]
    _frame: pd.DataFrame | None = field(default=None, init=False)
    _state: object = field(default=None, init=False)

    @contextmanager
    def query(self, where: Sequence[str] = (), times: Mapping[str, str | None] | None = None) -> Iterator[Query]:
        """Yield the records that meet more conditions.

        Args:
            where: The conditions.
            times: Options of `find_time_range`.

        Raises:
            GenAnalyticsError: The files or the conditions cannot be read.
        """
        chosen = self.selection
        within = find_time_range(**(times or {}), tz=chosen.tz)  # type: ignore[arg-type] # mypy takes them for any argument
        with self._open() as opened:
            served, notices = choose_rows(opened, chosen.where, chosen.find_time_range(), tz=chosen.tz)
            data, more = choose_rows(served, where, within, tz=chosen.tz)
            everything = served if where or within.is_limited else None
            sentences = tuple(to_sentence(notice) for notice in (*notices, *more))
            yield Query(data, everything, chosen.tz, chosen.paths, sentences)

    @contextmanager
    def _open(self) -> Iterator[Any]:
        state = self.find_state((*self.selection.paths, *self.selection.labels))
        if self._frame is not None and state == self._state:
            yield self._frame
            return
        self._frame = None
        with self.selection.open_all() as data:
            if isinstance(data, pd.DataFrame):
                self._frame, self._state = data, state
            yield data
