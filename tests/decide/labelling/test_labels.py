"""Labels are added to the records that have their key, on any engine, and amounts are never counted twice."""

from typing import Any

import duckdb
import narwhals.stable.v2 as nw
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

import genanalytics as ga
from genanalytics.decide.labelling.labels import add_labels
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.metrics.engines.source import Covered
from genanalytics.records.coverage import Coverage, find_coverage
from genanalytics.records.frame import to_arrow
from support.engines import assert_alike
from support.generations import CHARGED, frame_of

DAY = "from 2026-03-01 to 2026-03-01"
CUSTOMERS = pd.DataFrame({"user": ["u1", "u2", "u9"], "customer": ["Acme", "Bit", "Case"], "revenue": [9, 5, 7]})


def frame_of_users() -> pd.DataFrame:
    users = ["u1", "u2", "u1", None, "U1", "u1 ", "u1"]
    return frame_of(
        *(
            {"external_user": user, "session_id": f"s{place % 2}", "app_id": place % 3, "total_cost": 2.0**place}
            for place, user in enumerate(users)
        )
    )


def relation_of(frame: pd.DataFrame) -> Any:  # noqa: ANN401 - duckdb has no types of its own
    table = to_arrow(frame)
    return duckdb.connect().from_arrow(table)


def rows_of(data: Any) -> pd.DataFrame:  # noqa: ANN401 - of any engine
    """Return data in memory by id."""
    arrow = nw.from_native(data).lazy().collect(backend="pyarrow").to_native()
    rows: pd.DataFrame = arrow.to_pandas(ignore_metadata=True)
    return rows.set_index("requested_id").sort_index()


def test_a_record_has_the_labels_of_its_key_and_no_other() -> None:
    """Case and blanks count; each of the three records of u1 has a third of its revenue."""
    labelled = ga.label(frame_of_users(), CUSTOMERS)
    assert labelled["customer"].fillna("-").tolist() == ["Acme", "Bit", "Acme", "-", "-", "-", "Acme"]
    assert labelled["revenue"].astype(object).where(labelled["revenue"].notna(), None).tolist() == [
        3.0,
        5.0,
        3.0,
        None,
        None,
        None,
        3.0,
    ]
    assert [str(labelled[name].dtype) for name in ("customer", "revenue")] == ["str", "Float64"]


def test_what_did_not_match_is_counted() -> None:
    labels = pd.concat([CUSTOMERS, pd.DataFrame({"user": [None, "u2 "], "customer": ["x", None]})])
    of_that_time = (
        f"the revenue of each external_user is divided equally among its records {DAY}: a margin is right if it is the"
        " revenue of that time"
    )
    labelled = ga.label(frame_of_users(), labels)
    assert labelled.attrs["unlabelled"] == {"customer": 3, "revenue": 3}
    assert labelled.attrs["notices"] == [
        "3 of 7 records have no label: 1 without external_user, 2 with external_user that is no key",
        "1 label without a key",
        "2 of 4 keys match no record: 'u9', 'u2 '",
        "$7.00 of revenue belongs to keys without a record and is in no sum",
        "the cost of records without revenue is in no margin: give revenue 0 to what earns nothing",
        of_that_time,
    ]
    empty = ga.label(frame_of_users(), pd.DataFrame({"user": ["u1", "u2"], "team": [None, "a"]}))
    assert empty.attrs["unlabelled"] == {"team": 6}
    assert "3 labelled records without team: its cell is empty" in empty.attrs["notices"]


def test_a_summary_of_labelled_records_keeps_their_notices() -> None:
    labelled = ga.label(frame_of_users(), CUSTOMERS)
    own = ga.summarize(frame_of_users(), metrics="cost").attrs["notices"]
    for found in (
        ga.summarize(labelled, by="customer", metrics="cost"),
        ga.summarize(labelled[labelled["customer"].notna()], metrics="cost"),
    ):
        assert found.attrs["notices"] == [*labelled.attrs["notices"], *own]


def test_labels_of_other_records_are_suspicious() -> None:
    labelled = ga.label(frame_of_users(), {"gen-0": "a"}, on="external_user", name="team")
    assert labelled["team"].isna().all()
    assert (
        labelled.attrs["notices"][-1]
        == "no label was used: external_user holds values such as 'u1'; case and spaces count"
    )


def test_a_revenue_that_repeats_within_a_customer_is_suspicious() -> None:
    users = pd.DataFrame({"user": ["u1", "u2", "u3"], "customer": ["Acme", "Acme", "Bit"], "revenue": [9, 9, 5]})
    notice = "each external_user of customer 'Acme' has the same revenue, which counts 2 times"
    assert any(one.startswith(notice) for one in ga.label(frame_of_users(), users).attrs["notices"])
    users["revenue"] = [9, 8, 5]
    assert not any(one.startswith(notice) for one in ga.label(frame_of_users(), users).attrs["notices"])


def test_revenue_of_a_customer_with_several_users_counts_once() -> None:
    users = ga.label(frame_of_users(), {"u1": "Acme", "u2": "Acme", "U1": "Bit"}, name="customer")
    labelled = ga.label(users, pd.DataFrame({"customer": ["Acme", "Bit"], "revenue": [100.0, 7.0]}), on="customer")
    found = ga.summarize(labelled, by="customer", metrics=["revenue"]).set_index("customer")["revenue"]
    assert found["Acme"] == pytest.approx(100)
    assert found["Bit"] == pytest.approx(7)
    assert set(labelled.attrs["unlabelled"]) == {"customer", "revenue"}


def test_the_argument_is_unchanged_and_the_index_is_kept() -> None:
    frame = frame_of_users()
    frame.index = pd.Index(range(10, 17))
    before = frame.copy()
    attrs = dict(frame.attrs)
    labelled = ga.label(frame, CUSTOMERS)
    pd.testing.assert_frame_equal(frame, before)
    assert frame.attrs == attrs
    pd.testing.assert_frame_equal(labelled[before.columns], before)


def test_coverage_is_kept() -> None:
    frame = frame_of_users()
    coverage = Coverage.of(["gen-x"], found=len(frame))
    frame.attrs["coverage"] = coverage.to_json()
    labelled = ga.label(frame, CUSTOMERS)
    assert find_coverage(labelled) == coverage
    assert ga.summarize(labelled, by="customer").attrs["coverage"] == coverage.to_json()
    assert "some of the requested ids have no record, so that margins are upper bounds" in labelled.attrs["notices"]
    covered = ga.label(Covered(relation_of(frame), coverage), CUSTOMERS)
    assert isinstance(covered, Covered)
    assert covered.coverage == coverage
    arrow = ga.label(to_arrow(frame), CUSTOMERS)
    assert ga.summarize(arrow).attrs["coverage"] == coverage.to_json()


@pytest.mark.parametrize(
    ("on", "labels"),
    [
        ("external_user", CUSTOMERS),
        ("app_id", pd.DataFrame({"app": ["0", "2.0", "x", "07"], "team": ["a", "b", "c", "d"], "seats": [1, 2, 3, 4]})),
        ("session_id", pd.DataFrame({"s": ["s0", "s1"], "success": [True, False], "score": [0.5, None]})),
        ("requested_id", pd.DataFrame({"id": ["gen-0", "gen-4"], "success": ["yes", None], "revenue": [1.5, -2]})),
    ],
)
def test_every_engine_adds_the_same_labels(on: str, labels: pd.DataFrame) -> None:
    frame = frame_of_users()
    expected, report = add_labels(frame, labels, on=on)
    added = [name for name in expected if name not in frame]
    assert added
    for data in (relation_of(frame), pl.from_arrow(to_arrow(frame)), to_arrow(frame)):
        found, same = add_labels(data, labels, on=on)
        assert same == report
        assert type(found).__module__.partition(".")[0] == type(data).__module__.partition(".")[0]
        rows = rows_of(found)
        assert list(rows.columns)[-len(added) :] == added
        plain = expected.set_index("requested_id")
        for name in added:
            assert (
                rows[name].astype(object).where(rows[name].notna(), None).to_dict()
                == plain[name].astype(object).where(plain[name].notna(), None).to_dict()
            )
    metrics = [
        "effective_cost",
        *(["outcomes"] if "success" in added else []),
        *(["margins"] if "revenue" in added else []),
    ]
    here, there = (
        ga.summarize(ga.label(data, labels, on=on), by=added[0], metrics=metrics)
        for data in (frame, relation_of(frame))
    )
    assert here.attrs["notices"] == [*there.attrs["notices"], *report.notices]  # a relation cannot carry them
    there.attrs["notices"] = here.attrs["notices"]
    assert_alike(there, here)


@pytest.mark.long
def test_spark_adds_the_same_labels(spark: Any) -> None:  # noqa: ANN401 - pyspark is an extra
    frame = frame_of_users().drop(columns="provider_responses")
    rows = frame.astype(object).where(frame.notna(), None)
    names = ["requested_id", "external_user", "app_id", "session_id", "total_cost"]
    schema = "requested_id string, external_user string, app_id bigint, session_id string, total_cost double"
    data = spark.createDataFrame(rows[names].to_numpy().tolist(), schema)
    labels = CUSTOMERS.assign(seats=[1, 2, 3], paid=pd.array([True, False, None], dtype="boolean"))
    sessions = pd.DataFrame({"s": ["s0", "s1"], "success": [True, False]})
    apps = pd.DataFrame({"app": ["0", "2"], "team": ["a", "b"]})
    for on, table in (("external_user", labels), ("session_id", sessions), ("app_id", apps)):
        found, report = add_labels(data, table, on=on)
        expected, same = add_labels(frame.drop(columns="created_at"), table, on=on)
        assert report == same
        added = [name for name in expected if name not in frame]
        collected = {row["requested_id"]: [row[name] for name in added] for row in found.collect()}
        plain = expected.astype(object).where(expected.notna(), None)
        assert collected == {row["requested_id"]: [row[name] for name in added] for row in plain.to_dict("records")}


def test_columns_with_names_that_are_syntax_are_labels_too() -> None:
    frame = frame_of_users()
    names = ["a.b", "*", "^x$", 'say "hi"', "tab\t", "label 0", "=1+1"]
    labels = pd.DataFrame({"user": ["u1"]} | {name: ["x"] for name in names})
    for data in (frame, relation_of(frame)):
        rows = rows_of(ga.label(data, labels))
        for name in names:
            assert rows[name].notna().sum() == 3
    found = ga.summarize(ga.label(relation_of(frame), labels), by="^x$")
    assert found["requests"].tolist() == [3, 4]


def test_ids_of_an_application_are_numbers_in_any_column() -> None:
    for column in (pd.array([7, 8, None], dtype="Int64"), [7.0, 8.0, None], pd.array([7, 8, None], dtype="Int32")):
        frame = pd.DataFrame({"app_id": column, "total_cost": [1.0, 2.0, 3.0]})
        for keys in (["7", "8"], [7, 8], [7.0, 8.0], ["7.0", "08"]):
            labels = pd.DataFrame({"app": keys, "team": ["a", "b"]})
            assert ga.label(frame, labels, on="app_id")["team"].fillna("-").tolist() == ["a", "b", "-"]


def test_users_of_text_keep_their_zeros() -> None:
    frame = pd.DataFrame({"external_user": ["007", "7", "7.0"]})
    labels = pd.DataFrame({"user": ["007", "7"], "team": ["a", "b"]})
    assert ga.label(frame, labels)["team"].fillna("-").tolist() == ["a", "b", "-"]
    assert ga.label(frame, {7: "b"}, name="team")["team"].fillna("-").tolist() == ["-", "b", "-"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            pd.DataFrame({"u": ["a", "b", "a", "a"], "t": [1, 2, 3, 4]}),
            "the key 'a' occurs 3 times in the labels: keep",
        ),
        (
            pd.DataFrame({"u": ["a", "a", "b", "b"], "t": 1}),
            "the key 'a' occurs 2 times in the labels, and 1 other key",
        ),
        (pd.DataFrame({"u": ["a"], "model": ["x"]}), "the data already has a column 'model': rename the label 'model'"),
        (pd.DataFrame({"u": ["a"], "Model": ["x"]}), "the data already has a column 'model': rename the label 'Model'"),
        (pd.DataFrame({"u": ["a"], "team": ["x"], "Team": ["y"]}), "the data already has a column 'team'"),
        (pd.DataFrame({"u": ["a"], "success": [True]}), "'success' by 'external_user': an outcome belongs to"),
    ],
)
def test_labels_that_cannot_be_added_are_refused(labels: pd.DataFrame, message: str) -> None:
    for data in (frame_of_users(), relation_of(frame_of_users())):
        with pytest.raises(InputError, match=message):
            ga.label(data, labels)


def test_a_number_and_its_text_are_one_key_twice() -> None:
    with pytest.raises(InputError, match="the key 7 occurs 2 times"):
        ga.label(frame_of_users(), pd.DataFrame({"app": ["7", "07"], "team": ["a", "b"]}), on="app_id")


def test_data_without_the_column_is_refused() -> None:
    with pytest.raises(MissingColumnError, match=r"cannot label by 'external_usr': .*did you mean 'external_user'"):
        ga.label(frame_of_users(), CUSTOMERS, on="external_usr")
    with pytest.raises(InputError, match="cannot label by 'streamed', which holds Boolean"):
        ga.label(frame_of_users(), CUSTOMERS, on="streamed")
    with pytest.raises(MissingColumnError, match="the first column of the labels, 'user', is no column of the records"):
        add_labels(frame_of_users(), CUSTOMERS, on=None)


def test_labelled_twice_has_both_labels_and_a_label_only_once() -> None:
    frame = frame_of_users()
    for data in (frame, relation_of(frame)):
        once = ga.label(data, {"u1": "Acme"}, name="customer")
        twice = ga.label(once, pd.DataFrame({"id": ["gen-0"], "success": [True]}), on="requested_id")
        assert {"customer", "success", "outcomes"} <= {*rows_of(twice)}
        with pytest.raises(InputError, match="already has a column 'customer'"):
            ga.label(twice, {"u1": "Acme"}, name="customer")


def test_nothing_labels_nothing() -> None:
    frame = frame_of_users()
    none = pd.DataFrame({"user": pd.array([], dtype="str"), "team": pd.array([], dtype="str")})
    assert ga.label(frame, none)["team"].isna().all()
    assert rows_of(ga.label(relation_of(frame), none))["team"].isna().all()
    for data in (frame[:0], relation_of(frame[:0])):
        assert rows_of(ga.label(data, CUSTOMERS))["revenue"].tolist() == []
    gaps = frame.assign(external_user=pd.array([pd.NA] * len(frame), dtype="str"))
    assert ga.label(gaps, CUSTOMERS).attrs["notices"][0] == "7 of 7 records have no label: 7 without external_user"


def test_a_selection_has_its_part_of_the_revenue() -> None:
    """A filter after the labels leaves a part of the revenue; before them, the rows that are left have all of it."""
    frame = frame_of_users()
    labelled = ga.label(frame, CUSTOMERS)
    assert labelled[:3]["revenue"].sum() == 3 + 5 + 3
    assert ga.label(frame[:3], CUSTOMERS)["revenue"].sum() == 9 + 5


def test_revenue_that_cancels_out_or_is_negative_has_no_margin_share() -> None:
    frame = frame_of_users()
    for amounts in ([-5.0, 5.0], [0.1, -0.1 + 1e-13], [-5.0, 1.0], [0.0, 0.0]):
        for data in (frame, relation_of(frame)):
            labelled = ga.label(data, pd.DataFrame({"user": ["u1", "u2"], "revenue": amounts}))
            (row,) = ga.summarize(labelled, metrics="margins").to_dict("records")
            assert row["margin"] == pytest.approx(sum(amounts) - (1 + 2 + 4 + 64))
            assert pd.isna(row["margin_share"])


LABELS = st.dictionaries(
    st.sampled_from(["a", "b", "P", "Q", "s", "t", "x"]),
    st.tuples(st.sampled_from(["one", "two", None]), st.none() | st.integers(-64, 640).map(lambda steps: steps / 64)),
    max_size=5,
)


@given(records=CHARGED, labels=LABELS, on=st.sampled_from(["model", "provider_name", "session_id"]), seed=st.randoms())
def test_parts_add_up_to_the_whole_in_any_order(
    records: list[dict[str, Any]],
    labels: dict[str, Any],
    on: str,
    seed: Any,  # noqa: ANN401
) -> None:
    frame = frame_of(*records)
    table = pd.DataFrame(
        {
            "key": pd.array([*labels], dtype="str"),
            "team": pd.array([team for team, _ in labels.values()], dtype="str"),
            "revenue": pd.array([revenue for _, revenue in labels.values()], dtype="Float64"),
        }
    )
    before = frame.copy()
    labelled = ga.label(frame, table, on=on)
    pd.testing.assert_frame_equal(frame, before)
    for value, (team, revenue) in labels.items():
        rows = labelled[(labelled[on] == value).fillna(value=False)]
        assert all(rows["team"] == team) if team is not None else rows["team"].isna().all()
        if len(rows) and revenue is not None:
            assert rows["revenue"].sum() == pytest.approx(revenue, abs=1e-12)
    parts = ga.summarize(labelled, by="team", metrics=["effective_cost", "revenue"])
    whole = ga.summarize(labelled, metrics=["effective_cost", "revenue"])
    for name in ("effective_cost", "revenue", "requests"):
        assert parts[name].sum() == pytest.approx(0 if pd.isna(whole[name][0]) else whole[name][0], abs=1e-9)
    order = list(range(len(frame)))
    seed.shuffle(order)
    shuffled = ga.label(frame.iloc[order], table, on=on).sort_values("requested_id", ignore_index=True)
    pd.testing.assert_frame_equal(shuffled, labelled.sort_values("requested_id", ignore_index=True))
    assert (
        rows_of(ga.label(pa.Table.from_pandas(frame.drop(columns="provider_responses")), table, on=on))["team"]
        .isna()
        .sum()
        == labelled.attrs["unlabelled"]["team"]
    )
