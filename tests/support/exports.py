"""Exports in processes of their own, which can be killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from support.fault_server import FaultServer
from support.faults import KEY

_EXPORT = """
import sys
import genanalytics as ga
place, batch_rows, format = sys.argv[1:]
ga.export(ga.read_ids(sys.stdin), place, batch_rows=int(batch_rows), format=format or None)
"""


def start_export(
    server: FaultServer, place: str | Path, cache: Path, ids: list[str], *, batch_rows: int = 40, table_format: str = ""
) -> "subprocess.Popen[str]":
    """Start an export to a directory, or to a URL of the store to which the environment leads."""
    environment = os.environ | {
        "OPENROUTER_API_KEY": KEY,
        "GENANALYTICS_BASE_URL": server.base_url,
        "GENANALYTICS_CACHE_DIR": str(cache),
    }
    command = [sys.executable, "-c", _EXPORT, str(place), str(batch_rows), table_format]
    running = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdin is not None
    running.stdin.write("\n".join(ids))
    running.stdin.close()
    running.stdin = None
    return running


def kill_export(server: FaultServer, start: Callable[[], "subprocess.Popen[str]"], after_s: float) -> bool:
    """Start an export, kill it some time after its first request, and return whether it did not end before."""
    before = len(server.requests)
    with start() as running:
        while len(server.requests) == before and running.poll() is None:
            time.sleep(0.005)
        time.sleep(after_s)
        running.kill()
        assert running.stderr is not None
        errors = running.stderr.read()
    assert running.returncode in {0, -signal.SIGKILL}, errors
    return running.returncode != 0
