"""Every function of records takes the path of a file in their place."""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import genanalytics as ga
from genanalytics import opening
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.metrics.engines.source import HasColumns
from genanalytics.opening import open_records
from genanalytics.records.frame import FrameOrPath, to_arrow
from genanalytics.sandbox import sample
from support.artists import dots
from support.datasets import committed
from support.engines import assert_alike
from support.generations import parse_records

FRAME = parse_records(sample(60, seed=6).records)
OTHERS = {
    "a": "a",
    "activity": "none.parquet",
    "b": "b",
    "by": "model",
    "chart": ga.plots.cost_ranking,
    "frame": "none.parquet",
    "mapping": {},
    "metric": "ttft_ms",
    "path": "out.svg",
    "record_or_id": "gen-1",
}
ON_RESULTS = {"write", "write_parquet", "Table", "table", "cache_flip_summary"}
"""They take a frame of results, or write one."""


def list_functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    for room in (ga, ga.metrics, ga.plots):
        for name in room.__all__:
            function = getattr(room, name)
            if inspect.isfunction(function) and name not in ON_RESULTS and _find_records(function):
                yield f"{room.__name__}.{name}", function


def _find_records(function: Callable[..., Any]) -> list[str]:
    """Return the parameters that take records."""
    parameters = inspect.signature(function).parameters
    return [
        name
        for name, parameter in parameters.items()
        if HasColumns in get_args(parameter.annotation) or parameter.annotation == FrameOrPath or name == "data"
    ]


FUNCTIONS = dict(list_functions())


def test_no_function_is_forgotten() -> None:
    assert len(FUNCTIONS) > 30
    assert {"genanalytics.summarize", "genanalytics.drift", "genanalytics.plots.save"} <= FUNCTIONS.keys()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_opens_paths(name: str) -> None:
    function = FUNCTIONS[name]
    for parameter in _find_records(function):
        required = {
            each: OTHERS.get(each, FRAME)
            for each, described in inspect.signature(function).parameters.items()
            if described.default is described.empty and described.kind is not described.VAR_KEYWORD
        }
        with pytest.raises(InputError, match=r"none\.parquet: No such file"):
            function(**required | {parameter: "none.parquet"})


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_a_path_gives_the_results_of_its_frame(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"out{suffix}"
    ga.write(FRAME, path)
    assert_frame_equal(ga.summarize(path, by="model"), ga.summarize(FRAME, by="model"))
    assert_frame_equal(ga.sessions(str(path)), ga.sessions(FRAME))
    against = ga.summarize(data=str(path), against=path, metrics="cost")
    assert_frame_equal(against, ga.summarize(FRAME, against=FRAME, metrics="cost"))


def test_large_parquet_is_opened_by_duckdb_with_its_coverage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("duckdb")
    frame = FRAME.copy()
    frame.attrs["coverage"] = {"asked": 70, "found": 60, "missing": None}
    ga.write(frame, tmp_path / "out.parquet")
    expected = ga.summarize(frame, by="model", metrics=["requests", "billed_cost"])
    attempts = ga.attempts(frame)
    monkeypatch.setattr(opening, "LARGE_BYTES", 1_000)
    assert not isinstance(open_records(tmp_path / "out.parquet"), pd.DataFrame)
    found = ga.summarize(tmp_path / "out.parquet", by="model", metrics=["requests", "billed_cost"])
    assert found["requests"].tolist() == expected["requests"].tolist()
    assert found.attrs["coverage"] == expected.attrs["coverage"]
    assert_frame_equal(ga.attempts(tmp_path / "out.parquet"), attempts)


def test_a_glob_of_large_parquet_and_other_files_is_read_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ga.write(FRAME[:40], tmp_path / "a.parquet")
    ga.write(FRAME[40:], tmp_path / "b.csv")
    monkeypatch.setattr(opening, "LARGE_BYTES", 1_000)
    assert ga.summarize(tmp_path / "*")["requests"].tolist() == [len(FRAME)]


def test_a_chart_of_large_parquet_is_that_of_its_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("duckdb")
    ga.write(FRAME, tmp_path / "out.parquet")
    monkeypatch.setattr(opening, "LARGE_BYTES", 1_000)
    found, expected = (ga.plots.speed_against_price(data) for data in (tmp_path / "out.parquet", FRAME))
    assert dots(found)
    for dot, wanted in zip(dots(found), dots(expected), strict=True):
        assert (dot.x, dot.y) == pytest.approx((wanted.x, wanted.y))


def test_a_glob_of_large_parquet_is_opened_by_duckdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("duckdb")
    for number, part in enumerate([FRAME[:20], FRAME[20:]]):
        committed(tmp_path / f"team-{number}", to_arrow(part))
    monkeypatch.setattr(opening, "LARGE_BYTES", 1_000)
    pattern = tmp_path / "team-*"
    assert not isinstance(open_records(pattern), pd.DataFrame)
    found = ga.summarize(pattern, by="model", metrics="tokens")
    assert_alike(found, ga.summarize(ga.read(pattern), by="model", metrics="tokens"))


def test_a_file_of_ids_is_refused_with_the_next_step(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("\n".join(FRAME["requested_id"]))
    with pytest.raises(InputError, match="contains generation ids, not records: fetch their records first"):
        ga.summarize(tmp_path / "ids.txt")


def test_a_folder_of_records_is_no_folder_of_ids(tmp_path: Path) -> None:
    ga.write(FRAME, tmp_path / "part.parquet")
    with pytest.raises(InputError, match=r"the directory is not a data set \(no manifest\.json\)"):
        ga.read(tmp_path)
    FRAME.drop(columns="fetched_at").to_parquet(tmp_path / "part.parquet")
    with pytest.raises(MissingColumnError, match="has no column 'fetched_at'"):
        ga.read(tmp_path / "part.parquet")


@pytest.mark.parametrize(
    ("named", "next_step"),
    [
        ({"last": "week"}, "overview has no argument 'last': choose records first, with ga.select(data, last=...)"),
        ({"sorted": "cost"}, "overview has no argument 'sorted'; did you mean 'sort'? there are data, by, every"),
    ],
)
def test_an_unknown_argument_is_refused_with_the_next_step(named: dict[str, Any], next_step: str) -> None:
    with pytest.raises(TypeError) as caught:
        ga.overview(FRAME, **named)
    assert str(caught.value).startswith(next_step)
