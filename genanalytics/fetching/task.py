"""One id on its way to an answer."""

from dataclasses import dataclass

from genanalytics.cache.entry import Entry

_FIRST_PATIENCE_S = 1.0


@dataclass(slots=True)
class Task:
    """One id on its way to an answer.

    Attributes:
        position: Its place among the distinct ids.
        generation_id: The id.
        kept: The record in the cache, which counts if the service has none.
        holds_record: Whether the cache has a record, even one that this run does not accept.
        attempt: The number of requests so far.
        failures: The number of failed requests so far.
        silence: The silence (`Outage.silence`) of its last failure.
        failures_before: The number of failed requests before that silence.
        was_spared: Whether the failures of an outage were forgiven: that happens once.
        fresh: Whether to use a new connection: the last one returned the record of another id.
        missing_since: When the service first had no record yet.
        patience_s: How long to wait before asking for such a record again.
    """

    position: int
    generation_id: str
    kept: Entry | None = None
    holds_record: bool = False
    attempt: int = 0
    failures: int = 0
    silence: int = -1
    failures_before: int = 0
    was_spared: bool = False
    fresh: bool = False
    missing_since: float | None = None
    patience_s: float = _FIRST_PATIENCE_S

    def count_failure(self, silence: int) -> None:
        """Count a failed request, which was sent in this silence."""
        if self.silence != silence:
            self.silence, self.failures_before = silence, self.failures
        self.failures += 1

    def spare(self, silence: int) -> bool:
        """Forgive the failures of this silence; return False if there were none, or if that has happened before.

        >>> task = Task(0, "gen-1", failures=2)
        >>> task.count_failure(silence=1)
        >>> task.failures, task.spare(silence=1), task.failures, task.spare(silence=1)
        (3, True, 2, False)
        """
        if self.was_spared or self.silence != silence:
            return False
        self.was_spared, self.failures = True, self.failures_before
        return True

    def draw_patience_s(self, left_s: float) -> float:
        """Return how long to wait for a record that does not exist yet: ever longer, and at most the time left."""
        patience_s, self.patience_s = self.patience_s, 2 * self.patience_s
        return min(patience_s, left_s)
