"""The items of a bill: they add up exactly, are those of the sandbox's truth, and the same on every engine."""

from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

import genanalytics as ga
from genanalytics.bill.split import BYOK_ITEMS, COLUMNS, ITEMS
from genanalytics.errors import MissingColumnError
from genanalytics.sandbox import Sample, sample
from support.bills import Shown, draw_bill
from support.generations import parse_records

SHEET = pd.DataFrame(
    {
        "model": ["m"],
        "provider_name": ["p"],
        "regime": pd.array([1], dtype="Int64"),
        "input_price": [3.0],
        "cache_read_price": [0.3],
        "cache_write_price": [3.75],
        "output_price": [15.0],
        "request_price": [0.0],
    }
)
EXACT = SHEET.copy()
EXACT.attrs = {name: {"unit": 1e-9, "ending": "exact"} for name in ("resolution", "resolution_of_exports")}
ROW = {
    "requested_id": "gen-1",
    "model": "m",
    "provider_name": "p",
    "is_byok": False,
    "native_tokens_prompt": 1_000,
    "native_tokens_completion": 100,
    "native_tokens_cached": 0,
}


def itemize_row(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any field of a record
    """Return the items of one row at the prices of `SHEET`."""
    found: dict[str, Any] = ga.itemize(pd.DataFrame([ROW | fields]), EXACT).iloc[0].to_dict()
    return found


def list_open(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose items do not add up to their cost in whole pico-dollars."""
    of_key = frame["upstream_inference_cost"].where(frame["is_byok"].fillna(value=False))
    is_open = (_add(frame, ITEMS) != _round(frame["total_cost"])) | (_add(frame, BYOK_ITEMS) != _round(of_key))
    return frame[is_open]


def _add(frame: pd.DataFrame, items: tuple[str, ...]) -> pd.Series:
    return sum((_round(frame[item]) for item in items), pd.Series(0, frame.index))


def _round(usd: pd.Series) -> pd.Series:
    return (usd.astype("Float64").fillna(0) * 1e12).round().astype("Int64")


@pytest.fixture(scope="module")
def month() -> Sample:
    return sample(6_000, seed=3)


@pytest.fixture(scope="module")
def itemized(month: Sample) -> pd.DataFrame:
    found: pd.DataFrame = ga.itemize(parse_records(month.records))
    return found


def test_items_of_the_sandbox_are_those_that_were_billed(month: Sample, itemized: pd.DataFrame) -> None:
    compared = 0
    for row in itemized.to_dict("records"):
        prefix = "byok_" if row["is_byok"] else ""
        if pd.isna(row["regime"]) or row[f"{prefix}unexplained_cost"] != 0:
            continue
        truth = month.items[row["requested_id"]]
        wanted = [truth.input, truth.cache_read, truth.cache_write, truth.output, truth.other]
        names = ("input", "cache_read", "cache_write", "output", "other")
        assert [round(1e9 * row[f"{prefix}{name}_cost"]) for name in names] == wanted
        if pd.notna(row["cache_write_tokens"]):
            assert row["cache_write_tokens"] == truth.cache_write_tokens
        compared += 1
    assert compared > 5_000


def test_hardly_a_cost_of_the_sandbox_is_unexplained(itemized: pd.DataFrame) -> None:
    unexplained = (itemized["unexplained_cost"] != 0) | (itemized["byok_unexplained_cost"].fillna(0) != 0)
    assert unexplained.sum() <= 0.005 * len(itemized)


def test_items_of_the_sandbox_close(itemized: pd.DataFrame) -> None:
    assert list_open(itemized).empty


@pytest.mark.parametrize("shown", ["exact", "rounded", "cut"])
@pytest.mark.parametrize("seed", range(5))
def test_items_close_however_amounts_are_shown(shown: Shown, seed: int) -> None:
    frame = draw_bill(seed, shown).frame.assign(is_byok=False, upstream_inference_cost=np.nan)
    found = ga.itemize(frame)
    assert list_open(found).empty
    assert (found["unexplained_cost"] == 0).mean() > 0.9


AMOUNTS = (
    st.none()
    | st.integers(-(10**12), 10**13).map(lambda pico: pico / 1e12)
    | st.integers(0, 10**9).map(lambda nano: nano / 1e9)
)
TOKENS = st.none() | st.integers(0, 300_000)


@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "total_cost": AMOUNTS,
                "cache_discount": AMOUNTS,
                "upstream_inference_cost": AMOUNTS,
                "is_byok": st.sampled_from([True, False, None]),
                "native_tokens_prompt": TOKENS,
                "native_tokens_completion": TOKENS,
                "native_tokens_cached": TOKENS,
            }
        ),
        min_size=1,
        max_size=12,
    )
)
def test_items_of_any_rows_close(rows: list[dict[str, Any]]) -> None:
    frame = pd.DataFrame([ROW | row for row in rows]).astype(
        dict.fromkeys(("total_cost", "cache_discount", "upstream_inference_cost"), "Float64") | {"is_byok": "boolean"}
    )
    assert list_open(ga.itemize(frame, SHEET)).empty
    assert list_open(ga.itemize(frame)).empty


def test_input_and_output_by_hand() -> None:
    row = itemize_row(total_cost=0.0045)
    assert (row["regime"], row["input_cost"], row["output_cost"], row["other_cost"]) == (1, 0.003, 0.0015, 0)
    assert (row["cache_read_tokens"], row["cache_write_tokens"], row["unexplained_cost"]) == (0, 0, 0)


def test_reads_and_writes_by_hand() -> None:
    # 800 read at 0.3, 150 written at 3.75, 50 plain at 3: saved 800 * 2.7 - 150 * 0.75 = 2047.5 micro-dollars
    row = itemize_row(native_tokens_cached=800, total_cost=0.0045 - 0.0020475, cache_discount=0.0020475)
    assert row["cache_write_tokens"] == 150
    assert row["cache_read_cost"] == 0.00024
    assert row["cache_write_cost"] == 0.0005625
    assert row["input_cost"] == 0.00015


def test_a_first_write_of_an_older_record_is_inferred() -> None:
    # the record does not tell the cached tokens; everything was written: -0.75 micro-dollars each
    row = itemize_row(native_tokens_cached=None, total_cost=0.00525, cache_discount=-0.00075)
    assert (row["cache_read_tokens"], row["cache_write_tokens"], row["cache_write_cost"]) == (0, 1_000, 0.00375)


def test_an_older_record_with_two_explanations_is_divided_no_further_than_output() -> None:
    # 2,079 micro-dollars: 770 read at 2.7 saved each and nothing written; or 3.45 R - 750 = 2,079, so 820 read
    row = itemize_row(native_tokens_cached=None, total_cost=0.0045 - 0.002079, cache_discount=0.002079)
    assert row["output_cost"] == 0.0015
    assert pd.isna(row["input_cost"])
    assert row["unexplained_cost"] == pytest.approx(0.000921)


def test_a_fee_is_other_cost() -> None:
    row = itemize_row(total_cost=0.0045 + 0.008)
    assert (row["regime"], row["other_cost"], row["input_cost"]) == (1, 0.008, 0.003)


def test_a_rest_of_a_tool_is_other_cost_only_if_a_tool_was_used() -> None:
    assert itemize_row(total_cost=0.0045 + 0.0012345, num_search_results=3)["other_cost"] == 0.0012345
    row = itemize_row(total_cost=0.0045 + 0.0012345)
    assert row["unexplained_cost"] == 0.0057345
    assert pd.isna(row["regime"])


@pytest.mark.parametrize(("cost", "expected"), [(-0.25, -0.25), (0.0045001, 0.0045001)])
def test_other_amounts_are_unexplained(cost: float, expected: float) -> None:
    frame = pd.DataFrame([ROW | {"total_cost": cost}])
    row = ga.itemize(frame, EXACT).iloc[0]
    assert row["unexplained_cost"] == expected
    assert row[["input_cost", "output_cost"]].isna().all()


def test_a_free_row_has_items_of_nothing() -> None:
    row = itemize_row(total_cost=0.0)
    assert pd.isna(row["regime"])
    assert [row[item] for item in ITEMS] == [0.0] * 6


def test_a_row_without_a_cost_has_no_items() -> None:
    row = itemize_row(total_cost=None)
    assert pd.isna([row[item] for item in ITEMS]).all()


def test_own_keys_pay_a_fee_here_and_the_items_elsewhere() -> None:
    row = itemize_row(total_cost=0.000225, is_byok=True, upstream_inference_cost=0.0045)
    assert (row["other_cost"], row["input_cost"], row["unexplained_cost"]) == (0.000225, 0, 0)
    assert (row["byok_input_cost"], row["byok_output_cost"], row["byok_unexplained_cost"]) == (0.003, 0.0015, 0)


def test_reasoning_is_a_part_of_output() -> None:
    assert itemize_row(total_cost=0.0045, native_tokens_reasoning=40)["reasoning_cost"] == 0.0006
    assert itemize_row(total_cost=0.0045, native_tokens_reasoning=400)["reasoning_cost"] == 0.0015


def test_prices_of_a_table_that_went_through_csv(tmp_path: Any) -> None:  # noqa: ANN401
    frame = draw_bill(2, "exact").frame
    ga.prices(frame).to_csv(tmp_path / "prices.csv", index=False)
    table = pd.read_csv(tmp_path / "prices.csv").astype({"regime": "Int64"})
    pd.testing.assert_frame_equal(ga.itemize(frame, table)[["regime"]], ga.itemize(frame)[["regime"]])


@pytest.mark.parametrize("by", [["provider_name"], []])
def test_prices_of_other_groups_divide_the_rows_of_these(by: list[str]) -> None:
    frame = draw_bill(2, "exact").frame
    items = ga.itemize(frame, ga.prices(frame, by=by))
    assert items["unexplained_cost"].sum() == pytest.approx(ga.itemize(frame)["unexplained_cost"].sum())
    assert ga.price_changes(frame, ga.prices(frame, by=by)).columns[: len(by)].tolist() == by


def test_a_table_without_prices_is_refused() -> None:
    with pytest.raises(MissingColumnError, match=r"'input_price'.*ga\.prices"):
        ga.itemize(pd.DataFrame([ROW | {"total_cost": 1.0}]), SHEET.drop(columns="input_price"))


def test_each_kind_of_data_stays_what_it_is(itemized: pd.DataFrame) -> None:
    plain = itemized.drop(columns=[*COLUMNS, "provider_responses"])
    table = pa.Table.from_pandas(plain, preserve_index=False)
    arrow, polars = ga.itemize(table), ga.itemize(pl.from_arrow(table))
    relation = ga.itemize(duckdb.connect().from_arrow(table))
    assert isinstance(arrow, pa.Table)
    assert isinstance(polars, pl.DataFrame)
    assert isinstance(relation, duckdb.DuckDBPyRelation)
    for name in COLUMNS:
        expected = itemized[name].to_numpy(dtype=float, na_value=np.nan)
        for found in (arrow.to_pandas(), polars.to_pandas(), relation.to_arrow_table().to_pandas()):
            np.testing.assert_array_equal(found[name].to_numpy(dtype=float, na_value=np.nan), expected, err_msg=name)


def test_the_frame_keeps_its_index_and_is_not_changed() -> None:
    frame = pd.DataFrame([ROW | {"total_cost": 0.0045}], index=[17])
    before = frame.copy()
    found = ga.itemize(frame, SHEET)
    pd.testing.assert_frame_equal(frame, before)
    assert found.index.tolist() == [17]
    pd.testing.assert_frame_equal(ga.itemize(found, SHEET), found)


def test_shares_add_up_and_prices_are_those_that_were_paid(itemized: pd.DataFrame) -> None:
    summary = ga.summarize(itemized, by="model", metrics="items")
    shares = summary[[name for name in summary if str(name).endswith("_share")]].sum(axis=1)
    assert shares[summary["input_cost"] + summary["other_cost"] > 0].to_numpy() == pytest.approx(1)
    haiku = summary[summary["model"].str.contains("haiku")].iloc[0]
    assert haiku["cache_read_usd_per_mtok"] == pytest.approx(0.1)


def test_statistics_of_items_name_the_function_that_adds_them(itemized: pd.DataFrame) -> None:
    with pytest.raises(MissingColumnError, match=r"ga\.itemize"):
        ga.summarize(itemized.drop(columns=[*COLUMNS]), metrics="items")
