"""Which regime a price regime is compared with, and what its tokens cost above it.

A regime costs more than another one if its own tokens would have cost less at the prices of the other.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

import pandas as pd

from genanalytics.bill.amounts import MICRO_PER_USD, NANO_PER_MICRO
from genanalytics.bill.book import PRICES
from genanalytics.bill.relations import is_separated

Tokens = tuple[int, ...]
"""Tokens and requests of rows in the order of `PRICES`: input, cache reads, cache writes, output, requests."""

CHANGEOVER = 0.05
"""Regimes that share at most this part of the shorter period follow each other: clocks differ at a change of prices."""
LONG_PROMPT = 30_000
"""No known price goes by a shorter length of the prompt."""
CHANGE, SURCHARGE = "change", "surcharge"
"""The kinds of differences that the caller did not choose: from a moment on, and at the same time."""
TIER = "tier"
"""The kind of a difference that the caller chose."""
_OWN = ("workspace_id", "app_id")
"""Columns whose values are the caller's own choice."""
_HOUR = pd.Timedelta(hours=1)


@dataclass(frozen=True)
class Level:
    """A regime with known prices, and what its rows used.

    Attributes:
        regime: Its number within the group.
        row: Its prices, and the ends of its columns, as `describe_relation` reads them.
        tier: What the caller chose: a service tier, a batch, an own key; empty for none.
        hours: What its rows of each hour used; the hour is None where it is unknown.
    """

    regime: int
    row: Mapping[str, Any]
    tier: str
    hours: Mapping[pd.Timestamp | None, Tokens] = field(default_factory=dict)

    @cached_property
    def used(self) -> Tokens:
        """What all of its rows used."""
        return tuple(map(sum, zip(*self.hours.values(), strict=True)))

    @cached_property
    def prompts(self) -> tuple[float, float]:
        """The shortest and the longest prompt; NaN if they are unknown."""
        low, high = self.row["mark prompt min"], self.row["mark prompt max"]
        return (math.nan, math.nan) if pd.isna(low) or pd.isna(high) else (low, high)

    @cached_property
    def period(self) -> tuple[pd.Timestamp, pd.Timestamp] | None:
        """The moments of its first and its last row; None if they are unknown."""
        first, last = self.row["moment min"], self.row["moment max"]
        return None if pd.isna(first) or pd.isna(last) else (first, last)

    @property
    def has_token_prices(self) -> bool:
        """Whether tokens cost anything. A price per request alone can be that of several images, or of larger ones."""
        return any(self.row[name] > 0 for name in PRICES[:-1])

    def covers(self, hour: pd.Timestamp | None) -> bool:
        """Return whether an hour is in its period."""
        if self.period is None or hour is None:
            return True
        return self._first_hour <= hour <= self.period[1]

    @cached_property
    def _first_hour(self) -> pd.Timestamp:
        first: pd.Timestamp = self.row["moment min"]
        return first.floor("h")

    @cached_property
    def exact_prices(self) -> list[Decimal | None]:
        """The prices in the order of `PRICES`, as they are written; None where one is unknown."""
        return [Decimal(repr(float(self.row[name]))) if pd.notna(self.row[name]) else None for name in PRICES]

    def is_parallel(self, other: "Level") -> bool:
        """Return whether the periods of both overlap by more than a change of prices explains."""
        if self.period is None or other.period is None:
            return True
        common = min(self.period[1], other.period[1]) - max(self.period[0], other.period[0])
        shorter = min(self.period[1] - self.period[0], other.period[1] - other.period[0])
        return bool(common >= max(CHANGEOVER * shorter, pd.Timedelta(0)))

    def find_extra(self, base: "Level", used: Tokens) -> int:
        """Return the nano-dollars by which tokens cost more than at the prices of `base`.

        An item whose price is unknown in either regime counts as 0.
        """
        micro_dollars = Decimal(0)
        for name, amount, own, other in zip(PRICES, used, self.exact_prices, base.exact_prices, strict=True):
            if amount and own is not None and other is not None:
                scale = int(MICRO_PER_USD) if name == "request_price" else 1  # the others are per million tokens
                micro_dollars += amount * scale * (own - other)
        return round(micro_dollars * int(NANO_PER_MICRO))

    def lacks_price(self, base: "Level") -> bool:
        """Return whether it used an item whose price is unknown in `base` alone."""
        return any(
            amount and pd.notna(self.row[name]) and pd.isna(base.row[name])
            for name, amount in zip(PRICES, self.used, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Change:
    """What a regime cost above another one.

    Attributes:
        level: The regime.
        base: The regime that it is compared with, for most of its requests.
        kind: `surcharge`, `change` or `tier`.
        extra: Nano-dollars.
    """

    level: Level
    base: Level
    kind: str
    extra: int


def find_changes(levels: Sequence[Level]) -> list[Change]:
    """Return what the regimes of a group cost above the lowest regime of the same time, else above the one before."""
    plain = _choose_plain(levels)
    found = []
    for level in levels:
        others = [other for other in plain if other is not level]
        is_tier = level not in plain
        lower = [other for other in others if level.is_parallel(other) and (is_tier or _is_lower(other, level))]
        change = _compare_at_each_hour(level, lower, is_tier=is_tier) if lower else _compare_with_past(level, others)
        if change is not None and change.extra:
            found.append(change)
    return found


def _choose_plain(levels: Sequence[Level]) -> list[Level]:
    """Return the regimes without a tier; if all have one, those with the tier of the first one."""
    tiers = [level.tier for level in levels]
    chosen = "" if "" in tiers else tiers[0]
    return [level for level in levels if level.tier == chosen]


def _is_lower(other: Level, level: Level) -> bool:
    return level.find_extra(other, level.used) > 0


def _compare_at_each_hour(level: Level, lower: Sequence[Level], *, is_tier: bool) -> Change:
    """Return a comparison with the lowest regime of each hour, or with the nearest one where none is there."""
    extra, outside = 0, 0
    requests: dict[int, int] = {}
    for hour, used in level.hours.items():
        covering = [other for other in lower if other.covers(hour)]
        base = _choose_lowest(level, covering or _find_nearest(lower, hour))
        extra += level.find_extra(base, used)
        outside += 0 if covering else used[-1]
        requests[base.regime] = requests.get(base.regime, 0) + used[-1]
    main = max(lower, key=lambda other: requests.get(other.regime, 0))
    kind = CHANGE if 2 * outside > level.used[-1] else SURCHARGE
    if is_tier or _is_longer(level, main) or _is_chosen(level, main):
        kind = TIER
    return Change(level, main, kind, extra)


def _compare_with_past(level: Level, others: Sequence[Level]) -> Change | None:
    """Return a comparison with the lowest of the regimes that came before; None without one."""
    first = level.row["moment min"]
    past = [other for other in others if not level.is_parallel(other) and other.row["moment min"] < first]
    if not past:
        return None
    last = max(past, key=lambda other: other.row["moment max"])
    base = _choose_lowest(level, [other for other in past if other.is_parallel(last)])
    kind = TIER if level.tier != base.tier or not level.has_token_prices else "change"
    return Change(level, base, kind, level.find_extra(base, level.used))


def _choose_lowest(level: Level, others: Sequence[Level]) -> Level:
    """Return the regime at which the tokens would cost least, among those with prompts of the same length if any."""
    alike = [other for other in others if other.prompts[0] <= level.prompts[1] and level.prompts[0] <= other.prompts[1]]
    return max(alike or others, key=lambda other: level.find_extra(other, level.used))


def _find_nearest(levels: Iterable[Level], hour: pd.Timestamp | None) -> list[Level]:
    """Return the regimes whose period is nearest to an hour that none covers."""

    def measure(level: Level) -> pd.Timedelta:
        if level.period is None or hour is None:
            return pd.Timedelta(0)
        return max(level.period[0] - hour - _HOUR, hour - level.period[1], pd.Timedelta(0))

    distances = [(measure(level), level) for level in levels]
    nearest = min(distance for distance, _ in distances)
    return [level for distance, level in distances if distance == nearest]


def _is_chosen(level: Level, base: Level) -> bool:
    """Return whether the caller chose the difference: images, longer writes to the cache, the workspace or the app."""
    if not level.has_token_prices:
        return True
    others = [name for name in PRICES if name != "cache_write_price"]
    if all(level.row[name] == base.row[name] or pd.isna(level.row[name]) or pd.isna(base.row[name]) for name in others):
        return True
    return is_separated(level.row, base.row, _OWN)


def _is_longer(level: Level, base: Level) -> bool:
    """Return whether the length of the prompt separates a regime from a lower one."""
    return level.prompts[0] > base.prompts[1] and level.prompts[0] >= LONG_PROMPT
