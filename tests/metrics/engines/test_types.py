"""A fuzz: columns of many types, on every kind of data, in every function: the answer of pandas, or a clear error."""

import random
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from genanalytics import attempts, compare, distribution, quality, sessions, summarize
from genanalytics.errors import InputError
from genanalytics.metrics import Comparison, Statistic
from genanalytics.records.frame import to_nullable
from support.types import BASE, INPUTS, KNOWN, TYPES, differs_before_it_is_read, make_input

QUICK, ALL = 8, 30
"""The number of trials per kind of data."""

ON_SPARK = 2
"""The number of trials on Spark, which takes seconds to plan each."""

ROUNDING = 1e-6
"""The largest relative difference."""

CLASS_WIDTH = 0.02
"""The same for limits of percentiles on engines for large data, which are edges of classes."""

METRICS = ["error_rate", "cost_per_request_mean", "ttft_ms_p50"]
ROW_VALUES = ["cost_per_request", "ttft_ms", "tps_e2e"]


@dataclass(frozen=True)
class Trial:
    """Rows, some columns of another type, and a function of them."""

    table: pa.Table
    types: Mapping[str, str]
    name: str
    function: Callable[[Any], Any]


def make_trial(seed: int, *, large: bool) -> Trial:
    """Return a trial; on engines for large data, limits and points come from a sketch, so all percentiles do."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    table, types = BASE, {"mine": chance.choice(list(TYPES))}
    for name in chance.sample(list(KNOWN), chance.randint(0, 4)):
        types[name] = chance.choice(list(KNOWN[name]))
    if chance.random() < 0.2:  # a type that a column cannot have
        name = chance.choice(list(KNOWN))
        types[name] = chance.choice(list(TYPES))
    table = BASE.append_column("mine", TYPES[types["mine"]])
    for name, kind in types.items():
        table = table.set_column(table.schema.get_field_index(name), name, TYPES[kind])
    name, function = chance.choice(list(make_functions(chance, large=large).items()))
    return Trial(table, types, name, function)


def make_functions(chance: random.Random, *, large: bool) -> dict[str, Callable[[Any], Any]]:
    by = chance.choice(
        [None, "mine", "model", ["mine", "provider_name"], ["day", "mine"], "hour", "created_at", "latency"]
    )
    every = chance.choice([None, None, "day", "week", "month"])
    percentiles: Any = chance.choice(["exact", "exact", "sketch"])
    of_limits: Any = "sketch" if large else percentiles
    match = chance.choice(["mine", "model", []])
    kind: Any = chance.choice(["ecdf", "histogram"])
    metric, value = chance.choice(METRICS[:-1] if large else METRICS), chance.choice(ROW_VALUES)
    options: dict[str, Any] = {"by": by, "every": every, "tz": "Europe/Berlin"}
    return {
        f"summarize {options} {percentiles}": lambda data: summarize(data, **options, percentiles=percentiles),
        f"summarize with intervals {options} {of_limits}": lambda data: summarize(
            data, **options, percentiles=of_limits, intervals=True
        ),
        f"compare {metric} {match}": lambda data: compare(
            data, by="provider_name", a="A", b="B", metric=metric, match=match, percentiles=of_limits
        ),
        "sessions": sessions,
        "attempts": attempts,
        "quality": quality,
        f"distribution {value} {options} {kind}": lambda data: distribution(data, value, **options, kind=kind),
    }


def answer(function: Callable[[Any], Any], data: Any) -> Any:  # noqa: ANN401
    """Return the answer, or the start of a clear error; nothing else may be raised."""
    try:
        return function(data)
    except InputError as error:
        return str(error).partition(" holds ")[0].partition(" contains values ")[0]


def assert_same(found: Any, expected: Any) -> None:  # noqa: ANN401
    assert type(found) is type(expected), (found, expected)
    if isinstance(expected, Comparison):
        for field in fields(expected):
            assert_same(getattr(found, field.name), getattr(expected, field.name))
    elif isinstance(expected, pd.DataFrame):
        found, expected = (_forget_dtypes(one, expected) for one in (found, expected))
        limits = [name for name in expected if re.search(r"_p\d+_(low|high)$", str(name))]
        for columns, rounding in ((expected.columns.drop(limits), ROUNDING), (limits, CLASS_WIDTH)):
            pd.testing.assert_frame_equal(found[columns], expected[columns], rtol=rounding, atol=1e-9)
        assert list(found) == list(expected)
        assert found.attrs == expected.attrs
    elif hasattr(expected, "low"):
        for side in ("value", "low", "high"):
            assert_same(getattr(found, side), getattr(expected, side))
    elif isinstance(expected, Statistic):
        assert found is expected
    else:
        assert found == (pytest.approx(expected, rel=ROUNDING) if isinstance(expected, float) else expected)


def _forget_dtypes(frame: pd.DataFrame, expected: pd.DataFrame) -> pd.DataFrame:
    """Return a frame without what an input itself changes: integers with gaps to floats, gaps alone to any dtype."""
    dtypes: dict[Any, Any] = {name: object for name in expected if expected[name].isna().all()}
    if "mine" in expected and pd.api.types.is_integer_dtype(expected["mine"].dtype):
        dtypes["mine"] = "Float64"
    return frame.astype(dtypes)


def list_trials() -> list[Any]:
    """Return the engine and the seed of each trial."""
    quick = [(engine, seed) for engine in INPUTS for seed in range(QUICK)]
    long = [(engine, seed) for engine in INPUTS for seed in range(QUICK, ALL)]
    long += [("Spark", seed) for seed in range(ON_SPARK)]
    return [*quick, *(pytest.param(*trial, marks=pytest.mark.long) for trial in long)]


@pytest.mark.filterwarnings("ignore:overflow")  # in the limits of numbers of very different sizes
@pytest.mark.parametrize(("engine", "seed"), list_trials())
def test_every_type_gives_the_answer_of_pandas(
    engine: str, seed: int, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = engine in {"DuckDB", "Spark"}
    trial = make_trial(1_000 * [*INPUTS, "Spark"].index(engine) + seed, large=large)
    if differs_before_it_is_read(engine, set(trial.types.values())):
        pytest.skip("another type arrives")
    spark = request.getfixturevalue("spark") if engine == "Spark" else None
    data = make_input(engine, trial.table, spark, tmp_path / "rows.parquet")
    if large:
        monkeypatch.setattr(sys.modules[distribution.__module__], "EXACT_ROWS", -1)
    found, expected = answer(trial.function, data), answer(trial.function, to_nullable(trial.table))
    if trial.name == "attempts" and large:
        assert "attempts need a frame in memory" in found
        return
    assert_same(found, expected)
