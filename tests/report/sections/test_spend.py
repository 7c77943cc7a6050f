"""The section on spend: its answer and its table, worked out by hand."""

import pandas as pd

from genanalytics.records.frame import parse_frame
from genanalytics.report.blocks import Chart, Table
from genanalytics.report.given import make_given
from genanalytics.report.sections.spend import make_spend
from support.generations import frame_of
from support.pages import find_block, make_section, read_rows


def by_day(month: int, **costs: list[float]) -> pd.DataFrame:
    """Return a request a day and model, with its cost."""
    return frame_of(
        *(
            {"created_at": f"2026-{month:02}-{day:02}T12:00:00Z", "model": model, "total_cost": cost}
            for model, of_days in costs.items()
            for day, cost in enumerate(of_days, 1)
        )
    )


def test_the_answer_has_cost_change_and_largest_model() -> None:
    section = make_section(make_spend, by_day(9, a=[6.0, 3.0], b=[2.0, 1.0]), previous=by_day(8, a=[8.0, 4.0], c=[4.0]))
    expected = "$12.00 in 2 days, 25.0 % less than 1–2 Aug 2026; 75.0 % of it is a."
    assert section.answer == expected
    table = find_block(section, "cost-by-model", Table)
    assert [column.label for column in table.columns][:6] == [
        "model",
        "trend",
        "cost",
        "change",
        "requests",
        "share of cost",
    ]
    assert [row[2:6] for row in read_rows(table)] == [
        ["$9.000", "−25.0 %", "2", "75.0 %"],
        ["$3.000", "new", "2", "25.0 %"],
    ]
    first, second = table.rows
    assert (first[2].bar, second[2].bar) == (1.0, 1 / 3)
    assert [(row[1].trend[0], row[1].trend[-1]) for row in (first, second)] == [(6.0, 3.0), (2.0, 1.0)]  # by hour
    chart = find_block(section, "cost-over-time", Chart)
    assert any(entry.label == "2026-08-01 to 2026-08-02" for entry in chart.entries)
    assert [block.name for block in section.blocks if isinstance(block, Chart)] == [
        "cost-over-time",
        "cost-bridge",
        "cumulative-cost",
        "items-over-time",
    ]
    bridge = find_block(section, "cost-bridge", Chart)
    assert any("$4.00 less than before" in detail for detail in bridge.details)
    assert not any("generation" in detail for detail in bridge.details)  # as at the head of the page


def test_many_models_are_summed_and_folded() -> None:
    section = make_section(make_spend, by_day(9, **{f"m{place:02}": [float(place)] for place in range(1, 14)}))
    table, every = (find_block(section, name, Table) for name in ("cost-by-model", "cost-by-model-all"))
    rows = read_rows(table)
    assert len(rows) == 11
    assert rows[-1][:4] == ["3 others", "$6.00", "3", "6.6 %"]  # 3 + 2 + 1 of 91
    assert (table.rows[0][1].bar, table.rows[-1][1].bar) == (1.0, None)
    assert len(every.rows) == 13
    assert every.folded == "All 13 models"


def test_periods_of_other_lengths_are_compared_per_day_too() -> None:
    section = make_section(make_spend, by_day(9, a=[2.0, 2.0, 2.0, 2.0]), previous=by_day(8, a=[4.0, 2.0]))
    assert section.answer == "$8.000 in 4 days, 33.3 % more than 1–2 Aug 2026 (−33.3 % per day)."


def test_nothing_is_no_section() -> None:
    assert make_spend(make_given(parse_frame([]))) is None
