from typing import Any

import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from genanalytics.decide.losses.waste import waste
from genanalytics.plots import unused_cost
from genanalytics.plots.content import find_content
from genanalytics.plots.style import HATCH
from support.artists import bars, detail, segments, texts, tick_texts
from support.generations import frame_of


@pytest.fixture
def axes() -> Axes:
    return Figure(figsize=(9, 5)).subplots()


ENDED = frame_of(
    {"total_cost": 1.0, "cancelled": True, "finish_reason": None},
    {"total_cost": 2.0, "finish_reason": "error"},
    {"total_cost": 5.0, "finish_reason": "length"},
    {"total_cost": 12.0},
)


def with_repeats(ledger: pd.DataFrame, **cells: Any) -> pd.DataFrame:  # noqa: ANN401 - of any column
    """Return a ledger with other cells in the row of near-duplicates."""
    changed = ledger.copy()
    for name, cell in cells.items():
        changed[name] = changed[name].mask(changed["class"] == "near-duplicate", cell)
    changed.attrs = ledger.attrs
    return changed


def test_bars_are_classes_of_waste_certain_ones_first(axes: Axes) -> None:
    unused_cost(ENDED, ax=axes)
    assert tick_texts(axes, "y") == ["error", "cancelled", "truncated"]
    assert [bar.get_width() for bar in bars(axes)] == [2.0, 1.0, 5.0]
    assert [bar.get_hatch() for bar in bars(axes)] == [None, None, HATCH]


def test_upper_bounds_and_shares_of_the_bill_are_written(axes: Axes) -> None:
    unused_cost(ENDED, ax=axes)
    written = texts(axes)
    assert [text for text in written if "$" in text] == ["$2.00", "$1.00", "≤ $5.00"]
    assert [text for text in written if text.endswith(" %")] == ["10.0 %", "5.0 %", "25.0 %"]
    assert "not used: $3.000 (15.0 % of the bill), and up to $5.000 more" in detail(axes)
    assert "not judged: near-duplicate, cache write never read, cache flip, surcharge" in detail(axes)


def test_unknown_costs_make_certain_waste_a_lower_bound(axes: Axes) -> None:
    unused_cost(pd.concat([ENDED, frame_of({"total_cost": None, "finish_reason": "error"})]), ax=axes)
    assert [text for text in texts(axes) if "$" in text] == ["≥ $2.00", "≥ $1.00", "≤ $5.00"]
    assert "not used: ≥ $3.000" in detail(axes)


def test_suspected_duplicates_have_their_interval(axes: Axes) -> None:
    ledger = with_repeats(waste(ENDED), requests=3, cost=1.5, cost_low=0.5, cost_high=2.5, share=0.075, gap=None)
    unused_cost(ENDED, ledger=ledger, ax=axes)
    assert tick_texts(axes, "y") == ["error", "cancelled", "truncated", "near-duplicate"]
    (intervals,) = segments(axes)
    assert intervals[3].tolist() == [[0.5, 3.0], [2.5, 3.0]]
    content = find_content(axes)
    assert {label for _, label in content.series} == {"not used", "at most", "suspected"}
    *others, last = content.values  # noqa: PD011 - a list
    assert [value.series for value in others] == ["not used", "not used", "at most"]
    assert last.text == "near-duplicate: $1.50, 7.5 % of the bill\n3 requests"
    assert last.series == "suspected"


def test_time_of_fallbacks_costs_no_money(axes: Axes) -> None:
    tried = [{"status": 429, "latency": 1_500}, {"status": 200, "latency": 400}]
    unused_cost(frame_of({"provider_responses": tried}, {"finish_reason": "error"}), ax=axes)
    assert "fallbacks took 1.50 s and no money" in detail(axes)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (frame_of({}), "nothing was paid in the 5 classes of waste that can be judged"),
        (frame_of(), "there is no request"),
    ],
)
def test_without_waste_the_chart_is_a_sentence(axes: Axes, frame: pd.DataFrame, reason: str) -> None:
    unused_cost(frame, ax=axes)
    assert " ".join(texts(axes)[-1].split()) == reason
    assert not bars(axes)
