"""The result of asking for one id."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple


class Explanation(NamedTuple):
    """The meaning of an outcome, and what to do about it."""

    meaning: str
    next_step: str


class Outcome(StrEnum):
    """The result for one id; every distinct id has exactly one."""

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
        """A description of the ids with this outcome, in a few words."""
        return _EXPLAINED[self].meaning

    @property
    def next_step(self) -> str:
        """What to do about it; empty if there is nothing to do."""
        return _EXPLAINED[self].next_step


_EXPLAINED: Mapping[Outcome, Explanation] = MappingProxyType(
    {
        Outcome.OK: Explanation("with a record", ""),
        Outcome.PENDING: Explanation(
            "less than an hour old, without a record yet",
            "fetch again later, or wait longer: wait_s (--wait)",
        ),
        Outcome.NOT_FOUND: Explanation(
            "unknown to the service",
            "check that they are OpenRouter's ids (gen-...); failed calls never get a record",
        ),
        Outcome.FORBIDDEN: Explanation("of another account", "fetch them with an API key of that account"),
        Outcome.MISMATCH: Explanation(
            "answered with the record of another id",
            "see returned_id and body in the failures; to accept such records: accept_mismatch (--accept-mismatch)",
        ),
        Outcome.INVALID: Explanation("impossible, and not sent", "see message in the failures; correct the list"),
        Outcome.FAILED: Explanation(
            "without a usable answer after all tries",
            "see message in the failures; fetch again: only missing records are requested",
        ),
        Outcome.UNAVAILABLE: Explanation(
            "not in the cache, and nothing was sent",
            "fetch without offline, or give the cache_dir and account that have them",
        ),
        Outcome.SKIPPED: Explanation(
            "not requested before the run ended", "fetch again: only missing records are requested"
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of asking for one id.

    Attributes:
        requested_id: The id that was asked for.
        outcome: The result.
        body: The answer as the service sent it; empty unless `outcome` is ok or mismatch.
        status: The HTTP status, if there was an answer.
        message: Why there is no record, in one sentence.
        attempts: How often the service was asked.
        fetched_at: When the answer came (Unix time in seconds).
        from_cache: Whether the answer was read from the cache.
        returned_id: The id in the record, if it differs from the requested one.
        sent: Whether a request was sent for this very answer.
        retry_in_s: How long to wait before asking again; None if asking again would not help.
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
