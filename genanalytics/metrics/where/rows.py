"""The rows that meet conditions, on frames and engines."""

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import narwhals.stable.v2 as nw
import pandas as pd

from genanalytics.base.moments import FORMS, find_start, parse_moment, step
from genanalytics.base.text import find_near, list_names, suggest
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.metrics.engines.source import Covered, add_micros, rename_columns
from genanalytics.metrics.grouping.calendar import MICROS, find_zone
from genanalytics.metrics.grouping.keys import DERIVED, GroupKey
from genanalytics.metrics.names import make_plain
from genanalytics.metrics.where.grammar import Condition, Criterion, Joined, Not, Sign, list_tests, parse

_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "in": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_OPPOSITES: Mapping[Sign, Sign] = {"!=": "=", "!~": "~", "not in": "in", "is not null": "is null"}
_EQUALITIES = ("=", "in", "is null")
_FLAGS = {"true": True, "false": False}
_INCOMPARABLE = (nw.Binary, nw.Duration, nw.Time)
_DAY = "day"
_MOST_VALUES = 10_000
"""A column with more different texts is not searched for the nearest one."""


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns that conditions may name.

    Attributes:
        types: Their types by name.
        tz: The time zone of moments without one, and of days and hours.
        now: The moment from which ages count; None for the clock.
    """

    types: Mapping[str, nw.dtypes.DType]
    tz: ZoneInfo
    now: datetime | None


def filter_rows(
    data: Any,  # noqa: ANN401 - of the same kind
    conditions: Iterable[str],
    *,
    tz: str = "UTC",
    now: datetime | None = None,
) -> Any:  # noqa: ANN401
    """Return the rows that meet all conditions.

    Args:
        data: A pandas frame, an Arrow table, a polars frame, a DuckDB relation or a Spark data frame.
        conditions: Each in the grammar of `grammar`: `model=openai/gpt-5`, `total_cost>=0.5`, `cancelled=true`,
            `created_at>=7d and not model ~ claude`. Columns are those of the data, and `day`, `hour`, `weekday` and
            `model_family`, as in `summarize`. A test holds or does not; a missing value meets none of `=`, `<`, `~` and
            `in`, and all of their opposites, so that a condition and its opposite split all rows in two.
        tz: The time zone of moments without one, by its IANA name.
        now: The moment from which ages such as `7d` count; the clock by default.

    Returns:
        Data of the same kind.

    Raises:
        MissingColumnError: There is no such column.
        InputError: A condition has another form, or a value does not fit its column.

    >>> filter_rows(pd.DataFrame({"model": ["a", "b", "a"], "latency": [10, 20, 30]}), ["model=a", "latency>10"])
      model  latency
    2     a       30
    """
    trees = [(text, parse(text)) for text in conditions]
    if not trees:
        return data
    columns = _Columns(nw.from_native(data).collect_schema(), find_zone(tz), now)
    expressions = [_express(tree, text, columns) for text, tree in trees]
    tested = {test.column for _, tree in trees for test in list_tests(tree)}
    keys = [DERIVED[name](columns.tz) for name in sorted(tested) if _is_computed(name, columns)]
    plain = {name: make_plain(name) for name in columns.types}
    is_plain = all(plain[name] == name for name in tested if name in plain)
    renamed = data if is_plain else rename_columns(data, plain)
    frame = nw.from_native(_add_keys(renamed, keys))
    kept = frame.filter(*expressions)
    if keys:
        kept = kept.select(*(list(columns.types) if is_plain else plain.values()))
    native = kept.to_native()
    return native if is_plain else rename_columns(native, {new: old for old, new in plain.items()})


def keep_between(data: Any, start: datetime | None, end: datetime | None) -> Any:  # noqa: ANN401 - of the same kind
    """Return the rows from a moment on, and before another one; None is without limit.

    Raises:
        MissingColumnError: There is no created_at.
        InputError: It contains no times.
    """
    if isinstance(data, Covered):
        return Covered(keep_between(data.data, start, end), data.coverage and replace(data.coverage, part=True))
    limits = [(">=", start), ("<", end)]
    dtype = nw.from_native(data).collect_schema().get("created_at", nw.Datetime())
    if dtype != nw.Datetime:
        msg = (
            f"column 'created_at' contains no times but {dtype}: convert it, such as with pd.to_datetime(..., utc=True)"
        )
        raise InputError(msg)
    return filter_rows(data, [f"created_at{sign}{moment.isoformat()}" for sign, moment in limits if moment is not None])


def find_unknown_values(data: Any, conditions: Iterable[str]) -> list[str]:  # noqa: ANN401 - of any engine
    """Return a sentence for each text that a condition compares a column with and that no row has.

    >>> find_unknown_values(pd.DataFrame({"model": ["openai/gpt-5", "b"]}), ["model=gpt-5"])
    ["no record has model 'gpt-5'; the nearest is 'openai/gpt-5'"]
    """
    frame = nw.from_native(data).lazy()
    types = frame.collect_schema()
    wanted: dict[str, list[str]] = {}
    for text in conditions:
        for test in list_tests(parse(text)):
            if test.sign in {"=", "!=", "in", "not in"} and test.column in types and _is_text(types[test.column]):
                wanted.setdefault(test.column, []).extend(test.operands)
    return [
        sentence
        for column, values in wanted.items()
        if make_plain(column) == column
        for sentence in _describe_unknown(frame, column, list(dict.fromkeys(values)))
    ]


def _describe_unknown(frame: "nw.LazyFrame[Any]", column: str, values: list[str]) -> Iterable[str]:
    found = frame.select(nw.col(column).cast(nw.String)).drop_nulls().unique()
    present = set(found.filter(nw.col(column).is_in(values)).collect()[column].to_list())
    absent = [value for value in values if value not in present]
    if not absent:
        return
    others = found.head(_MOST_VALUES + 1).collect()[column].to_list()
    for value in absent:
        near = find_near(value, others) if len(others) <= _MOST_VALUES else []
        hint = f"; the nearest {'is' if len(near) == 1 else 'are'} {', '.join(map(repr, near))}" if near else ""
        yield f"no record has {column} {value!r}{hint}"


def _is_computed(name: str, columns: _Columns) -> bool:
    """Return whether a column is derived row by row; a day is compared as two moments."""
    return name in DERIVED and name not in columns.types and name != _DAY


def _add_keys(data: Any, keys: Iterable[GroupKey]) -> Any:  # noqa: ANN401 - of the same kind
    """Return the data with derived columns, under the names of their groups."""
    for key in keys:
        if isinstance(data, pd.DataFrame):
            data = data.assign(**{key.group: key.pandas(data[key.column])})
            continue
        steps = dict(key.lazy)
        last = list(steps)[-1]
        if key.column == "created_at":
            data = add_micros(data, "created_at", MICROS)
        frame = nw.from_native(data)
        for name, expression in steps.items():
            frame = frame.with_columns(expression.alias(key.group if name == last else name))
        data = frame.to_native()
    return data


def _express(condition: Condition, text: str, columns: _Columns) -> nw.Expr:
    """Return a condition as an expression that is never unknown."""
    match condition:
        case Criterion():
            return _express_test(condition, text, columns)
        case Not(inner):
            return ~_express(inner, text, columns)
        case Joined(word, parts):
            return _join(word, [_express(part, text, columns) for part in parts])


def _join(word: Literal["and", "or"], parts: Sequence[nw.Expr]) -> nw.Expr:
    """Return expressions joined in pairs, and these in pairs: engines nest thousands in a row too deeply."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    first, second = _join(word, parts[:middle]), _join(word, parts[middle:])
    return first & second if word == "and" else first | second


def _express_test(test: Criterion, text: str, columns: _Columns) -> nw.Expr:
    if opposite := _OPPOSITES.get(test.sign):
        return ~_express_test(replace(test, sign=opposite), text, columns)
    column, dtype = _find_column(test, text, columns)
    if test.sign == "is null":
        return column.is_null()
    _check_type(test, text, dtype)
    if test.sign == "~":
        return column.cast(nw.String).str.contains(test.operands[0], literal=True).fill_null(value=False)
    if test.column == _DAY and _DAY not in columns.types:
        return _join("or", [_express_day(test.sign, value, dtype, columns) for value in test.operands])
    if dtype == nw.String and test.sign == "in":  # of which there can be thousands, such as ids
        listed: nw.Expr = column.is_in(test.operands).fill_null(value=False)
        return listed
    if _is_text(dtype) and dtype != nw.String and test.sign not in _EQUALITIES:
        column = column.cast(nw.String)  # categories have an order of their own, or none
    values = [nw.lit(_parse_value(value, test.column, dtype, columns)) for value in test.operands]
    met = _join("or", [_COMPARISONS[test.sign](column, value) for value in values])
    if dtype.is_float():  # on some engines, NaN is above every number
        met &= column.is_finite()
    known: nw.Expr = met.fill_null(value=False)
    return known


def _check_type(test: Criterion, text: str, dtype: nw.dtypes.DType) -> None:
    """Check that values of a type can be compared so.

    Raises:
        InputError: They cannot.
    """
    problem = None
    if test.sign == "~" and not _is_text(dtype):
        problem = f"~ (contains) needs a column of text, and {test.column!r} is none; use = or <"
    elif dtype == nw.Boolean and test.sign not in _EQUALITIES:
        problem = f"column {test.column!r} is true or false; use = or !="
    elif dtype == nw.Object and test.sign not in _EQUALITIES:
        problem = f"column {test.column!r} contains values of several types, which have no order; use = or !="
    if problem:
        msg = f"{text!r}: {problem}"
        raise InputError(msg)


def _find_column(test: Criterion, text: str, columns: _Columns) -> tuple[nw.Expr, nw.dtypes.DType]:
    """Return the column of a test, and its type.

    Raises:
        MissingColumnError: There is no such column.
    """
    name = test.column
    if name in columns.types:
        return nw.col(make_plain(name)), columns.types[name]
    source = DERIVED[name](columns.tz) if name in DERIVED else None
    if source is None or source.column not in columns.types:
        names = [*columns.types, *DERIVED]
        msg = f"no column {name!r} in {text!r}; {suggest(name, names)}there are {list_names(names, near=name)}"
        raise MissingColumnError(msg)
    if name == _DAY:
        return nw.col("created_at"), columns.types["created_at"]
    return nw.col(source.group), nw.String() if source.column == "model" else nw.Int64()


def _express_day(sign: Sign, value: str, dtype: nw.dtypes.DType, columns: _Columns) -> nw.Expr:
    """Return a test of the local day as one of moments, which needs no calendar of the engine."""
    moment = _parse_moment(value, _DAY, columns)
    try:
        start = find_start(moment, "day", columns.tz)
        end = step(start, "day", 1, columns.tz)
    except OverflowError:
        msg = f"{value!r} does not fit the column {_DAY!r}: its day is not whole in the years 1 to 9999"
        raise InputError(msg) from None
    column, first, after = nw.col("created_at"), *(_fit(edge, dtype) for edge in (start, end))
    met = {
        "=": lambda: (column >= first) & (column < after),
        "in": lambda: (column >= first) & (column < after),
        "<": lambda: column < first,
        "<=": lambda: column < after,
        ">": lambda: column >= after,
        ">=": lambda: column >= first,
    }[sign]()
    known: nw.Expr = met.fill_null(value=False)
    return known


def _fit(moment: datetime, dtype: nw.dtypes.DType) -> nw.Expr:
    return nw.lit(_to_zone(moment, dtype))


def _to_zone(moment: datetime, dtype: nw.dtypes.DType) -> datetime:
    """Return a moment in the time zone of a column, which polars requires; without one, it is in UTC."""
    zone = dtype.time_zone if isinstance(dtype, nw.Datetime) else None
    if zone is None:
        return moment.replace(tzinfo=None)
    try:
        return moment.astimezone(ZoneInfo(zone))
    except (OverflowError, ValueError, ZoneInfoNotFoundError):  # such as +02:00, in which no frame of polars is
        return moment


def parse_value(text: str, name: str, dtype: nw.dtypes.DType, tz: ZoneInfo) -> float | str | date:
    """Return a value of a column's type.

    Args:
        text: The value as a user typed it.
        name: The column.
        dtype: The type of the column.
        tz: The time zone of moments without one.

    Raises:
        InputError: The text does not fit the column.
    """
    return _parse_value(text, name, dtype, _Columns({}, tz, None))


def _parse_value(text: str, name: str, dtype: nw.dtypes.DType, columns: _Columns) -> float | str | date:
    if dtype.is_nested() or dtype in _INCOMPARABLE:
        kind = "lists" if dtype.is_nested() else f"values of type {dtype}"
        msg = f"column {name!r} contains {kind}: it can only be tested with 'is null'"
        raise InputError(msg)
    if isinstance(dtype, nw.Datetime):
        return _to_zone(_parse_moment(text, name, columns), dtype)
    try:
        if dtype == nw.Boolean:
            return _FLAGS[text.lower()]
        if dtype == nw.Date:
            return date.fromisoformat(text)
        if dtype.is_numeric():
            return _parse_number(text)
    except (KeyError, ValueError, OverflowError):
        wanted = "true or false" if dtype == nw.Boolean else "a date (2026-09-01)" if dtype == nw.Date else "a number"
        msg = f"{text!r} does not fit the column {name!r}: give {wanted}"
        raise InputError(msg) from None
    return text


def _parse_moment(text: str, name: str, columns: _Columns) -> datetime:
    try:
        return parse_moment(text, tz=columns.tz, now=columns.now)
    except ValueError:
        msg = f"{text!r} does not fit the column {name!r}: give {FORMS}"
        raise InputError(msg) from None


def _parse_number(text: str) -> float:
    try:
        return int(text)
    except ValueError:
        number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _is_text(dtype: nw.dtypes.DType) -> bool:
    return dtype in {nw.String, nw.Categorical, nw.Enum} or isinstance(dtype, nw.Enum)
