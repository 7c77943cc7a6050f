"""A column means the same on every input: what is not a number is a gap, a wrong type is one clear error."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Literal

import duckdb
import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from genanalytics import attempts, distribution, quality, sessions, summarize
from genanalytics.errors import InputError
from genanalytics.metrics import RowValue, spread, total
from genanalytics.metrics.engines.sketch import ACCURACY
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.forms import count_of
from genanalytics.metrics.summary import PERCENTILES, Percentiles
from genanalytics.metrics.where.rows import filter_rows
from genanalytics.records.schema import ARROW_SCHEMA
from genanalytics.units import Unit
from support.engines import assert_alike

INPUTS: dict[str, Callable[[pa.Table], Any]] = {
    "pandas": lambda table: table.to_pandas(),
    "Arrow": lambda table: table,
    "pandas of Arrow": lambda table: table.to_pandas(types_mapper=pd.ArrowDtype),
    "polars": pl.from_arrow,
    "DuckDB": lambda table: duckdb.connect().from_arrow(table),
}
INPUT = pytest.mark.parametrize("make", INPUTS.values(), ids=INPUTS)
COST: dict[str, Any] = {"metrics": ["billed_cost", "cost_unknown", "cost_per_request"]}
MODELS = ["a", "a", "b", "b"]


def costs(values: list[float | None], **others: object) -> pa.Table:
    """Return rows with costs, and the columns that their statistics need."""
    found = {"total_cost": pa.array(values, pa.float64()), "is_byok": [False] * len(values)}
    return pa.table(found | {"upstream_inference_cost": [0.0] * len(values)} | others)


@INPUT
def test_nan_is_a_gap_and_infinity_too_with_a_notice(make: Callable[[pa.Table], Any]) -> None:
    dirty = costs([1.0, np.nan, np.inf, -np.inf], model=MODELS)
    expected = summarize(costs([1.0, None, None, None], model=MODELS), by="model", **COST)
    found = summarize(make(dirty), by="model", **COST)
    assert found.attrs.pop("notices") == ["2 infinite values in column 'total_cost' count as missing"]
    assert expected.attrs.pop("notices") == []
    assert_alike(found, expected)
    assert found["cost_unknown"].tolist() == [1, 2]
    assert found["billed_cost"].isna().tolist() == [False, True]


def test_nan_in_a_nullable_column_is_a_gap() -> None:
    divided = pd.Series([0.0, 1.0], dtype="Float64") / pd.Series([0.0, 1.0], dtype="Float64")
    frame = pd.DataFrame({"total_cost": divided, "is_byok": False, "upstream_inference_cost": 0.0})
    assert summarize(frame, **COST).iloc[0][["billed_cost", "cost_unknown"]].tolist() == [1.0, 1]


@INPUT
@pytest.mark.parametrize("percentiles", ["exact", "sketch"])
def test_a_key_that_is_no_number_is_the_group_of_gaps(
    make: Callable[[pa.Table], Any], percentiles: Percentiles
) -> None:
    keys = pa.array([0.0, -0.0, np.nan, None, np.inf])
    found = summarize(make(costs([1.0] * 5, mine=keys)), by="mine", percentiles=percentiles, **COST)
    assert found["requests"].tolist() == [2, 3]
    assert found["cost_per_request_p50"].tolist() == pytest.approx([1, 1], rel=ACCURACY * 1.1)
    assert str(found["mine"].iloc[0]) == "0.0"
    assert pd.isna(found["mine"].iloc[1])
    assert found.attrs["notices"] == ["1 infinite value in column 'mine' counts as missing"]


@INPUT
@pytest.mark.parametrize("percentiles", ["exact", "sketch"])
def test_large_integers_are_different_keys(make: Callable[[pa.Table], Any], percentiles: Percentiles) -> None:
    keys = pa.array([2**60 + 1, 2**60 + 2, None])
    if make is INPUTS["pandas"]:  # pandas alone reads integers with gaps as floats
        make = INPUTS["pandas of Arrow"]
    found = summarize(make(costs([1.0, 100.0, 7.0], app_id=keys)), by="app_id", percentiles=percentiles, **COST)
    assert found["app_id"].tolist()[:2] == [2**60 + 1, 2**60 + 2]
    assert found["cost_per_request_p50"].tolist() == pytest.approx([1, 100, 7], rel=ACCURACY * 1.1)


@INPUT
def test_large_integers_are_added_up_and_measured(make: Callable[[pa.Table], Any]) -> None:
    large = [2**62 + 1, 2**62, 2**62]
    table = pa.table({"native_tokens_prompt": large, "native_tokens_completion": large, "mine": large})
    mine = RowValue("own", "own", Unit.COUNT, "own", ("mine",), nw.col("mine"))
    for percentiles in PERCENTILES:
        found = summarize(make(table), metrics=["tokens_in", *spread(mine)], percentiles=percentiles).iloc[0]
        assert found["tokens_in"] == 3 * 2.0**62
        assert found["own_p50"] == pytest.approx(2.0**62, rel=0.01)
    assert distribution(make(table), mine)["share"].tolist() == [1.0]


@INPUT
def test_categories_and_decimals_are_their_values(make: Callable[[pa.Table], Any]) -> None:
    amounts = pa.array([Decimal("1.50"), None, Decimal("0.25"), Decimal("4.00")])
    models = pa.array(["b", "a", "b", None]).dictionary_encode()
    table = costs([0.0] * 4).set_column(0, "total_cost", amounts).append_column("model", models)
    found = summarize(make(table), by=["model", "total_cost"], metrics="billed_cost")
    assert found["model"].tolist()[:3] == ["a", "b", "b"]
    assert str(found["model"].dtype) == "str"
    assert found["total_cost"].dropna().tolist() == [0.25, 1.5, 4.0]
    assert str(found["total_cost"].dtype) == "Float64"


@INPUT
def test_fractions_in_a_column_of_integers_are_kept(make: Callable[[pa.Table], Any]) -> None:
    table = pa.table({"latency": [0.5, 1.5, 2.0]})
    mine = RowValue("own", "own", Unit.MS, "own", ("latency",), nw.col("latency"))
    assert summarize(make(table), metrics=total(mine))["own"].tolist() == [4.0]
    assert summarize(make(table), by="latency", metrics=[])["latency"].tolist() == [0.5, 1.5, 2.0]
    whole = pa.table({"latency": [1.0, 2.0]})
    assert str(summarize(make(whole), by="latency", metrics=[])["latency"].dtype) == "Int64"


MOMENT = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
BERLIN = timezone(timedelta(hours=1))
TIMES = {
    "seconds": pa.array([MOMENT, None], pa.timestamp("s", "UTC")),
    "nanoseconds": pa.array([MOMENT, None], pa.timestamp("ns", "UTC")),
    "another zone": pa.array([MOMENT, None], pa.timestamp("us", "Asia/Kathmandu")),
    "no zone": pa.array([MOMENT.replace(tzinfo=None), None], pa.timestamp("us")),
    "no zone, nanoseconds": pa.array([MOMENT.replace(tzinfo=None), None], pa.timestamp("ns")),
}


@INPUT
@pytest.mark.parametrize("moments", TIMES.values(), ids=TIMES)
def test_a_moment_without_a_zone_is_in_utc(make: Callable[[pa.Table], Any], moments: pa.Array) -> None:
    data = make(costs([1.0, 2.0], created_at=moments, session_id=["s", "s"]))
    found = summarize(data, every="day", tz="Europe/Berlin", metrics="billed_cost")
    assert [str(time) for time in found["time"]] == ["2026-03-02 00:00:00+01:00", "NaT"]
    by_moment = summarize(data, by="created_at", metrics=[])
    assert str(by_moment["created_at"].dtype) == "datetime64[us, UTC]"
    assert by_moment["created_at"].iloc[0] == MOMENT


def test_zones_can_be_mixed_in_a_column_of_objects() -> None:
    moments = pd.Series([MOMENT, MOMENT.astimezone(BERLIN), MOMENT.replace(tzinfo=None), None], dtype=object)
    assert summarize(pd.DataFrame({"created_at": moments}), by="created_at", metrics=[])["requests"].tolist() == [3, 1]


WRONG = {
    "created_at": (pa.array([1, 2]), "Int64", "it should hold timestamps: convert it, with pandas.to_datetime"),
    "total_cost": (pa.array(["1", "2"]), "String", "it should hold numbers: cast it"),
    "model": (pa.array([1, 2]), "Int64", "it should hold text: cast it to a string"),
    "is_byok": (pa.array([1, 0]), "Int64", "it should hold true and false: cast it to a boolean"),
    "provider_responses": (pa.array([["x"], []]), "List(String)", "it should hold lists of attempts"),
}


@INPUT
@pytest.mark.parametrize("name", WRONG)
def test_a_column_of_a_wrong_type_is_named_once_it_is_read(make: Callable[[pa.Table], Any], name: str) -> None:
    values, found, wanted = WRONG[name]
    full = ARROW_SCHEMA.empty_table().to_pydict() | {column: [None, None] for column in ARROW_SCHEMA.names}
    table = pa.table(full, schema=ARROW_SCHEMA)
    data = make(table.set_column(ARROW_SCHEMA.get_field_index(name), name, values))
    summarize(data, metrics="tokens_in")  # which does not read it
    if name != "provider_responses":
        with pytest.raises(InputError) as raised:
            summarize(data, by="day" if name == "created_at" else name, metrics=[])
        assert str(raised.value).startswith(f"column {name!r} holds {found}, {wanted}")
    if name != "model":
        with pytest.raises(InputError, match=f"column '{name}' holds"):
            (sessions if name == "created_at" else summarize)(data)


@INPUT
def test_quality_reads_the_same_columns(make: Callable[[pa.Table], Any]) -> None:
    table = costs([1.0, np.nan, np.inf], requested_id=pa.array(["x", "x", "y"]).dictionary_encode())
    found = quality(make(table)).set_index("check")[["rows", "of", "examples"]].T.to_dict("list")
    assert found["no_total_cost"] == [2, 3, "x, y"]
    assert found["repeated_id"] == [1, 3, "x"]
    assert quality(make(table)).attrs["notices"] == ["1 infinite value in column 'total_cost' counts as missing"]


@INPUT
def test_a_distribution_has_no_nan(make: Callable[[pa.Table], Any]) -> None:
    data = make(costs([1.0, np.nan, np.inf]))
    kinds: tuple[Literal["ecdf", "histogram"], ...] = ("ecdf", "histogram")
    for kind in kinds:
        found = distribution(data, "cost_per_request", kind=kind)
        assert found["share"].tolist() == [1.0]
        assert found.attrs["notices"] == ["1 infinite value in column 'total_cost' counts as missing"]


@INPUT
def test_a_condition_on_a_gap_is_not_met(make: Callable[[pa.Table], Any]) -> None:
    data = make(costs([1.0, np.nan, np.inf, None]))
    kept = [summarize(filter_rows(data, [f"total_cost{condition}"]), metrics=[]) for condition in (">0", "<=1", "!=1")]
    assert [found["requests"].iloc[0] for found in kept] == [1, 1, 3]


@INPUT
def test_a_row_value_that_is_not_finite_is_a_gap(make: Callable[[pa.Table], Any]) -> None:
    quotient = RowValue("q", "q", Unit.RATIO, "x / y", ("x", "y"), nw.col("x") / nw.col("y"))
    table = pa.table({"x": [1.0, 0.0, 6.0], "y": [0.0, 0.0, 3.0]})
    assert summarize(make(table), metrics=spread(quotient))[["q_mean", "q_p50", "q_n"]].iloc[0].tolist() == [2, 2, 1]
    assert distribution(make(table), quotient)["value"].tolist() == pytest.approx([2], rel=ACCURACY)


@INPUT
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_meets_no_condition(make: Callable[[pa.Table], Any], number: float) -> None:
    x = nw.col("x")
    other = RowValue(
        "far", "far", Unit.COUNT, "1 unless x is between 0 and 5", ("x",), nw.when((x < 0) | (x > 5)).then(1)
    )
    table = pa.table({"x": [1.0, number, 6.0]})
    found = summarize(make(table), metrics=[count_of(other)])
    assert found[["requests", "far"]].iloc[0].tolist() == [3, 1]
    assert len(found.attrs["notices"]) == np.isinf(number)


@INPUT
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_cast_of_a_number_that_is_not_finite_is_a_gap(make: Callable[[pa.Table], Any], number: float) -> None:
    whole = RowValue("whole", "whole", Unit.COUNT, "x as an integer", ("x",), nw.col("x").cast(nw.Int64))
    found = summarize(make(pa.table({"x": [1.0, number, 6.0]})), metrics=total(whole))
    assert found[["requests", "whole"]].iloc[0].tolist() == [3, 7]


TWICE = pa.table([[1.0], [2.0]], names=["total_cost", "total_cost"])


@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame([[1.0, 2.0]], columns=["total_cost", "total_cost"]),
        TWICE,
        duckdb.sql("SELECT 1.0 AS total_cost, 2.0 AS total_cost"),
    ],
    ids=["pandas", "Arrow", "DuckDB"],
)
def test_two_columns_of_one_name_are_refused(data: Records) -> None:
    for function in (summarize, sessions, quality, attempts):
        with pytest.raises(InputError, match="two columns of the data are named 'total_cost': rename or drop one"):
            function(data)


def test_names_of_columns_need_not_be_text() -> None:
    frame = pd.DataFrame({0: ["a", "b", "a"]})
    assert summarize(frame, by="0", metrics=[])["requests"].tolist() == [2, 1]


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([1, "a"], dtype=object),
        pd.Series([2**70, 1], dtype=object),
        pd.Series(pd.period_range("2026", periods=2, freq="D")),
        pd.Series(pd.interval_range(0, 2)),
        pd.Series([1j, 2j]),
    ],
    ids=["mixed", "beyond 64 bits", "periods", "intervals", "complex"],
)
def test_values_that_no_engine_has_are_one_clear_error(values: pd.Series) -> None:
    with pytest.raises(InputError, match=r"column 'mine' (contains values that cannot be read|holds)"):
        summarize(pd.DataFrame({"mine": values}), by="mine", metrics=[])
