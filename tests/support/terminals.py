"""The command line on a terminal of a chosen size."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence


def run_on_terminal(arguments: Sequence[str], *, columns: int, **environment: str) -> str:
    """Return what the command line writes to a terminal, with the characters that control it."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS", "LINES"}}
    environment = {**kept, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", **environment}
    command = [sys.executable, "-m", "genanalytics", *arguments]
    with subprocess.Popen(command, stdin=child, stdout=child, stderr=child, env=environment) as process:
        os.close(child)
        written = b"".join(iter(lambda: _read(parent), b""))
        os.close(parent)
    assert process.returncode == 0, written
    return written.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    """Return the next bytes; none at the end, which a terminal reports as an error."""
    try:
        return os.read(terminal, 65_536)
    except OSError:
        return b""
