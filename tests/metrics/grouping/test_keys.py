"""Keys that are derived from a column, and keys that are columns."""

import duckdb
import pandas as pd
import pytest

from genanalytics.metrics import COST, summarize
from genanalytics.metrics.grouping.calendar import find_zone
from genanalytics.metrics.grouping.keys import DERIVED, find_key
from support.generations import frame_of

UTC = find_zone("UTC")
FAMILIES = {
    "openai/gpt-5": "openai/gpt-5",
    "openai/gpt-5-2026-01-31": "openai/gpt-5",
    "openai/gpt-5-20260131": "openai/gpt-5",
    "openai/gpt-5-2026-01-31:free": "openai/gpt-5",
    "openai/gpt-5:nitro": "openai/gpt-5",
    "openai/gpt-4-32k": "openai/gpt-4-32k",  # no date
    "x/y-1999-01-31": "x/y-1999-01-31",  # models of this kind are younger
    "x/y-2026-01-31-beta": "x/y-2026-01-31-beta",  # a date in the middle is a part of the name
    "": "",
    None: None,
}


def test_the_family_of_a_model_is_its_name_without_date_and_variant() -> None:
    models = pd.Series(list(FAMILIES), dtype="str", index=range(10, 10 + len(FAMILIES)))
    found = find_key("model_family", UTC).pandas(models)
    assert [None if pd.isna(family) else family for family in found] == list(FAMILIES.values())
    assert found.index.equals(models.index)


def test_duckdb_finds_the_same_families() -> None:
    frame = pd.DataFrame({"model": pd.Series(list(FAMILIES), dtype="str")})
    expected = summarize(frame, by="model_family", metrics=[])
    with duckdb.connect() as connection:
        pd.testing.assert_frame_equal(summarize(connection.from_df(frame), by="model_family", metrics=[]), expected)


def test_hour_and_weekday_are_those_of_the_local_clock() -> None:
    moments = pd.Series(
        ["2026-03-01T23:30Z", None], dtype="datetime64[us, UTC]"
    )  # a Sunday; in Berlin already Monday, half past 0
    for tz, hour, weekday in (("UTC", 23, 7), ("Europe/Berlin", 0, 1)):
        for name, value in (("hour", hour), ("weekday", weekday)):
            found = find_key(name, find_zone(tz)).pandas(moments)
            assert found.tolist() == [value, pd.NA]
            assert found.dtype == "Int64"


def test_a_name_that_is_not_derived_is_a_column() -> None:
    key = find_key("model", UTC)
    assert (key.name, key.column, key.lazy) == ("model", "model", {})
    assert {name: find_key(name, UTC).column for name in DERIVED} == {
        "day": "created_at",
        "hour": "created_at",
        "weekday": "created_at",
        "model_family": "model",
    }


@pytest.mark.parametrize("name", ["ttft_ms", "effective_cost over", "sum of billed_cost"])
def test_a_key_may_have_the_name_of_a_row_value(name: str) -> None:
    frame = frame_of({"total_cost": 1.0}, {"total_cost": 2.0}).assign(**{name: [7, 7]})
    assert summarize(frame, by=name, metrics=COST)["effective_cost"].tolist() == [3.0]
    with duckdb.connect() as connection:
        relation = connection.from_df(frame.drop(columns="provider_responses"))
        assert summarize(relation, by=name, metrics=COST)["effective_cost"].tolist() == [3.0]
