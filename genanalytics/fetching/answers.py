"""The result of asking for one id."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple, Self


class Outcome(StrEnum):
    """The result for one id; every distinct id has exactly one.

    Attributes:
        meaning: A description of the ids with this outcome, in a few words.
        next_step: What to do about it; empty if there is nothing to do.
    """

    meaning: str
    next_step: str

    def __new__(cls, value: str, meaning: str = "", next_step: str = "") -> Self:
        """Return an outcome; its value alone finds it again."""
        outcome = str.__new__(cls, value)
        outcome._value_ = value
        outcome.meaning, outcome.next_step = meaning, next_step
        return outcome

    OK = ("ok", "with a record")
    PENDING = (
        "pending",
        "less than an hour old, without a record yet",
        "fetch again later, or wait longer: wait_s (--wait)",
    )
    NOT_FOUND = (
        "not_found",
        "unknown to the service",
        "check that they are OpenRouter's ids (gen-...); failed calls never get a record",
    )
    FORBIDDEN = ("forbidden", "of another account", "fetch them with an API key of that account")
    MISMATCH = (
        "mismatch",
        "answered with the record of another id",
        "see returned_id and body in the failures; to accept such records: accept_mismatch (--accept-mismatch)",
    )
    INVALID = ("invalid", "impossible, and not sent", "see message in the failures; correct the list")
    FAILED = (
        "failed",
        "without a usable answer after all tries",
        "see message in the failures; fetch again: only missing records are requested",
    )
    UNAVAILABLE = (
        "unavailable",
        "not in the cache, and nothing was sent",
        "fetch without offline, or give the cache_dir and account that have them",
    )
    SKIPPED = (
        "skipped",
        "no answer before the run ended",
        "fetch again: only missing records are requested",
    )


def is_outage(outcomes: Mapping[str, int]) -> bool:
    """Return whether a run got nothing: no id was answered, and at least one was asked for or waited for its turn.

    >>> is_outage({"failed": 2, "skipped": 57}), is_outage({"not_found": 1, "skipped": 5}), is_outage({"invalid": 1})
    (True, False, False)
    """
    unanswered = {Outcome.FAILED, Outcome.SKIPPED}
    found = {name for name, number in outcomes.items() if number}
    return bool(found & unanswered) and found <= unanswered | {Outcome.INVALID}


class Answer(NamedTuple):  # a third of the time of a frozen dataclass: there is one per id
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
        sent_at: When the request for this very answer was sent (`time.monotonic`); None if none was.
        retry_in_s: How long to wait before asking again; None if asking again would not help.
        is_setup: Whether the set-up is at fault: certificate, proxy or host name.
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
    sent_at: float | None = None
    retry_in_s: float | None = None
    is_setup: bool = False
