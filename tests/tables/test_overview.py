import math
from collections.abc import Callable
from typing import ParamSpec

import pandas as pd
import pytest

from genanalytics.bill.items import itemize
from genanalytics.errors import InputError
from genanalytics.metrics import summarize
from genanalytics.metrics.catalog import SETS
from genanalytics.records.coverage import UNKNOWN, Coverage
from genanalytics.records.frame import parse_frame
from genanalytics.tables.overview import overview, rank_groups
from genanalytics.tables.table import Table, format_table, table

OPTIONS = ParamSpec("OPTIONS")


def write_as_text(make: Callable[OPTIONS, Table]) -> Callable[OPTIONS, str]:
    """Return a function whose table is a text."""
    return lambda *arguments, **options: str(make(*arguments, **options))


write_overview = write_as_text(overview)


def cover(frame: pd.DataFrame, coverage: Coverage) -> pd.DataFrame:
    """Return a frame of records that knows its coverage."""
    covered = frame.assign(requested_id=pd.Series([f"gen-{row}" for row in frame.index], frame.index, "str"))
    covered.attrs["coverage"] = coverage.to_json()
    return covered


def overview_frame() -> pd.DataFrame:
    frame = parse_frame([])
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


def test_an_overview_shows_the_most_expensive_group_first_and_notes_on_its_figures() -> None:
    lines = write_overview(overview_frame(), ["model"]).splitlines()
    names = [line.split()[0] for line in lines]
    assert names[names.index("model") + 1 : names.index("total") + 1] == ["dear", "cheap", "total"]
    assert lines[-4] == "Cost: not fully known for 1 request, so the total is a lower bound."
    assert lines[-3] == "Cache: a discount is reported for 25.0 % of the requests; the savings rate covers only these."
    assert "≥ $6.500" in lines[names.index("total")]
    assert lines[-2].endswith("time to first token (TTFT) of 3 streamed requests, end to end (E2E) of 0.")
    assert lines[-1] == UNKNOWN


def test_infinite_values_are_a_note_of_every_table() -> None:
    frame = overview_frame().assign(total_cost=[1.0, math.inf, 3.0, 0.5])
    note = "1 infinite value in column 'total_cost' counts as missing."
    assert note in write_overview(frame, ["model"]).splitlines()
    assert note in repr(table(summarize(frame, by="model"))).splitlines()


def test_an_unknown_cost_makes_the_cost_without_caching_a_lower_bound_too() -> None:
    """Without caching 6.5 and the discount of 0.5, and what the provider charged for one request."""
    lines = write_overview(overview_frame(), ["model"], metrics=["cost_without_cache"]).splitlines()
    assert next(line for line in lines if line.startswith("total")).endswith("≥ $7.000")
    assert "Cost: not fully known for 1 request, so the total is a lower bound." in lines


def test_an_overview_without_groups_is_one_row() -> None:
    lines = write_overview(overview_frame(), []).splitlines()
    assert [line.split()[0] for line in lines if "$6.5" in line] == ["4"]
    assert "total" not in lines[0]


def test_at_full_coverage_nothing_is_a_lower_bound() -> None:
    frame = cover(overview_frame().iloc[:3], Coverage.of([], found=3))
    text = write_overview(frame, ["model"])
    assert "≥" not in text
    assert "Coverage" not in text


def test_below_full_coverage_each_total_is_a_lower_bound_and_no_rate_is() -> None:
    frame = cover(overview_frame().iloc[:3], Coverage.of(["gen-x"], found=3))
    labelled = itemize(frame).assign(success=True, outcomes=1.0, revenue=9.0)
    summary = summarize(labelled, metrics=[*SETS])
    totals = set(summary.attrs["lower_bounds"])
    for name in map(str, summary.columns):
        unit = summary.attrs["units"][name]
        cell = format_table(summary, [], [name]).splitlines()[-1].strip()
        assert cell.startswith(("≥", ">", "–")) == (name in totals or cell == "–"), name
        assert name not in totals or unit in {"count", "tokens", "US$", ""}, name
    assert {"requests", "effective_cost", "billed_cost", "cost_unknown", "tokens_in", "ttft_ms_n"} <= totals
    assert not totals & {"cost_share", "error_rate", "usd_per_mtok", "ttft_ms_p50", "cost_per_request_mean"}
    lines = write_overview(frame, ["model"]).splitlines()
    assert "≥ $6.000" in next(line for line in lines if line.startswith("total"))
    assert "≥ $5.000" in next(line for line in lines if line.startswith("dear"))
    assert "Coverage: 75.0 % of the ids have a record (1 of 4 missing), so totals are lower bounds." in lines


def test_savings_net_of_costs_have_no_bound_since_a_missing_record_can_reduce_them() -> None:
    frame = cover(overview_frame().iloc[:3], Coverage.of(["gen-x"], found=3))
    assert "net_cache_savings" not in summarize(frame, metrics="cache").attrs["lower_bounds"]
    assert "read_savings" in summarize(frame, metrics="cache").attrs["lower_bounds"]


def test_among_some_of_the_records_the_share_is_not_known() -> None:
    frame = cover(overview_frame().iloc[:3], Coverage.of(["gen-x"], found=3))
    text = write_overview(frame[frame["model"] == "dear"])
    assert "Coverage: 75.0 % of all requested ids have a record (1 of 4 missing). The share among these rows" in text
    assert "≥ $5.000" in text


def test_after_a_merge_the_coverage_is_unknown() -> None:
    frame = cover(overview_frame().iloc[:3], Coverage.of(["gen-x"], found=3))
    merged = frame.merge(pd.DataFrame({"model": ["cheap", "dear"], "team": ["a", "b"]}))
    assert UNKNOWN in write_overview(merged).splitlines()
    assert UNKNOWN in str(table(summarize(merged, by="team"))).splitlines()


def test_an_overview_of_nothing_is_a_table_of_gaps() -> None:
    assert "total" in write_overview(parse_frame([]), ["model"])


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_statistics_shown_are_those_of_summarize(width: int) -> None:
    frame = overview_frame()
    cost = float(summarize(frame)["effective_cost"].iloc[0])
    assert f"${cost:.3f}" in write_overview(frame, ["model"], width=width)


def rows_of(**columns: list[object]) -> pd.DataFrame:
    """Return a frame with these columns, and gaps in all others."""
    empty = parse_frame([])
    size = len(next(iter(columns.values())))
    typed = {name: pd.Series(values, dtype=str(empty[name].dtype)) for name, values in columns.items()}
    return empty.reindex(range(size)).assign(**typed)


DAYS = rows_of(
    model=["a", "b", "b", "a"],
    total_cost=[1.0, 2.0, 4.0, 8.0],
    created_at=["2026-03-01T10:00Z", "2026-03-01T11:00Z", "2026-03-03T10:00Z", None],
    fetched_at=["2026-03-03T12:00Z"] * 4,
)


def test_groups_are_ranked_by_their_cost() -> None:
    assert rank_groups(DAYS, ["model"])["model"].tolist() == ["a", "b"]
    assert rank_groups(DAYS.iloc[:3], ["model"])["model"].tolist() == ["b", "a"]


def test_periods_are_in_order_and_the_most_expensive_group_of_each_is_first() -> None:
    found = rank_groups(DAYS, ["model"], every="day", metrics=["effective_cost"])
    assert found["time"].dropna().is_monotonic_increasing
    assert found["model"].tolist()[:2] == ["b", "a"]
    assert found["model"].iloc[-1] == "a"  # without a date
    days = rank_groups(DAYS, ["day"], metrics=["effective_cost"])
    assert days["day"].dropna().is_monotonic_increasing


def test_the_cost_that_ranks_is_not_shown_unless_it_is_asked_for() -> None:
    found = rank_groups(DAYS, ["model"], metrics=["error_rate", "error_rate"])
    assert list(found) == ["model", "requests", "error_rate"]
    assert found["model"].tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("metrics", "labels"),
    [
        (["tokens"], {"tokens in", "tokens out"}),
        (["reliability"], {"cancelled", "errors", "fallbacks"}),
        (["cost"], {"billed", "BYOK"}),
        (["cache"], {"payback"}),
        (["latency"], {"throughput"}),
        (["ttft_ms"], {"TTFT mean", "TTFT n"}),
        (["error_rate", "cost_share"], {"errors", "share of cost"}),
    ],
)
def test_a_table_has_the_columns_that_are_asked_for(metrics: list[str], labels: set[str]) -> None:
    lines = write_overview(DAYS, ["model"], metrics=metrics, width=500).splitlines()
    head = next(place for place, line in enumerate(lines) if line.startswith("model"))
    words = set(" ".join(lines[: head + 1]).split())
    assert words >= {word for label in labels for word in label.split()}


@pytest.mark.parametrize(
    ("metrics", "notes"),
    [
        (["cost"], ["Cost", "Coverage"]),
        (["cache"], ["Cost", "Cache", "Coverage"]),
        (["cache_hit_rate"], ["Cache", "Coverage"]),
        (["e2e_ms"], ["Latency", "Coverage"]),
        (["reliability"], ["Reliability", "Coverage"]),
        (["tokens"], ["Coverage"]),
    ],
)
def test_footnotes_are_those_of_the_figures_shown(metrics: list[str], notes: list[str]) -> None:
    frame = DAYS.assign(total_cost=pd.array([1.0, None, 2.0, 3.0], dtype="Float64"))
    lines = write_overview(frame, ["model"], metrics=metrics, width=500).splitlines()
    after = lines[next(place for place, line in enumerate(lines) if line.startswith("total")) + 1 :]
    assert [line.partition(":")[0] for line in after] == notes


def test_a_period_that_is_still_running_is_marked() -> None:
    lines = write_overview(DAYS, every="day", metrics=["effective_cost"]).splitlines()
    assert [line.split()[0] for line in lines[1:6]] == ["2026-03-01", "2026-03-02", "2026-03-03*", "–", "total"]
    assert lines[-2] == "* still running at the last fetch, so records may be missing."
    assert lines[2].split()[1:] == ["0", "$0.00"]


def test_a_group_has_no_line_for_a_period_without_requests() -> None:
    lines = write_overview(DAYS, ["model"], every="day", metrics=["effective_cost"]).splitlines()
    assert [line.split()[:2] for line in lines[1:5]] == [
        ["2026-03-01", "b"],
        ["2026-03-01", "a"],
        ["2026-03-03*", "b"],
        ["–", "a"],
    ]


def test_the_zone_of_times_is_named_where_times_are_shown() -> None:
    assert write_overview(DAYS, ["day"], tz="Asia/Tokyo").splitlines()[-2] == "Times: Asia/Tokyo."
    assert "Times:" not in write_overview(DAYS, ["model"], tz="Asia/Tokyo")
    assert "Weekdays: 1 is Monday." in write_overview(DAYS, ["weekday"])


def test_percentiles_from_a_sketch_say_so() -> None:
    assert "Percentiles: from a sketch, right to 1 %." in write_overview(DAYS, percentiles="sketch")
    assert "sketch" not in write_overview(DAYS)


def test_duckdb_gives_the_same_text() -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is an extra")
    frame = DAYS.drop(columns="provider_responses")
    asked = {"every": "day", "tz": "Asia/Kathmandu", "metrics": ["cost", "cache", "latency"]}
    with duckdb.connect() as connection:
        there = write_overview(connection.from_df(frame), ["model"], **asked)  # type: ignore[arg-type]
    assert there == write_overview(frame, ["model"], **asked)  # type: ignore[arg-type]


def test_an_overview_in_a_notebook_is_a_table_of_at_most_100_rows_with_its_notes() -> None:
    many = rows_of(model=[f"m{place:03}" for place in range(120)], total_cost=[float(place) for place in range(120)])
    shown = overview(many, "model", metrics="cost")
    html = shown._repr_html_()
    assert html.count("<tr>") == 1 + 100 + 1
    assert "m119" in html
    assert "... and 20 more rows: 20 requests, $190.00" in html
    assert repr(shown).count("\nm") == 1 + 100
    assert shown.to_text(width=120).count("\nm") == 1 + 120


def test_an_overview_is_sorted_limited_and_reduced_as_asked() -> None:
    shown = overview(DAYS, "model", columns=["model", "billed_cost"], sort="model:desc", limit=1, total=False)
    lines = [line.split() for line in str(shown).splitlines()]
    assert lines[:3] == [
        ["model", "billed"],
        ["b", "$6.000"],
        ["...", "and", "1", "more", "row:", "2", "requests,", "$9.000"],
    ]
    assert shown.summary["model"].tolist() == ["b", "a"]


def test_a_wrong_column_is_refused_before_anything_is_read() -> None:
    with pytest.raises(InputError, match="no column 'billed_cst'; did you mean 'billed_cost'"):
        overview(DAYS.drop(columns="total_cost"), "model", columns=["billed_cst"])
    with pytest.raises(InputError, match="no column 'modle'; did you mean 'model'"):
        overview(DAYS, "model", sort="modle:asc")
    with pytest.raises(InputError, match="no column 'total_cost'; did you mean 'billed_cost'"):
        overview(DAYS, "model", columns=["total_cost"])
    with pytest.raises(InputError, match="no column 'provider_name'; give by=provider_name to group by it"):
        overview(DAYS, "model", columns=["provider_name"])


def test_limits_of_intervals_are_columns_too() -> None:
    shown = str(overview(DAYS, "model", columns=["model", "error_rate_low"], intervals=True))
    assert shown.split()[:5] == ["errors", "model", "low", "a", "0.0"]


def test_costs_over_time_are_computed_where_there_are_times() -> None:
    days = rows_of(
        model=["a", "b"] * 4,
        total_cost=[float(place) for place in range(8)],
        created_at=[f"2026-03-{day:02}T10:00Z" for day in range(1, 9)],
    )
    trends = overview(days, "model", trends=True).trends
    assert trends is not None
    assert trends.costs == {("a",): [0, 0, 2, 0, 4, 0, 6, 0], ("b",): [0, 1, 0, 3, 0, 5, 0, 7]}
    assert overview(days, "day", trends=True).trends is None
    assert overview(days, every="day", trends=True).trends is None
    assert overview(days.drop(columns="created_at"), "model", trends=True).trends is None
    assert overview(days.head(4), "model", trends=True).trends is None
