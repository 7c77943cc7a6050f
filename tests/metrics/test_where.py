from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, strategies as st

from genanalytics.errors import InputError, MissingColumnError
from genanalytics.metrics.where.grammar import Criterion, Joined, Not, parse, quote_name, quote_value
from genanalytics.metrics.where.rows import filter_rows, find_unknown_values
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
    (["model in (a, b)"], "01"),
    (["model not in ('a=b', b)"], "03"),
    (["latency in (10,30)"], "02"),
    (["model ~ a"], "02"),
    (["model !~ a"], "13"),
    (["model is null"], "3"),
    (["model IS NOT NULL"], "012"),
    (["not model=a"], "123"),
    (["model=a or model=b and latency>20"], "0"),
    (["(model=a or model=b) and latency>=20"], "1"),
    (["not (model=a or latency is null)"], "12"),
    (["model='a' or model=\"a=b\""], "02"),
    (['"model"=b'], "1"),
    (["day=2026-03-02"], "1"),
    (["day>2026-03-02"], "2"),
    (["day<=2026-03-02"], "01"),
    (["day in (2026-03-01, 2026-03-03)"], "02"),
    (["day!=2026-03-02"], "023"),
    (["hour<1"], "12"),
    (["hour in (23)"], "0"),
    (["weekday=7"], "0"),
    (["hour is null"], "3"),
    (["model_family ~ ="], "2"),
    (["created_at>=36h"], "12"),
    (["created_at<yesterday"], "0"),
    (["day=today"], "2"),
]
NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(("conditions", "ids"), CONDITIONS)
def test_all_conditions_hold_of_the_rows_that_are_kept(conditions: list[str], ids: str) -> None:
    found = filter_rows(FRAME, conditions, now=NOW)
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
            assert "".join(row[0] for row in filter_rows(relation, conditions, now=NOW).project("id").fetchall()) == ids


@given(st.sampled_from(["model", "latency", "total_cost"]), st.integers(-1, 40))
def test_a_condition_and_its_opposite_split_all_rows_in_two(column: str, value: int) -> None:
    kept, others = filter_rows(FRAME, [f"{column}={value}"]), filter_rows(FRAME, [f"{column}!={value}"])
    assert sorted([*kept["id"], *others["id"]]) == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("model", "cannot read the condition 'model': write a column, one of = != < <= > >= ~ "),
        ("=a", "cannot read the condition '=a'"),
        ("modell=a", r"no column 'modell' in 'modell=a'; did you mean 'model'\? there are model, .* and \d+ more"),
        ("latency=fast", "'fast' does not fit the column 'latency': give a number"),
        ("latency=nan", "'nan' does not fit the column 'latency'"),
        ("cancelled=maybe", "'maybe' does not fit the column 'cancelled': give true or false"),
        ("cancelled>false", "'cancelled>false': column 'cancelled' is true or false; use = or !="),
        ("created_at>soon", r"'soon' does not fit the column 'created_at': give a date or time \(2026-09-01, 2026"),
        ("day=7 days", "'7 days' does not fit the column 'day': give a date or time"),
        ("latency ~ 1", "~ \\(contains\\) needs a column of text, and 'latency' is none"),
        ("model in (a", r"cannot read the condition 'model in \(a': a closing \) is missing; write a column"),
        ("(model=a", r"a closing \) is missing"),
        ("model='a", "a closing ' is missing"),
        ("model='a' b", "cannot read the condition \"model='a' b\" at 'b': write a column"),
        ("model=a and b", "cannot read the condition 'model=a and b' at 'b'"),
        ("provider_responses=x", "column 'provider_responses' contains lists: it can only be tested with 'is null'"),
        ("not " * 50 + "model=a", r"nests more than \d+ levels deep: write it flatter"),
        (f"{'(' * 5_000}model=a{')' * 5_000}", r"nests more than \d+ levels deep"),
        ("day<9999-12-31", "'9999-12-31' does not fit the column 'day': its day is not whole"),
    ],
)
def test_a_condition_that_cannot_be_read_is_refused_with_the_next_step(condition: str, sentence: str) -> None:
    with pytest.raises((InputError, MissingColumnError), match=sentence):
        filter_rows(FRAME, [condition])


def test_a_day_is_one_of_the_readers_calendar() -> None:
    assert "".join(filter_rows(FRAME, ["day=2026-03-02"], tz="Europe/Berlin")["id"]) == "01"
    assert "".join(filter_rows(FRAME, ["hour=0"], tz="Europe/Berlin")["id"]) == "0"


def test_a_column_of_the_data_comes_before_a_derived_one() -> None:
    frame = FRAME.assign(day="x", hour=5)
    assert len(filter_rows(frame, ["day=x", "hour=5"])) == 4


def test_categories_are_ordered_as_texts_and_dates_as_dates() -> None:
    frame = FRAME.assign(model=pd.Categorical(FRAME["model"], categories=["b", "a=b", "a"]))
    assert "".join(filter_rows(frame, ["model>a"])["id"]) == "12"
    table = pa.table({"on": pa.array([datetime(2026, 3, day, tzinfo=UTC).date() for day in (1, 2)])})
    assert filter_rows(table, ["on>=2026-03-02"]).num_rows == filter_rows(table, ["on=2026-03-01"]).num_rows == 1
    with pytest.raises(InputError, match="'soon' does not fit the column 'on': give a date"):
        filter_rows(table, ["on<soon"])
    with pytest.raises(InputError, match="'on' contains values of several types, which have no order"):
        filter_rows(table.to_pandas(), ["on<2026-03-02"])


def test_a_list_can_have_thousands_of_values() -> None:
    table = pa.table({"model": ["a", "b", None], "latency": [1, 2, 3]})
    texts, numbers = f"model not in ({', '.join(['b', *'c' * 3_000])})", " or ".join(["latency=1"] * 1_000)
    for data in (table, table.to_pandas(), pytest.importorskip("duckdb").from_arrow(table)):
        kept = nw.from_native(filter_rows(data, [texts, numbers])).lazy().collect()
        assert kept["model"].to_list() == ["a"]


def test_all_kinds_of_data_keep_the_same_rows() -> None:
    polars = pytest.importorskip("polars", reason="polars is an extra")
    table = pa.Table.from_pandas(FRAME.drop(columns="provider_responses"), preserve_index=False)
    for conditions, ids in CONDITIONS:
        for data in (table, polars.from_arrow(table), polars.from_arrow(table).lazy()):
            kept = nw.from_native(filter_rows(data, conditions, now=NOW)).lazy().collect()
            assert "".join(kept["id"].to_list()) == ids
            assert kept.columns == table.column_names


@pytest.mark.long
def test_spark_keeps_the_same_rows(spark: Any) -> None:  # noqa: ANN401 - pyspark is an extra
    schema = "id string, model string, total_cost double, latency bigint, cancelled boolean, created_at timestamp"
    moments = [None if moment is None else pd.Timestamp(str(moment)).to_pydatetime() for *_, moment in ROWS]
    data = spark.createDataFrame([(*row[:-1], moment) for row, moment in zip(ROWS, moments, strict=True)], schema)
    for conditions, ids in CONDITIONS:
        found = [row["id"] for row in filter_rows(data, conditions, now=NOW).collect()]
        assert "".join(sorted(found)) == ids


TEXTS = st.text(st.sampled_from("ab'\"(), =\n%_\\\u00e9"), max_size=6)
TESTS = st.one_of(
    st.tuples(st.sampled_from(["model", 'say "hi" and (bye)']), st.sampled_from(["=", "!=", "~", "!~"]), TEXTS).map(
        lambda test: (
            f"{quote_name(test[0])} {test[1]} {quote_value(test[2])}",
            {
                "=": "coalesce({0} = {1}, false)",
                "!=": "not coalesce({0} = {1}, false)",
                "~": "coalesce(contains({0}, {1}), false)",
                "!~": "not coalesce(contains({0}, {1}), false)",
            }[test[1]].format(_to_sql_name(test[0]), _to_sql(test[2])),
        )
    ),
    st.tuples(st.sampled_from(["in", "not in"]), st.lists(TEXTS, min_size=1, max_size=3)).map(
        lambda test: (
            f"model {test[0]} ({', '.join(map(quote_value, test[1]))})",
            f"{'not ' if test[0] != 'in' else ''}coalesce(model in ({', '.join(map(_to_sql, test[1]))}), false)",
        )
    ),
    st.sampled_from([("latency is null", "latency is null"), ("model is not null", "model is not null")]),
    st.tuples(st.sampled_from(["<", "<=", ">", ">=", "="]), st.integers(0, 3)).map(
        lambda test: (f"latency{test[0]}{test[1]}", f"coalesce(latency {test[0]} {test[1]}, false)")
    ),
)
TREES = st.recursive(
    TESTS,
    lambda inner: st.one_of(
        inner.map(lambda one: (f"not ({one[0]})", f"not ({one[1]})")),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
            lambda both: tuple(f"({both[0][side]}) {both[1]} ({both[2][side]})" for side in (0, 1))
        ),
    ),
    max_leaves=5,
)


def _to_sql(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _to_sql_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@given(TREES, st.lists(st.tuples(st.none() | TEXTS, st.none() | TEXTS, st.none() | st.integers(0, 3)), max_size=6))
def test_conditions_mean_what_they_mean_in_sql(
    condition: tuple[str, str], rows: list[tuple[str | None, str | None, int | None]]
) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is an extra")
    text, sql = condition
    names = ("model", 'say "hi" and (bye)', "latency", "place")
    columns = {name: [row[at] for row in rows] for at, name in enumerate(names[:3])} | {"place": list(range(len(rows)))}
    kinds = (pa.string(), pa.string(), pa.int64(), pa.int64())
    table = pa.table({name: pa.array(columns[name], kind) for name, kind in zip(names, kinds, strict=True)})
    with duckdb.connect() as connection:
        relation = connection.from_arrow(table)
        expected = [row[0] for row in relation.filter(sql).project("place").fetchall()]
        assert [row[0] for row in filter_rows(relation, [text]).project("place").fetchall()] == expected
    assert filter_rows(table, [text])["place"].to_pylist() == expected
    assert filter_rows(table.to_pandas(), [text])["place"].tolist() == expected


@example("=a")
@given(st.text(max_size=20))
def test_a_quoted_value_is_read_as_it_is(text: str) -> None:
    for condition in (f"model={quote_value(text)}", f"(model = {quote_value(text)})", f"not model={quote_value(text)}"):
        tree = parse(condition)
        test = tree.condition if isinstance(tree, Not) else tree
        assert test == Criterion("model", "=", (text,))


@given(st.text(max_size=40))
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    with suppress(InputError):
        assert isinstance(parse(text), Criterion | Not | Joined)


def test_a_value_that_occurs_nowhere_gets_the_nearest_that_does() -> None:
    frame = pd.DataFrame({"model": ["openai/gpt-5", "openai/gpt-5-mini", None], "latency": [1, 2, 3]})
    assert find_unknown_values(frame, ["model=gpt-5-mini", "latency=9", "model in (openai/gpt-5, x/y)"]) == [
        "no record has model 'gpt-5-mini'; the nearest is 'openai/gpt-5-mini'",
        "no record has model 'x/y'",
    ]
    assert find_unknown_values(frame, ["model=openai/gpt-5 or model ~ nothing"]) == []
