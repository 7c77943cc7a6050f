"""How much of the cost the most expensive groups, or requests, make together."""

import math
from dataclasses import dataclass

import narwhals.stable.v2 as nw
import numpy as np

from genanalytics.base.opening import opens_paths
from genanalytics.metrics.distribution import EXACT_ROWS
from genanalytics.metrics.engines import sketch
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.metrics.engines.source import Records, open_source
from genanalytics.metrics.grouping.labels import check_columns
from genanalytics.metrics.sets.cost import EFFECTIVE_COST, PER_REQUEST, REQUESTS
from genanalytics.metrics.summary import summarize

_ROUNDING = 1e-9
"""The share of a group that rounding may add to a number of groups."""


@dataclass(frozen=True, slots=True, eq=False)
class CostShares:
    """The costs of groups, added up from the most expensive one on (a Lorenz curve).

    Attributes:
        numbers: How many of the most expensive groups, from 0 to all; not all numbers, but those between two have
            groups of one cost.
        costs: Their cost together, in US$. It falls at the end if there are refunds.
        unknown: The number of groups without a known cost, which are left out.
        ungrouped: The number of rows that are in no group.
        ungrouped_cost: Their known cost in US$.
        accuracy: The largest relative error of a cost.
    """

    numbers: "np.ndarray"
    costs: "np.ndarray"
    unknown: int
    ungrouped: int = 0
    ungrouped_cost: float = 0.0
    accuracy: float = 0.0

    @property
    def groups(self) -> int:
        """The number of groups."""
        return int(self.numbers[-1])

    @property
    def cost(self) -> float:
        """The cost of all groups in US$."""
        return float(self.costs[-1])

    @property
    def has_refunds(self) -> bool:
        """Whether the cost of some groups is negative."""
        return bool(self.costs.max() > self.cost)

    def find_share(self, number: float) -> float:
        """Return the share of the cost that so many of the most expensive groups make; NaN without any cost."""
        return float(np.interp(number, self.numbers, self.costs)) / self.cost if self.cost > 0 else math.nan

    def count_top(self, share: float) -> int:
        """Return the number of groups in a share of them, rounded up."""
        return math.ceil(share * self.groups * (1 - _ROUNDING))

    def count_for(self, share: float) -> int:
        """Return the fewest groups that make a share of the cost.

        Raises:
            ValueError: There is no cost above 0.
        """
        if not self.cost > 0:
            msg = "there is no cost above 0"
            raise ValueError(msg)
        rising = slice(int(self.costs.argmax()) + 1)
        exact = float(np.interp(share * self.cost, self.costs[rising], self.numbers[rising]))
        return max(1, math.ceil(exact * (1 - _ROUNDING)))


@opens_paths("data")
def add_up_costs(data: Records, *, by: str | None = None, tz: str = "UTC") -> CostShares:
    """Return the costs of groups, added up from the most expensive one on.

    Args:
        data: Anything that `summarize` takes. An engine adds up where the data is.
        by: The column, or the derived key, to group by; None for single requests. Requests of an engine, and more than
            a million, are counted by classes of similar costs; `accuracy` says how similar.
        tz: The time zone of days and hours, by its IANA name.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: A column cannot be grouped by.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"total_cost": [6.0, 1.0, 2.0, 1.0], "is_byok": False, "upstream_inference_cost": 0.0})
    >>> found = add_up_costs(frame)
    >>> found.numbers.tolist(), found.costs.tolist(), found.find_share(3), found.count_for(0.5)
    ([0, 1, 2, 4], [0.0, 6.0, 8.0, 10.0], 0.9, 1)
    """
    return _add_up_requests(data) if by is None else _add_up_groups(data, by, tz)


def _add_up_requests(data: Records) -> CostShares:
    source = open_source(data)
    check_columns(source, PER_REQUEST.columns, PER_REQUEST.name)
    rows = source.count()
    exact = not source.large and rows <= EXACT_ROWS
    steps = {"itself": PER_REQUEST.column.cast(nw.Float64)} if exact else sketch.classify(PER_REQUEST)
    table = source.count_classes([], PER_REQUEST, steps)
    classes, counts = to_floats(table[list(steps)[-1]]), to_floats(table["n"])
    values = classes if exact else sketch.find_middles(classes)
    unknown = rows - int(counts.sum())
    return CostShares(*_arrange(values, counts), unknown, accuracy=0.0 if exact else sketch.ACCURACY)


def _add_up_groups(data: Records, by: str, tz: str) -> CostShares:
    groups = summarize(data, by=by, tz=tz, metrics=[EFFECTIVE_COST])
    outside = groups[groups[by].isna()]
    values = to_floats(groups.loc[groups[by].notna(), EFFECTIVE_COST.name])
    known = values[np.isfinite(values)]
    return CostShares(
        *_arrange(known, np.ones(len(known))),
        unknown=len(values) - len(known),
        ungrouped=int(outside[REQUESTS.name].sum()),
        ungrouped_cost=float(np.nansum(to_floats(outside[EFFECTIVE_COST.name]))),
    )


def _arrange(values: "np.ndarray", counts: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Return the numbers of the most expensive groups, and their cost together."""
    order = np.argsort(-values, kind="stable")
    numbers, costs = counts[order].cumsum(), (values * counts)[order].cumsum()
    return np.concatenate([[0], numbers]).astype(np.int64), np.concatenate([[0.0], costs])
