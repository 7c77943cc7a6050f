"""Conditions on rows as users type them, for frames and engines."""

import math
import operator
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import narwhals.stable.v2 as nw
import pandas as pd

from genanalytics.base.text import suggest
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.metrics.engines.source import Covered, rename_columns
from genanalytics.metrics.grouping.calendar import find_zone
from genanalytics.metrics.names import make_plain

_FORM = re.compile(r"([^=!<>]+)(!=|<=|>=|==?|<|>)(.*)", re.DOTALL)
_ORDERINGS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_FLAGS = {"true": True, "false": False}


def filter_rows(data: Any, conditions: Iterable[str], *, tz: str = "UTC") -> Any:  # noqa: ANN401 - of the same kind
    """Return the rows that meet all conditions.

    Args:
        data: A pandas frame, an Arrow table, a polars frame, a DuckDB relation or a Spark data frame.
        conditions: Each is a column, one of `=`, `!=`, `<`, `<=`, `>`, `>=`, and a value: `model=openai/gpt-5`,
            `total_cost>=0.5`, `cancelled=true`, `created_at>=2026-03-01`. Only `!=` matches rows where the value is
            missing, so `=` and `!=` split all rows in two.
        tz: The time zone of moments without one, by its IANA name.

    Returns:
        Data of the same kind.

    Raises:
        MissingColumnError: There is no such column.
        InputError: A condition has another form, or a value does not fit its column.

    >>> filter_rows(pd.DataFrame({"model": ["a", "b", "a"], "latency": [10, 20, 30]}), ["model=a", "latency>10"])
      model  latency
    2     a       30
    """
    zone = find_zone(tz)
    schema = nw.from_native(data).collect_schema()
    parsed = [_parse(condition, schema, zone) for condition in conditions]
    plain = {name: make_plain(name) for name in schema}
    if all(plain[name] == name for name, _ in parsed):
        return _filter(data, parsed)
    kept = _filter(rename_columns(data, plain), parsed)
    return rename_columns(kept, {new: old for old, new in plain.items()})


def _filter(data: Any, parsed: Iterable[tuple[str, nw.Expr]]) -> Any:  # noqa: ANN401
    frame = nw.from_native(data)
    for _, expression in parsed:
        frame = frame.filter(expression)
    return frame.to_native()


def keep_between(data: Any, start: pd.Timestamp, end: pd.Timestamp) -> Any:  # noqa: ANN401 - of the same kind
    """Return the rows from a moment on, and before another one."""
    if isinstance(data, Covered):
        return Covered(keep_between(data.data, start, end), data.coverage and replace(data.coverage, part=True))
    return filter_rows(data, [f"created_at>={start.isoformat()}", f"created_at<{end.isoformat()}"])


def _parse(condition: str, schema: nw.Schema, tz: ZoneInfo) -> tuple[str, nw.Expr]:
    """Return the column of a condition, and the condition on the column of its plain name."""
    found = _FORM.fullmatch(condition)
    if found is None:
        msg = f"cannot read the condition {condition!r}: write a column, one of = != < <= > >=, and a value"
        raise InputError(msg)
    name, sign, text = found[1].strip(), found[2], found[3].strip()
    if name not in schema:
        msg = f"no column {name!r} in {condition!r}; {suggest(name, schema)}there are {', '.join(schema)}"
        raise MissingColumnError(msg)
    if schema[name] == nw.Boolean and sign in _ORDERINGS:
        msg = f"{condition!r}: column {name!r} is true or false; use = or !="
        raise InputError(msg)
    value = nw.lit(parse_value(text, name, schema[name], tz))
    column = nw.col(make_plain(name))
    met = _ORDERINGS.get(sign, operator.eq)(column, value)
    if schema[name].is_float():  # on some engines, NaN is above every number
        met &= column.is_finite()
    known: nw.Expr = met.fill_null(value=False)
    return name, ~known if sign == "!=" else known


def parse_value(text: str, name: str, dtype: nw.dtypes.DType, tz: ZoneInfo) -> float | str | datetime:
    """Return a value of a column's type.

    Args:
        text: The value as a user typed it.
        name: The column.
        dtype: The type of the column.
        tz: The time zone of moments without one.

    Raises:
        InputError: The text does not fit the column.
    """
    if dtype.is_nested():
        msg = f"column {name!r} contains lists: it cannot have a condition"
        raise InputError(msg)
    try:
        if dtype == nw.Boolean:
            return _FLAGS[text.lower()]
        if dtype.is_numeric():
            return _parse_number(text)
        if isinstance(dtype, nw.Datetime):
            moment = datetime.fromisoformat(text)
            moment = (moment if moment.tzinfo else moment.replace(tzinfo=tz)).astimezone(UTC)
            return moment if dtype.time_zone else moment.replace(tzinfo=None)
    except (KeyError, ValueError, OverflowError):
        wanted = "true or false" if dtype == nw.Boolean else "a number" if dtype.is_numeric() else "an ISO date or time"
        msg = f"{text!r} does not fit the column {name!r}: give {wanted}"
        raise InputError(msg) from None
    return text


def _parse_number(text: str) -> float:
    try:
        return int(text)
    except ValueError:
        number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
