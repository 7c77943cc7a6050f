"""Exports to an S3 server on this machine, in processes of their own."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from genanalytics.base.stores.arrow import make_filesystem
from genanalytics.base.stores.store import Store
from genanalytics.dataset.manifest import read_manifest
from genanalytics.files import read_parquet
from support.fault_server import FaultServer
from support.faults import KEY

URL = "s3://bucket/some/generations"

_EXPORT = """
import sys
import genanalytics as ga
ga.export(ga.read_ids(sys.stdin), sys.argv[1], batch_rows=int(sys.argv[2]))
"""


def start_export(
    server: FaultServer, cache: Path, ids: list[str], *, batch_rows: int = 40, url: str = URL
) -> "subprocess.Popen[str]":
    """Start an export in a process of its own; the environment leads to the store."""
    environment = os.environ | {
        "OPENROUTER_API_KEY": KEY,
        "GENANALYTICS_BASE_URL": server.base_url,
        "GENANALYTICS_CACHE_DIR": str(cache),
    }
    command = [sys.executable, "-c", _EXPORT, url, str(batch_rows)]
    running = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdin is not None
    running.stdin.write("\n".join(ids))
    running.stdin.close()
    running.stdin = None
    return running


def count_ids(url: str = URL) -> Counter[str]:
    """Return how often each id is in the data set, as its readers see it."""
    return Counter(read_parquet(url)["requested_id"])


def count_plain(url: str = URL) -> Counter[str]:
    """Return how often each id is in all files of `data/`, as readers without the manifest see it."""
    store = Store(url)
    filesystem = make_filesystem(store)
    files = [each.key for each in store.list("data")]
    tables = [pq.ParquetFile(filesystem.open_input_file(name)).read(["requested_id"]) for name in files]
    return Counter(each for table in tables for each in table["requested_id"].to_pylist())


def list_orphans(url: str = URL) -> list[str]:
    """Return the files with rows that the last manifest does not name."""
    named = set(read_manifest(url).list_names())
    return [each.key for each in Store(url).list("data") if each.key not in named]
