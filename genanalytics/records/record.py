"""What makes the body of an answer a record, and when a record is final."""

import json
from typing import Any, NoReturn

from genanalytics.base.text import excerpt

Record = dict[str, Any]
"""The object under `data`: what the service says of one generation."""

SETTLING_S = 3600
"""A record can appear, and change, for so long after its generation; afterwards it is final."""

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
