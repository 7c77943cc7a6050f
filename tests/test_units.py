"""Values as people read them: never a figure that rounds into the next unit, never a zero with a minus."""

import math
import re

import pytest
from hypothesis import example, given, strategies as st

from genanalytics.units import GAP, Unit, format_count, format_value, money_decimals

FINITE = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15)


def test_a_unit_is_its_symbol() -> None:
    symbols = [
        "US$",
        "US$/M tokens",
        "ms",
        "tokens",
        "tokens/s",
        "share",
        "percentage points",
        "ratio",
        "count",
        "UTC",
        "",
    ]
    assert [str(unit) for unit in Unit] == symbols


@pytest.mark.parametrize("unit", Unit)
@pytest.mark.parametrize("gap", [None, math.nan])
def test_a_gap_is_a_dash_in_every_unit(gap: float | None, unit: Unit) -> None:
    assert format_value(gap, unit) == GAP == "–"


@pytest.mark.parametrize(
    ("ms", "written"),
    [
        (0, "0 ms"),
        (0.04, "0 ms"),
        (0.4, "0.4 ms"),
        (7.59, "7.6 ms"),
        (9.96, "10 ms"),
        (12.6, "13 ms"),
        (999, "999 ms"),
        (999.4, "999 ms"),
        (999.5, "1.00 s"),
        (1_000, "1.00 s"),
        (9_994, "9.99 s"),
        (9_999, "10.0 s"),
        (59_940, "59.9 s"),
        (59_990, "1.00 min"),
        (60_000, "1.00 min"),
        (3_594_000, "59.9 min"),
        (3_599_999, "1.00 h"),
        (3_600_000, "1.00 h"),
        (360_000_000, "100 h"),
        (4_444_444_444, "1235 h"),
        (-1_643, "−1.64 s"),
        (-0.3, "−0.3 ms"),
    ],
)
def test_a_duration_is_written_with_three_figures_in_the_unit_that_it_fills(ms: float, written: str) -> None:
    assert format_value(ms, Unit.MS) == written


@pytest.mark.parametrize(
    ("usd", "written"),
    [
        (0, "$0.00"),
        (-0.0, "$0.00"),
        (0.0001402, "$0.000140"),
        (0.00003452, "$0.000035"),
        (0.0000005, "<$0.000001"),
        (0.0000006, "$0.000001"),
        (1e-12, "<$0.000001"),
        (-1e-12, "−<$0.000001"),
        (0.04, "$0.04000"),
        (0.99999, "$1.000"),
        (9.9999, "$10.00"),
        (31.5, "$31.50"),
        (999.999, "$1,000.00"),
        (1_234_567.891, "$1,234,567.89"),
        (-2.5, "−$2.500"),
    ],
)
def test_money_has_as_many_decimals_as_it_calls_for(usd: float, written: str) -> None:
    assert format_value(usd, Unit.USD) == written


@pytest.mark.parametrize(
    ("usd", "decimals", "written"),
    [
        (0.004, 2, "<$0.01"),
        (0.006, 2, "$0.01"),
        (-0.004, 2, "−<$0.01"),
        (0, 6, "$0.000000"),
        (0.5, 0, "<$1"),
        (0.51, 0, "$1"),
        (1_234.5, 4, "$1,234.5000"),
    ],
)
def test_money_can_be_written_with_a_given_number_of_decimals(usd: float, decimals: int, written: str) -> None:
    assert format_value(usd, Unit.USD, decimals=decimals) == written


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        (0.2, Unit.USD_PER_MTOK, "$0.20/M tokens"),
        (0.0198, Unit.USD_PER_MTOK, "$0.0198/M tokens"),
        (1.32, Unit.USD_PER_MTOK, "$1.32/M tokens"),
        (0.1234567, Unit.USD_PER_MTOK, "$0.1234567/M tokens"),
        (15, Unit.USD_PER_MTOK, "$15.00/M tokens"),
        (0.3 / 7, Unit.USD_PER_MTOK, "$0.04286/M tokens"),
        (math.inf, Unit.USD_PER_MTOK, "$inf/M tokens"),
        (0, Unit.SHARE, "0.0 %"),
        (0.99949, Unit.SHARE, "99.9 %"),
        (1, Unit.SHARE, "100.0 %"),
        (-0.0004, Unit.SHARE, "0.0 %"),
        (-0.25, Unit.SHARE, "−25.0 %"),
        (-0.25, Unit.POINTS, "−25.0 points"),
        (1_234.56, Unit.TOKENS_PER_S, "1,234.6 tokens/s"),
        (-0.01, Unit.TOKENS_PER_S, "0.0 tokens/s"),
        (12.345, Unit.RATIO, "12.35"),
        (-0.004, Unit.RATIO, "0.00"),
        (0, Unit.COUNT, "0"),
        (12.5, Unit.COUNT, "12.5"),
        (-7, Unit.COUNT, "−7"),
        (999_999, Unit.COUNT, "999,999"),
        (1_000_000, Unit.COUNT, "1.00 M"),
        (999_400_000, Unit.COUNT, "999 M"),
        (999_999_999, Unit.COUNT, "1.00 G"),
        (164_514, Unit.TOKENS, "164,514 tokens"),
        (2_345_678_901, Unit.TOKENS, "2.35 G tokens"),
        (3, Unit.NONE, "3"),
    ],
)
def test_a_value_is_written_with_its_unit(value: float, unit: Unit, written: str) -> None:
    assert format_value(value, unit) == written


@given(FINITE, st.sampled_from(list(Unit)))
@example(-1e-9, Unit.USD)
def test_a_minus_stands_before_what_is_less_than_zero_even_as_written(value: float, unit: Unit) -> None:
    text = format_value(value, unit)
    assert text.lstrip("−") == format_value(abs(value), unit)
    assert text.startswith("−") == (value < 0 and re.search("[1-9]", text) is not None)


@given(st.floats(min_value=0, max_value=3.5e6))
def test_no_duration_below_an_hour_reads_like_the_next_unit(ms: float) -> None:
    figure, symbol = format_value(ms, Unit.MS).split()
    assert float(figure) < {"ms": 1_000, "s": 60, "min": 60}[symbol]
    assert float(figure) * {"ms": 1, "s": 1_000, "min": 60_000}[symbol] == pytest.approx(ms, rel=0.006, abs=0.51)


@pytest.mark.parametrize(
    ("amounts", "decimals"),
    [
        ([], 2),
        ([None, math.nan], 2),
        ([0.0, -0.0], 2),
        ([5_000.0, 0.02], 2),
        ([31.5, 0.02], 2),
        ([9.99], 3),
        ([9.9996], 2),
        ([-0.5, 0.004], 4),
        ([0.004, None], 6),
        ([1e-9], 6),
        ([math.inf, 0.5], 4),
    ],
)
def test_a_set_of_amounts_shares_four_figures_of_the_largest(amounts: list[float | None], decimals: int) -> None:
    assert money_decimals(amounts) == decimals


@given(st.lists(st.none() | FINITE))
def test_neither_order_nor_sign_nor_gaps_change_the_decimals(amounts: list[float | None]) -> None:
    others = [None, *(None if amount is None else -amount for amount in reversed(amounts))]
    assert money_decimals(others) == money_decimals(amounts)
    assert 2 <= money_decimals(amounts) <= 6


@pytest.mark.parametrize(
    ("number", "written"), [(0, "0 ids"), (1, "1 id"), (2, "2 ids"), (1_000, "1,000 ids"), (1_000_001, "1,000,001 ids")]
)
def test_a_number_of_things_agrees_with_its_noun(number: int, written: str) -> None:
    assert format_count(number, "id") == written
