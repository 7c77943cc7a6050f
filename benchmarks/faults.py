"""Faults, and what this package and the stock library make of them: `python3 dev.py bench faults [NAME ...]`.

Each row drives `ga.fetch` and requests-cache's `CachedSession` (SQLite, defaults) against the same service on this
machine, in processes of their own that are killed when they hang. Seeds are fixed; everything lies in a temporary
directory. It prints the table of docs/reliability.md, and needs a system with `fork`.
"""

import logging
import os
import platform
import sqlite3
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version

from benchmarks import fault_cache, fault_network
from benchmarks.fault_bench import Bench, Row, opened
from benchmarks.fault_cache import bits_flipped, cut_short, damaged, headers
from benchmarks.fault_network import answered, with_retry

ROWS: dict[str, Callable[[Bench], Row]] = {
    "html": partial(answered, fault="html", title="HTML with status 200"),
    "error-in-200": partial(answered, fault="error-in-200", title='`{"error": ...}` with status 200'),
    "nan": partial(answered, fault="nan", title="`NaN` in a record"),
    "cut": partial(answered, fault="cut", title="half a body"),
    "cut-without-length": partial(answered, fault="cut-without-length", title="half a body, its length not told"),
    "closed": partial(answered, fault="closed", title="closed without an answer"),
    "wrong-id": partial(answered, fault="wrong-id", title="another id's record, once"),
    "always-wrong-id": partial(answered, fault="always-wrong-id", title="another id's record, always"),
    "schedule": partial(answered, fault="schedule", title="up to four of these and 503, at random", trials=200),
    "hostile": fault_network.hostile,
    "redirect": fault_network.redirect,
    "netrc": fault_network.netrc,
    "drip": fault_network.drip,
    "bomb": fault_network.bomb,
    "503-twice": partial(with_retry, fault="503-twice", title="503 twice for each id", trials=40),
    "20-per-second": partial(with_retry, fault="20-per-second", title="429 above 20 requests/s", trials=100),
    "day-long-pause": partial(
        with_retry, fault="day-long-pause", title="429 with `Retry-After: 86400`", trials=40, limit_s=5
    ),
    "outage": fault_network.outage,
    "fork": fault_network.fork,
    "threads": fault_network.threads,
    "hanging": fault_network.hanging,
    "interrupted": fault_cache.interrupted,
    "killed": fault_cache.killed,
    "processes": fault_cache.processes,
    "read-only": fault_cache.read_only,
    "locked": fault_cache.locked,
    "full-disk": fault_cache.full_disk,
    "flipped": partial(damaged, title="1, 10 or 100 bits flipped in the cache file", trials=150, damage=bits_flipped),
    "cut-short": partial(damaged, title="cache file cut short", trials=40, damage=cut_short),
    "trap": fault_cache.trap,
    "secrets": fault_cache.secrets,
    "modes": fault_cache.modes,
    "accounts": fault_cache.accounts,
    "offline": fault_cache.offline,
    "vary": partial(headers, fault="vary", title="`Vary: Authorization`"),
    "no-store": partial(
        headers, fault="no-store", title="`Cache-Control: no-store`, `cache_control=True`", cache_control=True
    ),
}


def main(names: Sequence[str]) -> None:
    """Print the rows of these names, or all."""
    os.environ["NO_PROXY"] = "*"
    logging.getLogger("requests_cache").setLevel(logging.CRITICAL)  # it logs each row that it cannot read
    libraries = ", ".join(f"{name} {version(name)}" for name in ("requests-cache", "requests", "urllib3"))
    print(f"{libraries}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}\n")
    print("| Fault | Trials | genanalytics | `CachedSession` |\n|---|---|---|---|", flush=True)
    with opened() as bench:
        for name in names or ROWS:
            print(f"| {' | '.join(ROWS[name](bench))} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
