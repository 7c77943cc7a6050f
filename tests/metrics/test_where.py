import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from genanalytics.errors import InputError, MissingColumnError
from genanalytics.metrics.where import filter_rows
from genanalytics.records.frame import to_frame
from genanalytics.records.schema import ARROW_SCHEMA

NAMES = ("id", "model", "total_cost", "latency", "cancelled", "created_at")
ROWS = (
    ("0", "a", 0.5, 10, True, pd.Timestamp("2026-03-01T23:30Z")),
    ("1", "b", 1.5, 20, False, pd.Timestamp("2026-03-02T00:30Z")),
    ("2", "a=b", -1.0, 30, False, pd.Timestamp("2026-03-03T00:00Z")),
    ("3", None, None, None, None, None),
)
FRAME = to_frame(pa.Table.from_pylist([dict(zip(NAMES, row, strict=True)) for row in ROWS], schema=ARROW_SCHEMA))

CONDITIONS = [
    (["model=a"], "0"),
    (["model==a"], "0"),
    (["model != a"], "123"),
    (["model=a=b"], "2"),
    (["model>a"], "12"),
    (["total_cost<0"], "2"),
    (["total_cost>=0.5"], "01"),
    (["latency<=20"], "01"),
    (["latency>9.5"], "012"),
    (["latency=20"], "1"),
    (["cancelled=true"], "0"),
    (["cancelled!=True"], "123"),
    (["created_at>=2026-03-02"], "12"),
    (["created_at<2026-03-02T01:00:00+01:00"], "0"),
    (["latency>10", "cancelled=false", "model!=b"], "2"),
    (["model="], ""),
    ([], "0123"),
]


@pytest.mark.parametrize(("conditions", "ids"), CONDITIONS)
def test_all_conditions_hold_of_the_rows_that_are_kept(conditions: list[str], ids: str) -> None:
    found = filter_rows(FRAME, conditions)
    assert "".join(found["id"]) == ids
    assert found.dtypes.equals(FRAME.dtypes)


def test_a_moment_without_a_zone_is_one_in_the_readers() -> None:
    assert "".join(filter_rows(FRAME, ["created_at>=2026-03-02"], tz="Europe/Berlin")["id"]) == "012"
    assert "".join(filter_rows(FRAME, ["created_at=2026-03-02T01:30"], tz="Europe/Berlin")["id"]) == "1"


def test_duckdb_keeps_the_same_rows() -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is an extra")
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'Asia/Tokyo'")
        relation = connection.from_df(FRAME.drop(columns="provider_responses"))
        for conditions, ids in CONDITIONS:
            assert "".join(row[0] for row in filter_rows(relation, conditions).project("id").fetchall()) == ids


@given(st.sampled_from(["model", "latency", "total_cost"]), st.integers(-1, 40))
def test_a_condition_and_its_opposite_split_all_rows_in_two(column: str, value: int) -> None:
    kept, others = filter_rows(FRAME, [f"{column}={value}"]), filter_rows(FRAME, [f"{column}!={value}"])
    assert sorted([*kept["id"], *others["id"]]) == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("model", "cannot read the condition 'model': write a column, one of = != < <= > >=, and a value"),
        ("=a", "cannot read the condition '=a'"),
        ("modell=a", r"no column 'modell' in 'modell=a'; did you mean 'model'\? there are requested_id, id,"),
        ("latency=fast", "'fast' does not fit the column 'latency': give a number"),
        ("latency=nan", "'nan' does not fit the column 'latency'"),
        ("cancelled=maybe", "'maybe' does not fit the column 'cancelled': give true or false"),
        ("cancelled>false", "'cancelled>false': column 'cancelled' is true or false; use = or !="),
        ("created_at>yesterday", "'yesterday' does not fit the column 'created_at': give an ISO date or time"),
        ("provider_responses=x", "column 'provider_responses' contains lists: it cannot have a condition"),
    ],
)
def test_a_condition_that_cannot_be_read_is_refused_with_the_next_step(condition: str, sentence: str) -> None:
    with pytest.raises((InputError, MissingColumnError), match=sentence):
        filter_rows(FRAME, [condition])
