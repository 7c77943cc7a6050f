import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from genanalytics.cli.completion import complete
from genanalytics.cli.main import commands, run

CHECKED_BY = {"bash": ["bash", "-n"], "zsh": ["zsh", "-n"], "fish": ["fish", "--no-execute"]}


def needed(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} on the PATH")


@pytest.fixture(params=CHECKED_BY)
def shell(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def script(shell: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Path:
    assert run(["completion", shell]) == 0
    path = tmp_path / f"completion.{shell}"
    path.write_text(capsys.readouterr().out)
    return path


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a `genanalytics` on the PATH."""
    path = tmp_path / "bin" / "genanalytics"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m genanalytics "$@"\n')
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(path.parent), prepend=os.pathsep)
    monkeypatch.setenv("HOME", str(tmp_path))


def answered(*command: str | Path) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_the_script_is_for_this_program(script: Path) -> None:
    written = script.read_text()
    assert "_GENANALYTICS_COMPLETE" in written
    assert "genanalytics" in written


def test_the_shell_understands_the_script(shell: str, script: Path) -> None:
    needed(shell)
    subprocess.run([*CHECKED_BY[shell], script], check=True)


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize("shell", ["bash"], indirect=True)
@pytest.mark.parametrize(
    ("typed", "completed"),
    [("su", ["summary"]), ("cache ver", ["verify"]), ("fetch --off", ["--offline"]), ("completion f", ["fish"])],
)
def test_bash_completes(script: Path, typed: str, completed: list[str]) -> None:
    needed("bash")
    ask = (
        f'source "{script}"; COMP_WORDS=(genanalytics {typed}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1));'
        ' _genanalytics_completion genanalytics; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    assert answered("bash", "-c", ask) == completed


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize("shell", ["fish"], indirect=True)
def test_fish_completes(script: Path) -> None:
    needed("fish")
    ask = f'source "{script}"; complete --do-complete "genanalytics summ"'
    assert answered("fish", "-c", ask)[0] == "summary"


@pytest.mark.parametrize("option", ["--output", "--input", ""])
def test_a_path_is_left_to_the_shell(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = f"genanalytics fetch {option} gen".split()
    for name, value in {
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
        "_GENANALYTICS_COMPLETE": "bash_complete",
    }.items():
        monkeypatch.setenv(name, value)
    assert answered(sys.executable, "-m", "genanalytics") == ["file,gen"]


def test_another_shell_is_refused_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", "tcsh"]) == 2
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in capsys.readouterr().err


TAKING_PATHS = ("summary", "fetch --", "fetch --output", "plot cost-over-time", "export --dataset")
HOSTILE = "a\x1b]0;title\x07\x1b[2J\x9b1m\u202egpj\nplain,--force"


@pytest.mark.parametrize("typed", [*TAKING_PATHS, ""])
@pytest.mark.parametrize("kind", ["bash", "zsh", "fish"])
def test_an_answer_has_nothing_that_acts(
    kind: str, typed: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    words = shlex.split(typed)
    if kind == "fish":  # it gives the word to complete itself
        monkeypatch.setenv("COMP_WORDS", shlex.join(["genanalytics", *words]))
        monkeypatch.setenv("COMP_CWORD", HOSTILE)
    else:
        monkeypatch.setenv("COMP_WORDS", shlex.join(["genanalytics", *words, HOSTILE]))
        monkeypatch.setenv("COMP_CWORD", str(len(words) + 1))
    monkeypatch.setenv("_GENANALYTICS_COMPLETE", f"{kind}_complete")
    assert complete(commands) == 0
    answer, said = capfd.readouterr()
    assert said == ""
    assert answer.replace("\n", "").isprintable()
    assert ("\\x1b" in answer) == (typed in TAKING_PATHS), "the word itself, for the shell to complete"
    assert "\nplain,--force" not in answer
