"""Answers on their way into the cache: written in batches, and again later if the cache fails."""

import time

from genanalytics.cache.archive import Archive
from genanalytics.cache.entry import Entry
from genanalytics.errors import CacheError
from genanalytics.units import format_count

_EVERY_S = 0.1
_AGAIN_S = 5.0


class Store:
    """The answers of one run that are not yet in the cache."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._waiting: dict[str, Entry] = {}
        self._written_at = time.monotonic()
        self._error = ""
        self.lost = 0
        """The number of answers that could not be written."""

    def add(self, cache_key: str, entry: Entry) -> None:
        """Take an answer."""
        self._waiting[cache_key] = entry

    def write_if_due(self) -> None:
        """Write the answers since the last time, unless that was a moment ago."""
        if time.monotonic() - self._written_at > _EVERY_S:
            self.write()

    def write(self) -> None:
        """Write the answers since the last time; a cache that fails loses none of them, and is tried again."""
        if self._waiting:
            try:
                self._archive.store(self._waiting)
            except CacheError as error:
                self._error = str(error)
                if self._archive.refusal:  # it will accept nothing later either
                    self._drop()
                self._written_at = time.monotonic() + _AGAIN_S
                return
            self._waiting = {}
        self._written_at = time.monotonic()

    def finish(self) -> None:
        """Write all answers; those that the cache does not accept are lost to it."""
        self.write()
        self._drop()

    @property
    def notices(self) -> list[str]:
        """The notices about the cache, each in one sentence."""
        if self.lost:
            answers = format_count(self.lost, "answer")
            return [f"{answers} could not be cached and will be fetched again: {self._error}"]
        return [self._archive.refusal] if self._archive.refusal and not self._archive.is_on_disk else []

    def _drop(self) -> None:
        self.lost += len(self._waiting)
        self._waiting = {}
