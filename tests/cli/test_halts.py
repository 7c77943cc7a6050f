"""A run that ends early, from the command line: exit code, one sentence, and everything that was fetched before."""

import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

import genanalytics as ga
from genanalytics.cli.main import run
from support.fault_server import FaultServer
from support.faults import KEY, Fault, HangsUp, assert_true, good, make_ids, refusal

IDS = make_ids(60)
ALIVE = IDS[:20]
DOCTOR = "genanalytics doctor"

pytestmark = pytest.mark.usefixtures("brisk")


@pytest.fixture(autouse=True)
def environment(server: FaultServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    monkeypatch.setenv("GENANALYTICS_BASE_URL", server.base_url)
    monkeypatch.setenv("GENANALYTICS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("genanalytics.fetching.outage.PATIENCE_S", 0.2)
    monkeypatch.setattr("genanalytics.fetching.outage.PATIENCE_WITH_REFUSALS_S", 0.3)
    monkeypatch.chdir(tmp_path)
    Path("ids.txt").write_text("\n".join(IDS))


@dataclass(frozen=True)
class Halt:
    """What the service does to ids that are not `ALIVE`, and what the user reads about it."""

    otherwise: Callable[[], Fault]
    seen: str


HALTS = {
    "dies": Halt(HangsUp, "nothing got through in "),
    "refuses everything": Halt(lambda: refusal(429, "Rate limit exceeded"), "the service refused everything for "),
    "wants a long pause": Halt(lambda: refusal(429, Retry_After="86400"), "the service asked for a pause until "),
    "wants a long pause after an error": Halt(
        lambda: refusal(503, Retry_After="3600"), "the service asked for a pause until "
    ),
}
COMMANDS = {
    "fetch": ["fetch", "ids.txt", "--output", "records.parquet", "--failures", "failures.parquet"],
    "export": ["export", "ids.txt", "--dataset", "set"],
}


def check(command: str, found: list[str], errors: str) -> Counter[str]:
    """Assert that what was written has the ids found, and every figure of them; return the outcomes of the others."""
    records, failures = (
        ("records.parquet", "failures.parquet") if command == "fetch" else ("set", "set/failures.parquet")
    )
    frame = ga.read_parquet(records)
    assert sorted(frame["requested_id"]) == found
    assert_true(frame)
    missing = pd.read_parquet(failures)
    assert sorted([*missing["requested_id"], *found]) == IDS
    assert "Traceback" not in errors
    return Counter(missing["outcome"])


@pytest.mark.parametrize(
    ("halt", "command"),
    [
        pytest.param(halt, command, marks=[] if (number + place) % 2 else [pytest.mark.long])
        for number, halt in enumerate(HALTS)
        for place, command in enumerate(COMMANDS)
    ],
)
def test_a_service_that_stops_midway_ends_the_run_and_what_came_is_written(
    halt: str, command: str, server: FaultServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.otherwise = lambda one: good(one) if one in ALIVE else HALTS[halt].otherwise()
    assert run([*COMMANDS[command], "--wait", "0"]) == 3
    errors = capsys.readouterr().err
    found = [one for one in ALIVE if server.asked[one]]  # the last ones may still wait for their turn when the run ends
    assert found
    outcomes = check(command, found, errors)
    assert outcomes["skipped"] >= len(IDS) - len(ALIVE) - 32, "those under way may have used up their tries"
    assert set(outcomes) <= {"skipped", "failed"}
    [sentence] = [line for line in errors.splitlines() if line.startswith("Note") and HALTS[halt].seen in line]
    assert DOCTOR in sentence
    assert sentence.count(DOCTOR) == errors.count(DOCTOR) == 1
    server.otherwise = good
    before = len(server.requests)
    assert run(COMMANDS[command] + (["--retry"] if command == "export" else [])) == 0
    assert {request.generation_id for request in server.requests[before:]} == set(IDS) - set(found)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_service_that_is_down_from_the_start_ends_the_run(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    monkeypatch.setenv("GENANALYTICS_BASE_URL", f"http://127.0.0.1:{port}/api/v1")
    assert run(COMMANDS[command]) == 3
    errors = capsys.readouterr().err
    assert check(command, [], errors)["skipped"] > 0
    [sentence] = [line for line in errors.splitlines() if "nothing got through in " in line]
    assert "ConnectionRefusedError" in sentence
    assert DOCTOR in sentence


@pytest.mark.parametrize("command", COMMANDS)
def test_spent_credit_fails_each_id_once_and_what_came_is_written(
    command: str, server: FaultServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.otherwise = lambda one: good(one) if one in ALIVE else refusal(402, "Insufficient credits")
    assert run(COMMANDS[command]) == 3
    errors = capsys.readouterr().err
    assert check(command, ALIVE, errors) == {"failed": len(IDS) - len(ALIVE)}
    assert len(server.requests) == len(IDS)


@pytest.mark.parametrize("command", ["export", pytest.param("fetch", marks=pytest.mark.long)])
def test_a_slow_service_with_faults_gives_no_false_alarm(
    command: str, server: FaultServer, capsys: pytest.CaptureFixture[str]
) -> None:
    for one in IDS[::5]:
        server.plan(one, refusal(503))
    server.otherwise = lambda one: good(one, after_s=0.05)  # 5 workers, a bound of 0.2 s
    assert run([*COMMANDS[command], "--max-workers", "5"]) == 0
    errors = capsys.readouterr().err
    assert check(command, IDS, errors) == Counter()
    assert DOCTOR not in errors
