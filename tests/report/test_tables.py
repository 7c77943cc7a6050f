"""Tables of a report, out of frames."""

import pandas as pd

from genanalytics.metrics import REQUESTS, summarize
from genanalytics.metrics.catalog import resolve
from genanalytics.report.blocks import Table
from genanalytics.report.tables import (
    Shown,
    keep_intervals,
    list_shown,
    make_number_cells,
    make_table,
    make_tables,
    sum_rest,
)
from genanalytics.units import Unit
from support.generations import frame_of

COST = resolve(["effective_cost"])


def summarize_models(number: int, *metrics: str, intervals: bool = False) -> pd.DataFrame:
    """Return a summary of models, the n-th of which has one record of n dollars."""
    records = ({"model": f"m{place:02}", "total_cost": float(place)} for place in range(1, number + 1))
    return summarize(frame_of(*records), by="model", metrics=metrics, intervals=intervals)


def read_row(table: Table, place: int) -> list[str]:
    return [cell.text for cell in table.rows[place]]


def test_ten_groups_are_open_and_all_of_them_are_folded() -> None:
    summary = summarize_models(12, "effective_cost")
    first, folded = make_tables(summary, ["model"], COST, name="spend", noun="model", caption="Cost by model")
    assert (first.name, len(first.rows), first.folded) == ("spend", 10, "")
    assert (folded.name, len(folded.rows), folded.folded) == ("spend-all", 12, "All 12 models")
    assert read_row(folded, 11) == ["m12", "$12.00"]
    assert folded.rows[11][1].value == "12.0"


def test_numbers_of_requests_are_whole_in_a_file() -> None:
    summary = summarize_models(1, "effective_cost")
    assert [cell.value for cell in make_number_cells(summary, REQUESTS)] == ["1"]


def test_few_groups_are_one_table() -> None:
    summary = summarize_models(10, "effective_cost")
    assert len(make_tables(summary, ["model"], COST, name="spend", noun="model", caption="Cost")) == 1


def test_others_are_summed_and_what_does_not_add_up_is_a_gap() -> None:
    names = ("effective_cost", "cost_per_request_p50")
    rows = sum_rest(summarize_models(13, *names))
    table = make_table(rows, ["model"], [REQUESTS, *resolve(names)], name="spend", caption="Cost")
    assert len(table.rows) == 11
    assert read_row(table, 10) == ["3 others", "3", "$36.00", "–"]  # 11 + 12 + 13


def test_headings_have_definitions_and_intervals_a_column() -> None:
    summary = summarize_models(3, "error_rate", "cancel_rate", intervals=True)
    figures = resolve(["error_rate", "cancel_rate"])
    columns = make_table(keep_intervals(summary, "error_rate"), ["model"], figures, name="x", caption="x").columns
    assert [column.label for column in columns] == ["model", "errors", "95 % interval", "cancelled"]
    assert columns[1].definition.startswith("Rows whose finish_reason is error / rows")
    assert columns[2].definition == "95 % interval of the column before: errors."


def test_limits_of_an_interval_are_in_its_unit() -> None:
    rows = pd.DataFrame({"name": ["a", "b"], "rate": [0.5, None], "rate_low": [0.25, None], "rate_high": [0.75, None]})
    rows.attrs = {"units": {"rate": "share"}, "labels": {"rate": "rate"}, "lower_bounds": []}
    table = make_table(rows, ["name"], list_shown(rows, {"rate": "A rate"}), name="x", caption="x")
    assert [read_row(table, place) for place in range(2)] == [["a", "50.0 %", "25.0 % to 75.0 %"], ["b", "–", "–"]]


def test_losses_are_alarming() -> None:
    rows = pd.DataFrame({"name": ["a", "b"], "loss": [4.0, 0.0], "net_cache_savings": [-1.0, 2.0]})
    rows.attrs["lower_bounds"] = []
    figures = [Shown(name, name, Unit.USD) for name in ("loss", "net_cache_savings")]
    table = make_table(rows, ["name"], figures, name="x", caption="x", losses=["loss"])
    assert [[cell.alarming for cell in row] for row in table.rows] == [[False, True, True], [False, False, False]]


def test_unit_prices_have_their_unit_in_the_heading() -> None:
    rows = pd.DataFrame({"name": ["a"], "input_price": [0.2]})
    rows.attrs["lower_bounds"] = []
    table = make_table(rows, ["name"], [Shown("input_price", "input price", Unit.USD_PER_MTOK)], name="x", caption="x")
    assert [column.label for column in table.columns] == ["name", "input price per M tokens"]
    assert read_row(table, 0) == ["a", "$0.20"]


def test_names_of_strangers_are_short_and_printable() -> None:
    rows = pd.DataFrame({"name": ["\u202egnp.exe", "", None, "x" * 500]})
    names = [row[0].text for row in make_table(rows, ["name"], [], name="x", caption="x").rows]
    assert names[:3] == ["\\u202egnp.exe", '""', "–"]
    assert len(names[3]) == 80


def test_lower_bounds_keep_their_sign() -> None:
    rows = pd.DataFrame({"name": ["a"], "cost": [4.0]})
    rows.attrs["lower_bounds"] = ["cost"]
    table = make_table(rows, ["name"], [Shown("cost", "cost", Unit.USD)], name="x", caption="x")
    assert read_row(table, 0) == ["a", "≥ $4.000"]


def test_a_cost_of_which_a_part_is_unknown_is_a_lower_bound_in_its_row_alone() -> None:
    frame = frame_of({"model": "a"}, {"model": "b"}, {"model": "b", "is_byok": True, "upstream_inference_cost": None})
    summary = summarize(frame, by="model", metrics=["effective_cost", "cost_unknown"])
    table = make_table(summary, ["model"], COST, name="spend", caption="Cost")
    assert [read_row(table, place) for place in range(2)] == [["a", "$1.000"], ["b", "≥ $2.000"]]
