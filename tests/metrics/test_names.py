"""A column can have any name: none means other columns, and none reaches an engine as syntax."""

from collections.abc import Callable
from typing import Any

import duckdb
import narwhals.stable.v2 as nw
import pandas as pd
import polars as pl
import pytest

from genanalytics.errors import InputError
from genanalytics.files import write_parquet
from genanalytics.metrics import Statistic, summarize
from genanalytics.metrics.engines.scan import scan
from genanalytics.metrics.where import filter_rows
from genanalytics.units import Unit

NAMES = [
    "*",
    "a.b",
    '"x"',
    "`t`",
    "^t.*$",
    "count(*)",
    "x AS y",
    "COLUMNS(*)",
    "; DROP",
    "new\nline",
    "it's",
    "\\",
    "{}",
]

ENGINES: dict[str, Callable[[str, pytest.FixtureRequest], Any]] = {
    "pandas": lambda path, _: scan(path, engine="pandas"),
    "Arrow": lambda path, _: pl.read_parquet(path).to_arrow(),
    "polars": lambda path, _: pl.read_parquet(path),
    "lazy polars": lambda path, _: pl.scan_parquet(path),
    "DuckDB": lambda path, _: duckdb.connect().read_parquet(path),
    "scan": lambda path, _: scan(path),
    "Spark": lambda path, request: scan(path, engine="spark", session=request.getfixturevalue("spark")),
}
ENGINE = pytest.mark.parametrize(
    "engine", [pytest.param(name, marks=pytest.mark.long if name == "Spark" else ()) for name in ENGINES]
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file with a text and a number under each name, which differ from those of the other names."""
    columns: dict[str, Any] = {"requested_id": ["gen-1", "gen-2", "gen-3", "gen-4"], "model": ["a", "b", "c", "d"]}
    for place, name in enumerate(NAMES):
        columns[name] = pd.array([f"{place} one", f"{place} two", f"{place} two", None], dtype="str")
        columns[f"{name} number"] = [1.0, 2.0, float("inf"), place]
    path = tmp_path_factory.mktemp("names") / "names.parquet"
    write_parquet(pd.DataFrame(columns), path)
    return str(path)


@ENGINE
def test_rows_are_grouped_by_columns_of_any_name(engine: str, path: str, request: pytest.FixtureRequest) -> None:
    found = summarize(ENGINES[engine](path, request), by=[*NAMES, "model"], metrics=["requests"])
    assert found.columns.tolist() == [*NAMES, "model", "requests"]
    for place, name in enumerate(NAMES):
        values = dict(zip(found["model"], found[name].fillna("none"), strict=True))
        assert values == {"a": f"{place} one", "b": f"{place} two", "c": f"{place} two", "d": "none"}


@ENGINE
def test_each_condition_names_one_column(engine: str, path: str, request: pytest.FixtureRequest) -> None:
    data = ENGINES[engine](path, request)
    kept = filter_rows(data, [f"{name}!={place} one" for place, name in enumerate(NAMES)])
    assert nw.from_native(kept).collect_schema() == nw.from_native(data).collect_schema()
    assert sorted(summarize(kept, by="model", metrics=["requests"])["model"]) == ["b", "c", "d"]
    few = filter_rows(data, [f"{name} number<{place + 1}" for place, name in enumerate(NAMES) if place])
    assert sorted(summarize(few, by="model", metrics=["requests"])["model"]) == ["a", "d"]


@pytest.mark.parametrize("engine", ["DuckDB", "scan"])
def test_an_expression_that_an_engine_would_take_for_all_columns_is_refused(
    engine: str, path: str, request: pytest.FixtureRequest
) -> None:
    known = Statistic("known", "known", Unit.COUNT, "Known", own={"known": nw.col("*").count()}, needs=("*",))
    with pytest.raises(InputError, match=r"DuckDB takes the column '\*' for all columns: rename it"):
        summarize(ENGINES[engine](path, request), by="model", metrics=[known])


def test_wide_integers_of_polars_are_converted_under_any_name() -> None:
    frame = pl.DataFrame({"model": ["a", "b"], "*": [1, 2**100]}, schema_overrides={"*": pl.Int128})
    assert summarize(frame, by=["*", "model"], metrics=["requests"])["*"].tolist() == [1.0, 2.0**100]
