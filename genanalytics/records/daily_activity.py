"""The service's daily activity as a typed frame: what it charged per day, model and provider.

The documents leave open whether a date has a time, and whether numbers come as texts: both are read.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from genanalytics.base.frames import TEXT
from genanalytics.base.numbers import read_number
from genanalytics.base.text import to_one_line
from genanalytics.errors import InputError

DAYS = 30
"""The number of completed days (UTC) that the service lists."""
FIRST_DAY, LAST_DAY, AT = "first_day", "last_day", "at"
"""The names in `attrs` of the frame: the listed days, and the time of the answer on the service's clock."""

_AMOUNTS = ("usage", "byok_usage_inference")
_COUNTS = ("requests", "prompt_tokens", "completion_tokens", "reasoning_tokens")


def parse_daily_activity(document: object, *, at: datetime | None = None) -> pd.DataFrame:
    """Return the daily activity: day (UTC), model, provider_name, amounts in US$ and counts.

    `model` is the permanent slug, or the name if the row has none. A value that is no number is a gap. `attrs` contains
    the first and the last listed day.

    Args:
        document: The parsed JSON of an answer to `GET /activity`.
        at: The time of the answer, which decides the last day; None for that of the last row.

    Raises:
        InputError: It is no such answer.

    >>> row = {"date": "2026-09-30", "model": "a/b", "provider_name": "C", "usage": "0.5", "requests": 2}
    >>> frame = parse_daily_activity({"data": [row]})
    >>> frame["usage"].tolist(), frame.attrs["first_day"], frame.attrs["last_day"]
    ([0.5], '2026-09-01', '2026-09-30')
    """
    rows = document.get("data") if isinstance(document, Mapping) else None
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        msg = "no daily activity: give the JSON of an answer to GET /activity, an object with a list of rows as data"
        raise InputError(msg)
    days = [_read_day(row.get("date"), number) for number, row in enumerate(rows, 1)]
    if not days and at is None:
        msg = "the daily activity has no rows: the days that it lists are unknown; ask the service"
        raise InputError(msg)
    frame = pd.DataFrame(
        {
            "day": pd.Series(days, dtype="datetime64[us, UTC]"),
            "model": _read_texts(rows, "model_permaslug", "model"),
            "provider_name": _read_texts(rows, "provider_name"),
            **{name: _read_numbers(rows, name).astype("Float64") for name in _AMOUNTS},
            **{name: _read_numbers(rows, name).round().astype("Int64") for name in _COUNTS},
        }
    )
    last = max([*days, *([] if at is None else [_floor(at) - timedelta(days=1)])])
    first = min([*days, last - timedelta(days=DAYS - 1)])
    frame.attrs = {
        FIRST_DAY: f"{first:%Y-%m-%d}",
        LAST_DAY: f"{last:%Y-%m-%d}",
        AT: None if at is None else at.astimezone(UTC).isoformat(),
    }
    return frame


def _read_day(value: object, number: int) -> datetime:
    """Return the day of a row, such as 2026-09-30 or 2026-09-30 00:00:00.

    Raises:
        InputError: There is none.
    """
    try:
        return _floor(datetime.fromisoformat(str(value)).replace(tzinfo=UTC))
    except ValueError:
        msg = f"row {number} of the daily activity has date={to_one_line(repr(value))}, which is no day like 2026-09-30"
        raise InputError(msg) from None


def _floor(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _read_texts(rows: Sequence[Mapping[str, Any]], *names: str) -> "pd.Series[str]":
    """Return the first of these fields that is text in each row."""
    found = [next((row[name] for name in names if isinstance(row.get(name), str) and row[name]), None) for row in rows]
    return pd.Series(found, dtype=TEXT)


def _read_numbers(rows: Sequence[Mapping[str, Any]], name: str) -> "pd.Series[Any]":
    return pd.Series([read_number(row.get(name)) for row in rows], dtype="Float64")
