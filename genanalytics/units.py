"""Units, and how a value of each is written for people.

Data stays in base units everywhere (US dollars, milliseconds, shares from 0 to 1); only what a person reads is scaled.
"""

import math
from collections.abc import Iterable
from enum import StrEnum

NOTHING = "–"
"""How a gap is written: nothing known is not zero."""

_MINUS = "−"


class Unit(StrEnum):
    """The unit of a column or of a statistic; the value is its symbol."""

    USD = "US$"
    USD_PER_MTOK = "US$/M tokens"
    MS = "ms"
    TOKENS = "tokens"
    TOKENS_PER_S = "tokens/s"
    SHARE = "share"
    RATIO = "ratio"
    COUNT = "count"
    TIME = "UTC"
    NONE = ""


def write(value: float | None, unit: Unit, *, decimals: int | None = None) -> str:
    """Return `value` as a person reads it, unit included; a gap is an en dash.

    Args:
        value: A number in the base unit; None and NaN are gaps.
        unit: The unit of the value.
        decimals: For money, the number of decimals; without it as many as the value itself calls for.

    >>> write(0.000153, Unit.USD), write(1234.5, Unit.USD), write(-0.0123, Unit.USD)
    ('$0.000153', '$1,234.50', '−$0.01230')
    >>> write(0.0004, Unit.USD, decimals=2)
    '<$0.01'
    >>> write(512, Unit.MS), write(4068, Unit.MS), write(100_000, Unit.MS), write(7_200_000, Unit.MS)
    ('512 ms', '4.07 s', '1.67 min', '2.00 h')
    >>> write(0.1234, Unit.SHARE), write(1_234_567, Unit.TOKENS), write(42, Unit.COUNT), write(None, Unit.USD)
    ('12.3 %', '1.23 M tokens', '42', '–')
    """
    if value is None or math.isnan(value):
        return NOTHING
    sign = _MINUS if value < 0 else ""
    return sign + _size(abs(value), unit, decimals)


def money_decimals(values: Iterable[float | None]) -> int:
    """Return the one number of decimals for a set of amounts: four figures of the largest, from cents to micro-dollars.

    >>> money_decimals([31.5, 0.02]), money_decimals([0.004, None]), money_decimals([5_000.0])
    (2, 6, 2)
    """
    largest = max((abs(value) for value in values if value is not None and math.isfinite(value)), default=0.0)
    if largest == 0:
        return 2
    return min(6, max(2, 3 - math.floor(math.log10(largest))))


_SUFFIX = {
    Unit.USD_PER_MTOK: "/M tokens",
    Unit.SHARE: " %",
    Unit.TOKENS: " tokens",
    Unit.TOKENS_PER_S: " tokens/s",
}


def _size(size: float, unit: Unit, decimals: int | None) -> str:
    match unit:
        case Unit.USD | Unit.USD_PER_MTOK:
            places = money_decimals([size]) if decimals is None else decimals
            text = f"${size:,.{places}f}" if size == 0 or size >= 0.5 * 10**-places else f"<${10**-places:.{places}f}"
        case Unit.MS:
            text = _duration(size)
        case Unit.SHARE:
            text = f"{100 * size:.1f}"
        case Unit.TOKENS_PER_S:
            text = f"{size:,.1f}"
        case Unit.RATIO:
            text = f"{size:,.2f}"
        case _:
            text = _count(size)
    return text + _SUFFIX.get(unit, "")


def _duration(ms: float) -> str:
    for scale, symbol in ((3_600_000, "h"), (60_000, "min"), (1_000, "s")):
        if ms >= scale:
            return f"{_three_figures(ms / scale)} {symbol}"
    return f"{ms:.0f} ms"


def _count(size: float) -> str:
    for scale, symbol in ((1e9, " G"), (1e6, " M")):
        if size >= scale:
            return f"{_three_figures(size / scale)}{symbol}"
    return f"{size:,.10g}"


def _three_figures(size: float) -> str:
    return f"{size:.{max(0, 2 - math.floor(math.log10(size)))}f}"
