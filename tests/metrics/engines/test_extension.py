from datetime import UTC, datetime
from typing import Any

import narwhals.stable.v2 as nw
import pyarrow as pa
import pytest

from genanalytics.metrics.engines.memory import InMemory
from genanalytics.metrics.engines.plan import plan_steps
from genanalytics.metrics.engines.protocol import Steps

N, TEXT, MOMENT = nw.col("n"), nw.col("text"), nw.col("moment")
MOMENTS = [datetime(2026, 8, 20, 7, 8, 9, 10_000, UTC), None, datetime(2026, 8, 20, 23, 59, 58, 999_000, UTC)]
TABLE = pa.table(
    {
        "n": pa.array([1.5, None, -2.5]),
        "text": pa.array(["chat", None, "batch of chats"]),
        "moment": pa.array(MOMENTS, pa.timestamp("us", "UTC")),
        "number": pa.array([2**53 + 1, None, 3]),
    }
)
EXPRESSIONS = {
    "floor": N.floor(),
    "ceil": N.ceil(),
    "factor before": 2.0 * N,
    "sum before": 2.0 + N,
    "renamed": N.alias("other"),
    "gap": nw.when(N > 0).then(nw.lit(None).cast(nw.Float64)).otherwise(N),
    "whole": N.floor().cast(nw.Int64),
    "flag": N > 0,
    "flag as integer": (N > 0).cast(nw.Int64),
    "one text": TEXT == "chat",
    "begins": TEXT.str.starts_with("batch"),
    "matches": TEXT.str.contains(r"chat(s?)$"),
    "among": TEXT.is_in(("chat", "completions")),
    "filled": TEXT.fill_null("none"),
    "minute": MOMENT.dt.minute().cast(nw.Float64),
    "second": MOMENT.dt.second().cast(nw.Float64),
    "millisecond": MOMENT.dt.millisecond().cast(nw.Float64),
    "text": TEXT,
    "moment": MOMENT,
    "number": nw.col("number"),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_every_recorded_column_is_what_narwhals_computes(name: str) -> None:
    extension = plan_steps(Steps(({name: EXPRESSIONS[name]},)), (name,))
    assert extension is not None, "it is not recorded"
    expected = nw.from_native(TABLE, eager_only=True).select(EXPRESSIONS[name].alias(name)).to_native()
    assert extension.run(TABLE.__getitem__, len(TABLE)).combine_chunks().equals(expected.combine_chunks())


def extend(data: pa.Table, needs: list[str], *steps: dict[str, nw.Expr]) -> dict[str, list[Any]]:
    found = InMemory(data).extend([], pa.table({"of group": [10.0]}), needs, Steps(steps), list(steps[-1]))
    columns: dict[str, list[Any]] = found.to_pydict()
    return columns


def test_a_step_reads_earlier_steps_and_the_numbers_of_the_group() -> None:
    first = {"sum": nw.col("clean n") + nw.col("of group")}
    second = {"sum": nw.col("sum") * 2, "before": nw.col("sum")}
    assert extend(TABLE, ["n"], first, second) == {"sum": [23.0, None, 15.0], "before": [11.5, None, 7.5]}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (nw.col("clean text").str.len_chars(), [4, None, 14]),  # it is not recorded
        (nw.col("clean number") - 1, [2**53, None, 2]),  # exact only as integers
    ],
)
def test_what_cannot_be_recorded_is_computed_by_narwhals(expression: nw.Expr, expected: list[int]) -> None:
    assert extend(TABLE, ["text", "number"], {"found": expression}) == {"found": expected}
