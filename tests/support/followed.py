"""Programs that run until a signal, and what they print meanwhile."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PATIENCE_S = 30.0


class Running:
    """A command of genanalytics in a process of its own; what it prints is in `said`, as far as it came."""

    def __init__(self, directory: Path, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
        self._out, self._err = directory / "stdout.txt", directory / "stderr.txt"
        with self._out.open("ab") as out, self._err.open("ab") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "genanalytics", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=directory,
                env=os.environ | environment,
            )

    @property
    def said(self) -> str:
        return self._out.read_text(encoding="utf-8")

    @property
    def warned(self) -> str:
        return self._err.read_text(encoding="utf-8")

    def wait_until(self, is_true: Callable[[], object]) -> None:
        wait_until(is_true, lambda: f"{self.process.poll()}: {self.said[-2_000:]}{self.warned[-2_000:]}")

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@contextmanager
def running(directory: Path, *arguments: str, **environment: str) -> Iterator[Running]:
    """Yield a running command, which ends with the block at the latest."""
    command = Running(directory, arguments, environment)
    try:
        yield command
    finally:
        command.process.kill()
        command.process.wait(PATIENCE_S)


class Terminal:
    """A command on a terminal of 80 columns; `shown` is every byte that the terminal got."""

    def __init__(self, directory: Path, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
        import pty  # noqa: PLC0415 - Windows has none

        self.master, slave = pty.openpty()
        os.set_blocking(self.master, False)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "genanalytics", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=directory,
            env=os.environ | {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"} | environment,
        )
        os.close(slave)
        self._shown = b""

    @property
    def shown(self) -> str:
        with suppress(OSError):  # nothing new, or the process ended
            while piece := os.read(self.master, 65_536):
                self._shown += piece
        return self._shown.decode("utf-8", "replace")

    def wait_until(self, is_true: Callable[[str], object]) -> None:
        wait_until(lambda: is_true(self.shown), lambda: f"{self.process.poll()}: {self.shown[-3_000:]!r}")


@contextmanager
def on_terminal(directory: Path, *arguments: str, **environment: str) -> Iterator[Terminal]:
    """Yield a command that runs on a terminal, and ends with the block at the latest."""
    terminal = Terminal(directory, arguments, environment)
    try:
        yield terminal
    finally:
        terminal.process.kill()
        terminal.process.wait(PATIENCE_S)
        os.close(terminal.master)


def wait_until(is_true: Callable[[], object], describe: Callable[[], str] = str) -> None:
    """Wait until something is true; fail with a description after `PATIENCE_S`."""
    end = time.monotonic() + PATIENCE_S
    while not is_true():
        assert time.monotonic() < end, describe()
        time.sleep(0.02)
