"""Statistics of your own: with narwhals itself they work, and a wrong one names itself on every input."""

from collections.abc import Callable
from typing import Any

import duckdb
import narwhals
import narwhals.stable.v2 as nw
import pandas as pd
import polars as pl
import pytest

from genanalytics.errors import InputError
from genanalytics.metrics import RowValue, Statistic, Sum, spread, summarize, total
from genanalytics.units import Unit

FRAME = pd.DataFrame({"x": [1.0, 2.0, 4.0], "s": ["a", "b", "a"]})
INPUTS: dict[str, Callable[[], Any]] = {"pandas": lambda: FRAME, "DuckDB": lambda: duckdb.connect().from_df(FRAME)}
INPUT = pytest.mark.parametrize("make", INPUTS.values(), ids=INPUTS)
BY = pytest.mark.parametrize("by", [None, "s"])


def value(expression: Any, *needs: str) -> RowValue:  # noqa: ANN401 - wrong ones too
    return RowValue("mine", "mine", Unit.MS, "mine", needs or ("x",), expression)


def own(finish: Any = None, **steps: Any) -> Statistic:  # noqa: ANN401
    return Statistic("mine", "mine", Unit.MS, "mine", finish, own=steps, needs=("x",))


@INPUT
@BY
def test_expressions_of_narwhals_itself_work(make: Callable[[], Any], by: str | None) -> None:
    expected: list[Statistic] = [
        *spread(value(nw.col("x") / 2)),
        own(finish=nw.col("most") * 2, most=nw.col("x").max()),
    ]
    plain: Any = narwhals
    found = [*spread(value(plain.col("x") / 2)), own(finish=plain.col("most") * 2, most=plain.col("x").max())]
    pd.testing.assert_frame_equal(
        summarize(make(), by=by, metrics=found), summarize(FRAME, by=by, metrics=expected), check_exact=True
    )


@pytest.mark.parametrize("wrong", [pl.col("x"), "x", 1.0, FRAME["x"]], ids=["polars", "text", "number", "column"])
def test_anything_else_names_the_statistic_and_the_import(wrong: object) -> None:
    for declare in (value, own, lambda step: own(mine=step)):
        with pytest.raises(InputError, match=r"the expression of 'mine' is a .*`import narwhals.stable.v2 as nw`"):
            declare(wrong)


def test_needs_are_a_tuple_of_names() -> None:
    with pytest.raises(InputError, match="needs of 'mine' is 'latency': give a tuple"):
        RowValue("mine", "mine", Unit.MS, "mine", "latency", nw.col("latency"))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="'mine' has nothing to compute: give finish"):
        own()


WRONG: dict[str, Callable[[], Statistic]] = {
    "a column that is not in needs": lambda: total(value(nw.col("s").str.len_chars())),
    "a type": lambda: total(value(nw.col("s") / 2, "s")),
    "text": lambda: total(value(nw.col("s"), "s")),
    "an aggregate of another column": lambda: own(mine=nw.col("s").max()),
    "an aggregate that is none": lambda: own(mine=nw.col("x") * 2),
    "an unknown aggregate": lambda: own(finish=nw.col("q") * 2, most=nw.col("x").max()),
}


@INPUT
@BY
@pytest.mark.parametrize("declare", WRONG.values(), ids=WRONG)
def test_a_wrong_statistic_names_itself(
    declare: Callable[[], Statistic], make: Callable[[], Any], by: str | None
) -> None:
    sound = total(RowValue("sound", "sound", Unit.MS, "sound", ("x",), nw.col("x")))
    with pytest.raises(InputError, match=r"^(row value )?'mine' (cannot be computed|is String)"):
        summarize(make(), by=by, metrics=[sound, declare()])


def test_two_aggregates_of_one_name_are_refused() -> None:
    other = Statistic("other", "other", Unit.MS, "other", own={"most": nw.col("x").min()}, needs=("x",))
    with pytest.raises(InputError, match="'other' has another aggregate named 'most'"):
        summarize(FRAME, metrics=[own(most=nw.col("x").max()), other])
    once = own(most=nw.col("x").max())
    again = Statistic("again", "again", Unit.MS, "again", nw.col("most") * 2, own=once.own, needs=("x",))
    assert summarize(FRAME, metrics=[once, again])["again"].tolist() == [8]


def test_a_statistic_has_a_finish() -> None:
    assert Statistic("n", "n", Unit.MS, "n", finish=Sum(value(nw.col("x")))).aggregates
