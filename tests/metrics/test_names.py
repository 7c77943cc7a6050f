"""A column can have any name: none means other columns, and none reaches an engine as syntax."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import narwhals.stable.v2 as nw
import pandas as pd
import polars as pl
import pytest

from genanalytics.errors import InputError
from genanalytics.files import read, read_parquet, write, write_parquet
from genanalytics.metrics import Statistic, summarize
from genanalytics.metrics.engines.scan import scan
from genanalytics.metrics.where.grammar import quote_name
from genanalytics.metrics.where.rows import filter_rows
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
    "select",
    "n" * 300,
]

TIME = pd.Timestamp("2026-03-01T12:00Z").as_unit("us")

ENGINES: dict[str, Callable[[str, pytest.FixtureRequest], Any]] = {
    "pandas": lambda path, _: scan(path, engine="pandas"),
    "Arrow": lambda path, _: pl.read_parquet(path).to_arrow(),
    "polars": lambda path, _: pl.read_parquet(path),
    "lazy polars": lambda path, _: pl.scan_parquet(path),
    "DuckDB": lambda path, _: duckdb.connect().read_parquet(path),
    "DuckDB table": lambda path, _: duckdb.connect(f"{path}.duckdb", read_only=True).table("generations"),
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
    write(pd.DataFrame(columns), f"{path}.duckdb")
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
    kept = filter_rows(data, [f"{quote_name(name)}!={place} one" for place, name in enumerate(NAMES)])
    assert nw.from_native(kept).collect_schema() == nw.from_native(data).collect_schema()
    assert sorted(summarize(kept, by="model", metrics=["requests"])["model"]) == ["b", "c", "d"]
    few = filter_rows(
        data, [f"{quote_name(f'{name} number')}<{place + 1}" for place, name in enumerate(NAMES) if place]
    )
    assert sorted(summarize(few, by="model", metrics=["requests"])["model"]) == ["a", "d"]


def test_a_duckdb_file_gives_back_columns_of_any_name(path: str) -> None:
    records = read_parquet(path).assign(fetched_at=TIME, created_at=TIME)
    write(records, f"{path}.records.duckdb")
    pd.testing.assert_frame_equal(read(f"{path}.records.duckdb"), records)


@pytest.mark.parametrize(
    ("names", "refused"),
    [(["Tag", "tag"], "tag"), (["x", "x_1", "X"], "X"), (["Model"], "Model"), ([""], ""), (["a\x00b"], "a\x00b")],
)
def test_a_name_that_a_duckdb_file_cannot_keep_is_refused(names: list[str], refused: str, tmp_path: Path) -> None:
    records = pd.DataFrame({"model": ["a"], **{name: [name] for name in names}})
    with pytest.raises(InputError, match=f"^DuckDB cannot store a column named {re.escape(repr(refused))} with"):
        write(records, tmp_path / "names.duckdb")
    assert list(tmp_path.iterdir()) == []


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
