import io
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from genanalytics.errors import InputError
from genanalytics.metrics import sessions, summarize
from genanalytics.sandbox import sample
from genanalytics.tables.table import Table, table
from support.generations import parse_records


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return parse_records(sample(300).records)


@pytest.fixture(scope="module")
def summary(frame: pd.DataFrame) -> pd.DataFrame:
    return summarize(frame, by="model")


def read_cells(shown: Table) -> list[list[str]]:
    """Return the words of each line of a table, without its headings."""
    return [line.split() for line in repr(shown).splitlines()]


def forget(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows without attributes, as many steps of pandas leave them."""
    plain = rows.copy()
    plain.attrs = {}
    return plain


def merge(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.merge(pd.DataFrame({"model": rows["model"], "team": "data"}), on="model")


def write_and_read(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(rows.to_csv(index=False)))


def turn_twice(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.set_index("model").T.T


@pytest.mark.parametrize("step", [forget, merge, write_and_read, turn_twice])
def test_figures_keep_their_form_through_changes_of_their_frame(
    step: Callable[[pd.DataFrame], pd.DataFrame], summary: pd.DataFrame
) -> None:
    names = ["requests", "effective_cost", "cost_share", "ttft_ms_p50"]
    expected = read_cells(table(summary, columns=names))
    found = read_cells(table(step(summary), columns=names))
    assert [line for line in found if line[0] != "Coverage:"] == [line for line in expected if line[0] != "Coverage:"]


def test_a_turned_frame_has_a_row_per_figure(summary: pd.DataFrame) -> None:
    for turned in (summary.set_index("model").T, summary.T):
        rows = turned[turned.index.isin(["model", "requests", "effective_cost"])]
        lines = table(rows).to_text(width=300).splitlines()
        assert next(line for line in lines if line.startswith("requests")).split()[1:] == [
            f"{count:,}" for count in summary.sort_values("effective_cost", ascending=False)["requests"]
        ]
        assert next(line for line in lines if line.startswith("cost ")).count("$") == len(summary)


def test_a_row_of_a_summary_is_a_list_of_its_figures(summary: pd.DataFrame) -> None:
    lines = repr(table(summary.iloc[0])).splitlines()
    assert f"requests {summary['requests'].iloc[0]}" in [" ".join(line.split()) for line in lines]


def test_a_column_of_a_summary_is_a_table_of_it(summary: pd.DataFrame) -> None:
    shown = table(summary.set_index("model")["effective_cost"])
    assert (shown.by, shown.names) == (["model"], ["effective_cost"])
    assert read_cells(shown)[0] == ["model", "cost"]


def test_a_pivot_has_the_names_of_groups_as_headings(frame: pd.DataFrame) -> None:
    days = summarize(frame, by=["day", "streamed"], metrics="effective_cost")
    one = days.pivot_table(index="day", columns="streamed", values="effective_cost")
    assert read_cells(table(one))[0] == ["day", "False", "True"]
    assert "$" not in repr(table(one))
    assert "$" in repr(table(one, units="usd"))
    several = days.pivot_table(index="day", columns="streamed", values=["effective_cost", "requests"])
    assert table(several).names == [
        "effective_cost False",
        "effective_cost True",
        "requests False",
        "requests True",
    ]
    assert "$" in repr(table(several))


def test_columns_of_a_stranger_are_shown_as_they_are() -> None:
    mine = pd.DataFrame({"team": ["a", "b"], "year": [2026, 2027], "gain": [1.5, -0.25], "ok": [True, False]})
    assert read_cells(table(mine)) == [
        ["team", "year", "gain", "ok"],
        ["a", "2026", "1.5", "True"],
        ["b", "2027", "-0.25", "False"],
    ]
    assert read_cells(table(mine, units={"gain": "usd"}))[2] == ["b", "2027", "−$0.250", "False"]


def test_a_wrong_unit_and_a_wrong_column_are_refused_with_the_right_ones() -> None:
    mine = pd.DataFrame({"team": ["a"], "margin": [1.5]})
    with pytest.raises(InputError, match="no unit 'dollar' of 'margin'; there are usd, usd_per_mtok"):
        table(mine, units={"margin": "dollar"})
    with pytest.raises(InputError, match="no column 'margn' for a unit; did you mean 'margin'"):
        table(mine, units={"margn": "usd"})
    with pytest.raises(InputError, match="no column 'tem'; did you mean 'team'"):
        table(mine, columns=["tem"])


def test_columns_with_one_name_are_columns_of_their_own() -> None:
    twice = pd.concat([pd.Series([1, 2], name="requests"), pd.Series([3, 4], name="requests")], axis=1)
    assert read_cells(table(twice))[1:] == [["1", "3"], ["2", "4"]]


def test_a_column_of_words_with_the_name_of_a_figure_stays_words() -> None:
    assert read_cells(table(pd.DataFrame({"model": ["a"], "requests": ["many"]})))[1] == ["a", "many"]


def test_the_most_expensive_group_is_first_unless_the_rows_have_an_order_of_their_own(summary: pd.DataFrame) -> None:
    ranked = summary.sort_values("effective_cost", ascending=False)["model"].tolist()
    assert table(summary).summary["model"].tolist() == ranked
    rising = summary.sort_values("requests")
    assert table(rising).summary["model"].tolist() == rising["model"].tolist()
    assert summary["model"].is_monotonic_increasing


def test_a_wide_summary_shows_its_main_columns_and_the_number_of_the_others(summary: pd.DataFrame) -> None:
    shown = table(summary)
    assert shown.names[:3] == ["requests", "effective_cost", "cost_share"]
    assert f"{len(summary.columns) - 1 - len(shown.names)} more columns: `columns` chooses." in repr(shown)
    assert table(summary, columns=["error_rate"]).names == ["error_rate"]


def test_the_total_adds_up_sums_and_leaves_out_rates(frame: pd.DataFrame) -> None:
    found = sessions(frame)
    total = table(found).total
    assert total is not None
    assert total["requests"].tolist() == [found["requests"].sum()]
    assert total["cache_savings_rate"].isna().all()
    assert "total" not in repr(table(found, total=False))


def test_frames_of_other_packages_are_tables_too(summary: pd.DataFrame, tmp_path: Path) -> None:
    polars = pytest.importorskip("polars", reason="polars is installed for development")
    summary.to_parquet(tmp_path / "summary.parquet")
    shown = table(polars.read_parquet(tmp_path / "summary.parquet"))
    assert read_cells(shown)[:5] == read_cells(table(forget(summary)))[:5]
