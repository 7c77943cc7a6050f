"""What a growing data set says about today: costs per minute of each file, computed once for each file."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import narwhals.stable.v2 as nw
import pandas as pd
import pyarrow.compute

from genanalytics.base.moments import find_start, step
from genanalytics.dataset.manifest import list_files
from genanalytics.formats.parquet import read_table
from genanalytics.metrics.engines.protocol import order_by_need
from genanalytics.metrics.sets.cost import EFFECTIVE, UNKNOWN
from genanalytics.metrics.sets.latency import TTFT
from genanalytics.records.frame import to_frame
from genanalytics.records.schema import ARROW_SCHEMA

_PAST_DAYS = 28
_LEAST_RESTS = 3
"""A projection from fewer days, or hours, would be a guess."""
_MOST_CALLS = 50
_HOUR = timedelta(hours=1)
_VALUES = (EFFECTIVE, UNKNOWN, TTFT)
_SUMS = ("requests", EFFECTIVE.name, UNKNOWN.name)
_CALL = ("created_at", "model", EFFECTIVE.name, TTFT.name)


@dataclass(frozen=True, slots=True)
class Projection:
    """What today will have cost at its end, if the rest of it is like earlier times.

    Attributes:
        usd: The cost of the day so far, and the mean cost of the rests that it was compared with.
        low: The same with the lowest of these rests.
        high: The same with the highest.
        basis: What it was compared with, such as "the same hours of 5 days".
    """

    usd: float
    low: float
    high: float
    basis: str


@dataclass(frozen=True, slots=True)
class Spending:
    """The costs of today.

    Attributes:
        requests: The number of requests of today.
        usd: Their effective cost in US dollars.
        unknown: The number of them whose cost is unknown, wholly or in part.
        last_hour_usd: The cost of the last 60 minutes.
        projection: The cost of the whole day; None if it is too early for it.
        calls: The last calls, the latest first: `created_at`, `model`, `effective_cost`, `ttft_ms`.
    """

    requests: int
    usd: float
    unknown: int
    last_hour_usd: float
    projection: Projection | None
    calls: pd.DataFrame


class Ledger:
    """The costs in a data set that grows.

    Args:
        directory: The data set.
        tz: The time zone of days.
    """

    def __init__(self, directory: Path, tz: ZoneInfo) -> None:
        self._directory = directory
        self._tz = tz
        self._files: dict[tuple[int, int, int], tuple[pd.DataFrame, pd.DataFrame]] = {}

    def update(self, now: datetime) -> Spending:
        """Read the files that are new since the last call, and return the costs of today."""
        since = now - timedelta(days=_PAST_DAYS + 1)
        found = {_identify(path): path for path in list_files(self._directory)}
        self._files = {file: self._files.get(file) or _add_up(path, since) for file, path in found.items()}
        if not self._files:
            self._files = {(0, 0, 0): _sum_minutes(to_frame(ARROW_SCHEMA.empty_table()))}
        minutes = pd.concat([minutes for minutes, _ in self._files.values()]).groupby(level=0).sum()
        calls = pd.concat([calls for _, calls in self._files.values()])
        costs = minutes[EFFECTIVE.name]
        day = find_start(now, "day", self._tz)
        today = minutes[minutes.index >= day]
        spent = float(today[EFFECTIVE.name].sum())
        return Spending(
            requests=int(today["requests"].sum()),
            usd=spent,
            unknown=int(today[UNKNOWN.name].sum()),
            last_hour_usd=float(costs[costs.index > now - _HOUR].sum()),
            projection=project_day(costs, spent, now, self._tz),
            calls=calls.sort_values("created_at", ascending=False, ignore_index=True).head(_MOST_CALLS),
        )


def project_day(costs: pd.Series, spent: float, now: datetime, tz: ZoneInfo) -> Projection | None:
    """Return what today will have cost at its end; None if it is too early to say.

    Today's cost so far, plus what the rest of the day cost on past days: the mean, the lowest and the highest of them.
    With fewer than three full past days, each full hour of today is an example of the hours that are left.

    Args:
        costs: Costs by minute (UTC), in any order.
        spent: The cost of today so far.
        now: The current moment.
        tz: The time zone of days.
    """
    rests, basis = find_rests_of_days(costs, now, tz), "the same hours of {} days"
    if len(rests) < _LEAST_RESTS:
        rests, basis = find_rests_of_hours(costs, now, tz), "{} hours of today"
    if len(rests) < _LEAST_RESTS:
        return None
    mean = sum(rests) / len(rests)
    return Projection(spent + mean, spent + min(rests), spent + max(rests), basis.format(len(rests)))


def find_rests_of_days(costs: pd.Series, now: datetime, tz: ZoneInfo) -> list[float]:
    """Return what each past day cost after this time of day: the days after the first one of the records."""
    day = find_start(now, "day", tz)
    rests = []
    for _ in range(_PAST_DAYS):
        end, day = day, step(day, "day", -1, tz)
        if costs.empty or costs.index.min() >= day:
            break
        local = now.astimezone(tz)
        same_time = day.astimezone(tz).replace(hour=local.hour, minute=local.minute, second=local.second)
        rests.append(_sum_between(costs, same_time, end))
    return rests


def find_rests_of_hours(costs: pd.Series, now: datetime, tz: ZoneInfo) -> list[float]:
    """Return what the rest of today costs if it is like each full hour of today, from the first record on."""
    day = find_start(now, "day", tz)
    left = (step(day, "day", 1, tz) - now) / _HOUR
    begin = max(day, costs.index.min()) if len(costs) else now
    hours = int((now - begin) / _HOUR)
    ends = [now - number * _HOUR for number in range(hours)]
    return [left * _sum_between(costs, end - _HOUR, end) for end in ends]


def _sum_between(costs: pd.Series, start: datetime, end: datetime) -> float:
    return float(costs[(costs.index >= start) & (costs.index < end)].sum())


def _add_up(path: Path, since: datetime) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the costs by minute of the recent rows of a file, and its last calls."""
    wanted = dict.fromkeys(["created_at", "model", *(column for value in _VALUES for column in value.columns)])
    table = read_table(path, columns=[*wanted])
    return _sum_minutes(to_frame(table.filter(pyarrow.compute.field("created_at") >= since)))


def _sum_minutes(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = nw.from_native(frame)
    for values in order_by_need(_VALUES):
        rows = rows.with_columns(**{value.name: value.expression for value in values})
    found = rows.to_native().assign(requests=1)
    minutes = found.groupby(found["created_at"].dt.floor("min"))[[*_SUMS]].sum().astype(float)
    return minutes, found[[*_CALL]].sort_values("created_at").tail(_MOST_CALLS)


def _identify(path: Path) -> tuple[int, int, int]:
    """Return what identifies a file of a data set in all commits: it is never changed."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
