"""`--watch`: the output of a command, again whenever its files changed."""

import io
import json
import os
import signal
from pathlib import Path

import pytest

from genanalytics.cli.exit_codes import Exit
from genanalytics.cli.main import commands, run
from genanalytics.cli.repeat import find_state
from genanalytics.files import write
from genanalytics.tables.style import split_looks
from support.datasets import committed, rows
from support.followed import on_terminal, running
from support.generations import frame_of

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no data sets are written there")


def test_a_table_is_printed_again_after_each_change_and_a_damaged_file_is_an_error_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "records.parquet"
    write(frame_of({"model": "first"}), path)
    with running(tmp_path, "summary", "records.parquet", "--by", "model", "--watch-every", "0.05") as watching:
        watching.wait_until(lambda: "first" in watching.said)
        write(frame_of({"model": "first"}, {"model": "second"}), path)
        watching.wait_until(lambda: "second" in watching.said)
        path.write_bytes(b"PAR1 and no more")
        watching.wait_until(lambda: "waiting for the next change" in watching.warned)
        path.unlink()
        write(frame_of({"model": "third"}), path)
        watching.wait_until(lambda: "third" in watching.said)
        assert watching.end(signal.SIGTERM) == Exit.SUCCESS
    assert "Error: cannot read records.parquet" in watching.warned
    assert watching.warned.endswith("Stopped.\n")
    assert "\x1b" not in watching.said
    headings = [line for line in watching.said.splitlines() if line.startswith("--- ")]
    assert len(headings) >= 4
    assert all(line.endswith(" UTC ---") for line in headings)


@pytest.mark.long
def test_json_is_a_line_per_change_of_a_data_set(tmp_path: Path) -> None:
    committed(tmp_path / "set", rows("gen-1"))
    with running(tmp_path, "summary", "set", "--json", "--watch-every", "0.05") as watching:
        watching.wait_until(lambda: watching.said.endswith("\n"))
        committed(tmp_path / "set", rows("gen-2", "gen-3"))
        watching.wait_until(lambda: watching.said.count("\n") > 1)
        assert watching.end() == Exit.SUCCESS
    assert [json.loads(line)[0]["requests"] for line in watching.said.splitlines()] == [1, 3]


@pytest.mark.long
def test_a_terminal_shows_one_table_at_a_time(tmp_path: Path) -> None:
    committed(tmp_path / "set", rows("gen-1", model="\x1b[2Jfirst"))
    with on_terminal(tmp_path, "summary", "set", "--by", "model", "--watch-every", "0.05") as watching:
        watching.wait_until(lambda shown: "first" in shown)
        committed(tmp_path / "set", rows("gen-2", model="second"))
        watching.wait_until(lambda shown: "second" in shown)
        watching.process.send_signal(signal.SIGINT)
        assert watching.process.wait(10) == Exit.SUCCESS
    screens = watching.shown.split("\x1b[H\x1b[2J")
    assert screens[0] == ""
    assert all("first" in screen for screen in screens[1:])
    assert "\x1b" not in "".join(split_looks("".join(screens))[::2])


def test_a_first_error_ends_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["summary", str(tmp_path / "missing.parquet"), "--watch"]) == Exit.USAGE
    assert "missing.parquet" in capsys.readouterr().err
    assert run(["summary", "s3://bucket/records.parquet", "--watch"]) == Exit.USAGE
    assert "on this machine only, not of s3://bucket" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert run(["summary", "-", "--watch"]) == Exit.USAGE
    assert "not of stdin (-)" in capsys.readouterr().err


def test_every_command_that_prints_rows_knows_its_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    watching = [
        name
        for name, command in commands.load_commands().items()
        if "watch" in {option.name for option in command.params}
        and not any(option.required for option in command.params)
    ]
    assert len(watching) > 10
    for name in watching:
        assert run([name, f"s3://bucket/{tmp_path.name}.parquet", "--watch"]) == Exit.USAGE
        assert "on this machine only" in capsys.readouterr().err, name


def test_each_change_of_a_file_or_a_directory_is_another_state(tmp_path: Path) -> None:
    states = [find_state([str(tmp_path)])]
    for name, text in (("a.csv", "1"), ("a.csv", "12"), ("b/a.csv", "1")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
        states.append(find_state([str(tmp_path)]))
    (tmp_path / "a.csv").unlink()
    states.append(find_state([str(tmp_path)]))
    assert len(set(states)) == len(states)
    assert find_state([str(tmp_path)]) == states[-1]
