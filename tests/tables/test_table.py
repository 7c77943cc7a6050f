import html
import re
from collections.abc import Callable
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given, strategies as st

from genanalytics.base.text import escape_unprintable
from genanalytics.errors import InputError
from genanalytics.fetching.answers import Outcome
from genanalytics.fetching.result import FetchResult, Stats
from genanalytics.metrics import attempt_summary, quality, sessions, summarize
from genanalytics.metrics.catalog import resolve
from genanalytics.records.coverage import UNKNOWN
from genanalytics.report.tables import make_table
from genanalytics.sandbox import sample
from genanalytics.tables.cells import name_groups
from genanalytics.tables.overview import overview
from genanalytics.tables.table import format_table, table
from support.generations import frame_of, parse_records


def summary_of(*rows: tuple[str | None, int, float | None]) -> pd.DataFrame:
    summary = pd.DataFrame(
        {
            "model": pd.Series([name for name, _, _ in rows], dtype="str"),
            "requests": [requests for _, requests, _ in rows],
            "effective_cost": pd.Series([cost for *_, cost in rows], dtype="Float64"),
        }
    )
    summary.attrs = {
        "units": {"requests": "count", "effective_cost": "US$", "first": "UTC"},
        "labels": {"requests": "requests", "effective_cost": "cost", "first": "first"},
    }
    return summary


STATISTICS = ("requests", "effective_cost")


def test_numbers_are_aligned_to_the_right_with_their_units_and_one_precision() -> None:
    text = format_table(summary_of(("a", 1200, 31.5), ("b", 1, 0.0212), (None, 3, None)), ["model"], STATISTICS)
    assert text.splitlines() == [
        "model  requests    cost",
        "a         1,200  $31.50",
        "b             1   $0.02",
        "–             3       –",
    ]


def test_an_amount_too_small_for_the_precision_is_not_shown_as_nothing() -> None:
    text = format_table(summary_of(("a", 1, 31.5), ("b", 1, 0.0001), ("c", 1, 0.0)), ["model"], STATISTICS)
    assert [line.split()[-1] for line in text.splitlines()[1:]] == ["$31.50", "<$0.01", "$0.00"]


def test_the_total_is_the_last_row() -> None:
    total = summary_of((None, 3, 4.5))
    text = format_table(summary_of(("a", 1, 1.5), ("b", 2, 3.0)), ["model"], STATISTICS, total=total)
    assert text.splitlines()[-1].split() == ["total", "3", "$4.500"]


def test_long_names_are_cut_in_the_middle_and_lines_fit() -> None:
    names = ("anthropic/claude-4.5-sonnet-20250929", "openai/gpt-5.6-luna-20260709")
    text = format_table(summary_of(*((name, 1, 1.0) for name in names)), ["model"], STATISTICS, width=40)
    assert max(map(len, text.splitlines())) <= 40
    assert "anthropic/…et-20250929" in text


def test_a_strangers_name_cannot_move_the_cursor() -> None:
    text = format_table(summary_of(("gpt\x1b[2J\r\n\u202eevil", 1, 1.0)), ["model"], STATISTICS)
    assert len(text.splitlines()) == 2
    assert "gpt\\x1b[2J\\r\\n\\u202eevil" in text
    assert escape_unprintable("a\tb") == "a\\tb"


def test_names_are_cut_only_as_far_as_they_stay_apart() -> None:
    names = ("anthropic/claude-4.5-sonnet-20250929", "anthropic/claude-4.5-sommer-20250929")
    text = format_table(summary_of(*((name, 1, 1.0) for name in names)), ["model"], STATISTICS, width=35)
    first, second = text.splitlines()[1:3]
    assert first.split()[0] != second.split()[0]
    assert max(map(len, text.splitlines())) <= 2 * 35


def test_the_widest_names_are_cut_most() -> None:
    summary = summary_of(("m" * 60, 1, 1.0), ("n" * 60, 1, 1.0)).assign(day=["2026-03-01", "2026-03-02"])
    lines = format_table(summary, ["model", "day"], STATISTICS, width=60).splitlines()
    assert max(map(len, lines)) <= 60
    assert "2026-03-01" in lines[1]
    assert lines[1].split()[0].count("m") > 20


def test_columns_that_do_not_fit_are_named_below_the_table() -> None:
    summary = summary_of(("a-name", 1200, 31.5)).assign(tokens_in=1, tokens_out=2)
    text = format_table(summary, ["model"], [*STATISTICS, "tokens_in", "tokens_out"], width=30)
    _, row, *note = text.splitlines()
    assert row.split() == ["a-name", "1,200", "$31.50"]
    assert " ".join(map(str.strip, note)) == "Not shown for lack of width: tokens_in, tokens_out; `columns` chooses."
    assert max(map(len, text.splitlines())) <= 30


def test_an_interval_follows_its_figure() -> None:
    summary = summary_of(("a", 1, 31.5), ("b", 1, 2.0)).assign(
        effective_cost_low=[30.0, float("nan")], effective_cost_high=[33.25, float("nan")]
    )
    lines = format_table(summary, ["model"], STATISTICS).splitlines()
    assert lines[0].split() == ["model", "requests", "cost", "95", "%", "interval"]
    assert lines[1].endswith("$31.50  $30.00 to $33.25")
    assert lines[2].endswith("$2.00                 –")


def test_moments_are_written_as_precisely_as_they_are() -> None:
    days = pd.Series([pd.Timestamp("2026-03-01", tz="UTC"), pd.NaT])
    assert name_groups(days) == ["2026-03-01", "–"]
    assert name_groups(days + pd.Timedelta(hours=7)) == ["2026-03-01 07:00", "–"]
    assert name_groups(days + pd.Timedelta(seconds=7.5)) == ["2026-03-01 00:00:07", "–"]
    assert name_groups((days + pd.Timedelta(hours=7)).dt.tz_convert("Asia/Tokyo")) == ["2026-03-01 16:00+09:00", "–"]


def test_a_figure_can_be_a_moment() -> None:
    summary = summary_of(("a", 1, 1.0))
    attrs = summary.attrs
    summary["first"] = pd.to_datetime(["2026-03-01T07:30Z"])
    summary.attrs = attrs
    assert format_table(summary, ["model"], ["first"]).splitlines()[1] == "a      2026-03-01 07:30"


def test_a_strangers_column_cannot_move_the_cursor() -> None:
    summary = summary_of(("a", 1, 1.0)).rename(columns={"model": "mo\x1b[2Jdel"})
    assert format_table(summary, ["mo\x1b[2Jdel"], STATISTICS).startswith("mo\\x1b[2Jdel")


def test_no_group_is_a_table_of_labels() -> None:
    assert format_table(summary_of(), ["model"], STATISTICS).split() == ["model", "requests", "cost"]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return parse_records(sample(300).records)


def test_a_table_in_a_notebook_has_labels_units_and_intervals() -> None:
    summary = summary_of(("a", 1200, 31.5), (None, 3, None))
    summary["effective_cost_low"], summary["effective_cost_high"] = [29.0, None], [34.25, None]
    summary.attrs["units"] |= {"effective_cost_low": "US$", "effective_cost_high": "US$"}
    html = table(summary)._repr_html_()
    assert re.findall(r"<th [^>]*>([^<]*)</th>", html) == ["model", "requests", "cost", "95 % interval"]
    cells = re.findall(r"<td [^>]*>([^<]*)</td>", html)
    assert cells == ["a", "1,200", "$31.50", "$29.00 to $34.25", "–", "3", "–", "–", *["total", "1,203", "$31.50", "–"]]


def test_a_table_shows_the_rows_and_columns_that_were_kept_in_their_order(frame: pd.DataFrame) -> None:
    summary = summarize(frame, by=["model", "day"]).sort_values("requests", ascending=False)
    shown = table(summary[["day", "tokens_out", "requests"]].head(2))
    assert (shown.by, shown.names) == (["day"], ["tokens_out", "requests"])
    assert [line[:10] for line in str(shown).splitlines()[1:3]] == [str(day)[:10] for day in summary["day"].head(2)]


@pytest.mark.parametrize("made", [summarize, sessions, attempt_summary, quality])
def test_whatever_has_units_is_shown_as_a_table(
    made: Callable[[pd.DataFrame], pd.DataFrame], frame: pd.DataFrame
) -> None:
    summary = made(frame)
    shown = table(summary, total=False)
    assert shown._repr_html_().count("<tr>") == len(summary) + 1
    assert len(str(shown).splitlines()) > len(summary)


def test_in_a_notebook_a_dollar_sign_is_no_formula_and_a_strangers_name_no_html() -> None:
    html = table(summary_of(("<b>$1 and $2</b>", 1, 1.0)))._repr_html_()
    assert html.startswith('<div class="tex2jax_ignore mathjax_ignore">')
    assert "&lt;b&gt;$1 and $2&lt;/b&gt;" in html


def test_words_are_aligned_to_the_left_in_any_column() -> None:
    shown = table(quality(pd.DataFrame({"requested_id": ["gen-1", "gen-1"]}))[["check", "rows", "examples"]].head(1))
    assert str(shown).splitlines() == ["check        rows  examples", "repeated_id     1  gen-1", UNKNOWN]
    assert re.findall(r"text-align: (\w+)\">(\w+)</th>", shown._repr_html_())[1:] == [
        ("right", "rows"),
        ("left", "examples"),
    ]


def test_the_next_step_after_a_failure_is_shown_in_full() -> None:
    failures = pd.DataFrame({"requested_id": ["gen-1"], "outcome": ["not_found"]})
    explained = FetchResult(pd.DataFrame(), failures, Stats(1, 1, {"not_found": 1}, 1, 0, 0, 0.1)).explain()
    shown = table(explained)._repr_html_()
    assert "next step</th>" in shown
    assert Outcome.NOT_FOUND.next_step in html.unescape(shown)


def test_an_empty_name_is_shown_as_one() -> None:
    text = format_table(summary_of(("", 1, 1.0)), ["model"], STATISTICS)
    assert text.splitlines()[1].split() == ['""', "1", "$1.000"]


def test_a_long_table_shows_its_first_rows_and_the_number_of_the_others() -> None:
    shown = table(summary_of(*((f"m{row:04}", row, None) for row in range(1_250))))
    *_, last, total, more = repr(shown).splitlines()
    assert last.startswith("m0099")
    assert total.split() == ["total", "780,625", "–"]
    assert more == "... and 1,150 more rows: 775,675 requests"
    html = shown._repr_html_()
    assert html.count("<tr>") == 102
    assert "1,150 more rows" in html


def test_groups_in_the_index_are_groups() -> None:
    rows = summary_of(("a", 1, None))
    assert repr(table(rows.set_index("model"))) == repr(table(rows))


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(InputError, match="list is no frame: give a pandas DataFrame or Series"):
        table([1.0])  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"str is no frame: .*; overview takes a file of records"):
        table("out.parquet")  # type: ignore[arg-type]


@pytest.mark.parametrize("tz", ["Europe/Berlin", "America/Havana", "Pacific/Chatham"])
def test_the_hours_that_a_clock_repeats_have_names_of_their_own(tz: str) -> None:
    """Both 2 o'clock of Berlin, both midnights of Havana."""
    moments = pd.date_range("2026-01-01", "2027-01-01", freq="h", tz="UTC")
    hours = summarize(pd.DataFrame({"created_at": moments}), every="hour", tz=tz, metrics=[])
    assert len(set(name_groups(hours["time"]))) == len(hours)
    days = summarize(pd.DataFrame({"created_at": moments}), by="day", tz=tz, metrics=[])
    assert len(set(name_groups(days["day"]))) == len(days)


COSTS = st.lists(st.none() | st.integers(-20, 1000).map(lambda cents: cents / 100), min_size=1, max_size=130)


@given(COSTS, st.integers(0, 130), st.sampled_from(["overview", "table"]))
def test_shares_as_shown_add_up_to_100_percent_or_the_table_says_why_not(
    costs: list[float | None], kept: int, door: str
) -> None:
    """The note adds the percentages as the table shows them, not the exact shares."""
    frame = frame_of(*({"model": f"m{place}", "total_cost": cost} for place, cost in enumerate(costs)))
    summary = summarize(frame, by="model", metrics=["cost_share"])
    if door == "table":
        summary = summary.head(kept)
    lines = (
        repr(overview(frame, ["model"], metrics=["cost_share"])) if door == "overview" else repr(table(summary))
    ).splitlines()
    cells = [line.split()[2:4] for line in lines if re.match(r"m\d+ ", line)]
    shown = [Decimal(number.replace("−", "-").replace(",", "")) for number, *_ in cells if number != "–"]
    notes = [line for line in lines if line.startswith("Share of cost: ")]
    if not shown or sum(shown) == 100:
        assert notes == []
        return
    (note,) = notes
    assert f"adds up to {str(sum(shown)).replace('-', '−')} %" in note
    whole = round(float(summary["cost_share"].head(len(cells)).sum()), 3) == 1
    assert note.endswith("each share is rounded." if whole else "not all rows are shown.")


def test_the_report_says_why_shares_do_not_add_up() -> None:
    frame = frame_of(*({"model": name} for name in "abc"))
    summary = summarize(frame, by="model", metrics=["cost_share"])
    columns = resolve(["cost_share"])
    assert make_table(summary, ["model"], columns, name="costs", caption="Cost").notes == [
        "Share of cost: adds up to 99.9 %, since each share is rounded."
    ]
    assert make_table(summary.head(0), ["model"], columns, name="costs", caption="Cost").notes == []
