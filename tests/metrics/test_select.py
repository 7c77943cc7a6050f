from datetime import UTC, datetime

import duckdb
import pandas as pd
import polars as pl
import pytest

from genanalytics.errors import InputError
from genanalytics.metrics import summarize
from genanalytics.metrics.where.select import select
from support.generations import frame_of, on

NOW = datetime(2026, 9, 16, 12, tzinfo=UTC)  # a Wednesday
FRAME = frame_of(on("2026-09-08", model="a"), on("2026-09-14", model="b"), on("2026-09-16", model="c"))


@pytest.mark.parametrize(
    ("options", "models"),
    [
        ({"last": "week"}, ["a"]),
        ({"period": "week"}, ["b"]),  # before now
        ({"last": "7d"}, ["b"]),
        ({"since": "2026-09-14"}, ["b", "c"]),
        ({"until": "yesterday"}, ["a", "b"]),
        ({"where": ["model in (a, c)", "day > 2026-09-08"]}, ["c"]),
        ({"where": "model=b", "last": "week"}, []),
        ({}, ["a", "b", "c"]),
    ],
)
def test_conditions_and_times_choose_rows_on_every_engine(options: dict[str, object], models: list[str]) -> None:
    before = FRAME.copy()
    found = select(FRAME, now=NOW, **options)  # type: ignore[arg-type]
    assert found["model"].tolist() == models
    pd.testing.assert_frame_equal(FRAME, before)
    relation = select(duckdb.connect().from_df(FRAME), now=NOW, **options)  # type: ignore[arg-type]
    assert summarize(relation, by="model", metrics="effective_cost")["model"].tolist() == models


def test_a_lazy_frame_stays_lazy() -> None:
    lazy = pl.from_pandas(FRAME[["model", "created_at"]]).lazy()
    for where in ("hour = 0", "weekday = 1", "model_family = b"):
        found = select(lazy, where, now=NOW)
        assert isinstance(found, pl.LazyFrame)
        assert found.collect()["model"].to_list() == select(FRAME, where, now=NOW)["model"].tolist()


def test_notices_of_the_choice_reach_the_summary() -> None:
    found = select(FRAME, "model=bb", since="2026-09-01", now=NOW)
    notices = ["records since 2026-09-01 (UTC)", "no record has model 'bb'; the nearest is 'b'"]
    assert found.attrs["notices"] == notices
    assert set(notices) <= set(summarize(found, metrics="effective_cost").attrs["notices"])


def test_two_ways_to_choose_a_time_are_refused() -> None:
    with pytest.raises(InputError, match="last= and since= are ways to choose one period"):
        select(FRAME, last="week", since="7d")
