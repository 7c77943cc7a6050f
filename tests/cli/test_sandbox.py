"""The command `sandbox` makes what Python makes: another month, another scenario, and files for every recipe."""

import csv
import json
from pathlib import Path

import pytest

import genanalytics as ga
from genanalytics.cli.main import run
from genanalytics.cli.sandbox import SCENARIOS
from genanalytics.sandbox import Terms, activity_csv, sample


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def make(*arguments: str) -> int:
    return run(["sandbox", "--records", "120", "--no-serve", *arguments])


def test_files_are_those_of_python(capsys: pytest.CaptureFixture[str]) -> None:
    files = ["--ids", "ids.txt", "--activity", "export.csv", "--daily-activity", "daily.json", "--prices", "prices.csv"]
    assert make("--month", "2026-10", "--seed", "3", "--nightly", "0.2", *files) == 0
    month = sample(120, 3, month="2026-10", nightly=0.2)
    assert Path("ids.txt").read_text().split() == list(month.ids)
    assert Path("export.csv").read_text() == activity_csv(month.records.values(), month.items)
    with Path("prices.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["terms"] for row in rows] == [sheet.terms.value for sheet in month.prices]
    assert [row["input_price"] for row in rows] == [str(sheet.input_price) for sheet in month.prices]
    said = capsys.readouterr().err.splitlines()
    assert [line.split()[-1] for line in said] == ["ids.txt.", "export.csv.", "daily.json.", "prices.csv."]
    found = ga.coverage(ga.read("export.csv"), ga.read_daily_activity("daily.json"))
    assert found.share == 1


def test_a_scenario_is_the_only_reason_for_other_prices() -> None:
    def terms_of(*scenarios: str) -> set[str]:
        options = [word for scenario in scenarios for word in ("--scenario", scenario)]
        assert run(["sandbox", "--records", "600", "--no-serve", "--prices", "prices.csv", *options]) == 0
        with Path("prices.csv").open() as stream:
            return {row["terms"] for row in csv.DictReader(stream)}

    assert terms_of("list") == {Terms.LIST}
    assert terms_of("flex", "priority") == {Terms.LIST, Terms.FLEX, Terms.PRIORITY}
    assert terms_of() > {Terms.LIST, Terms.FLEX, Terms.RAISED, Terms.REGIONAL}


def test_every_terms_is_a_scenario() -> None:
    assert {name.upper().replace("-", "_") for name in SCENARIOS} == set(Terms.__members__)


def test_the_calls_of_every_scenario_are_the_same() -> None:
    usual, listed = sample(200, terms=[]), sample(200)
    assert usual.ids == listed.ids
    assert {sheet.terms for sheet in usual.prices} == {Terms.LIST}


def test_the_clock_decides_the_days_of_the_daily_activity() -> None:
    assert make("--daily-activity", "daily.json", "--now", "2026-09-11T00:30") == 0
    days = {row["date"] for row in json.loads(Path("daily.json").read_text())["data"]}
    assert max(days) <= "2026-09-10"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--month", "13"], "month='13' is not a month: give one like 2026-09"),
        (["--now", "soon"], "--now 'soon' is not a moment: give a date or time"),
        (["--scenario", "cheap"], "'cheap' is not one of 'list', 'regional'"),
        (["--nightly", "2"], "2.0 is not in the range 0<=x<=1"),
    ],
)
def test_what_cannot_be_used_is_exit_2(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert make(*arguments) == 2
    assert sentence in capsys.readouterr().err
