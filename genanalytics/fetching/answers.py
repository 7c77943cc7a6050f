"""What came of asking for one id."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple


class Explanation(NamedTuple):
    """What an outcome means, and what to do about it."""

    meaning: str
    next_step: str


class Outcome(StrEnum):
    """What came of one id; every distinct id ends in exactly one."""

    OK = "ok"
    PENDING = "pending"
    NOT_FOUND = "not_found"
    FORBIDDEN = "forbidden"
    MISMATCH = "mismatch"
    INVALID = "invalid"
    FAILED = "failed"
    UNAVAILABLE = "unavailable"
    SKIPPED = "skipped"

    @property
    def meaning(self) -> str:
        """What the ids that ended so are, in a few words."""
        return _EXPLAINED[self].meaning

    @property
    def next_step(self) -> str:
        """What to do about it; empty where there is nothing to do."""
        return _EXPLAINED[self].next_step


_EXPLAINED: Mapping[Outcome, Explanation] = MappingProxyType(
    {
        Outcome.OK: Explanation("with a record", ""),
        Outcome.PENDING: Explanation(
            "less than an hour old, and without a record yet",
            "fetch again later, or wait longer: wait_s (--wait)",
        ),
        Outcome.NOT_FOUND: Explanation(
            "not known to the service",
            "check that they are its own ids (gen-...); those of failed calls never get a record",
        ),
        Outcome.FORBIDDEN: Explanation("another account's", "fetch them with a key of that account"),
        Outcome.MISMATCH: Explanation(
            "answered with another id's record",
            "see returned_id and body in the failures; to take such records: accept_mismatch (--accept-mismatch)",
        ),
        Outcome.INVALID: Explanation("no possible id, and not sent", "see message in the failures; mend the list"),
        Outcome.FAILED: Explanation(
            "without a usable answer, however often asked for",
            "see message in the failures; fetch again: only what is missing is asked for",
        ),
        Outcome.UNAVAILABLE: Explanation(
            "not in the cache, and nothing was sent",
            "fetch without offline, or name the cache_dir and the account that have them",
        ),
        Outcome.SKIPPED: Explanation(
            "not asked for any more when the run ended", "fetch again: only what is missing is asked for"
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking for one id.

    Attributes:
        requested_id: The id that was asked for.
        outcome: What came of it.
        body: The answer as the service sent it; empty unless `outcome` is ok or mismatch.
        status: The HTTP status, where there was an answer.
        message: Why there is no record, in one sentence.
        attempts: How often the service was asked.
        fetched_at: When the answer came (Unix time in seconds).
        from_cache: True where the answer was read from the cache.
        returned_id: The id that the record carries, where that is another one than the one asked for.
        sent: True where a request was sent for this very answer.
        retry_in_s: Where asking again may help, how long to wait before; None where it would not.
    """

    requested_id: str
    outcome: Outcome
    body: bytes = b""
    status: int | None = None
    message: str = ""
    attempts: int = 0
    fetched_at: float = 0.0
    from_cache: bool = False
    returned_id: str | None = None
    sent: bool = False
    retry_in_s: float | None = None
