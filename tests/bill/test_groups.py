"""The price regimes of all groups: equal rows in memory are solved once, others again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import genanalytics as ga
from genanalytics.bill.book import Book
from genanalytics.bill.survey import survey
from genanalytics.errors import InputError
from genanalytics.metrics.engines.protocol import Source
from genanalytics.metrics.engines.source import Records
from support.bills import draw_bill


@pytest.fixture
def frame(request: pytest.FixtureRequest) -> pd.DataFrame:
    """Records that no other test has."""
    return draw_bill(3, "exact").frame.assign(model=request.node.name, service_tier="flex", usage=1.0)


@pytest.fixture(autouse=True)
def surveys(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of rows in each survey, with which every solution ends."""
    counted: list[int] = []

    def count(source: Source, book: Book) -> pd.DataFrame:
        counted.append(source.count())
        return survey(source, book)

    monkeypatch.setattr("genanalytics.bill.groups.survey", count)
    return counted


@pytest.mark.parametrize(
    "convert", [pd.DataFrame, pa.Table.from_pandas, pl.from_pandas], ids=["pandas", "arrow", "polars"]
)
def test_equal_rows_are_solved_once(
    frame: pd.DataFrame, surveys: list[int], convert: Callable[[pd.DataFrame], Records]
) -> None:
    first = ga.prices(convert(frame))
    pd.testing.assert_frame_equal(ga.prices(convert(frame.copy())), first)
    ga.itemize(convert(frame))
    ga.waste(convert(frame.assign(usage=2.0)))
    assert surveys == [len(frame)]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("total_cost", 1.0),
        ("native_tokens_prompt", 7.0),
        ("created_at", pd.Timestamp("2027-01-01", tz="UTC")),
        ("model", "another"),
        ("cache_discount", 0.5),
        ("total_cost", np.nan),
    ],
)
def test_a_value_that_is_changed_in_place_counts(
    frame: pd.DataFrame, surveys: list[int], column: str, value: float | str | pd.Timestamp
) -> None:
    before = ga.prices(frame)
    frame.loc[frame.index[-40:], column] = value
    after = ga.prices(frame)
    assert len(surveys) == 2
    assert not after.equals(before)
    pd.testing.assert_frame_equal(after, ga.prices(frame.iloc[::-1]))
    assert len(surveys) == 3


def test_a_column_of_another_type_is_refused_as_the_first_time(frame: pd.DataFrame) -> None:
    ga.prices(frame)
    frame["total_cost"] = frame["total_cost"].astype("str")
    with pytest.raises(InputError, match="column 'total_cost' holds String"):
        ga.prices(frame)


def test_notices_are_those_of_the_frame(frame: pd.DataFrame, surveys: list[int]) -> None:
    frame.loc[5, "total_cost"] = np.inf
    infinite = "1 infinite value in column 'total_cost' counts as missing"
    assert ga.prices(frame).attrs["notices"] == [infinite]
    frame.attrs["notices"] = ["two files were empty"]
    assert ga.prices(frame).attrs["notices"] == ["two files were empty", infinite]
    assert len(surveys) == 1


def test_other_groups_are_solved_again(frame: pd.DataFrame, surveys: list[int]) -> None:
    by_model, by_tier = (ga.prices(frame, by=by) for by in ("model", "service_tier"))
    assert (by_model.columns[0], by_tier.columns[0]) == ("model", "service_tier")
    assert len(surveys) == 2


def test_a_result_that_is_changed_does_not_change_the_next_one(frame: pd.DataFrame) -> None:
    found = ga.prices(frame)
    first = found.copy()
    found["input_price"] = 0.0
    found.loc[:, "requests"] = 0
    found.attrs["notices"].append("mine")
    again = ga.prices(frame)
    pd.testing.assert_frame_equal(again, first)
    assert again.attrs["notices"] == []
    again.iloc[:, :] = None
    pd.testing.assert_frame_equal(ga.prices(frame), first)


def test_threads_get_the_prices_of_their_own_rows(frame: pd.DataFrame) -> None:
    parts = [frame.assign(total_cost=frame["total_cost"] * factor) for factor in (1, 2)] * 3
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(ga.prices, parts))
    for part, prices in zip(parts, found, strict=True):
        pd.testing.assert_frame_equal(prices, ga.prices(part.iloc[::-1]))
