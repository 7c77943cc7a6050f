"""Which policy of the prompt cache is cheaper, from the sums of sessions, and how sure that is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.decide.replay.lifetimes import (
    HYPOTHETICAL,
    LIFETIMES,
    NEAR_READ,
    NEAR_READABLE,
    OFF,
    PER_HIT,
    PREMIUM,
    SUMS,
    SURE,
    USES,
    name_change,
)
from genanalytics.metrics.declare import Count, RowValue, Sum
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.metrics.engines.protocol import PLACE
from genanalytics.metrics.engines.source import Records, open_source
from genanalytics.metrics.grouping.keys import GroupKey
from genanalytics.metrics.intervals import ratios
from genanalytics.metrics.intervals.binomial import LEVEL, Z
from genanalytics.metrics.intervals.cells import ArrayCells, name_sums
from genanalytics.metrics.intervals.moments import Family
from genanalytics.metrics.sets.cost import EFFECTIVE
from genanalytics.units import Unit

POLICIES = ("off", *LIFETIMES)
"""The policies that a group is compared with."""
LEAST_SHARE = 0.01
"""A policy is named only if it is cheaper by this share of the cost."""

NO_CACHE_PRICE = "no price of cache reads is known: give prices"
NO_CHOICE = "writes cost no more than input, so the provider chooses the lifetime"
NOT_USED = "no call uses the cache: how much calls would read is unknown"
NOT_SURE = "no policy is surely cheaper"


def name_figures(lifetime: str) -> tuple[str, str, str]:
    """Return the columns of a lifetime: neutral, optimistic and pessimistic."""
    return lifetime, f"{lifetime}_least", f"{lifetime}_most"


REQUESTS, COST, SESSIONS = "replayed calls", "cost of the bill", "sessions"
_VALUES = tuple(RowValue(f"row {name}", name, Unit.NONE, name, (name,), nw.col(name)) for name in SUMS)
"""What is added up of each row."""


@dataclass(frozen=True, slots=True)
class SessionSums:
    """The sums of sessions, and of their groups.

    Attributes:
        sessions: The number of each session's group under `PLACE`, and its sums.
        groups: The same sums by group.
    """

    sessions: pa.Table
    groups: "Mapping[str, np.ndarray]"

    @property
    def places(self) -> "np.ndarray":
        """The number of the group of each session."""
        found: np.ndarray = self.sessions[PLACE].to_numpy()
        return found


def sum_sessions(replayed: Records, keys: Sequence[GroupKey], places: pa.Table) -> SessionSums:
    """Return the sums of each session: an engine adds the rows up."""
    lazy = open_source(replayed).sum_clusters(keys, [*_VALUES, EFFECTIVE], places)
    names = {Sum(value).name: name for value, name in zip(_VALUES, SUMS, strict=True)}
    names |= {Count(_VALUES[0]).name: REQUESTS, Sum(EFFECTIVE).name: COST}
    chosen = [nw.col(old).alias(new) for old, new in names.items()]
    sessions = lazy.select(PLACE, *chosen).collect(backend="pyarrow").to_native()
    number = sessions[PLACE].to_numpy()
    groups = {name: np.bincount(number, to_floats(sessions[name]), len(places)) for name in names.values()}
    groups[SESSIONS] = np.bincount(number, minlength=len(places)).astype(float)
    return SessionSums(sessions, groups)


def divide(over: "np.ndarray", under: "np.ndarray") -> "np.ndarray":
    """Return quotients; NaN where the divisor is not above 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(under > 0, over / under, np.nan)


def find_changes(sums: SessionSums) -> "dict[str, np.ndarray]":
    """Return the change of cost of each session in US$, for each lifetime and variant.

    The chance that a call hits under a longer lifetime is the share of readable tokens that calls of its group read
    within five minutes; in the pessimistic variant the lower limit of that share, in the optimistic one 1.
    """
    of_group, places = sums.groups, sums.places
    near = divide(of_group[NEAR_READ], of_group[NEAR_READABLE])
    limits = _find_limits(sums, {"near": (_read(sums, NEAR_READ), _read(sums, NEAR_READABLE))}, "bounded")["near"]
    chances = {"least": np.ones(len(near)), "neutral": near, "most": np.nan_to_num(limits.low)}
    is_used = (of_group[USES] > 0)[places]
    found = {}
    for lifetime in LIFETIMES:
        for variant, name in zip(("neutral", "least", "most"), name_figures(lifetime), strict=True):
            sure, per_hit, assumed = (
                _read(sums, name_change(kind, lifetime, variant)) for kind in (SURE, PER_HIT, HYPOTHETICAL)
            )
            used = sure + np.where(per_hit == 0, 0.0, chances[variant][places] * per_hit)
            found[name] = np.where(is_used, used, np.nan if variant == "neutral" else assumed)
    return found


def _read(sums: SessionSums, name: str) -> "np.ndarray":
    return to_floats(sums.sessions[name])


def _find_limits(
    sums: SessionSums, quantities: "Mapping[str, tuple[np.ndarray, np.ndarray]]", family: Family
) -> dict[str, ratios.Limits]:
    """Return the limits of ratios of sums over sessions: of shares, or of means with any sign."""
    columns: dict[str, Any] = {PLACE: sums.places}
    for name, pair in quantities.items():
        columns |= dict(zip(name_sums(name), pair, strict=True))
    cells = ArrayCells(pa.table(columns), [])
    totals = cells.find_totals(list(quantities), len(sums.groups[COST]))
    moments = cells.find_moments("fixed", dict.fromkeys(quantities, family), totals, None)
    find = ratios.find_share if family == "bounded" else ratios.find_any
    return {name: find(moments[name].moments) for name in quantities}


def choose(sums: SessionSums, changes: "Mapping[str, np.ndarray]", is_known: "np.ndarray") -> dict[str, Any]:
    """Return the best policy of each group, how much less it costs, and the reason if there is none.

    All comparisons are made together: the limit that has to be above 0 is widened so that chance alone names a policy
    in any group in at most 5 % of all data (Bonferroni).
    """
    of_group, places = sums.groups, sums.places
    groups = len(is_known)
    less = {"off": -_read(sums, OFF)} | {name: -changes[name_figures(name)[-1]] for name in LIFETIMES}
    ones = np.ones(len(places))
    limits = _find_limits(sums, {name: (of_session, ones) for name, of_session in less.items()}, "positive")
    totals = np.array([np.bincount(places, less[name], groups) for name in POLICIES])
    low, high = (
        np.array([getattr(limits[name], side) * of_group[SESSIONS] for name in POLICIES]) for side in ("low", "high")
    )
    tests = int(np.isfinite(low).sum())
    factor = max(1.0, NormalDist().inv_cdf(1 - (1 - LEVEL) / max(tests, 1)) / Z)
    is_chosen = of_group[PREMIUM] > 0
    usable = np.array([is_chosen, *[is_known & (is_chosen | (of_group[USES] == 0))] * len(LIFETIMES)])
    worth = usable & (totals > 0) & (totals >= LEAST_SHARE * of_group[COST])
    sure = worth & (totals - factor * (totals - low) > 0)
    largest = np.array([limits[name].reasons for name in POLICIES])[
        np.where(worth, totals, -np.inf).argmax(axis=0), np.arange(groups)
    ]
    rated = np.where(sure, totals, -np.inf)
    best, any_sure = rated.argmax(axis=0), sure.any(axis=0)
    at = best, np.arange(groups)
    reasons = np.select(
        [any_sure, (worth & np.isnan(low)).any(axis=0), ~is_known, of_group[USES] == 0, ~is_chosen],
        ["", largest, NO_CACHE_PRICE, NOT_USED, NO_CHOICE],
        NOT_SURE,
    )
    shown = {"difference": totals, "difference_low": low, "difference_high": high}
    return {
        "best": pd.Series(np.array(POLICIES, dtype=object)[best]).where(any_sure),
        **{name: np.where(any_sure, values[at], np.nan) for name, values in shown.items()},
        "reason": pd.Series(reasons).where(~any_sure),
    }
