"""What rows are grouped by: columns, what is derived from them, and stretches of time in the reader's zone.

Each derived key is declared twice, since neither way is good at the other's work: for frames in memory with numpy and
the zones of pandas, for engines as arithmetic on the microseconds since 1970. No engine's own zones are used: those of
one are older than those of another, and what truncates a moment there reads the zone of the caller's session.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from genanalytics.base.text import near
from genanalytics.errors import InputError

BUCKETS = ("minute", "hour", "day", "week", "month")
TIME = "time"
"""The column that holds the start of a bucket."""

MICROS = "microseconds since 1970"
"""The column that an engine makes of `created_at` for the keys that are made of it."""

_STARTS = "start of bucket"
_LOCAL_TIME = "local time"
_LOCAL = nw.col(_LOCAL_TIME)
_YEARS = (2000, 2060)
"""Between which changes of clocks are looked up; what lies outside has the offset of the nearer end."""
_MICROS = {"minute": 60_000_000, "hour": 3_600_000_000}
_PER_DAY = 86_400_000_000
_VARIANT = r"(-20[0-9]{2}-?[0-9]{2}-?[0-9]{2})?(:[a-z0-9-]+)?$"
"""The date and the variant behind a model's slug: "openai/gpt-5-2026-01-31:free" is of the family "openai/gpt-5"."""


@dataclass(frozen=True, slots=True)
class Key:
    """Something to group by.

    Attributes:
        name: The name in the summary.
        column: The column of the frame that it is made of.
        pandas: Returns the key of each row, out of the column.
        lazy: The key in steps, each an expression over the data and the steps before, by name; the last one is the key,
            which is the column itself without any. What is made of a moment reads its microseconds since 1970, in
            `MICROS`.
        finish: Turns the keys of the groups into what the summary shows.
    """

    name: str
    column: str
    pandas: Callable[[pd.Series], pd.Series]
    lazy: Mapping[str, nw.Expr]
    finish: Callable[[pd.Series], pd.Series]


def zone_of(tz: str) -> ZoneInfo:
    """Return a time zone by its IANA name.

    Raises:
        InputError: There is no such zone.
    """
    try:
        return ZoneInfo(tz)
    except (KeyError, OSError, TypeError, ValueError):
        hint = near(str(tz), available_timezones())
        msg = f"no time zone {tz!r}; {hint}zones have IANA names, such as UTC or Europe/Berlin"
        raise InputError(msg) from None


def key(name: str, tz: ZoneInfo) -> Key:
    """Return a derived key by its name, or the column of that name as a key."""
    if name in DERIVED:
        return DERIVED[name](tz)
    return Key(name, name, _same, {}, _same)


def bucket(every: str, tz: ZoneInfo, name: str = TIME) -> Key:
    """Return the stretches of time that a moment of `created_at` lies in, as the start of each.

    Days, weeks (from Monday) and months are those of the local calendar, whatever their length. An hour or a minute is
    one on the local clock; the hour that occurs twice when clocks go back is two.

    Raises:
        InputError: There is no such stretch.
    """
    if every not in BUCKETS:
        msg = f"cannot summarise every {every!r}; there are {', '.join(BUCKETS)}"
        raise InputError(msg)
    return Key(
        name,
        "created_at",
        lambda moments: pd.Series(_starts(moments, every, tz), index=moments.index),
        _lazy_starts(every, tz),
        lambda starts: _labels(starts, every, tz),
    )


def between(first: pd.Timestamp, last: pd.Timestamp, every: str, tz: ZoneInfo) -> pd.DatetimeIndex:
    """Return the starts of all buckets from one to another, both of them starts."""
    if every == "minute":
        return pd.date_range(first, last, freq="min")
    if every == "hour":  # every quarter of an hour falls into one, and zones differ from UTC by quarters
        quarters = pd.Series(pd.date_range(first, last + pd.Timedelta(minutes=45), freq="15min"))
        starts = pd.DatetimeIndex(_labels(pd.Series(_starts(quarters, every, tz)).drop_duplicates(), every, tz))
        return starts[(starts >= first) & (starts <= last)]
    local = pd.date_range(_naive(first), _naive(last), freq={"day": "D", "week": "W-MON", "month": "MS"}[every])
    return _localized(local, tz)


def _same(values: pd.Series) -> pd.Series:
    return values


def _naive(moment: pd.Timestamp) -> pd.Timestamp:
    return moment.tz_localize(None).normalize()


def _localized(local: pd.DatetimeIndex, tz: ZoneInfo) -> pd.DatetimeIndex:
    """Return the beginnings of local days; where clocks skip midnight, a day begins when they have."""
    return local.as_unit("us").tz_localize(tz, ambiguous=np.ones(len(local), dtype=bool), nonexistent="shift_forward")


def _local(moments: pd.Series, tz: ZoneInfo) -> "np.ndarray":
    """Return what the clocks of a zone show, in microseconds."""
    return _micros(moments.dt.tz_convert(tz))


def _starts(moments: pd.Series, every: str, tz: ZoneInfo) -> "np.ndarray":
    """Return the start of the bucket of each moment as datetime64[us]: in UTC for hours and minutes, else local."""
    utc = _micros(moments.dt.tz_convert("UTC"))
    gaps = np.isnat(utc.view("datetime64[us]"))
    if every == "minute":
        starts = utc - utc % _MICROS[every]
    elif every == "hour":
        starts = utc - _local(moments, tz) % _MICROS[every]
    elif every == "month":
        starts = (
            _local(moments, tz).view("datetime64[us]").astype("datetime64[M]").astype("datetime64[us]").view("int64")
        )
    else:
        days = _local(moments, tz) // _PER_DAY
        starts = (days - ((days + 3) % 7 if every == "week" else 0)) * _PER_DAY  # 1970 began on a Thursday
    return np.where(gaps, np.datetime64("NaT", "us"), starts.view("datetime64[us]"))


def _micros(moments: pd.Series) -> "np.ndarray":
    """Return what clocks show at moments in a zone, in microseconds."""
    naive: np.ndarray = moments.dt.tz_localize(None).to_numpy("datetime64[us]")
    return naive.view("int64")


def _labels(starts: pd.Series, every: str, tz: ZoneInfo) -> pd.Series:
    """Return the starts of buckets as moments in the zone."""
    naive = _moments(starts, every)
    if every not in _MICROS:
        return pd.Series(_localized(naive, tz), index=starts.index)
    labels = naive.as_unit("us").tz_localize("UTC").tz_convert(tz)
    # an hour in whose middle the clocks were changed begins with the change, not with what had been its full hour
    cut = [int(place) for place in np.flatnonzero((labels.minute > 0) & (every == "hour"))]
    fixed = labels.to_series(index=starts.index)
    for place in cut:
        minutes = pd.Series(pd.date_range(labels[place], periods=60, freq="min"))
        inside = _starts(minutes, every, tz) == naive.as_unit("us")[place].to_datetime64()
        fixed.iloc[place] = minutes[inside].iloc[0]
    return fixed


def _moments(starts: pd.Series, every: str) -> pd.DatetimeIndex:
    """Return the starts of buckets as moments, out of moments or of months, days or microseconds since 1970."""
    if not pd.api.types.is_integer_dtype(starts.dtype):
        return pd.DatetimeIndex(starts).as_unit("us")
    numbers = starts.to_numpy(dtype="int64", na_value=np.iinfo(np.int64).min)  # which is how NaT is held
    unit = {"month": "M", "week": "D", "day": "D"}.get(every, "us")
    return pd.DatetimeIndex(numbers.view(f"datetime64[{unit}]").astype("datetime64[us]"))


def _lazy_starts(every: str, tz: ZoneInfo) -> dict[str, nw.Expr]:
    """Return the start of the bucket as a number: months, days or microseconds since 1970."""
    if every == "minute":
        return {_STARTS: nw.col(MICROS) - _modulo(nw.col(MICROS), _MICROS[every])}
    steps = _lazy_local(tz)
    if every == "hour":
        return steps | {_STARTS: nw.col(MICROS) - _modulo(_LOCAL, _MICROS[every])}
    steps["local day"] = _quotient(_LOCAL, _PER_DAY)
    days = nw.col("local day")
    if every == "month":
        return steps | _months(days)
    return steps | {_STARTS: days - _modulo(days + 3, 7) if every == "week" else days}  # 1970 began on a Thursday


def _months(days: nw.Expr) -> dict[str, nw.Expr]:
    """Return the months since January 1970 out of the days since then, in steps.

    Years are counted from March, so that the leap day is their last: H. Hinnant, "chrono-Compatible Low-Level Date
    Algorithms" (2013), `civil_from_days`.
    """
    era, day, year, day_of_year = map(nw.col, ("calendar era", "day of era", "year of era", "local day of year"))
    leaps = _quotient(day, 1_460) - _quotient(day, 36_524) + _quotient(day, 146_096)
    return {
        "calendar era": _quotient(days + 719_468, 146_097),
        "day of era": days + 719_468 - era * 146_097,
        "year of era": _quotient(day - leaps, 365),
        "local day of year": day - (365 * year + _quotient(year, 4) - _quotient(year, 100)),
        _STARTS: (era * 400 + year - 1970) * 12 + _quotient(5 * day_of_year + 2, 153) + 2,
    }


def _lazy_local(tz: ZoneInfo) -> dict[str, nw.Expr]:
    """Return what the clocks of a zone show, in microseconds since 1970."""
    return {_LOCAL_TIME: nw.col(MICROS) + _searched(_offsets(tz))}


def _searched(offsets: Sequence[tuple[int, int]]) -> nw.Expr:
    """Return the offset that holds at a moment, out of the moments from which each holds; by bisection."""
    if len(offsets) == 1:
        return nw.lit(offsets[0][1])
    half = len(offsets) // 2
    before = nw.col(MICROS) < offsets[half][0]
    return nw.when(before).then(_searched(offsets[:half])).otherwise(_searched(offsets[half:]))


@lru_cache
def _offsets(tz: ZoneInfo) -> tuple[tuple[int, int], ...]:
    """Return the offsets of a zone from UTC and the moments from which they hold, in microseconds; in `_YEARS`."""
    first, last = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in _YEARS)
    found = [(first, _offset(first, tz))]
    for day in range(first, last, 86_400):
        was = found[-1][1]
        if _offset(day + 86_400, tz) != was:
            change = day + bisect_left(range(86_400), 1, key=lambda later: int(_offset(day + later, tz) != was))
            found.append((change, _offset(change, tz)))
    return tuple((second * 1_000_000, offset * 1_000_000) for second, offset in found)


def _offset(second: int, tz: ZoneInfo) -> int:
    """Return the offset of a zone from UTC at a second, in seconds."""
    moment = datetime.fromtimestamp(second, UTC)
    return int((moment.astimezone(tz).replace(tzinfo=UTC) - moment).total_seconds())


def _quotient(value: nw.Expr, by: int) -> nw.Expr:
    """Return an integer divided by one, rounded down; floats tell all the quotients of this module apart."""
    return (value / by).floor().cast(nw.Int64)


def _modulo(value: nw.Expr, by: int) -> nw.Expr:
    """Return what `_quotient` leaves: never negative, where engines disagree about negative numbers."""
    return value - _quotient(value, by) * by


def _part(name: str, tz: ZoneInfo, pandas: Callable[[pd.Series], pd.Series], lazy: nw.Expr) -> Key:
    """Return a part of the local date or time as a key."""
    return Key(
        name,
        "created_at",
        lambda moments: pandas(moments.dt.tz_convert(tz)).astype("Int64"),
        _lazy_local(tz) | {f"local {name}": lazy},
        lambda values: values.astype("Int64"),
    )


def _family(_: ZoneInfo) -> Key:
    """Return a model's slug without its date and its variant, as a key."""
    pattern = re.compile(_VARIANT)

    def of(models: pd.Series) -> pd.Series:
        codes, slugs = pd.factorize(models)
        families = pd.array([pattern.sub("", slug) for slug in slugs], dtype="str")
        return pd.Series(families.take(codes, allow_fill=True), index=models.index)

    return Key(
        "model_family",
        "model",
        of,
        {"family of model": nw.col("model").str.replace_all(_VARIANT, "")},
        _same,
    )


DERIVED: Mapping[str, Callable[[ZoneInfo], Key]] = {
    "day": lambda tz: bucket("day", tz, "day"),
    "hour": lambda tz: _part(
        "hour", tz, lambda local: local.dt.hour, _quotient(_modulo(_LOCAL, _PER_DAY), _MICROS["hour"])
    ),
    "weekday": lambda tz: _part(
        "weekday", tz, lambda local: local.dt.day_of_week + 1, _modulo(_quotient(_LOCAL, _PER_DAY) + 3, 7) + 1
    ),
    "model_family": _family,
}
"""Keys that are made of a column: `day` (its start), `hour` (0 to 23), `weekday` (1 is Monday), `model_family`."""
