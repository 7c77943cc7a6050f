"""Text that strangers wrote, in what the commands print."""

import csv
import io
import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import click
import pandas as pd
import pytest

from genanalytics.cli.main import commands, run
from genanalytics.cli.program import Program
from genanalytics.files import read, write
from genanalytics.sandbox import sample

ACTING = "\x1b]0;owned\x07\x1b[2Ja\u202eb\u2066c\u200b\u009b31m\nz"
HOSTILE = {
    "model": "=cmd|'/c calc'!A1",
    "provider_name": ' \t"@SUM(A1)',
    "session_id": "\x1b]0;owned\x07\x1b[2J",
    "origin": "a\u202eb\u2066c\u200b\u009b31m",
    "external_user": "+1\r\n-2",
}
COLUMN = f"=1+1{ACTING}"
ROWS = [
    ["attempts"],
    ["quality"],
    ["sessions"],
    ["items", "--by", "model"],
    ["items", "--by", COLUMN],
    ["prices"],
    ["prices", "--by", "provider_name,origin"],
    ["price-changes"],
    ["cache-flips"],
    ["cache-replay"],
    ["cache-replay", "--gaps", "--by", "model"],
    ["waste"],
    ["what-if"],
    ["forecast"],
    ["changes"],
    ["coverage", "--daily-activity", "daily.json"],
    ["coverage", "--daily-activity", "daily.json", "--by", "model", "--min-coverage", "0"],
    ["change", "--period", "week"],
    ["compare", "--by", "hour", "--a", "12", "--b", "13", "--metric", "error_rate"],
    ["recommend"],
    ["summary", "--by", "model"],
    ["summary", "--by", "provider_name,origin"],
    ["summary", "--by", "external_user", "--every", "month"],
    ["summary", "--by", COLUMN],
    ["summary", "--by", "model", "--last", "week", "--against", "previous"],
    ["top", "generations"],
    ["top", "apps"],
    ["today", "--by", "provider_name", "--against", "previous"],
    ["week"],
    ["month"],
]
"""The commands with --csv."""
COMMANDS = [
    *([*command, "records.parquet"] for command in ROWS),
    ["summary", "records.parquet", "--by", f"{ACTING}missing"],
    ["summary", "records.parquet", "--where", f"{COLUMN}=x"],
    ["summary", "records.parquet", "--by", COLUMN, "--columns", COLUMN, "--sort", COLUMN, "--format", "markdown"],
    ["sessions", "records.parquet", "--columns", f"{ACTING}missing"],
    ["attempts", "records.parquet", "-o", f"{ACTING}.html"],
    ["summary", f"{ACTING}missing.parquet"],
    ["summary", "--list"],
    ["records.parquet"],
    [f"{ACTING}missing.parquet"],
    ["plot", "--list"],
    ["plot", "cost-over-time", "records.parquet", "-o", f"{ACTING}.svg", "--by", COLUMN],
    ["report", "records.parquet", "-o", f"{ACTING}.html"],
    ["reconcile", "records.parquet", f"{ACTING}.csv"],
    ["ids", f"{ACTING}.txt", "--json"],
    ["ids", "--from-service", "--since", ACTING],
    ["ids", "--from-service", "--since", "7d", "--management-key-file", f"{ACTING}.txt"],
    ["fetch", f"{ACTING}.txt", "--offline", "-o", f"{ACTING}.jsonl", "--failures", f"{ACTING}-failures.csv"],
    ["export", "--from", "records.parquet", "-o", f"{ACTING}-export.csv"],
    ["export", "--input", f"{ACTING}.txt", "--offline", "--dataset", f"{ACTING}dataset"],
    ["compact", f"{ACTING}dataset"],
    ["compact", f"{ACTING}missing"],
    ["doctor", "--offline", "--base-url", f"https://localhost/{ACTING}"],
    ["cache", "info"],
    ["cache", "verify"],
    ["cache", "export", f"{ACTING}-answers.jsonl"],
    ["cache", "clear", "--yes"],
    ["cache", "info", "--cache-dir", f"{ACTING}missing"],
    ["completion", "bash", "-o", f"{ACTING}missing/file"],
    ["coverage", "records.parquet", "--daily-activity", f"{ACTING}.txt"],
    ["coverage", "records.parquet", "--by", ACTING, "--daily-activity", "daily.json"],
    ["demo", "--directory", f"{ACTING}.txt/demo"],
    ["show", next(iter(sample(30, seed=3).records)), "records.parquet"],
    ["show", ACTING, "records.parquet"],
    ["sandbox", "--ids", f"{ACTING}missing/ids.txt"],
    ["mcp", f"{ACTING}missing.parquet"],
    ["skill"],
    ["watch", f"{ACTING}.log", "--dataset", f"{ACTING}dataset", "--until-idle", "0.1"],
    ["summary", f"--{ACTING}"],
]


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files whose names, columns and values are all hostile, a cache in such a directory, and a data set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-test")
    monkeypatch.setenv("GENANALYTICS_CACHE_DIR", f"{ACTING}cache")
    lines = [json.dumps({"data": record | HOSTILE}) for record in sample(30, seed=3).records.values()]
    Path("records.jsonl").write_text("\n".join(lines))
    frame = read("records.jsonl")
    write(frame.assign(**{COLUMN: pd.array([ACTING] * len(frame), dtype="str")}), "records.parquet")
    row = {
        "date": "2026-09-30",
        "model_permaslug": ACTING,
        "provider_name": HOSTILE["model"],
        "usage": 9,
        "requests": 2,
    }
    Path("daily.json").write_text(json.dumps({"data": [row, row | {"model_permaslug": HOSTILE["model"]}]}))
    Path(f"{ACTING}.txt").write_text(f"gen-1\n{ACTING}\ngen-\u202e2\n")
    export = pd.DataFrame({"generation_id": [f"gen-{ACTING}"], "created_at": ["2026-09-01"], "cost_total": [1.0]})
    export.assign(model_permaslug=ACTING).to_csv(f"{ACTING}.csv", index=False)
    for command in (["fetch", "gen-1"], ["export", "gen-1", "--dataset", f"{ACTING}dataset"]):
        run([*command, "--offline", "--quiet"])


def list_leaves(command: click.Command, *names: str) -> list[tuple[str, ...]]:
    """Return the names of all commands that do something."""
    if not isinstance(command, click.Group):
        return [names]
    inner = command.load_commands() if isinstance(command, Program) else command.commands
    return [leaf for name, one in inner.items() for leaf in list_leaves(one, *names, name)]


def test_no_command_is_forgotten() -> None:
    for names in list_leaves(commands):
        assert any(tuple(command[: len(names)]) == names for command in COMMANDS), names
    with_csv = {
        name for name, command in commands.load_commands().items() if any("--csv" in one.opts for one in command.params)
    }
    assert with_csv == {command[0] for command in ROWS}


@pytest.mark.usefixtures("records")
def test_nothing_moves_the_cursor_of_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        capsys.readouterr()
        run(command)
        printed = capsys.readouterr()
        said = printed.out + printed.err
        assert said, command
        acting = {character for character in said if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co"}}
        assert acting <= {"\n"}, (command, acting)
        assert "\nz" not in said  # no line break but our own


@pytest.mark.usefixtures("records")
def test_no_cell_of_csv_is_a_formula(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ROWS:
        capsys.readouterr()
        assert run([*command, "records.parquet", "--csv"]) == 0
        cells = [cell for row in csv.reader(io.StringIO(capsys.readouterr().out)) for cell in row]
        assert cells
        for cell in cells:
            try:
                float(cell or 0)
            except ValueError:
                assert not cell.lstrip(' "\ufeff').startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def run_in_terminal(*arguments: str, encoding: str) -> str:
    """Return what a command prints on a terminal."""
    import pty  # noqa: PLC0415 - Windows has none

    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "genanalytics", *arguments]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as running:
        os.close(theirs)
        printed = b""
        while True:
            try:
                piece = os.read(ours, 1 << 16)
            except OSError:  # Linux: the other side is closed
                break
            if not piece:
                break
            printed += piece
        os.close(ours)
        assert running.wait(60) == 0
    return printed.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_data_is_exact_in_a_pipe_and_harmless_on_a_terminal(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("gen-\u202e1\ngen-\u200b2\n", encoding="utf-8")
    command = ["ids", str(tmp_path / "ids.txt"), "--quiet"]
    assert run_in_terminal(*command, encoding=encoding) == "gen-\\u202e1\r\ngen-\\u200b2\r\n"
    piped = subprocess.run([sys.executable, "-m", "genanalytics", *command], capture_output=True, check=True)
    assert piped.stdout.decode() == "gen-\u202e1\ngen-\u200b2\n"
