"""What to do first: at most seven actions, ranked by US$ per month."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

import pandas as pd

from genanalytics.base.frames import TEXT
from genanalytics.base.opening import opens_paths
from genanalytics.bill.items import divide_once
from genanalytics.bill.prices import prices as compute_prices
from genanalytics.decide.advice.action import Action, Amount, write_command
from genanalytics.decide.advice.actions import (
    Found,
    list_flips,
    list_lifetimes,
    list_providers,
    list_surcharges,
    list_unread,
    list_waste,
)
from genanalytics.decide.advice.monthly import DAYS_PER_MONTH, estimate_per_month
from genanalytics.decide.losses.waste import Measured
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.grouping.calendar import TIME
from genanalytics.metrics.sets.cost import EFFECTIVE_COST
from genanalytics.metrics.summary import describe_completeness, summarize
from genanalytics.units import Unit, format_count, format_value

MOST = 7
LEAST_DAYS = 14
"""Fewer days do not represent a month."""
LEAST_USD = 1.0
"""An action that may be worth less per month is not recommended."""
LEAST_SHARE = 0.005
"""Nor is one that may be worth a smaller share of the cost."""

_LISTS: Mapping[str, Callable[[Found], Iterable[Action]]] = MappingProxyType(
    {
        "waste": list_waste,
        "cache writes": list_unread,
        "surcharges": list_surcharges,
        "lost caches": list_flips,
        "lifetimes of the cache": list_lifetimes,
        "providers": list_providers,
    }
)
_AMOUNTS = {
    "usd_per_month": "US$ a month",
    "usd_per_month_low": "from",
    "usd_per_month_high": "to",
}
_UTC = "UTC"
_TEXTS = ("basis", "evidence", "risk", "details", "check")
_OVERLAP = "the amounts can overlap: one action can make another one smaller, so do not add them up"


@opens_paths("data")
def recommend(data: Records, *, tz: str = "UTC", prices: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return what to do about the cost: at most seven actions, the one that is surely worth most first.

    An action is worth what it would have avoided per day, as a month. It is ranked by the lower limit of its 95 %
    interval. It is listed only if that limit is at least `LEAST_USD` and `LEAST_SHARE` of the cost per month: no action
    is better than a weak one.

    Args:
        data: Anything that `summarize` takes.
        tz: The time zone of days, by its IANA name.
        prices: The result of `ga.prices(data)`; computed if it is not given.

    Returns:
        One row per action.

        - `action` (str): what to do.
        - `usd_per_month`, `usd_per_month_low`, `usd_per_month_high` (Float64, US$): what it is worth in a month like
          this period, and the limits of the 95 % interval, with days as the independent parts; no upper limit is
          above the cost of a month.
        - `basis` (str): `billed`, an exact amount of the past; `estimate`; `upper bound`, at most this amount.
        - `evidence` (str): what the records show.
        - `risk` (str): what the action costs or risks.
        - `details`, `check` (str): the command that shows the details, and the one that shows later whether the action
          worked. `PATH` is the place of your files.

        `attrs` contains `units`, `labels`, `notices`, `coverage`, `lower_bounds`, and `considered`, the number of
        actions that were examined. Below 14 days of records there are no rows, and a notice says so.

    Raises:
        MissingColumnError: The data lacks a column.

    >>> frame = pd.DataFrame({"created_at": pd.date_range("2026-08-20", periods=3, tz="UTC"), "total_cost": 1.0})
    >>> frame = frame.assign(upstream_inference_cost=0.0, is_byok=False)
    >>> recommend(frame).attrs["notices"]
    ['3 days of records say too little about a month: recommendations need 14 days']
    """
    return rank_actions(data, tz=tz, prices=prices)


def rank_actions(
    data: Records, *, tz: str, prices: pd.DataFrame | None = None, wasted: Measured | None = None
) -> pd.DataFrame:
    """Return what `recommend` does; `wasted` is the result of `measure_waste` if it is known."""
    costs = summarize(data, every="day", tz=tz, metrics=[EFFECTIVE_COST])
    days = pd.DatetimeIndex(costs[TIME].dropna())
    if len(days) < LEAST_DAYS:
        notice = (
            f"{format_count(len(days), 'day')} of records say too little about a month: recommendations need"
            f" {LEAST_DAYS} days"
        )
        return _arrange(data, [], [], [notice])
    table = compute_prices(data) if prices is None else prices
    with divide_once(data, table) as divided:
        actions, gaps = _list_actions(Found(divided, table, days, tz, wasted))
    monthly = float(costs[EFFECTIVE_COST.name].sum()) / len(days) * DAYS_PER_MONTH
    amounts = [amount._replace(high=min(amount.high, monthly)) for amount in _estimate_per_month(actions, len(days))]
    least = max(LEAST_USD, LEAST_SHARE * monthly)
    worth = [(action, amounts[place]) for place, action in enumerate(actions) if amounts[place].low >= least]
    worth.sort(key=lambda each: each[1].low, reverse=True)
    result = _arrange(data, worth[:MOST], _select_later(days, tz), [*gaps, *_describe(actions, worth, least)])
    result.attrs["considered"] = len(actions)
    return result


def _list_actions(found: Found) -> tuple[list[Action], list[str]]:
    """Return the actions of all kinds, and a notice for each kind that the data does not allow to examine."""
    actions, gaps = list[Action](), dict[str, list[str]]()
    for subject, list_actions in _LISTS.items():
        try:
            actions.extend(list_actions(found))
        except (InputError, MissingColumnError) as error:
            gaps.setdefault(str(error), []).append(subject)
    return actions, [f"{', '.join(subjects)} not examined: {reason}" for reason, subjects in gaps.items()]


def _estimate_per_month(actions: Sequence[Action], days: int) -> list[Amount]:
    """Return what actions are worth per month."""
    daily = {place: one.worth for place, one in enumerate(actions) if isinstance(one.worth, pd.Series)}
    found = estimate_per_month(daily)
    scale = DAYS_PER_MONTH / days
    return [
        Amount(*(amount * scale for amount in action.worth)) if isinstance(action.worth, Amount) else found[place]
        for place, action in enumerate(actions)
    ]


def _describe(actions: Sequence[Action], worth: Sequence[tuple[Action, Amount]], least: float) -> Iterable[str]:
    weak = len(actions) - len(worth)
    if weak:
        yield (
            f"{format_count(weak, 'possible action')} left out: each may be worth less than"
            f" {format_value(least, Unit.USD, decimals=2)} a month, by its 95 % interval"
        )
    if len(worth) > MOST:
        yield f"{format_count(len(worth) - MOST, 'action')} beyond the first {MOST} left out"
    if len(worth) > 1:
        yield _OVERLAP


def _select_later(days: pd.DatetimeIndex, tz: str) -> list[str]:
    """Return the options of a command for the records after these days."""
    zone = [] if tz == _UTC else ["--tz", tz]
    return ["--where", f"created_at>={days[-1] + pd.Timedelta(days=1):%Y-%m-%d}", *zone]


def _arrange(
    data: Records, worth: Sequence[tuple[Action, Amount]], later: Sequence[str], notices: Iterable[str]
) -> pd.DataFrame:
    rows = [
        (
            action.what,
            *amounts,
            str(action.basis),
            action.evidence,
            action.risk,
            write_command(*action.details),
            write_command(*(action.check or action.details), *later),
        )
        for action, amounts in worth
    ]
    names = ["action", *_AMOUNTS, *_TEXTS]
    dtypes = dict.fromkeys(names, TEXT) | dict.fromkeys(_AMOUNTS, "Float64")
    found = pd.DataFrame(rows, columns=names).astype(dtypes)
    found.attrs = {
        "units": dict.fromkeys(_AMOUNTS, Unit.USD.value),
        "labels": dict(_AMOUNTS),
        "notices": list(notices),
        **describe_completeness(data, ()),
        "considered": 0,
    }
    return found
