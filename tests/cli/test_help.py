"""What all commands promise: examples that work, JSON, paths that a shell completes, no colors, quiet pipes."""

import os
import re
import shlex
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import click
import pytest

from genanalytics.cli.exit_codes import Exit
from genanalytics.cli.main import commands, run
from genanalytics.cli.options import PathType
from genanalytics.cli.overviews import overview
from genanalytics.sandbox import sample
from support.paths import DOCS
from support.scripts import load

GENERATE = load(DOCS / "generate.py")

ALL: dict[str, click.Command] = {" ".join(names): command for names, command in GENERATE.walk(commands)}
LEAVES = {name: command for name, command in ALL.items() if not isinstance(command, click.Group)}
EXAMPLES = sorted({line for command in ALL.values() for line in GENERATE.find_examples(command)})


@pytest.mark.parametrize("name", ALL)
def test_every_command_has_examples_in_its_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*name.split(), "--help"]) == 0
    said = capsys.readouterr().out
    assert "\n  Examples:\n    genanalytics " in said
    examples = GENERATE.find_examples(ALL[name])
    assert all(f"    {example}\n" in f"{said}\n" for example in examples)
    assert any(f"genanalytics {name}" in example for example in examples)


@pytest.mark.parametrize("line", EXAMPLES)
def test_every_example_is_understood(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in (*LEAVES.values(), overview):
        monkeypatch.setattr(command, "callback", lambda **_: None)
    words = shlex.shlex(line, posix=True, punctuation_chars="|>")
    words.whitespace_split = True
    for is_an_end, program in groupby(words, lambda word: word in {"|", ">"}):
        name, *arguments = program
        if name == "genanalytics" and not is_an_end:
            assert run(arguments) == 0


@pytest.mark.parametrize("name", LEAVES)
def test_a_command_prints_json_or_the_page_says_why_not(name: str) -> None:
    has_json = any("--json" in option.opts for option in LEAVES[name].params)
    assert has_json != (name in GENERATE.WITHOUT_JSON)


@pytest.mark.parametrize("name", LEAVES)
def test_whatever_is_a_path_is_completed_by_the_shell(name: str) -> None:
    for option in LEAVES[name].params:
        shown = option.make_metavar(click.Context(LEAVES[name]))
        if re.search(r"FILE|DIR|PATH|RECORDS|ACTIVITY", shown):
            assert isinstance(option.type, PathType | click.Path), f"{option.name}: give it type=FILE or DIRECTORY"


def process(*arguments: str, **options: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "genanalytics", *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload,no-any-return]


@pytest.fixture
def ids(tmp_path: Path) -> str:
    """Return a file with more ids than a pipe holds."""
    path = tmp_path / "ids.txt"
    path.write_text("".join(f"{generation_id}\n" for generation_id in sample(5_000, seed=1).ids))
    return str(path)


def test_head_ends_a_command_in_silence(ids: str) -> None:
    with process("ids", ids, "--quiet", stdout=subprocess.PIPE) as running:
        first = subprocess.run(
            ["/usr/bin/env", "head", "-n", "1"], stdin=running.stdout, capture_output=True, text=True, check=True
        )
        assert running.stdout is not None
        running.stdout.close()
        assert running.stderr is not None
        assert running.stderr.read() == ""
    assert first.stdout.startswith("gen-")
    assert running.returncode == Exit.PIPE_CLOSED


@pytest.mark.parametrize(
    "arguments", [["--help"], ["summary", "--help"], ["--version"], ["completion", "fish"], ["doctor", "--offline"], []]
)
def test_a_pipe_that_nobody_reads_is_no_failure(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with process(*arguments, stdout=writing) as running:
        os.close(writing)
        assert running.stderr is not None
        said = running.stderr.read()
    assert "Traceback" not in said
    assert "BrokenPipe" not in said
    assert running.returncode == (Exit.PIPE_CLOSED if arguments else 2)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"FORCE_COLOR": "1", "PY_COLORS": "1"}])
def test_a_terminal_gets_no_colors(environment: dict[str, str], ids: str) -> None:
    import pty  # noqa: PLC0415 - not there on Windows

    for arguments in (["ids", ids, "--json"], ["doctor", "--offline"], ["fetch"], ["--help"]):
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "genanalytics", *arguments]
        subprocess.run(command, stdout=theirs, stderr=theirs, env=os.environ | environment, check=False)
        os.close(theirs)
        said = b""
        try:
            while part := os.read(ours, 65_536):
                said += part
        except OSError:  # how Linux says that the other end is closed
            pass
        os.close(ours)
        assert said
        assert b"\x1b" not in said
