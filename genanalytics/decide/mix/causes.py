"""The causes of a change of cost as few named amounts, and its size in words."""

from collections.abc import Mapping
from typing import NamedTuple

from genanalytics.decide.mix.cells import EFFECTS
from genanalytics.units import Unit, format_change, format_value, money_decimals

REST = "other causes"
"""The name of all small effects together."""
_NAMED = 0.01
"""A cause with a smaller share of all effects than this is not named."""


class Cause(NamedTuple):
    """A cause of a change, and its amount in US$; `parts` are the names of the small effects that it consists of."""

    name: str
    amount: float
    parts: tuple[str, ...] = ()


def list_causes(total: Mapping[str, float | None]) -> list[Cause]:
    """Return the effects on a cost, the largest first, and the small ones together as the last; none is 0.

    Args:
        total: The effects in US$, by the columns of `cost_change`.

    >>> list_causes({"by_mix": -2.0, "by_price": 7.0, "by_other": 0.01})
    [Cause(name='price', amount=7.0, parts=()), Cause(name='mix', amount=-2.0, parts=()), \
Cause(name='other causes', amount=0.01, parts=('other charges',))]
    """
    effects = {label.removeprefix("by "): total.get(name) or 0.0 for name, label in EFFECTS.items()}
    sizes = sorted(effects.items(), key=lambda item: -abs(item[1]))
    least = _NAMED * sum(abs(effect) for _, effect in sizes)
    named = [Cause(name, effect) for name, effect in sizes if abs(effect) >= least and effect]
    small = {name: effect for name, effect in sizes if abs(effect) < least and effect}
    return [*named, *([Cause(REST, sum(small.values()), tuple(small))] if small else [])]


def describe_difference(was: float, now: float, before: str) -> str:
    """Return the difference of two costs in words.

    >>> describe_difference(50.0, 40.0, "August 2026")
    '$10.00 less than August 2026 (−20.0 %)'
    """
    decimals = money_decimals([was, now])
    change = now - was
    if not round(change, decimals):
        return f"as much as {before}"
    size = format_value(abs(change), Unit.USD, decimals=decimals)
    share = f" ({format_change(change / was, Unit.SHARE)})" if was > 0 else ""
    return f"{size} {'more' if change > 0 else 'less'} than {before}{share}"
