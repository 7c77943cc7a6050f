"""A lock keeps other processes out, and ends with its process."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from genanalytics.base.locks import HAS_LOCKS, lock_directory, lock_file

pytestmark = pytest.mark.skipif(not HAS_LOCKS, reason="this system has no flock")

HOLD = """
import sys
from pathlib import Path
from genanalytics.base.locks import lock_directory, lock_file
place = Path(sys.argv[1])
if place.is_dir():
    with lock_directory(place):
        print("locked", flush=True)
        sys.stdin.read()
else:
    with place.open("a") as stream:
        print("locked" if lock_file(stream) else "refused", flush=True)
        sys.stdin.read()
"""


@contextmanager
def other_process(place: Path) -> Iterator["subprocess.Popen[str]"]:
    """Yield a process that has locked a directory or a file."""
    command = [sys.executable, "-c", HOLD, str(place)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("end", ["leaves the block", "is killed"])
def test_a_directory_is_waited_for_until_the_other_process_ends(tmp_path: Path, end: str) -> None:
    entered = threading.Event()

    def enter() -> None:
        with lock_directory(tmp_path):
            entered.set()

    waiting = threading.Thread(target=enter)
    with other_process(tmp_path) as process:
        waiting.start()
        assert not entered.wait(0.3)
        if end == "is killed":
            process.kill()
        else:
            process.communicate(timeout=10)
        assert entered.wait(10)
    waiting.join()
    assert list(tmp_path.iterdir()) == []


def test_a_lock_on_a_directory_ends_with_its_block(tmp_path: Path) -> None:
    error = ValueError("x")
    with pytest.raises(ValueError, match="x"), lock_directory(tmp_path):
        raise error
    with other_process(tmp_path):
        pass


def test_a_missing_directory_cannot_be_locked(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), lock_directory(tmp_path / "missing"):
        pass


def test_a_locked_file_is_refused_at_once_until_the_other_process_ends(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("a") as stream:
        with other_process(path) as process:
            assert not lock_file(stream)
            process.kill()
            process.wait(10)
            assert lock_file(stream)
        with path.open("a") as other:
            assert not lock_file(other)
    with path.open("a") as other:
        assert lock_file(other), "closing the file ends the lock"
