"""Ids that have no record yet, and when to ask for each of them again. There is no clock here."""

import heapq
from collections.abc import Iterable, Iterator
from datetime import datetime

from genanalytics.fetching.answers import Outcome

_FIRST_S = 2.0
_LONGEST_S = 60.0
_SHORT = frozenset({Outcome.PENDING, Outcome.FAILED, Outcome.SKIPPED, Outcome.UNAVAILABLE})
"""Outcomes that can change within seconds. The others change at `retry_at` of the failure, or never."""


class Waiting:
    """Ids without a record: each is asked for again ever later, until it has a record or can never have one.

    >>> waiting = Waiting()
    >>> waiting.note("gen-1", "pending", None, now=0.0), waiting.note("gen-2", "forbidden", None, now=0.0)
    (None, None)
    >>> len(waiting), list(waiting.take_due(1.0, 10)), list(waiting.take_due(2.0, 10))
    (1, [], ['gen-1'])
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, str]] = []
        self._due_at: dict[str, float] = {}
        self._delays_s: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._delays_s)

    def note(self, generation_id: str, outcome: str, retry_at: datetime | None, *, now: float) -> None:
        """Note that an id has no record, as failures.parquet describes it; `now` is Unix time."""
        if outcome in _SHORT:
            delay_s = self._delays_s.get(generation_id, _FIRST_S)
            self._delays_s[generation_id] = min(2 * delay_s, _LONGEST_S)
            self._push(generation_id, now + delay_s)
            return
        self.settle([generation_id])
        if retry_at is not None:
            self._push(generation_id, retry_at.timestamp())

    def settle(self, ids: Iterable[str]) -> None:
        """Forget ids, since they have a record or never will."""
        for generation_id in ids:
            self._delays_s.pop(generation_id, None)
            self._due_at.pop(generation_id, None)

    def take_due(self, now: float, most: int) -> Iterator[str]:
        """Yield at most so many ids that are due, the longest overdue first; each must be noted or settled later."""
        while self._heap and self._heap[0][0] <= now and most > 0:
            at, generation_id = heapq.heappop(self._heap)
            if self._due_at.get(generation_id) == at:  # else it was noted again, or settled
                del self._due_at[generation_id]
                most -= 1
                yield generation_id

    def hurry(self, now: float) -> None:
        """Make all ids due that wait for seconds or minutes: an outage is over."""
        for generation_id in self._delays_s:
            self._delays_s[generation_id] = _FIRST_S
            self._push(generation_id, now)

    def _push(self, generation_id: str, at: float) -> None:
        self._due_at[generation_id] = at
        heapq.heappush(self._heap, (at, generation_id))
