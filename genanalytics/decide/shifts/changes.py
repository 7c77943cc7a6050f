"""What changed, and when: cost, prices, requests, tokens, caching, times and errors of each day."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from genanalytics.base.frames import TEXT
from genanalytics.base.opening import opens_paths
from genanalytics.base.text import is_missing
from genanalytics.bill.items import add_items
from genanalytics.decide.shifts.breaks import FEWEST_DAYS, even_out, find_level
from genanalytics.decide.shifts.causes import Window, choose_window, find_causes
from genanalytics.decide.shifts.daily_series import FEWEST_ACTIVE, DailySeries, Series, read_daily
from genanalytics.decide.shifts.price_moves import PriceMoves, find_price_moves
from genanalytics.decide.shifts.segments import Segmentation, segment
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.metrics.catalog import resolve_one
from genanalytics.metrics.declare import Count, Per, RowValue, Statistic, Sum
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.sets.cost import EFFECTIVE_COST, PRICE, REQUESTS
from genanalytics.metrics.sets.tokens import IN, OUT
from genanalytics.metrics.summary import describe_completeness
from genanalytics.units import Unit, format_count

Kind = Literal["level", "drift", "price"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""The kinds of changes."""

_TOKENS = RowValue(
    "tokens_per_request",
    "tokens per request",
    Unit.TOKENS,
    "native_tokens_prompt + native_tokens_completion of a row",
    (IN, OUT),
    IN.column + OUT.column,
)
TOKENS_PER_REQUEST = Statistic(
    _TOKENS.name, _TOKENS.label, _TOKENS.unit, f"{_TOKENS.description} (mean)", finish=Per(Sum(_TOKENS), Count(_TOKENS))
)
METRICS: tuple[Statistic, ...] = (
    EFFECTIVE_COST,
    PRICE,
    REQUESTS,
    TOKENS_PER_REQUEST,
    *map(resolve_one, ("cache_hit_rate", "ttft_ms_p50", "ttft_ms_p95", "error_rate")),
)
"""The statistics that are looked at."""

EXPLAINED = 8
"""The number of changes whose costs before and after are compared: those that moved the cost most."""

_ENDS = 14
_FIGURES = {
    "since": Unit.TIME,
    "since_low": Unit.TIME,
    "since_high": Unit.TIME,
    "change": Unit.SHARE,
    "p_value": Unit.NONE,
    "q_value": Unit.NONE,
    "cost_effect": Unit.USD,
}
_LABELS = {"p_value": "p", "q_value": "q", "cost_effect": "cost per day"}
_COLUMNS = (
    "scope",
    "metric",
    "kind",
    "since",
    "since_low",
    "since_high",
    "before",
    "after",
    "unit",
    "change",
    "p_value",
    "q_value",
    "cost_effect",
    "cause",
)


@opens_paths("data")
def changes(
    data: Records,
    *,
    by: str | Sequence[str] | None = "model",
    tz: str = "UTC",
    metrics: Sequence[Statistic | str] | Statistic | str = METRICS,
    prices: pd.DataFrame | None = None,
    level: float = 0.05,
    causes: bool = True,
) -> pd.DataFrame:
    """Return what changed and when: a row per change of a daily series; the largest effect on the cost first.

    Each statistic of all rows, and of each group, is a series of days. A change is another level from a day on that
    the noise of the series, its weekdays and the dependence of its days do not explain. All series are judged together,
    so that of the changes claimed at most 5 % are expected to be false. docs/decide.md describes the method.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        by: Columns to group by, as in `summarize`. None looks at all rows together only.
        tz: The time zone of the days, by its IANA name.
        metrics: Statistics, or names of statistics.
        prices: The result of `ga.prices(data)`; computed if it is not given. With at least 90 % of the requests at
            identified prices, `usd_per_mtok` is not looked at: the rows of kind `price` are exact.
        level: The share of false changes among those claimed.
        causes: Whether `cause` is looked for, which takes most of the time.

    Returns:
        The columns of `by`, which are gaps for all rows together, and then these.

        - `scope` (str): `all rows` or `group`.
        - `metric` (str): the name of the statistic; for a change of the prices of a model at a provider, the first of
          its prices that changed, such as `input_price`.
        - `kind` (str): `level`, another level from a day on; `drift`, a slow growth or decline that no day explains;
          `price`, another price from a moment on, as `price_changes` finds it, without any doubt.
        - `since` (datetime64[us], in the time zone): the first day with the new level, the moment of a new price, a gap
          for a drift. `since_low` and `since_high` are the limits of its 95 % interval.
        - `before`, `after` (Float64, in the unit `unit`): the mean of the days before, back to the change before it,
          and of the days from `since` on, each weekday with the same weight. For a drift, those of the first and the
          last 14 days; for a price, the prices themselves.
        - `change` (Float64): `after` / `before` - 1.
        - `p_value` (Float64): the chance of a change as clear as this one in a series without any. `q_value`: the same
          for all series together; the share of false changes if this one is the last to be claimed.
        - `cost_effect` (Float64, US$ per day): the effective cost of the same rows after, minus before; for a price,
          the extra cost of the requests at the new price.
        - `cause` (str): the largest part of this difference, as `cost_change` splits it. It compares up to 28 days on
          either side. Only for the changes with the largest effects. For a price, how it relates to the one before.

        `attrs` contains `units`, `labels`, `notices`, `coverage`, `lower_bounds`, `days` (the number of days) and
        `series` (the number of series that were judged).

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: A column cannot be grouped by or has the name of a column of the result, there is no such statistic
            or time zone, or `level` is not between 0 and 1.

    >>> days = pd.Series(pd.date_range("2026-08-01", periods=56, tz="UTC"))
    >>> frame = pd.DataFrame({"created_at": days.repeat(8), "total_cost": 0.5, "is_byok": False})
    >>> frame["total_cost"] += 0.01 * (frame.index % 7 + frame.index**2 % 5)
    >>> frame.loc[frame["created_at"] >= "2026-08-29", "total_cost"] *= 2
    >>> found = changes(frame.assign(upstream_inference_cost=0.0), by=None, metrics="effective_cost")
    >>> found[["metric", "before", "after"]].round(1).to_dict("records"), str(found["since"][0].date())
    ([{'metric': 'effective_cost', 'before': 4.4, 'after': 8.8}], '2026-08-29')
    """
    names = [] if by is None else [by] if isinstance(by, str) else list(by)
    statistics = _check(names, metrics, level)
    daily = read_daily(data, names, tz, statistics)
    moves = find_price_moves(data, prices, names) if PRICE in statistics else PriceMoves(prices=prices)
    if moves.is_exact:
        daily = daily.drop(PRICE)
    judged = [series for series in daily.series if series.is_long]
    found = segment([even_out(one.daily, one.scale) for one in judged], daily.weekdays, level=level)
    rows = [row for series, own in zip(judged, found, strict=True) for row in _make_rows(series, own, daily, names)]
    notices = [*daily.notices, *_describe(daily, judged), *moves.notices]
    if causes:
        notices += _add_causes(rows, data, moves.prices, names)
    result = _arrange([*rows, *moves.rows], daily, names)
    result.attrs = {
        "units": {name: unit.value for name, unit in _FIGURES.items()},
        "labels": {name: name.replace("_", " ") for name in _FIGURES} | _LABELS,
        "notices": notices,
        **describe_completeness(data, ()),
        "days": daily.days,
        "series": len(judged),
    }
    return result


def _check(names: Sequence[str], metrics: Sequence[Statistic | str] | Statistic | str, level: float) -> list[Statistic]:
    taken = [name for name in names if name in _COLUMNS]
    if taken:
        msg = f"cannot group by {taken[0]!r}: the result has a column of that name; rename the column of the data"
        raise InputError(msg)
    if not 0 < level < 1:
        msg = f"level={level}; give a share of false changes between 0 and 1, such as 0.05"
        raise InputError(msg)
    given = [metrics] if isinstance(metrics, str | Statistic) else metrics
    return list(dict.fromkeys(one if isinstance(one, Statistic) else resolve_one(one) for one in given))


def _describe(daily: DailySeries, judged: Sequence[Series]) -> Iterator[str]:
    if daily.undated:
        yield f"{format_count(daily.undated, 'record')} without a time are in no day"
    if daily.has_open_day:
        yield "the last day was still running at the last fetch and is left out"
    if daily.days < FEWEST_DAYS:
        yield f"{format_count(daily.days, 'day')}; changes need {FEWEST_DAYS} days with data"
        return
    short = len(daily.series) - len(judged)
    if short:
        yield (
            f"{short} of {len(daily.series)} series are not judged: changes need {FEWEST_DAYS} days"
            f" with a value, and {FEWEST_ACTIVE} on which a total is not 0"
        )


def _make_rows(
    series: Series, found: Segmentation, daily: DailySeries, names: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Yield a row per change of a series; `window` are the days around it, for its cause."""
    row = dict(zip(names, series.key or [None] * len(names), strict=True)) | {
        "key": series.key and tuple(None if is_missing(value) else value for value in series.key),
        "scope": "all rows" if series.key is None else "group",
        "metric": series.metric.name,
        "unit": series.metric.unit.value,
    }
    if found.is_drift:
        clearest = int(np.argmin([step.p_value for step in found.steps]))
        known = np.flatnonzero(~np.isnan(series.daily))
        length = min(_ENDS, len(known) // 2)
        sides = slice(known[length]), slice(known[-length], None)
        chances = {"p_value": found.steps[clearest].p_value, "q_value": found.q_values[clearest]}
        yield row | {"kind": "drift"} | chances | _compare(series, daily.weekdays, *sides)
        return
    edges = [0, *(step.place for step in found.steps), daily.days]
    for place, (step, q_value) in enumerate(zip(found.steps, found.q_values, strict=True)):
        start, stop = edges[place], edges[place + 2]
        yield row | {
            "kind": "level",
            "since": daily.starts[step.place],
            "since_low": daily.starts[step.first],
            "since_high": daily.starts[step.last],
            "p_value": step.p_value,
            "q_value": q_value,
            "window": choose_window(daily.starts, start, step.place, stop),
            **_compare(series, daily.weekdays, slice(start, step.place), slice(step.place, stop)),
        }


def _compare(series: Series, weekdays: "np.ndarray", before: slice, after: slice) -> dict[str, float]:
    was, now = (find_level(series.daily[side], weekdays[side]) for side in (before, after))
    cost_was, cost_now = (find_level(series.costs[side], weekdays[side]) for side in (before, after))
    change = now / was - 1 if was > 0 else float("nan")
    return {"before": was, "after": now, "change": change, "cost_effect": cost_now - cost_was}


def _add_causes(
    rows: Sequence[dict[str, Any]], data: Records, prices: pd.DataFrame | None, names: Sequence[str]
) -> Iterable[str]:
    """Add `cause` to the rows with the largest effects on the cost, and return what the user should know."""
    dated = [row for row in rows if "window" in row and not np.isnan(row["cost_effect"])]
    ranked = sorted(dated, key=lambda row: -abs(row["cost_effect"]))
    windows: list[Window] = list(dict.fromkeys(row["window"] for row in ranked))[:EXPLAINED]
    try:
        items = add_items(data, prices) if windows else data
        causes = {window: find_causes(items, window, names) for window in windows}
    except MissingColumnError as error:
        return [f"no causes: {error}"]
    for row in ranked:
        row["cause"] = causes.get(row["window"], {}).get(row["key"])
    left = sum(row["window"] not in causes for row in ranked)
    smaller = "with smaller effects on the cost: no cause was looked for; use cost_change"
    return [f"{format_count(left, 'change')} {smaller}"] if left else []


def _arrange(rows: Sequence[dict[str, Any]], daily: DailySeries, names: Sequence[str]) -> pd.DataFrame:
    found = pd.DataFrame(rows, columns=[*names, *_COLUMNS])
    texts = ("scope", "metric", "kind", "unit", "cause")
    numbers = ("before", "after", "change", "p_value", "q_value", "cost_effect")
    for name in ("since", "since_low", "since_high"):
        found[name] = pd.to_datetime(found[name], utc=True).dt.tz_convert(daily.starts.tz).dt.as_unit("us")
    for name in numbers:
        found[name] = found[name].astype(float).astype("Float64")
    found = found.astype(dict.fromkeys(texts, TEXT) | daily.keys.dtypes.to_dict())
    order = found.assign(size=found["cost_effect"].abs()).sort_values(
        ["size", "q_value", "metric", *names], ascending=[False, *[True] * (2 + len(names))], kind="stable"
    )
    return order.drop(columns="size").reset_index(drop=True)
