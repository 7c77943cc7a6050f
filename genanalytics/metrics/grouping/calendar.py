"""Periods and parts of the local calendar, for frames in memory and for engines.

Each is defined twice, since neither way is good at the other's work: for frames in memory with numpy and the time zones
of pandas, for engines as arithmetic on microseconds since 1970. An engine's own time zones are not used: they differ
from engine to engine, and its functions read the time zone of the caller's session.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, get_args
from zoneinfo import ZoneInfo, available_timezones

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from tzlocal import get_localzone_name

from genanalytics.base.text import suggest
from genanalytics.errors import InputError

Period = Literal["minute", "hour", "day", "week", "month"]
PERIODS: tuple[Period, ...] = get_args(Period)
TIME = "time"
"""The column with the start of a period."""

MICROS = "microseconds since 1970"
"""The column that an engine makes of `created_at` for the groups that are made of it."""

_STARTS = "start of period"
_FULL_HOUR = "full hour"
_CHANGE = "last clock change"
_LOCAL_TIME = "local time"
_LOCAL = nw.col(_LOCAL_TIME)
_YEARS = (2000, 2060)
"""The years in which clock changes are looked up; on engines, a moment outside has the offset of the nearer end."""
_MICROS = {"minute": 60_000_000, "hour": 3_600_000_000}
_PER_DAY = 86_400_000_000
_NEVER = np.iinfo(np.int64).min
"""The change of the clock before the first one."""


def find_zone(tz: str) -> ZoneInfo:
    """Return a time zone by its IANA name, or that of this machine: `local`.

    Raises:
        InputError: There is no such time zone.
    """
    try:
        return ZoneInfo(get_localzone_name() if tz == "local" else tz)
    except (KeyError, OSError, TypeError, ValueError):
        hint = suggest(str(tz), available_timezones())
        msg = f"no time zone {tz!r}; {hint}give an IANA name, such as UTC or Europe/Berlin, or local"
        raise InputError(msg) from None


def check_period(every: str) -> None:
    """Check the name of a period.

    Raises:
        InputError: There is no such period.
    """
    if every not in PERIODS:
        msg = f"every={every!r} is not a period: give {', '.join(PERIODS)}; for the groups of a column, use by="
        raise InputError(msg, arguments=["every", "by"])


def find_starts(moments: pd.Series, every: str, tz: ZoneInfo) -> "np.ndarray":
    """Return the start of the period of each moment as datetime64[us]: in UTC for hours and minutes, else local.

    An hour begins at a full hour of the local clock, or with a change of the clock. In zones such as Pacific/Chatham,
    clocks go back from 3:45 to 2:45. Without the second rule, the hour from 3:00 before the change and the hour from
    2:00 after it would begin at the same moment.
    """
    zone = ZoneInfo("UTC") if every == "minute" else tz
    times = _find_local(moments, zone)
    gaps = np.isnat(times.view("datetime64[us]"))
    if every == "minute":
        starts = times - times % _MICROS[every]
    elif every == "hour":
        utc = _to_micros(moments.dt.tz_convert("UTC"))
        starts = np.maximum(utc - times % _MICROS[every], _find_last_changes(utc, tz))
    elif every == "month":
        starts = times.view("datetime64[us]").astype("datetime64[M]").astype("datetime64[us]").view("int64")
    else:
        starts = times // _PER_DAY
        if every == "week":
            starts -= (starts + 3) % 7  # 1970 began on a Thursday
        starts *= _PER_DAY
    found: np.ndarray = starts.view("datetime64[us]")
    found[gaps] = np.datetime64("NaT", "us")
    return found


def find_starts_lazily(every: str, tz: ZoneInfo) -> dict[str, nw.Expr]:
    """Return the start of the period as a number (months, days or microseconds since 1970), in steps by name."""
    if every == "minute":
        return {_STARTS: nw.col(MICROS) - _modulo(nw.col(MICROS), _MICROS[every])}
    steps = find_local_lazily(tz)
    if every == "hour":
        changes = _list_offsets(tz)
        steps |= {
            _FULL_HOUR: nw.col(MICROS) - _modulo(_LOCAL, _MICROS[every]),
            _CHANGE: _search([(since, since if place else _NEVER) for place, (since, _) in enumerate(changes)]),
        }
        is_cut = nw.col(_CHANGE) > nw.col(_FULL_HOUR)
        return steps | {_STARTS: nw.when(is_cut).then(nw.col(_CHANGE)).otherwise(nw.col(_FULL_HOUR))}
    steps["local day"] = _quotient(_LOCAL, _PER_DAY)
    days = nw.col("local day")
    if every == "month":
        return steps | _count_months(days)
    return steps | {_STARTS: days - _modulo(days + 3, 7) if every == "week" else days}  # 1970 began on a Thursday


def label_starts(starts: pd.Series, every: str, tz: ZoneInfo) -> pd.Series:
    """Return the starts of periods as moments in the time zone."""
    naive = _to_moments(starts, every)
    if every not in _MICROS:
        return pd.Series(_localize(naive, tz), index=starts.index)
    return pd.Series(naive.as_unit("us").tz_localize("UTC").tz_convert(tz), index=starts.index)


def list_periods(first: pd.Timestamp, last: pd.Timestamp, every: str, tz: ZoneInfo) -> pd.DatetimeIndex:
    """Return the starts of all periods from one start to another."""
    if every == "minute":
        return pd.date_range(first, last, freq="min").as_unit("us")
    if every == "hour":  # every quarter of an hour is in one, and zones differ from UTC by quarters
        quarters = pd.date_range(first.tz_convert("UTC").floor("15min"), last.tz_convert("UTC"), freq="15min")
        changes = pd.DatetimeIndex(_list_changes(tz).view("datetime64[us]"), tz="UTC")
        inside = quarters.as_unit("us").append(changes[(changes >= first) & (changes <= last)])
        starts = label_starts(pd.Series(find_starts(pd.Series(inside), every, tz)), every, tz)
        return pd.DatetimeIndex(starts[starts >= first].sort_values().unique())
    first_day, last_day = (moment.tz_localize(None).normalize() for moment in (first, last))
    local = pd.date_range(first_day, last_day, freq={"day": "D", "week": "W-MON", "month": "MS"}[every])
    begun = _localize(local, tz)
    return begun[begun.tz_localize(None).normalize() == local] if every == "day" else begun  # without skipped days


def find_local_lazily(tz: ZoneInfo) -> dict[str, nw.Expr]:
    """Return the local time in microseconds since 1970, as one step by name."""
    return {_LOCAL_TIME: nw.col(MICROS) + _search(_list_offsets(tz))}


def _localize(local: pd.DatetimeIndex, tz: ZoneInfo) -> pd.DatetimeIndex:
    """Return the starts of local days; if the clocks skip midnight, a day begins after the skip."""
    return local.as_unit("us").tz_localize(tz, ambiguous=np.ones(len(local), dtype=bool), nonexistent="shift_forward")


def _find_local(moments: pd.Series, tz: ZoneInfo) -> "np.ndarray":
    """Return the local time in microseconds."""
    return _to_micros(moments.dt.tz_convert(tz))


def _find_last_changes(utc: "np.ndarray", tz: ZoneInfo) -> "np.ndarray":
    """Return the last change of the clock up to each moment, in microseconds since 1970."""
    changes = np.append(_NEVER, _list_changes(tz))
    return changes[np.searchsorted(changes, utc, side="right") - 1]


def _list_changes(tz: ZoneInfo) -> "np.ndarray":
    """Return the moments of the changes of the clock in `_YEARS`, in microseconds since 1970."""
    return np.array([since for since, _ in _list_offsets(tz)[1:]], dtype=np.int64)


def _to_micros(moments: pd.Series) -> "np.ndarray":
    """Return the clock time of zoned moments, in microseconds."""
    naive: np.ndarray = moments.dt.tz_localize(None).to_numpy("datetime64[us]")
    return naive.view("int64")


def _to_moments(starts: pd.Series, every: str) -> pd.DatetimeIndex:
    """Return the starts of periods as moments, out of moments or of months, days or microseconds since 1970."""
    if not pd.api.types.is_integer_dtype(starts.dtype):
        return pd.DatetimeIndex(starts).as_unit("us")
    numbers = starts.to_numpy(dtype="int64", na_value=np.iinfo(np.int64).min)  # the number of NaT
    unit = {"month": "M", "week": "D", "day": "D"}.get(every, "us")
    return pd.DatetimeIndex(numbers.view(f"datetime64[{unit}]").astype("datetime64[us]"))


def _count_months(days: nw.Expr) -> dict[str, nw.Expr]:
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


def _search(values: Sequence[tuple[int, int]]) -> nw.Expr:
    """Return the value at a moment, by bisection over the moments from which each value applies."""
    if len(values) == 1:
        return nw.lit(values[0][1])
    half = len(values) // 2
    before = nw.col(MICROS) < values[half][0]
    return nw.when(before).then(_search(values[:half])).otherwise(_search(values[half:]))


@lru_cache
def _list_offsets(tz: ZoneInfo) -> tuple[tuple[int, int], ...]:
    """Return the offsets of a time zone and the moments from which they apply, in microseconds; in `_YEARS`."""
    first, last = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in _YEARS)
    found = [(first, _find_offset(first, tz))]
    for day in range(first, last, 86_400):
        was = found[-1][1]
        if _find_offset(day + 86_400, tz) != was:
            change = day + bisect_left(range(86_400), 1, key=lambda later: int(_find_offset(day + later, tz) != was))
            found.append((change, _find_offset(change, tz)))
    return tuple((second * 1_000_000, offset * 1_000_000) for second, offset in found)


def _find_offset(second: int, tz: ZoneInfo) -> int:
    """Return the offset of a time zone at a second, in seconds."""
    offset = datetime.fromtimestamp(second, tz).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def _quotient(value: nw.Expr, by: int) -> nw.Expr:
    """Return an integer divided by another, rounded down; floats are exact for all quotients of this module."""
    return (value / by).floor().cast(nw.Int64)


def _modulo(value: nw.Expr, by: int) -> nw.Expr:
    """Return the remainder of `_quotient`: never negative, while engines disagree about negative numbers."""
    return value - _quotient(value, by) * by


def count_hours(moments: pd.Series) -> pd.Series:
    """Return the number of whole hours from 1970 to each moment."""
    hours = pd.Series(_to_micros(moments.dt.tz_convert("UTC")) // _MICROS["hour"], index=moments.index)
    return hours.astype("Int64").mask(moments.isna())


HOURS: nw.Expr = _quotient(nw.col(MICROS), _MICROS["hour"])
"""The same, out of `MICROS`."""

PARTS: Mapping[str, tuple[Callable[[pd.Series], pd.Series], nw.Expr]] = MappingProxyType(
    {
        "hour": (lambda local: local.dt.hour, _quotient(_modulo(_LOCAL, _PER_DAY), _MICROS["hour"])),
        "weekday": (lambda local: local.dt.day_of_week + 1, _modulo(_quotient(_LOCAL, _PER_DAY) + 3, 7) + 1),
    }
)
"""Parts of the local time: hour (0 to 23) and weekday (1 is Monday), of local moments and of `find_local_lazily`."""
