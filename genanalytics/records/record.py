"""What makes the body of an answer a record, and when a record is final."""

import json
from collections.abc import Callable
from typing import Any, NoReturn

from genanalytics.base.text import quote_bytes

Record = dict[str, Any]
"""The object under `data`: the service's description of one generation."""

SETTLING_S = 3600
"""For this long after its generation a record can appear and change; then it is final."""

_MAX_DEPTH = 100
"""How deep an answer may nest: a deeper record could be parsed in one thread and fail in another with a short stack."""


class NotARecordError(ValueError):
    """The body is not a record; the text says why."""


def read_record(body: bytes) -> Record:
    """Return the record in the body of an answer.

    A record is an object under `data` with an id. A missing field, an unknown field or a field of another type than
    the contract's does not make a record invalid.

    Raises:
        NotARecordError: The body is not JSON (cut off, HTML, NaN, nested too deep), or contains no record.

    >>> read_record(b'{"data": {"id": "gen-1", "total_cost": 0.5}}')
    {'id': 'gen-1', 'total_cost': 0.5}
    """
    try:
        envelope = parse_json(body, parse_constant=_refuse_constant)
        if body.count(b"[") + body.count(b"{") > _MAX_DEPTH:
            _check_depth(envelope)
    except (ValueError, RecursionError) as error:
        what = "an HTML page" if body.lstrip()[:1] == b"<" else "not readable JSON"
        msg = f"the answer is {what}: {quote_bytes(body)}"
        raise NotARecordError(msg) from error
    record = envelope.get("data") if isinstance(envelope, dict) else None
    if isinstance(record, dict) and isinstance(record.get("id"), str) and record["id"]:
        return record
    msg = f"the answer contains no record: {quote_bytes(body)}"
    raise NotARecordError(msg)


def parse_json(body: bytes, *, parse_constant: Callable[[str], Any] | None = None) -> Any:  # noqa: ANN401 - any JSON
    """Return the value of JSON in UTF-8; `json.loads` would also guess UTF-16 and UTF-32.

    Raises:
        ValueError: It is not JSON, or not UTF-8. A byte order mark is ignored, as RFC 8259 allows.
    """
    return json.loads(body.decode("utf-8-sig"), parse_constant=parse_constant)


def _refuse_constant(name: str) -> NoReturn:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


def _check_depth(value: object, depth: int = 1) -> None:
    if not isinstance(value, dict | list):
        return
    if depth > _MAX_DEPTH:
        msg = f"nested deeper than {_MAX_DEPTH} levels"
        raise ValueError(msg)
    for inner in value.values() if isinstance(value, dict) else value:
        _check_depth(inner, depth + 1)
