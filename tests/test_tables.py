import pandas as pd
import pytest

from genanalytics.frame import from_rows
from genanalytics.metrics import EFFECTIVE_COST, REQUESTS, summarize
from genanalytics.tables import as_text, overview
from genanalytics.units import printable


def summary_of(*rows: tuple[str | None, int, float | None]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "model": pd.Series([name for name, _, _ in rows], dtype="str"),
            "requests": [requests for _, requests, _ in rows],
            "effective_cost": pd.Series([cost for *_, cost in rows], dtype="Float64"),
        }
    )


STATISTICS = (REQUESTS, EFFECTIVE_COST)


def test_numbers_stand_to_the_right_with_their_units_and_one_precision() -> None:
    text = as_text(summary_of(("a", 1200, 31.5), ("b", 1, 0.0212), (None, 3, None)), ["model"], STATISTICS)
    assert text.splitlines() == [
        "model  requests    cost",
        "a         1,200  $31.50",
        "b             1   $0.02",
        "–             3       –",
    ]


def test_an_amount_too_small_for_the_precision_is_not_shown_as_nothing() -> None:
    text = as_text(summary_of(("a", 1, 31.5), ("b", 1, 0.0001), ("c", 1, 0.0)), ["model"], STATISTICS)
    assert [line.split()[-1] for line in text.splitlines()[1:]] == ["$31.50", "<$0.01", "$0.00"]


def test_the_total_is_the_last_row() -> None:
    total = summary_of((None, 3, 4.5))
    text = as_text(summary_of(("a", 1, 1.5), ("b", 2, 3.0)), ["model"], STATISTICS, total=total)
    assert text.splitlines()[-1].split() == ["total", "3", "$4.500"]


def test_long_names_are_cut_in_the_middle_and_lines_fit() -> None:
    names = ("anthropic/claude-4.5-sonnet-20250929", "openai/gpt-5.6-luna-20260709")
    text = as_text(summary_of(*((name, 1, 1.0) for name in names)), ["model"], STATISTICS, width=40)
    assert max(map(len, text.splitlines())) <= 40
    assert "anthropic…t-20250929" in text


def test_a_strangers_name_cannot_move_the_cursor() -> None:
    text = as_text(summary_of(("gpt\x1b[2J\r\n\u202eevil", 1, 1.0)), ["model"], STATISTICS)
    assert len(text.splitlines()) == 2
    assert "gpt\\x1b[2J\\r\\n\\u202eevil" in text
    assert printable("a\tb") == "a\\tb"


def overview_frame() -> pd.DataFrame:
    frame = from_rows([])
    rows = {
        "model": ["cheap", "dear", "dear", "dear"],
        "total_cost": [1.0, 2.0, 3.0, 0.5],
        "cache_discount": [None, 0.5, None, None],
        "is_byok": [False, False, False, True],
        "streamed": [True, True, True, True],
        "latency": [100, 200, None, 300],
    }
    return frame.reindex(range(4)).assign(
        **{name: pd.Series(values, dtype=str(frame[name].dtype)) for name, values in rows.items()}
    )


def test_an_overview_shows_the_dearest_group_first_and_what_its_figures_rest_on() -> None:
    lines = overview(overview_frame(), ["model"]).splitlines()
    names = [line.split()[0] for line in lines]
    assert names[names.index("model") + 1 : names.index("total") + 1] == ["dear", "cheap", "total"]
    assert lines[-3] == "Cost: not known in full for 1 request, so the total is a lower bound."
    assert (
        lines[-2]
        == "Cache: a discount is reported for 25.0 % of the requests; the savings rate is that of those alone."
    )
    assert "≥ $6.500" in lines[names.index("total")]
    assert lines[-1].endswith("time to first token (TTFT) of 3 streamed ones, end to end (E2E) of 0.")


def test_an_overview_without_groups_is_one_row() -> None:
    lines = overview(overview_frame(), []).splitlines()
    assert [line.split()[0] for line in lines if "$6.5" in line] == ["4"]
    assert "total" not in lines[0]


def test_a_total_at_coverage_below_1_is_a_lower_bound() -> None:
    frame = overview_frame().iloc[:3]
    assert "≥" not in overview(frame, ["model"], coverage=1.0)
    lines = overview(frame, ["model"], coverage=0.75).splitlines()
    assert "≥ $6.000" in next(line for line in lines if line.startswith("total"))
    assert "Coverage: 75.0 % of the ids have a record, so totals are lower bounds." in lines


def test_an_overview_of_nothing_is_a_table_of_gaps() -> None:
    assert "total" in overview(from_rows([]), ["model"])


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_statistics_shown_are_those_of_summarize(width: int) -> None:
    frame = overview_frame()
    cost = float(summarize(frame)["effective_cost"].iloc[0])
    assert f"${cost:.3f}" in overview(frame, ["model"], width=width)
