"""Exports in processes of their own, which can be killed."""

import os
import subprocess
import sys
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
