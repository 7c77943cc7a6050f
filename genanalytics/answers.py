"""What came of asking for one id, and what makes an answer's body a record."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn

Record = dict[str, Any]
"""The object under `data`: what the service says of one generation."""

SETTLING_S = 3600
"""A record can appear, and change, for so long after its generation; afterwards it is final."""


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


_DEEPEST = 100
"""How deep an answer may nest; a record that only a thread with a short stack could read would fail its next reader."""


class NotARecordError(ValueError):
    """A body that is no record; the text says why."""


def read_record(body: bytes) -> Record:
    """Return the record of an answer's body.

    A record is what stands under `data` and carries an id. Nothing else is asked of it: a field that is missing, new or
    of another type than the contract says makes no record worthless.

    Raises:
        NotARecordError: The body is no JSON (cut off, HTML, NaN, nested without end), or holds no record.

    >>> read_record(b'{"data": {"id": "gen-1", "total_cost": 0.5}}')
    {'id': 'gen-1', 'total_cost': 0.5}
    """
    try:
        envelope = json.loads(body, parse_constant=_refuse_constant)
        if body.count(b"[") + body.count(b"{") > _DEEPEST:
            _refuse_depth(envelope)
    except (ValueError, RecursionError) as error:
        what = "an HTML page" if body.lstrip()[:1] == b"<" else "no readable JSON"
        msg = f"the answer is {what}: {excerpt(body)}"
        raise NotARecordError(msg) from error
    record = envelope.get("data") if isinstance(envelope, dict) else None
    if isinstance(record, dict) and isinstance(record.get("id"), str) and record["id"]:
        return record
    msg = f"the answer holds no record: {excerpt(body)}"
    raise NotARecordError(msg)


def excerpt(body: bytes, length: int = 120) -> str:
    r"""Return the beginning of a body on one line, safe to print wherever a stranger's text is not to be trusted.

    >>> excerpt(b"<html>\n\x1b[31mBad gateway")
    "'<html>\\n\\x1b[31mBad gateway'"
    """
    text = ascii(body[: 4 * length].decode("utf-8", "replace"))
    return text if len(text) <= length else f"{text[: length - 4]}...{text[-1]}"


def _refuse_constant(name: str) -> NoReturn:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


def _refuse_depth(value: object, depth: int = 1) -> None:
    if not isinstance(value, dict | list):
        return
    if depth > _DEEPEST:
        msg = f"nested deeper than {_DEEPEST}"
        raise ValueError(msg)
    for inner in value.values() if isinstance(value, dict) else value:
        _refuse_depth(inner, depth + 1)
