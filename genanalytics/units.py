"""Units, and values as text for people.

Data stays in base units everywhere (US dollars, milliseconds, shares from 0 to 1); only text for people is scaled.
"""

import math
from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from numbers import Real

GAP = "–"
"""The text of a missing value, which is not zero."""

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


def format_value(value: float | None, unit: Unit, *, decimals: int | None = None) -> str:
    """Return a value as text with its unit; a gap is an en dash.

    Args:
        value: A number in the base unit; None, NaN and pandas.NA are gaps.
        unit: The unit of the value.
        decimals: The number of decimals of money; None for as many as the value needs.

    >>> format_value(0.000153, Unit.USD), format_value(1234.5, Unit.USD), format_value(-0.0123, Unit.USD)
    ('$0.000153', '$1,234.50', '−$0.01230')
    >>> format_value(0.0004, Unit.USD, decimals=2)
    '<$0.01'
    >>> [format_value(price, Unit.USD_PER_MTOK) for price in (0.2, 0.0198, 1.23456789)]
    ['$0.20/M tokens', '$0.0198/M tokens', '$1.235/M tokens']
    >>> [format_value(ms, Unit.MS) for ms in (7.59, 512, 4068, 100_000, 7.2e6)]
    ['7.6 ms', '512 ms', '4.07 s', '1.67 min', '2.00 h']
    >>> format_value(0.1234, Unit.SHARE), format_value(1_234_567, Unit.TOKENS), format_value(None, Unit.USD)
    ('12.3 %', '1.23 M tokens', '–')
    """
    if not isinstance(value, Real) or math.isnan(value):
        return GAP
    text = _format_size(abs(value), unit, decimals)
    return _MINUS + text if value < 0 and any(digit in text for digit in "123456789") else text


def format_change(change: float | None, unit: Unit, *, decimals: int | None = None) -> str:
    """Return a change as text, with its sign; arguments are those of `format_value`.

    >>> format_change(0.25, Unit.USD), format_change(-0.1, Unit.SHARE), format_change(0.0, Unit.COUNT)
    ('+$0.2500', '−10.0 %', '0')
    """
    text = format_value(change, unit, decimals=decimals)
    return f"+{text}" if text != GAP and change is not None and change > 0 else text


def find_unit_of_difference(unit: Unit) -> Unit:
    """Return the unit of a difference of two values: that of two shares is in percentage points."""
    return Unit.POINTS if unit is Unit.SHARE else unit


def mark_lower_bound(text: str) -> str:
    """Return the text of a total that may be larger, with its sign; a gap stays a gap.

    >>> mark_lower_bound("$7.00"), mark_lower_bound("<$0.01"), mark_lower_bound("–")
    ('≥ $7.00', '> $0', '–')
    """
    if text.startswith("<"):  # a positive amount, too small for its decimals
        return "> $0"
    return text if text == GAP else f"≥ {text}"


def add_shown_shares(shares: Iterable[float]) -> float:
    """Return the sum of shares as `format_value` shows them: each rounded to a tenth of a percent.

    >>> add_shown_shares([1 / 3, 1 / 3, 1 / 3]), add_shown_shares([0.5, 0.5])
    (0.999, 1.0)
    """
    return sum(round(10 * float(f"{100 * share:.1f}")) for share in shares) / 1000


def format_count(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> format_count(1, "id"), format_count(1200, "id")
    ('1 id', '1,200 ids')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def money_decimals(values: Iterable[float | None]) -> int:
    """Return a common number of decimals for amounts: four figures of the largest, from cents to micro-dollars.

    >>> money_decimals([31.5, 0.02]), money_decimals([0.004, None]), money_decimals([5_000.0])
    (2, 6, 2)
    """
    largest = max((abs(value) for value in values if value is not None and math.isfinite(value)), default=0.0)
    if largest == 0:
        return 2
    return min(6, max(2, 3 - _find_exponent(largest, 4)))


PER_MTOK = "/M tokens"
"""The text after a price per million tokens."""

_SUFFIX = {
    Unit.USD_PER_MTOK: PER_MTOK,
    Unit.SHARE: " %",
    Unit.POINTS: " points",
    Unit.TOKENS: " tokens",
    Unit.TOKENS_PER_S: " tokens/s",
}
_FINE_MS = 10
"""Below this, durations have a decimal: inter-token latencies of providers differ by less than a millisecond."""
_DURATIONS = ((1_000, 60, "s"), (60_000, 60, "min"), (3_600_000, math.inf, "h"))
_COUNTS = ((1e6, 1_000, "M"), (1e9, math.inf, "G"))
_FIGURES_OF_PRICES, _FIGURES_OF_RATIOS = 7, 12
"""A unit price has few figures; a ratio of sums has all that a number can have."""


def _format_size(size: float, unit: Unit, decimals: int | None) -> str:
    match unit:
        case Unit.USD | Unit.USD_PER_MTOK:
            fewest = _count_price_decimals(size) if unit is Unit.USD_PER_MTOK else money_decimals([size])
            places = fewest if decimals is None else decimals
            text = f"${size:,.{places}f}" if round(size, places) or not size else f"<${10**-places:.{places}f}"
        case Unit.MS:
            text = _format_duration(size)
        case Unit.SHARE | Unit.POINTS:
            text = f"{100 * size:.1f}"
        case Unit.TOKENS_PER_S:
            text = f"{size:,.1f}"
        case Unit.RATIO:
            text = f"{size:,.2f}"
        case _:
            text = _format_count(size)
    return text + _SUFFIX.get(unit, "")


def _count_price_decimals(price: float) -> int:
    """Return the number of decimals that show a unit price as it is, at least 2; those of money for any other ratio."""
    short = f"{price:.{_FIGURES_OF_PRICES}g}"
    if not math.isfinite(price) or float(short) != float(f"{price:.{_FIGURES_OF_RATIOS}g}"):
        return money_decimals([price])
    return max(2, -int(Decimal(short).normalize().as_tuple().exponent))


def _format_duration(ms: float) -> str:
    if ms < _FINE_MS:
        return f"{round(ms, 1):g} ms"
    return f"{ms:.0f} ms" if round(ms) < _DURATIONS[0][0] else _scale(ms, _DURATIONS)


def _format_count(size: float) -> str:
    return f"{size:,.10g}" if size < _COUNTS[0][0] else _scale(size, _COUNTS)


def _scale(size: float, steps: Iterable[tuple[float, float, str]]) -> str:
    """Return three figures of `size` in the first step whose limit they do not reach after rounding."""
    return next(
        f"{figures} {symbol}"
        for scale, limit, symbol in steps
        if float(figures := _format_figures(size / scale)) < limit
    )


def _format_figures(size: float) -> str:
    return f"{size:.{max(0, 2 - _find_exponent(size, 3))}f}"


def _find_exponent(size: float, figures: int) -> int:
    """Return the power of ten of `size` after rounding to that many figures: 1 for 9.999 to three figures."""
    return int(f"{size:.{figures - 1}e}".partition("e")[2])
