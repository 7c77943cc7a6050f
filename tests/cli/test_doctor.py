import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from genanalytics import Client, fetch
from genanalytics.cache.archive import FILE_NAME
from genanalytics.cli import checks
from genanalytics.cli.checks import HARMLESS_ID, Finding, State, check_all, check_packages
from genanalytics.cli.main import run
from genanalytics.fetching.secret import Secret
from support.fault_server import FaultServer
from support.faults import KEY, HangsUp, Says, make_ids, refusal

MakeClient = Callable[..., Client]


@pytest.fixture
def findings(server: FaultServer, tmp_path: Path) -> Callable[..., dict[str, Finding]]:
    """Return what looks at the service of the test and at a cache in `tmp_path / "cache"`."""

    def look(key: str | None = KEY, **options: object) -> dict[str, Finding]:
        defaults: dict[str, object] = {"base_url": server.base_url, "cache_dir": tmp_path / "cache"}
        return {found.check: found for found in check_all(Secret(key), **(defaults | options))}  # type: ignore[arg-type]

    return look


Look = Callable[..., dict[str, Finding]]


def test_everything_is_looked_at_and_the_service_is_asked_once(findings: Look, server: FaultServer) -> None:
    server.plan(HARMLESS_ID, refusal(404))
    found = findings()
    assert list(found) == ["python", "packages", "key", "service", "cache"]
    assert [found[check].state for check in ("python", "key", "service", "cache")] == [State.OK] * 4
    assert found["service"].found.startswith(f"{server.base_url} answered in ")
    assert len(server.requests) == 1


def test_a_key_that_the_service_refuses_is_a_problem_but_the_service_is_there(
    findings: Look, server: FaultServer
) -> None:
    server.plan(HARMLESS_ID, refusal(401))
    found = findings()
    assert (found["key"].state, found["key"].found) == (State.PROBLEM, "the service refuses it (401)")
    assert "OPENROUTER_API_KEY" in found["key"].next_step
    assert found["service"].state is State.OK
    assert found["service"].details["status"] == 401


@pytest.mark.parametrize("key", ["", "two words"])
def test_without_a_key_that_could_be_sent_the_service_is_looked_at_all_the_same(
    key: str, findings: Look, server: FaultServer
) -> None:
    server.plan(HARMLESS_ID, refusal(401))
    found = findings(key)
    assert found["key"].state is State.PROBLEM
    assert "OPENROUTER_API_KEY" in found["key"].found
    assert found["service"].state is State.OK
    assert server.requests[0].values("Authorization") == ["Bearer none"]


@pytest.mark.parametrize(
    ("says", "state", "told"),
    [
        (refusal(429), State.NOTE, "the service answered 429"),
        (refusal(503), State.PROBLEM, "the service answered 503"),
        (Says(404, b"<html>not here</html>"), State.PROBLEM, "is the base URL right?"),
        (Says(200, b"<html>log in</html>"), State.PROBLEM, "an HTML page"),
        (HangsUp(), State.PROBLEM, "no answer"),
    ],
)
def test_a_service_that_says_nothing_of_the_key(
    says: Says | HangsUp, state: State, told: str, findings: Look, server: FaultServer
) -> None:
    server.plan(HARMLESS_ID, says)
    found = findings()
    assert found["service"].state is state
    assert told in found["service"].found
    assert found["service"].next_step
    assert found["key"].state is State.NOTE


def test_a_service_that_is_not_there_is_said_within_the_time_limit(findings: Look) -> None:
    found = findings(base_url="http://127.0.0.1:9/api/v1")
    assert found["service"].state is State.PROBLEM
    assert "refused" in found["service"].found
    assert found["service"].details["status"] is None


def test_a_base_url_that_cannot_be_used_is_a_finding_without_its_password(findings: Look) -> None:
    found = findings(base_url="https://me:secret@example.org/api")
    assert found["service"].state is State.PROBLEM
    assert "secret" not in repr(found)
    assert found["key"].state is State.NOTE


def test_offline_nothing_is_sent(findings: Look, server: FaultServer) -> None:
    found = findings(offline=True)
    assert [found["key"].state, found["service"].state] == [State.NOTE, State.NOTE]
    assert server.requests == []


def test_a_cache_that_is_not_there_is_not_made(findings: Look, tmp_path: Path) -> None:
    found = findings(offline=True)["cache"]
    assert (found.state, found.details["entries"], found.details["writable"]) == (State.OK, 0, True)
    assert not (tmp_path / "cache").exists()


def test_a_cache_is_counted(findings: Look, make_client: MakeClient) -> None:
    client = make_client()
    fetch(make_ids(3), client=client)
    found = findings(offline=True)["cache"]
    assert found.state is State.OK
    assert "3 answers, 0 damaged" in found.found
    assert (found.details["entries"], found.details["final"], found.details["writable"]) == (3, 3, True)


def test_damage_in_a_cache_is_noted(findings: Look, make_client: MakeClient) -> None:
    client = make_client()
    fetch(make_ids(3), client=client)
    client.close()
    with closing(sqlite3.connect(client.archive.path)) as connection, connection:
        connection.execute("UPDATE responses SET value = x'00' WHERE rowid = 1")
    found = findings(offline=True)["cache"]
    assert (found.state, found.details["damaged"]) == (State.NOTE, 1)


def test_a_file_that_is_not_a_cache_is_renamed_and_named(findings: Look, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / FILE_NAME).write_bytes(b"no database " * 100)
    first, second = (findings(offline=True)["cache"] for _ in range(2))
    assert [first.state, second.state] == [State.NOTE, State.NOTE]
    assert "it was renamed to" in first.found
    assert f"set aside: {FILE_NAME}.damaged-" in second.found


def test_a_directory_where_no_cache_can_be_is_a_problem(findings: Look, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    assert findings(offline=True)["cache"].state is State.PROBLEM
    (tmp_path / "cache").unlink()
    (tmp_path / "cache" / FILE_NAME).mkdir(parents=True)
    found = findings(offline=True)["cache"]
    assert found.state is State.PROBLEM
    assert "--cache-dir" in found.next_step


def test_a_cache_that_cannot_be_written_is_a_problem(
    findings: Look, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode, **options: mode != os.W_OK and may(path, mode, **options))
    nowhere = findings(offline=True)["cache"]
    monkeypatch.undo()
    fetch(make_ids(1), client=make_client())
    monkeypatch.setattr(os, "access", lambda path, mode, **options: mode != os.W_OK and may(path, mode, **options))
    there = findings(offline=True)["cache"]
    for found in (nowhere, there):
        assert (found.state, found.details["writable"]) == (State.PROBLEM, False)
        assert "--cache-dir" in found.next_step


def installed(versions: dict[str, str], requires: list[str], monkeypatch: pytest.MonkeyPatch) -> Finding:
    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    ours = SimpleNamespace(
        requires=lambda _: requires, version=version, PackageNotFoundError=metadata.PackageNotFoundError
    )
    monkeypatch.setattr(checks, "metadata", ours)
    return check_packages()


def test_packages_are_named_with_their_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    requires = ["pandas<4,>=3", 'duckdb>=1.4; extra == "duckdb"', 'pyspark; extra == "spark"']
    found = installed({"genanalytics": "1.0", "pandas": "3.1", "duckdb": "2.0"}, requires, monkeypatch)
    assert (found.state, found.found) == (State.OK, "genanalytics 1.0, pandas 3.1, duckdb 2.0")


def test_packages_that_are_missing_or_too_old_are_a_problem_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    requires = ["pandas<4,>=3", "click>=8.2", 'duckdb>=1.4; extra == "duckdb"']
    found = installed({"genanalytics": "1.0", "pandas": "2.3", "duckdb": "1.0"}, requires, monkeypatch)
    assert found.state is State.PROBLEM
    assert found.next_step == "pip install 'pandas<4,>=3' 'click>=8.2' 'duckdb>=1.4'"


def test_a_checkout_on_the_path_is_noted() -> None:
    assert check_packages("no-such-distribution").state is State.NOTE


@pytest.fixture
def environment(server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FaultServer:
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    monkeypatch.setenv("GENANALYTICS_BASE_URL", server.base_url)
    monkeypatch.setenv("GENANALYTICS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(checks, "check_packages", lambda: Finding("packages", State.OK, "all"))
    return server


def test_the_command_says_a_line_for_each_and_exits_0(
    environment: FaultServer, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.plan(HARMLESS_ID, refusal(404))
    assert run(["doctor"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in said] == [
        ["ok", check] for check in ("python", "packages", "key", "service", "cache")
    ]


@pytest.mark.parametrize(("status", "code"), [(404, 0), (401, 4), (503, 1)])
def test_the_command_as_json_and_its_exit_codes(
    status: int, code: int, environment: FaultServer, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.plan(HARMLESS_ID, refusal(status))
    assert run(["doctor", "--json"]) == code
    said = json.loads(capsys.readouterr().out)
    assert said["ok"] is (code == 0)
    found = {finding["check"]: finding for finding in said["findings"]}
    assert found["service"]["details"]["status"] == status
    assert found["key"]["details"]["accepted"] is {404: True, 401: False, 503: None}[status]


def test_options_win_and_a_key_can_stand_in_a_file(
    environment: FaultServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENROUTER_API_KEY")
    monkeypatch.setenv("GENANALYTICS_BASE_URL", "http://127.0.0.1:9/api/v1")
    (tmp_path / "key").write_text(f"{KEY}\n")
    environment.plan(HARMLESS_ID, refusal(404))
    arguments = ["--api-key-file", str(tmp_path / "key"), "--base-url", environment.base_url]
    assert run(["doctor", *arguments, "--cache-dir", str(tmp_path / "other")]) == 0
    assert str(tmp_path / "other") in capsys.readouterr().out


@pytest.mark.parametrize("form", [[], ["--json"]])
@pytest.mark.parametrize("status", [200, 401, 404, 500])
def test_no_part_of_the_key_is_shown(
    status: int, form: list[str], environment: FaultServer, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.plan(HARMLESS_ID, refusal(status, f"bad key {KEY}"))
    run(["doctor", *form])
    output = capsys.readouterr()
    shown = output.out + output.err
    assert not any(KEY[place : place + 6] in shown for place in range(len(KEY) - 5))
