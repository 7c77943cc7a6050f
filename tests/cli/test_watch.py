"""The command `watch`, in processes: on a terminal, in a pipe, killed, interrupted, and with a service that is away."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from genanalytics.cli.exit_codes import Exit
from genanalytics.cli.main import run
from genanalytics.files import read_parquet
from support.fault_server import FaultServer
from support.faults import Says, envelope, good, make_ids, record_of, refusal
from support.followed import on_terminal, running

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no data sets are written there")

KEY = "sk-or-v1-0123456789abcdef0123456789abcdef"


@pytest.fixture
def environment(server: FaultServer, tmp_path: Path) -> dict[str, str]:
    return {
        "OPENROUTER_API_KEY": KEY,
        "GENANALYTICS_BASE_URL": server.base_url,
        "GENANALYTICS_CACHE_DIR": str(tmp_path / "cache"),
    }


def write(path: Path, *ids: str) -> None:
    with path.open("a") as stream:
        stream.writelines(f'{{"id":"{each}"}}\n' for each in ids)


@pytest.mark.long
def test_a_watch_that_was_killed_goes_on_and_fetches_nothing_twice(
    tmp_path: Path, server: FaultServer, environment: dict[str, str]
) -> None:
    ids = make_ids(120)
    server.otherwise = lambda each: good(each, after_s=0.1)
    log = tmp_path / "app.log"
    write(log, *ids[:80])
    with running(tmp_path, "watch", "app.log", "--dataset", "set", **environment) as watching:
        watching.wait_until(lambda: len(server.requests) > 30)
        watching.process.kill()
        watching.process.wait()
    before = server.asked
    log.rename(tmp_path / "app.log.1")
    write(log, *ids[80:])
    server.otherwise = good
    arguments = ("watch", "app.log", "--dataset", "set", "--json", "--until-idle", "0.5")
    with running(tmp_path, *arguments, **environment) as watching:
        assert watching.process.wait(30) == Exit.SUCCESS
    assert sorted(read_parquet(tmp_path / "set")["requested_id"]) == ids
    last = json.loads(watching.said.splitlines()[-1])
    assert (last["records"], last["waiting"], last["missing"], last["problems"]) == (120, 0, 0, [])
    assert last["cost_today"] == 0
    # answers that were under way, or not yet written to the cache, when the process was killed
    assert sum(server.asked.values()) <= len(ids) + sum(before.values())
    assert set(server.asked) == set(ids)


def test_a_terminal_shows_costs_and_calls_until_a_signal(
    tmp_path: Path, server: FaultServer, environment: dict[str, str]
) -> None:
    now = int(time.time())
    new, unknown = make_ids(2, created=now)
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    hostile = {**record_of(new), "created_at": moment, "model": f"evil\x1b[2J{KEY}", "total_cost": 0.25}
    server.otherwise = lambda each: Says(200, envelope(hostile)) if each == new else refusal(404, "not yet")
    with on_terminal(tmp_path, "watch", "app.log", "--dataset", "set", **environment) as watching:
        watching.wait_until(lambda shown: "Cost today" in shown)
        write(tmp_path / "app.log", new, unknown)
        watching.wait_until(lambda shown: "$0.25" in shown and "evil" in shown)
        watching.process.send_signal(signal.SIGINT)
        assert watching.process.wait(30) == Exit.SUCCESS
        shown = watching.shown
    screen = shown.split("\x1b[H")[-1]
    assert "Cost today      ≥ $0.2500  (1 request)" in screen
    assert "too early" in screen
    assert "1 waiting for a record" in screen
    assert "evil\\x1b[2J" in screen
    assert KEY[-16:] not in shown
    assert "Stopped." in screen
    assert "set contains 1 record; 1 id of the logs without a record." in screen
    assert shown.count("\x1b[2J") == 1


@pytest.mark.long
def test_a_batch_is_a_line_in_a_pipe_and_a_refused_key_ends_the_watch(
    tmp_path: Path, server: FaultServer, environment: dict[str, str]
) -> None:
    [first, second] = make_ids(2)
    write(tmp_path / "app.log", first)
    with running(tmp_path, "watch", "app.log", "--dataset", "set", **environment) as watching:
        watching.wait_until(lambda: "; 1 record, 0 waiting, 0 missing\n" in watching.said)
        server.otherwise = lambda _: refusal(401)
        write(tmp_path / "app.log", second)
        assert watching.process.wait(30) == Exit.KEY_REFUSED
    assert "refused the API key (401)" in watching.warned
    assert "\x1b" not in watching.said


def test_mistakes_end_it_before_anything_is_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    assert run(["watch", "app.log", "--dataset", "set", "--for", "soon"]) == Exit.USAGE
    assert "--for 'soon' is not an age: give a whole number with s, min, h, d or w" in capsys.readouterr().err
    assert run(["watch", "app.log"]) == Exit.USAGE
    assert run(["watch", "app.log", "--dataset", "new", "--until-idle", "0.01"]) == Exit.PARTIAL
    assert "app.log does not exist yet" in capsys.readouterr().out
    (tmp_path / "set").write_text("")
    assert run(["watch", "app.log", "--dataset", "set"]) == Exit.FAILURE
    assert "a file has that name" in capsys.readouterr().err
