"""A part of the tests with the lowest versions that pyproject.toml declares, pyspark 3.5 among them."""

import os
import subprocess
from pathlib import Path

import pytest

from support.paths import ROOT
from support.scripts import load

DEV = load(ROOT / "dev.py")
PARTS: dict[str, list[str]] = {
    "records": ["tests/records", "tests/service"],
    "statistics": [
        "tests/metrics/engines/test_engines.py",
        "tests/metrics/test_names.py::test_each_condition_names_one_column",
        "tests/metrics/grouping/test_calendar.py",
        "tests/bill/test_flips.py",
    ],
    "Spark": [
        "--all",
        "-W",
        "ignore",  # pyspark 3.5 uses distutils, and leaves sockets open
        "tests/metrics/engines/test_engines.py::test_every_statistic_is_the_same_on_every_engine[in all-Spark]",
        "tests/metrics/engines/test_engines.py::test_periods_are_the_same_on_every_engine[week-Spark]",
        "tests/metrics/engines/test_scan.py::test_old_and_new_files_have_one_schema_in_spark",
    ],
}


@pytest.mark.long
@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_the_lowest_versions_pass(part: list[str], tmp_path: Path) -> None:
    python = DEV.tool("python", DEV.LOWEST_VENV)
    if not python:
        pytest.skip("there is no .venv-lowest: `dev.py test --all` makes it, with Python 3.11 or 3.12")
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "made"), *part]
    answer = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout
    assert " passed" in answer.stdout
