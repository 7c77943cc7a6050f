import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from genanalytics.cli.completion import complete
from genanalytics.cli.main import commands, run
from genanalytics.files import write
from support.generations import frame_of

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


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with values that a shell takes literally, and with others."""
    monkeypatch.chdir(tmp_path)
    models = ["openai/o3", "openai/gpt-5:free", "openai/gpt-5:free", "openai/$(touch owned)", "a/b c", "a/b"]
    write(frame_of(*({"model": model} for model in models)).assign(customer="c"), "out.parquet")
    return tmp_path / "out.parquet"


def complete_for(
    kind: str, typed: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> list[str]:
    """Return what a shell gets for the last word of a command line, which it does not divide."""
    *words, last = typed.split(" ")
    monkeypatch.setenv("COMP_WORDS", shlex.join(["genanalytics", *words] + ([] if kind == "fish" else [last])))
    monkeypatch.setenv("COMP_CWORD", last if kind == "fish" else str(len(words) + 1))
    monkeypatch.setenv("_GENANALYTICS_COMPLETE", f"{kind}_complete")
    assert complete(commands) == 0
    return capfd.readouterr().out.splitlines()


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
    [
        ("su", ["summary"]),
        ("cache ver", ["verify"]),
        ("fetch --off", ["--offline"]),
        ("completion f", ["fish"]),
        ("summary out.parquet --where model = openai/", ["openai/gpt-5:free", "openai/o3"]),  # as bash divides it
        ("summary out.parquet --where model = openai/gpt-5 : f", ["free"]),
        ("summary out.parquet --where=model", ["model=", "model_family="]),
    ],
)
def test_bash_completes(script: Path, typed: str, completed: list[str], records: Path) -> None:
    needed("bash")
    assert records.is_file()
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


def type_into(shell: list[str], setup: list[str]) -> str:
    """Return what a shell on a terminal shows after the completion of a condition with the Tab key."""
    import pty  # noqa: PLC0415 - Windows has none

    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "dumb", "COLUMNS": "200"}
    with subprocess.Popen(shell, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as running:
        os.close(theirs)
        for line in setup:
            os.write(ours, f"{line}; echo ready-$((1 + 1))\n".encode())
            read_until(ours, "ready-2")
        os.write(ours, b"genanalytics summary out.parquet --where model=openai/o\t")
        said = read_until(ours, "model=openai/o3")
        os.write(ours, b"\x15exit\n")
        running.wait()
    os.close(ours)
    return said


def read_until(file: int, wanted: str) -> str:
    """Return what a terminal shows up to some text; the time limit of the test ends a wait in vain."""
    said = ""
    while wanted not in said:
        said += os.read(file, 65_536).decode(errors="replace")
    return said


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("summary out.parquet --where model=openai/", ["model=openai/gpt-5:free", "model=openai/o3"]),
        ("summary out.parquet --where model=a/", ["model=a/b"]),
        ("summary missing.parquet --where model=", []),
        ("summary out.parquet --by custom", ["customer"]),
        ("summary missing.parquet --by external_", ["external_user"]),
        ("summary out.parquet --by model,hou", ["model,hour"]),
        ("summary --metrics cost,ttft_ms_p9", ["cost,ttft_ms_p90", "cost,ttft_ms_p95", "cost,ttft_ms_p99"]),
        ("compare --metric error_", ["error_rate"]),
        ("plot latency-h", ["latency-heatmap"]),
        ("today --tz Europe/Berl", ["Europe/Berlin"]),
        ("summary --every mi", ["minute"]),
        ("sessions --last ", ["day", "week", "month"]),
        ("top gen", ["generations"]),
    ],
)
@pytest.mark.usefixtures("records")
def test_values_are_completed(
    typed: str, completed: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = complete_for("fish", typed, monkeypatch, capfd)
    assert [line.removeprefix("plain,").partition("\t")[0] for line in lines if line] == completed


@pytest.mark.parametrize(("folder", "completed"), [("files", ["plain,model=a/b"]), ("damaged", [])])
def test_values_in_a_folder_are_completed(
    folder: str, completed: list[str], records: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("files", "damaged"):
        (records.parent / name).mkdir()
        shutil.copy(records, records.parent / name)
    (records.parent / "damaged" / "manifest.json").write_text("{")
    lines = complete_for("fish", f"summary {folder} --where model=a/", monkeypatch, capfd)
    assert [line.partition("\t")[0] for line in lines if line] == completed


@pytest.mark.usefixtures("program", "records")
@pytest.mark.parametrize("shell", ["zsh"], indirect=True)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such terminals")
def test_zsh_completes_values(script: Path) -> None:
    needed("zsh")
    said = type_into(["zsh", "-f", "-i"], ["autoload -U compinit; compinit -u", f"source {shlex.quote(str(script))}"])
    assert "genanalytics summary out.parquet --where model=openai/o3" in said


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
