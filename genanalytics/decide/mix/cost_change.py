"""Why the cost changed from one period to another: requests, mix, tokens, prices, caching."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.base.opening import opens_paths
from genanalytics.bill.book import BY, PRICES
from genanalytics.bill.items import add_items, itemize
from genanalytics.bill.price_changes import USUAL_TIERS
from genanalytics.bill.prices import prices as compute_prices
from genanalytics.bill.split import COLUMNS, NEEDS
from genanalytics.bill.survey import BATCH, read_mark
from genanalytics.decide.mix.cells import EFFECTS, NEEDED, add_up, make_statistics, name_sum, read_sums, split
from genanalytics.decide.mix.lines import number_lines
from genanalytics.decide.mix.two_periods import measure_length
from genanalytics.errors import InputError
from genanalytics.metrics.declare import Statistic
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.metrics.engines.source import Covered, Records, attach, find_coverage_of, open_source
from genanalytics.metrics.forms import count_of
from genanalytics.metrics.grouping.labels import check_columns
from genanalytics.metrics.sets.cost import EFFECTIVE_COST, REQUESTS, UNKNOWN
from genanalytics.metrics.summary import summarize
from genanalytics.records.coverage import COVERAGE, join_coverage
from genanalytics.units import Unit, format_value

_COSTS = {"before": "before", "after": "after", "change": "change"}
_UNKNOWN = {"unknown_before": "unknown before", "unknown_after": "unknown after"}
_SIDES = (" before", " after")
_ID = "requested_id"
_TIER = "service_tier"
_BATCH = "is a batch"
_LINE = "price line"
_COST_UNKNOWN = count_of(UNKNOWN)


@opens_paths("before", "after")
def cost_change(
    before: Records,
    after: Records,
    *,
    by: str | Sequence[str] | None = "model",
    days: tuple[float, float] | None = None,
    prices: pd.DataFrame | None = None,
    tz: str = "UTC",
) -> pd.DataFrame:
    """Return the change of the effective cost of each group, split into its causes; the largest change first.

    Cost is requests x the share of each model at each provider (mix) x input and output tokens per request x their
    prices without caching x the share that caching leaves. The prices are those that `prices` recovers from both
    periods, so longer answers never count as a price. Effects are logarithmic means (LMDI-I; B. W. Ang, "The LMDI
    approach to decomposition analysis: a practical guide", Energy Policy 33, 2005) and add up to the change. Swapping
    the periods only swaps their signs.

    The split is made for each model at each provider, and in each service tier, within each group. The sums of these
    parts are the effects of the group.

    Args:
        before: The rows of one period: anything that `summarize` takes.
        after: The rows of another period.
        by: The columns to group by, as in `summarize`. None makes one group of all rows.
        days: The lengths of both periods in days, to get amounts per day; None for whole amounts.
        prices: The result of `ga.prices`, of more data than both periods; None to recover the prices from both. Data
            with the columns of `itemize` keeps them.
        tz: The time zone of days and hours, by its IANA name.

    Returns:
        The columns of `by`; `before`, `after` and `change`, in US$ (Float64); then the effects, in US$ (Float64):

        - `by_requests`: the number of all requests.
        - `by_mix`: the share of each model, provider and tier in the requests, and of requests that were paid at all.
          All of the change if a model at a provider came or went.
        - `by_input_tokens`, `by_output_tokens`: tokens per request.
        - `by_price`: the average price per token, without caching, of a model at a provider in a tier.
        - `by_caching`: the share of the cost of input that caching left.
        - `by_other`: other charges per request, such as images, tools and the fee for own keys (BYOK).
        - `by_unexplained`: what cannot be separated: the cost per request, and the share, of the requests whose price
          is not known.

        `unknown_before` and `unknown_after` (Int64) count the requests whose cost is unknown, wholly or in part, so
        that the amounts do not fully include them. If no cost of a group is known, its amounts are gaps.

        `attrs` contains `units`, `labels`, `notices`; `total`, the sums by column, in which the known amounts of groups
        with gaps are unexplained; `days`; and `coverage` (of both periods together) and `lower_bounds`, as that of
        `summarize`.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: A column cannot be grouped by, has the name of a column of the result, or has other types in the two
            periods; a length is not positive.

    >>> prompt = pd.Series([1000, 2500, 4200, 800, 1600, 3100])
    >>> july = pd.DataFrame({"model": "a", "provider_name": "P", "native_tokens_prompt": prompt, "is_byok": False})
    >>> july = july.assign(native_tokens_completion=[120, 80, 310, 45, 500, 260], upstream_inference_cost=0.0)
    >>> august = july.assign(native_tokens_completion=2 * july["native_tokens_completion"])
    >>> periods = [
    ...     period.assign(cache_discount=None, total_cost=(3 * prompt + 15 * period["native_tokens_completion"]) / 1e6)
    ...     for period in (july, august)
    ... ]
    >>> found = cost_change(*periods)
    >>> found[["change", "by_requests", "by_output_tokens", "by_price"]].round(6).to_dict("records")
    [{'change': 0.019725, 'by_requests': 0.0, 'by_output_tokens': 0.019725, 'by_price': 0.0}]
    """
    names = [] if by is None else [by] if isinstance(by, str) else list(by)
    taken = [name for name in names if name in {*_COSTS, *EFFECTS, *_UNKNOWN}]
    if taken:
        msg = f"cannot group by {taken[0]!r}: the result has a column of that name; rename the column of the data"
        raise InputError(msg)
    _check_days(days)
    for side in (before, after):
        check_columns(open_source(side), NEEDED, "cost_change")
    sides = [_mark_batches(side) for side in _add_items(before, after, prices)]
    columns = set.intersection(*({*open_source(side).columns} for side in sides))
    keys = list(dict.fromkeys([*names, *BY, *(name for name in (_TIER, _BATCH) if name in columns)]))
    metrics = [EFFECTIVE_COST, _COST_UNKNOWN, *make_statistics(columns)]
    by_regime = list(dict.fromkeys([*keys, "regime"]))
    periods = [summarize(side, by=by_regime, tz=tz, metrics=metrics) for side in sides]
    places = _add_lines(_join([_merge_tiers(period, names, by_regime) for period in periods], by_regime), sides)
    places = places.groupby([*keys, _LINE], dropna=False, sort=False).sum().reset_index()
    groups, whole = _arrange(places, places.groupby(keys, dropna=False, sort=False).ngroup(), names, days or (1.0, 1.0))
    groups.attrs = {
        **_describe_columns(days),
        "notices": [
            *dict.fromkeys(notice for period in periods for notice in period.attrs["notices"]),
            *_describe_lengths(before, after, days, tz),
            *_describe_unexplained(places),
        ],
        "total": whole,
        **_describe_completeness([before, after], periods),
    }
    return groups


def _check_days(days: tuple[float, float] | None) -> None:
    if days is not None and not (len(days) == len(_SIDES) and all(0 < length < math.inf for length in days)):
        msg = f"days={days!r}: give the lengths of both periods in days, such as (30, 31)"
        raise InputError(msg)


def _add_items(before: Records, after: Records, prices: pd.DataFrame | None) -> list[Records]:
    """Return both periods with the columns of `itemize`, at prices out of both."""
    sides = [before, after]
    if prices is not None or any({*COLUMNS} <= {*open_source(side).columns} for side in sides):
        return [add_items(side, prices) for side in sides]
    sources = [open_source(side) for side in sides]
    if any(source.large for source in sources):
        shared = _join_prices([compute_prices(side) for side in sides])
        return [add_items(side, shared) for side in sides]
    names = [name for name in (*BY, *NEEDS, "created_at") if all(name in source.columns for source in sources)]
    tables = [source.select(names).collect(backend="pyarrow").to_native() for source in sources]
    both = pa.concat_tables(tables, promote_options="permissive")
    items = itemize(both).select(COLUMNS)
    return [attach(before, items[: len(tables[0])], COLUMNS), attach(after, items[len(tables[0]) :], COLUMNS)]


def _join_prices(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    known = [table[table["regime"].notna()] for table in tables]
    later = known[1].assign(regime=known[1]["regime"] + len(known[0]))
    return pd.concat([known[0], later], ignore_index=True).drop_duplicates([*BY, *PRICES])


def _mark_batches(data: Any) -> Any:  # noqa: ANN401 - of the same kind
    """Return the data with a column that says whether a request was part of a batch, if its ids show it."""
    if isinstance(data, Covered):
        return replace(data, data=_mark_batches(data.data))
    native: Any = data
    frame = nw.from_native(native)
    if frame.collect_schema().get(_ID) != nw.String:
        return data
    is_batch = read_mark(BATCH, nw.col(_ID)).fill_null(value=False)
    found: Records = frame.with_columns(is_batch.alias(_BATCH)).to_native()
    return found


def _merge_tiers(period: pd.DataFrame, names: Sequence[str], keys: Sequence[str]) -> pd.DataFrame:
    """Return sums with one name for all usual service tiers."""
    if _TIER in names or _TIER not in period:
        return period
    merged = period.assign(**{_TIER: period[_TIER].mask(period[_TIER].isin(USUAL_TIERS))})
    return merged.groupby(list(keys), dropna=False, sort=False).sum().reset_index()


def _add_lines(places: pd.DataFrame, sides: Sequence[Records]) -> pd.DataFrame:
    """Return the sums by regime with the price line of each regime."""
    by_regime = places.groupby([*BY, "regime"], dropna=False, sort=False)
    priced = {side.strip(): by_regime[name_sum("priced", side)].sum() for side in _SIDES}
    regimes = pd.DataFrame(priced).reset_index()
    lines = number_lines(regimes, sides).to_numpy()
    return places.assign(**{_LINE: lines[by_regime.ngroup().to_numpy()]})


def _join(periods: Sequence[pd.DataFrame], keys: list[str]) -> pd.DataFrame:
    """Return the sums of both periods, 0 for what one of them does not have."""
    sums = [period.set_index(keys) for period in periods]
    sides = [one.add_suffix(side).reset_index() for one, side in zip(sums, _SIDES, strict=True)]
    if any(one.empty for one in sides):
        return pd.concat(sides, ignore_index=True)
    try:
        return sides[0].merge(sides[1], how="outer", on=keys)
    except ValueError as error:
        msg = f"the groups of both periods cannot be matched by {', '.join(keys)}: {error}"
        raise InputError(msg) from error


def _arrange(
    places: pd.DataFrame, cells: pd.Series, names: list[str], days: tuple[float, float]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the rows of the groups, and their total by column."""
    numbers = cells.to_numpy(dtype=np.int64)
    was, now = (read_sums(places, side, length) for side, length in zip(_SIDES, days, strict=True))
    columns: dict[str, np.ndarray] = {}
    lost = np.zeros(len(places), dtype=bool)
    for name, side, sums, length in zip(("before", "after"), _SIDES, (was, now), days, strict=True):
        rows = _read(places, REQUESTS, side)
        lost |= (add_up(rows, numbers) > 0) & (add_up(sums.known, numbers) == 0)
        columns |= {name: _read(places, EFFECTIVE_COST, side) / length, f"rows{side}": rows, f"known{side}": sums.known}
        columns[f"unknown_{name}"] = _read(places, _COST_UNKNOWN, side)
    columns |= split(was, now, numbers, lost)
    table = pd.concat([places[names], pd.DataFrame(columns, index=places.index)], axis=1)
    whole = _finish(table[list(columns)].sum().to_frame().T)
    found = whole
    if names:
        groups = table.groupby(names, dropna=False, sort=False).sum().reset_index()
        found = pd.concat([groups[names], _finish(groups)], axis=1)
    found = found.sort_values("change", key=abs, ascending=False, kind="stable", ignore_index=True)
    return found, {
        str(name): None if pd.isna(value) else value for name, value in whole.astype("object").iloc[0].items()
    }


def _read(cells: pd.DataFrame, statistic: Statistic, side: str) -> "np.ndarray":
    found: np.ndarray = np.nan_to_num(to_floats(cells[statistic.name + side]))
    return found


def _finish(sums: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of the result: gaps for groups with rows of which no cost is known."""
    lost = {side: (sums[f"rows{side}"] > 0) & (sums[f"known{side}"] == 0) for side in _SIDES}
    was, now = (sums[side.strip()].mask(lost[side]) for side in _SIDES)
    amounts = pd.DataFrame({"before": was, "after": now, "change": now - was}).assign(
        **{name: sums[name].mask(lost[_SIDES[0]] | lost[_SIDES[1]]) for name in EFFECTS}
    )
    return pd.concat([amounts.astype("Float64"), sums[[*_UNKNOWN]].astype("Int64")], axis=1)


def _describe_columns(days: tuple[float, float] | None) -> dict[Any, Any]:
    labels = {**_COSTS, **EFFECTS, **_UNKNOWN}
    if days is not None:
        labels |= {name: f"{label} per day" for name, label in _COSTS.items()}
    return {
        "units": dict.fromkeys((*_COSTS, *EFFECTS), Unit.USD.value) | dict.fromkeys(_UNKNOWN, Unit.COUNT.value),
        "labels": labels,
        "days": days and list(days),
    }


def _describe_lengths(before: Records, after: Records, days: tuple[float, float] | None, tz: str) -> Iterator[str]:
    """Yield whether amounts are per day, and whether the periods have other lengths."""
    if days is not None:
        yield f"Amounts are per day: the periods have {days[0]:g} and {days[1]:g} days"
        return
    lengths = [measure_length(side, tz) for side in (before, after)]
    if None not in lengths and lengths[0] != lengths[1]:
        first, second = lengths
        yield (
            f"The rows cover {first} and {second} days, so more days count as more requests: give"
            f" days=({first}, {second}) to compare amounts per day"
        )


def _describe_unexplained(places: pd.DataFrame) -> Iterator[str]:
    """Yield how much of the costs no price explains."""
    of_periods = [read_sums(places, side, 1.0) for side in _SIDES]
    unexplained = sum(float(np.abs(sums.unexplained).sum()) for sums in of_periods)
    cost = sum(float(sums.cost.sum()) for sums in of_periods)
    if unexplained and cost > 0:
        yield (
            f"No price explains {format_value(unexplained, Unit.USD)} of the costs"
            f" ({format_value(unexplained / cost, Unit.SHARE)}): what changed in them is unexplained"
        )


def _describe_completeness(sides: Sequence[Records], periods: Sequence[pd.DataFrame]) -> dict[Any, Any]:
    """Return the coverage of both periods together, and the columns that are lower bounds; no change is one."""
    coverages = [find_coverage_of(side) for side in sides]
    coverage = join_coverage(coverages, found=int(sum(period[REQUESTS.name].sum() for period in periods)))
    columns = (("before", "unknown_before"), ("after", "unknown_after"))
    bounds = [own for own, one in zip(columns, coverages, strict=True) if one is not None and one.is_partial]
    return {COVERAGE: coverage and coverage.to_json(), "lower_bounds": [name for own in bounds for name in own]}
