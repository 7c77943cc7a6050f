"""A URL never becomes a local folder with the name of its scheme."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import genanalytics as ga
from genanalytics.cli.main import run
from genanalytics.errors import InputError
from support.generations import frame_of

URL = "s3://bucket/generations"


WRITERS: dict[str, Callable[[pd.DataFrame], object]] = {
    "write": lambda frame: ga.write(frame, f"{URL}.parquet"),
    "write a Path": lambda frame: ga.write(frame, Path(f"{URL}.csv")),
    "write_parquet": lambda frame: ga.write_parquet(frame, f"{URL}.parquet"),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
@pytest.mark.usefixtures("environment")
def test_a_function_refuses_a_url_for_one_file(write: Callable[[pd.DataFrame], object], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot write 's3:.*it is a URL.*give a path"):
        write(frame_of({}))
    assert not list(tmp_path.glob("s3:*"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["fetch", "gen-1", "--output", f"{URL}.parquet"],
        ["fetch", "gen-1", "--output", f"{URL}.jsonl"],
        ["fetch", "gen-1", "--failures", f"{URL}.csv"],
        ["export", "gen-1", "--output", f"{URL}.csv"],
        ["export", "gen-1", "--dataset", "s3:/bucket/generations"],
        ["fetch", "gen-1", "--cache-dir", URL],
        ["watch", "log.txt", "--dataset", URL],
        ["demo", "--directory", URL],
        ["report", "records.jsonl", "--output", f"{URL}.html"],
        ["plot", "cost_over_time", "records.jsonl", "--output", f"{URL}.png"],
        ["summary", "records.jsonl", "--output", f"{URL}.csv"],
    ],
)
@pytest.mark.usefixtures("environment")
def test_a_command_refuses_a_url(arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("log.txt").write_text("gen-1\n")
    ga.write(frame_of({}, {}), "records.jsonl")
    assert run(arguments) != 0
    assert "URL" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} <= {"log.txt", "records.jsonl", "cache"}
