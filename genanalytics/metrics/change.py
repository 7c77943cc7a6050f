"""What moved the cost from one period to another: more requests, larger ones, dearer tokens, or less caching."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from genanalytics.metrics.cost import EFFECTIVE_COST, REQUESTS
from genanalytics.metrics.summary import summarize
from genanalytics.units import Unit

_METRICS = (EFFECTIVE_COST.name, "net_cache_savings", "tokens_in", "tokens_out")
_SIDES = (" before", " after")
_LABELS = {
    "before": "before",
    "after": "after",
    "change": "change",
    "by_requests": "by requests",
    "by_size": "by tokens per request",
    "by_price": "by price per token",
    "by_caching": "by caching",
}
_MOVERS = [name for name in _LABELS if name.startswith("by_")]


def cost_change(
    before: object, after: object, *, by: str | Sequence[str] | None = "model", tz: str = "UTC"
) -> pd.DataFrame:
    """Return by how much the effective cost of each group changed, and what changed it, the largest change first.

    Cost is requests x tokens per request x price per token without caching x what caching left of it. What each of the
    four did is the logarithmic mean of both costs times the logarithm of its own change (LMDI; B. W. Ang, The LMDI
    approach to decomposition analysis: a practical guide, Energy Policy 33, 2005). So the four add up to the change
    with nothing left over, and exchanging the periods exchanges the signs alone.

    Args:
        before: The rows of one period: what `summarize` takes.
        after: The rows of another one, as long as the first.
        by: What to group by, as in `summarize`; None for all rows together, where a change of models is one of prices.
        tz: The zone of keys that are made of moments.

    Returns:
        The keys; `before`, `after` and `change`, in US$ (Float64); and of the change `by_requests` (all of it where a
        group is there in one period alone), `by_size`, `by_price` (of tokens in and out together, so that it moves
        with their mix too) and `by_caching` (the savings where they are known). What cannot be told apart, as without
        tokens, is a gap, and a part of `by_price`. A cost that is not known leaves gaps. `attrs` holds `units` and
        `labels`.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: A key cannot be grouped by.

    >>> july = pd.DataFrame({"model": "a", "total_cost": [3.0, 1.0], "native_tokens_prompt": [90, 10]})
    >>> july = july.assign(native_tokens_completion=0, cache_discount=None, upstream_inference_cost=0.0, is_byok=False)
    >>> cost_change(july, pd.concat([july, july]))[["before", "after", "by_requests", "by_price"]].to_dict("records")
    [{'before': 4.0, 'after': 8.0, 'by_requests': 4.0, 'by_price': 0.0}]
    """
    keys = [] if by is None else [by] if isinstance(by, str) else list(by)
    sides = [summarize(data, by=by, tz=tz, metrics=_METRICS) for data in (before, after)]
    joined = sides[0].merge(sides[1], how="outer" if keys else "cross", on=keys or None, suffixes=_SIDES)
    was, now = (_levels(joined, side) for side in _SIDES)
    costs = {"before": was[-1], "after": now[-1], "change": now[-1] - was[-1]}
    numbers = pd.DataFrame(costs | dict(zip(_MOVERS, _moved(was, now), strict=True)), dtype="Float64")
    found = pd.concat([joined[keys], numbers], axis=1)
    found = found.sort_values("change", key=abs, ascending=False, kind="stable", ignore_index=True)
    found.attrs = {"units": dict.fromkeys(_LABELS, Unit.USD.value), "labels": dict(_LABELS)}
    return found


def _levels(joined: pd.DataFrame, side: str) -> "np.ndarray":
    """Return requests, tokens, cost without caching and cost: each is the one before it times one of the factors."""
    names = (REQUESTS.name, *_METRICS)
    told = {name: joined[name + side].to_numpy(dtype=np.float64, na_value=np.nan) for name in names}
    counted = {name: np.nan_to_num(values) for name, values in told.items()}  # nothing known of it adds nothing
    cost = np.where(counted[REQUESTS.name] > 0, told[EFFECTIVE_COST.name], 0.0)  # without a request there is no cost
    tokens, without = counted["tokens_in"] + counted["tokens_out"], cost + counted["net_cache_savings"]
    return np.array([counted[REQUESTS.name], tokens, without, cost])


def _moved(was: "np.ndarray", now: "np.ndarray") -> "np.ndarray":
    """Return what each of the movers did to the cost of each group."""
    there, sized, discounted, paid = (was > 0) & (now > 0)
    change = now[-1] - was[-1]
    told = np.array([there, sized, there, discounted]) & paid
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = np.log(now / was)
        growth[1] = np.where(sized, growth[1], growth[0])
        growth[2] = np.where(discounted, growth[2], growth[3])
        mean = np.where(change == 0, now[-1], change / growth[-1])
        moved = np.where(told, np.diff(growth, axis=0, prepend=0.0) * mean, np.nan)
    moved[0] = np.where(there, moved[0], change)
    moved[2] = np.where(there & ~paid, change, moved[2])
    return moved
