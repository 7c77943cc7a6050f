"""What a process does with the streams, limits, names and signals that its caller gives it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from genanalytics.dataset.manifest import read_manifest
from genanalytics.files import read_parquet
from genanalytics.sandbox import Sandbox, sample
from support.datasets import committed, rows

MADE = sample(40, seed=3)
IDS = list(MADE.records)

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="the shell closes the streams and sets the limits")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(MADE) as served:
        yield served


@pytest.fixture(autouse=True)
def environment(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-test")
    monkeypatch.setenv("GENANALYTICS_BASE_URL", sandbox.base_url)
    monkeypatch.setenv("GENANALYTICS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.chdir(tmp_path)
    Path("ids.txt").write_text("".join(f"{generation_id}\n" for generation_id in IDS), encoding="utf-8")


def run_in(shell: str, *arguments: str | bytes, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    """Run the command line as `"$@"` of a line of shell, and assert that it printed no traceback."""
    command = ["bash", "-c", shell, "bash", sys.executable, "-m", "genanalytics", *arguments]
    ended = subprocess.run(
        command,
        capture_output=True,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    for unwanted in (b"Traceback", b"Exception ignored"):
        assert unwanted not in ended.stdout + ended.stderr
    return ended


@pytest.mark.parametrize(
    ("shell", "arguments", "code", "sentence"),
    [
        ('"$@" >&-', ["ids", "ids.txt", "--quiet"], 1, "Error: cannot write the output: Bad file descriptor"),
        (
            '"$@" >/dev/full',
            ["ids", "ids.txt", "--quiet"],
            1,
            "Error: cannot write the output: No space left on device",
        ),
        ('"$@" <&-', ["ids", "-"], 2, "Bad file descriptor"),
        ('set -o pipefail; "$@" | true', ["ids", "ids.txt", "--quiet"], 141, ""),
        ('"$@" <&- >&- 2>&-', ["ids", "ids.txt", "--quiet"], 1, ""),
    ],
)
def test_a_stream_that_cannot_be_used_is_one_sentence(
    shell: str, arguments: list[str], code: int, sentence: str
) -> None:
    ended = run_in(shell, *arguments)
    assert ended.returncode == code
    assert sentence in ended.stderr.decode()
    assert len(ended.stderr.splitlines()) == bool(sentence)


@pytest.mark.parametrize("shell", ['"$@" 2>&-', '"$@" 2>/dev/full', 'set -o pipefail; { "$@" 2>&1 >&3 | true; } 3>&1'])
def test_without_stderr_the_result_is_still_on_stdout(shell: str) -> None:
    ended = run_in(shell, "ids", "ids.txt")
    assert (ended.returncode, ended.stdout.decode().split()) == (0, IDS)


def test_with_every_stream_closed_the_file_is_written() -> None:
    assert run_in('"$@" <&- >&- 2>&-', "fetch", "ids.txt", "-o", "out.parquet").returncode == 0
    assert read_parquet("out.parquet")["requested_id"].tolist() == IDS


def test_few_open_files_mean_fewer_connections() -> None:
    ended = run_in('ulimit -n 20; exec "$@"', "fetch", "ids.txt", "-o", "out.parquet")
    assert ended.returncode == 0
    assert len(read_parquet("out.parquet")) == len(IDS)
    assert b"instead of 16 requests at a time, because of the limit on open files" in ended.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces this limit")
def test_little_memory_is_one_sentence() -> None:
    ended = run_in('ulimit -v 250000; exec "$@"', "fetch", "ids.txt", "-o", "out.parquet")
    assert ended.returncode == 1
    assert ended.stderr.startswith(b"Error: ")
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8"])
def test_a_character_that_the_terminal_lacks_is_spelled(encoding: str) -> None:
    code = (
        "from genanalytics.cli.streams import open_standard_streams\n"
        "open_standard_streams(); print('≥ − … \\udce9', flush=True)"
    )
    command = [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    printed = subprocess.run(command, capture_output=True, check=True, env=environment).stdout.decode().strip()
    assert printed == (r"≥ − … \udce9" if encoding == "utf-8" else r">= - ... \udce9")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such file names")
def test_names_that_are_not_utf_8() -> None:
    name = b"caf\xe9"
    shutil.copy("ids.txt", os.fsdecode(name))
    assert run_in('exec "$@"', "ids", name).stdout.decode().split() == IDS
    refused = run_in('exec "$@"', "fetch", name, "-o", name + b".parquet")
    assert refused.returncode == 2
    assert rb"cannot write 'caf\udce9.parquet': its path is not UTF-8; give another name" in refused.stderr


@pytest.mark.parametrize(
    ("home", "sentence"),
    [("", b"no home directory for the cache: set HOME"), ("/dev/null", b"cannot use the cache")],
)
def test_without_a_home_the_message_names_the_option(home: str, sentence: bytes) -> None:
    ended = run_in('unset GENANALYTICS_CACHE_DIR XDG_DATA_HOME; exec "$@"', "fetch", "ids.txt", HOME=home)
    assert ended.returncode == 1
    assert sentence in ended.stderr
    assert b"--cache-dir" in ended.stderr


def test_a_deleted_current_directory_is_said_before_the_work(sandbox: Sandbox, tmp_path: Path) -> None:
    before = sandbox.requests
    ids = str(tmp_path / "ids.txt")
    ended = run_in('mkdir gone; cd gone; rmdir ../gone; exec "$@"', "fetch", ids, "-o", "out.csv")
    assert ended.returncode == 2
    assert b"Error: cannot write 'out.csv': the current directory was deleted" in ended.stderr
    assert sandbox.requests == before


@pytest.mark.parametrize(
    ("shell", "name", "ends"),
    [
        ('exec "$@"', b"caf\xe9", (2, rb"cannot write 'caf\udce9': its path is not UTF-8")),
        ('mkdir gone; cd gone; rmdir ../gone; exec "$@"', b"out", (2, b"the current directory was deleted")),
        ('exec "$@"', b"ids.txt/out", (1, b"a file has that name; give a directory")),
        ('exec "$@"', b"/proc/out", (1, b"cannot write the data set /proc/out: No such file or directory")),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names, and no /proc")
def test_a_data_set_that_cannot_be_written_is_refused_before_any_request(
    sandbox: Sandbox, tmp_path: Path, shell: str, name: bytes, ends: tuple[int, bytes]
) -> None:
    before = sandbox.requests
    ended = run_in(shell, "export", str(tmp_path / "ids.txt"), "--dataset", name)
    code, sentence = ends
    assert (ended.returncode, len(ended.stderr.splitlines())) == (code, 1)
    assert sentence in ended.stderr
    assert sandbox.requests == before


def interrupt(number: signal.Signals, after_s: float, entry: list[str]) -> tuple[int, bytes]:
    command = [sys.executable, *entry, "summary", "missing.parquet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        time.sleep(after_s)
        running.send_signal(number)
        return running.wait(30), running.communicate()[1]


CONSOLE_SCRIPT = "import sys; from genanalytics.__main__ import main; sys.exit(main())"


def assert_ends_well(number: signal.Signals, code: int, said: bytes) -> None:
    """Assert a sentence and the code of the signal; or of the command, if it was faster than the signal.

    Until `genanalytics.cli.signals` is loaded, Python itself answers, for Ctrl-C with a traceback of its own start.
    """
    if b"cli/main.py" in said or b"run_commands" in said:
        pytest.fail(f"{code}: {said.decode()}")
    if code == 128 + number:
        assert said == b"\nInterrupted.\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_modules_are_imported(number: signal.Signals) -> None:
    for step in range(4):
        assert_ends_well(number, *interrupt(number, 0.06 + step * 0.1, ["-m", "genanalytics"]))


@pytest.mark.long
@pytest.mark.parametrize("entry", [["-m", "genanalytics"], ["-c", CONSOLE_SCRIPT]])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_any_moment_of_the_start(number: signal.Signals, entry: list[str]) -> None:
    for step in range(20):
        assert_ends_well(number, *interrupt(number, step * 0.025, entry))


def test_a_signal_that_a_destructor_swallows_arrives_all_the_same() -> None:
    code = (
        "import signal, time\n"
        "from genanalytics.cli.signals import Interrupted, raise_interrupted\n"
        "class Interrupts:\n"
        "    def __del__(self): signal.raise_signal(signal.SIGINT)\n"
        "raise_interrupted()\n"
        "try:\n"
        "    Interrupts()\n"
        "    time.sleep(30)\n"
        "except Interrupted as interrupted: print(interrupted.exit_code)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60)
    assert (ended.stdout.split(), ended.stderr) == ([b"130"], b"")


def test_an_incomplete_copy_of_a_data_set_is_one_notice() -> None:
    committed(Path("generations"), rows("gen-1"), rows("gen-2"))
    shutil.copytree("generations", "copy", symlinks=True)
    Path("copy", ".files", read_manifest("generations").files[-1].path).unlink()
    ended = run_in('"$@"', "summary", "copy")
    notices = " ".join(ended.stderr.decode().split())
    assert notices.count("Note: copy was copied while it was written: commit 1 of ") == 1
    assert "files of commit 2 are missing." in notices
    assert "UserWarning" not in notices
    assert ended.returncode == 0
