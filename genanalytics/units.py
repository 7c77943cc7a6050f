"""Units, and how a value of each is written for people.

Data stays in base units everywhere (US dollars, milliseconds, shares from 0 to 1); only what a person reads is scaled.
"""

import math
from collections.abc import Iterable
from enum import StrEnum
from numbers import Real

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
    POINTS = "percentage points"
    RATIO = "ratio"
    COUNT = "count"
    TIME = "UTC"
    NONE = ""


def write(value: float | None, unit: Unit, *, decimals: int | None = None) -> str:
    """Return `value` as a person reads it, unit included; a gap is an en dash.

    Args:
        value: A number in the base unit; None, NaN and pandas.NA are gaps.
        unit: The unit of the value.
        decimals: For money, the number of decimals; without it as many as the value itself calls for.

    >>> write(0.000153, Unit.USD), write(1234.5, Unit.USD), write(-0.0123, Unit.USD)
    ('$0.000153', '$1,234.50', '−$0.01230')
    >>> write(0.0004, Unit.USD, decimals=2)
    '<$0.01'
    >>> write(7.59, Unit.MS), write(512, Unit.MS), write(4068, Unit.MS), write(100_000, Unit.MS), write(7.2e6, Unit.MS)
    ('7.6 ms', '512 ms', '4.07 s', '1.67 min', '2.00 h')
    >>> write(0.1234, Unit.SHARE), write(1_234_567, Unit.TOKENS), write(42, Unit.COUNT), write(None, Unit.USD)
    ('12.3 %', '1.23 M tokens', '42', '–')
    """
    if not isinstance(value, Real) or math.isnan(value):
        return NOTHING
    text = _size(abs(value), unit, decimals)
    return _MINUS + text if value < 0 and any(digit in text for digit in "123456789") else text


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "id"), counted(1200, "id")
    ('1 id', '1,200 ids')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def printable(text: str) -> str:
    r"""Return a stranger's text with everything escaped that could move a terminal's cursor.

    >>> printable("gpt\x1b[31m")
    'gpt\\x1b[31m'
    """
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def money_decimals(values: Iterable[float | None]) -> int:
    """Return the one number of decimals for a set of amounts: four figures of the largest, from cents to micro-dollars.

    >>> money_decimals([31.5, 0.02]), money_decimals([0.004, None]), money_decimals([5_000.0])
    (2, 6, 2)
    """
    largest = max((abs(value) for value in values if value is not None and math.isfinite(value)), default=0.0)
    if largest == 0:
        return 2
    return min(6, max(2, 3 - _exponent(largest, 4)))


_SUFFIX = {
    Unit.USD_PER_MTOK: "/M tokens",
    Unit.SHARE: " %",
    Unit.POINTS: " points",
    Unit.TOKENS: " tokens",
    Unit.TOKENS_PER_S: " tokens/s",
}
_FINE_MS = 10
"""Below so many milliseconds, tokens follow each other: there the decimal tells one provider from another."""
_DURATIONS = ((1_000, 60, "s"), (60_000, 60, "min"), (3_600_000, math.inf, "h"))
_COUNTS = ((1e6, 1_000, "M"), (1e9, math.inf, "G"))


def _size(size: float, unit: Unit, decimals: int | None) -> str:
    match unit:
        case Unit.USD | Unit.USD_PER_MTOK:
            places = money_decimals([size]) if decimals is None else decimals
            text = f"${size:,.{places}f}" if round(size, places) or not size else f"<${10**-places:.{places}f}"
        case Unit.MS:
            text = _duration(size)
        case Unit.SHARE | Unit.POINTS:
            text = f"{100 * size:.1f}"
        case Unit.TOKENS_PER_S:
            text = f"{size:,.1f}"
        case Unit.RATIO:
            text = f"{size:,.2f}"
        case _:
            text = _count(size)
    return text + _SUFFIX.get(unit, "")


def _duration(ms: float) -> str:
    if ms < _FINE_MS:
        return f"{round(ms, 1):g} ms"
    return f"{ms:.0f} ms" if round(ms) < _DURATIONS[0][0] else _scaled(ms, _DURATIONS)


def _count(size: float) -> str:
    return f"{size:,.10g}" if size < _COUNTS[0][0] else _scaled(size, _COUNTS)


def _scaled(size: float, steps: Iterable[tuple[float, float, str]]) -> str:
    """Return three figures of `size` at the first step where, as written, they stay below its limit."""
    return next(
        f"{figures} {symbol}"
        for scale, limit, symbol in steps
        if float(figures := _three_figures(size / scale)) < limit
    )


def _three_figures(size: float) -> str:
    return f"{size:.{max(0, 2 - _exponent(size, 3))}f}"


def _exponent(size: float, figures: int) -> int:
    """Return the power of ten of `size` as it is once rounded to that many figures: 1 for 9.999 to three."""
    return int(f"{size:.{figures - 1}e}".partition("e")[2])
