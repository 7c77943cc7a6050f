"""The exit code of a run with missing records, for schedulers."""

from pathlib import Path

import pytest

from genanalytics.cli.main import run
from support.fault_server import FaultServer
from support.faults import HangsUp, make_ids, refusal

IDS = make_ids(10)
COMMANDS = {
    "fetch": ["fetch", "ids.txt", "--output", "out.parquet"],
    "export to a data set": ["export", "ids.txt", "--dataset", "set"],
    "export to a file": ["export", "ids.txt", "--output", "out.parquet"],
}


@pytest.fixture(autouse=True)
def _ids(environment: None) -> None:  # noqa: ARG001 - changes to the directory
    Path("ids.txt").write_text("\n".join(IDS))


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], 3),
        (["--min-coverage", "1"], 3),
        (["--min-coverage", "0.91"], 3),
        (["--min-coverage", "0.9"], 0),
        (["--min-coverage", "0"], 0),
        (["--allow-missing"], 0),
    ],
)
@pytest.mark.parametrize("command", COMMANDS)
def test_missing_records_are_accepted_as_far_as_the_options_say(
    command: str, options: list[str], code: int, server: FaultServer
) -> None:
    server.plan(IDS[0], refusal(404))
    assert run([*COMMANDS[command], *options, "--quiet"]) == code


@pytest.mark.parametrize("options", [[], ["--min-coverage", "1"], ["--allow-missing"]])
def test_a_complete_run_succeeds_with_any_of_them(options: list[str]) -> None:
    assert run(["fetch", *IDS[:2], "--output", "out.parquet", "--quiet", *options]) == 0


@pytest.mark.usefixtures("brisk")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_service_that_is_down_is_an_error_of_its_own(
    command: str, server: FaultServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genanalytics.fetching.outage.PATIENCE_S", 0.2)
    server.otherwise = lambda _: HangsUp()
    assert run([*COMMANDS[command], "--allow-missing"]) == 3
    said = capsys.readouterr().err
    assert "Error: nothing was fetched: the service cannot be reached, or gives no usable answer, for 10 ids." in said
    assert said.count("nothing got through in") <= 1  # none, if all retries ended before the run gave up
    assert run([*COMMANDS[command], "--min-coverage", "0.5", "--quiet"]) == 3
    assert capsys.readouterr().err.startswith("Error: nothing was fetched")


def test_an_id_that_nobody_knows_is_no_outage(server: FaultServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.otherwise = lambda _: refusal(404)
    assert run(["fetch", *IDS[:2], "--allow-missing", "--output", "out.parquet"]) == 0
    assert "nothing was fetched" not in capsys.readouterr().err


@pytest.mark.parametrize("value", ["90", "-0.1", "1.1", "nan", "inf", "90%", "half", ""])
def test_what_is_no_share_is_refused(value: str, capsys: pytest.CaptureFixture[str], server: FaultServer) -> None:
    assert run(["fetch", "ids.txt", "--min-coverage", value]) == 2
    assert "is not a share: give a number from 0 to 1, such as 0.9" in capsys.readouterr().err
    assert not server.requests


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fetch", "ids.txt", "--min-coverage", "0.5", "--allow-missing"], "are alternatives: give one of them"),
        (["export", "ids.txt", "--dataset", "s", "--min-coverage", "1", "--allow-missing"], "are alternatives"),
        (["export", "--from", "a.parquet", "-o", "b.csv", "--allow-missing"], "--from fetches none: drop them"),
        (["fetch", "ids.txt", "--offline", "--refresh"], "--offline sends nothing: give one of them"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], server: FaultServer
) -> None:
    assert run(arguments) == 2
    assert message in capsys.readouterr().err
    assert not server.requests
