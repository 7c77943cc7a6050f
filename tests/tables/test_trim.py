"""Rows sorted, limited, added up, and with chosen columns."""

import pandas as pd
import pytest

from genanalytics.errors import InputError
from genanalytics.records.coverage import COVERAGE, Coverage
from genanalytics.tables.trim import (
    add_total,
    choose_columns,
    describe_left_out,
    find_total,
    limit_rows,
    sort_rows,
)

ROWS = pd.DataFrame(
    {
        "model": pd.array(["b", "a", None], dtype="str"),
        "requests": pd.array([3, 1_000, 20], dtype="Int64"),
        "effective_cost": pd.array([0.5, None, 12.25], dtype="Float64"),
        "error_rate": pd.array([0.1, 0.2, 0.3], dtype="Float64"),
        "first": pd.to_datetime(["2026-09-02", "2026-09-01", "2026-09-03"], utc=True),
    }
)
ROWS.attrs = {
    "units": {"requests": "count", "effective_cost": "US$", "error_rate": "share", "first": "UTC"},
    "labels": {"requests": "requests", "effective_cost": "cost", "error_rate": "errors", "first": "first"},
    "sums": ["requests", "effective_cost"],
    COVERAGE: Coverage.of(["gen-1"], found=3).to_json(),
}


@pytest.mark.parametrize(
    ("sort", "requests"),
    [
        ("requests", [1_000, 20, 3]),
        ("requests:asc", [3, 20, 1_000]),
        ("model", [1_000, 3, 20]),
        ("model:desc", [3, 1_000, 20]),
        ("first", [1_000, 3, 20]),
        ("effective_cost", [20, 3, 1_000]),
        ("effective_cost:asc", [3, 20, 1_000]),
    ],
)
def test_figures_are_descending_and_all_else_ascending_with_gaps_last(sort: str, requests: list[int]) -> None:
    found = sort_rows(ROWS, sort)
    assert found["requests"].to_list() == requests
    assert found.attrs == ROWS.attrs


def test_a_name_with_a_colon_is_a_name() -> None:
    rows = pd.DataFrame({"a:desc": [1, 3, 2]})
    assert sort_rows(rows, "a:desc")["a:desc"].to_list() == [3, 2, 1]
    assert sort_rows(rows, "a:desc:asc")["a:desc"].to_list() == [1, 2, 3]


def test_values_of_several_types_can_be_sorted() -> None:
    assert sort_rows(pd.DataFrame({"a": ["x", 1, None, True]}), "a")["a"].to_list() == [1, True, "x", None]


def test_columns_are_chosen_in_order_each_once_with_the_coverage_of_the_data() -> None:
    found = choose_columns(ROWS, ["requests", "coverage", "model", "requests"])
    assert list(found) == ["requests", "coverage", "model"]
    assert found["coverage"].to_list() == [0.75] * 3


@pytest.mark.parametrize("name", ["request", "request:asc"])
def test_an_unknown_column_is_an_error_with_the_nearest_name_and_all_names(name: str) -> None:
    message = (
        "no column 'request.*did you mean 'requests'. there are model, requests, effective_cost, error_rate, first"
    )
    with pytest.raises(InputError, match=message):
        sort_rows(ROWS, name)
    with pytest.raises(InputError, match=message):
        choose_columns(ROWS, [name])


def test_rows_left_out_are_described_by_what_adds_up() -> None:
    shown, left_out = limit_rows(ROWS, 1)
    assert shown["requests"].to_list() == [3]
    assert describe_left_out(left_out) == ["... and 2 more rows: 1,020 requests, $12.25"]
    assert describe_left_out(ROWS.iloc[1:2]) == ["... and 1 more row: 1,000 requests"]
    assert describe_left_out(limit_rows(ROWS, None)[1]) == []
    plain = ROWS.copy()
    plain.attrs = {}
    assert describe_left_out(plain) == ["... and 3 more rows"]


def test_only_sums_have_a_total_and_the_rest_is_a_gap() -> None:
    total = find_total(ROWS)
    assert total is not None
    assert total["requests"].to_list() == [1_023]
    assert total["effective_cost"].to_list() == [12.75]
    assert total[["error_rate", "first"]].isna().all(axis=None)
    found = add_total(ROWS, total)
    assert found["model"].to_list()[-1] == "total"
    assert add_total(ROWS[["requests", "model"]], total)["model"].to_list()[-1] == "total"
    assert found.dtypes.drop("model").equals(ROWS.dtypes.drop("model"))
    assert found.attrs == ROWS.attrs


def test_a_total_of_unknown_values_is_unknown_and_a_given_total_counts() -> None:
    unknown = find_total(ROWS.iloc[1:2])
    assert unknown is not None
    assert unknown["effective_cost"].isna().all()
    given = ROWS.copy()
    given.attrs["total"] = {"requests": 7, "error_rate": 0.15}
    total = find_total(given)
    assert total is not None
    assert total.to_dict("records") == [{"requests": 7, "error_rate": 0.15}]
    given.attrs = {"units": ROWS.attrs["units"]}
    assert find_total(given) is None
