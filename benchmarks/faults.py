"""The results of faults with this package and with the stock library: `python3 dev.py bench faults [NAME ...]`.

Each row runs `ga.fetch` and requests-cache's `CachedSession` (SQLite, defaults) against the same service on this
machine, each in its own process, which is killed if it hangs. Seeds are fixed; all files are in a temporary directory.
It prints the first table of docs/reliability.md, and needs a system with `fork`.
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
from benchmarks.fault_bench import Bench, Row, open_bench
from benchmarks.fault_cache import compare_damage, compare_headers, flip_bits, truncate
from benchmarks.fault_network import compare_answers, compare_retries

ROWS: dict[str, Callable[[Bench], Row]] = {
    "html": partial(compare_answers, fault="html", title="HTML with status 200"),
    "error-in-200": partial(compare_answers, fault="error-in-200", title='`{"error": ...}` with status 200'),
    "nan": partial(compare_answers, fault="nan", title="`NaN` in a record"),
    "cut": partial(compare_answers, fault="cut", title="half a body"),
    "cut-without-length": partial(compare_answers, fault="cut-without-length", title="half a body without a length"),
    "closed": partial(compare_answers, fault="closed", title="closed without an answer"),
    "wrong-id": partial(compare_answers, fault="wrong-id", title="another id's record, once"),
    "always-wrong-id": partial(compare_answers, fault="always-wrong-id", title="another id's record, always"),
    "schedule": partial(compare_answers, fault="schedule", title="up to four of these and 503, at random", trials=200),
    "hostile": fault_network.hostile,
    "redirect": fault_network.redirect,
    "netrc": fault_network.netrc,
    "drip": fault_network.drip,
    "bomb": fault_network.bomb,
    "503-twice": partial(compare_retries, fault="503-twice", title="503 twice for each id", trials=40),
    "20-per-second": partial(compare_retries, fault="20-per-second", title="429 above 20 requests/s", trials=100),
    "day-long-pause": partial(
        compare_retries, fault="day-long-pause", title="429 with `Retry-After: 86400`", trials=40, limit_s=5
    ),
    "outage": fault_network.outage,
    "refused": fault_network.refused,
    "unknown-host": fault_network.unknown_host,
    "silent": fault_network.silent,
    "fork": fault_network.fork,
    "threads": fault_network.threads,
    "hanging": fault_network.hanging,
    "interrupted": fault_cache.interrupted,
    "killed": fault_cache.killed,
    "processes": fault_cache.processes,
    "read-only": fault_cache.read_only,
    "locked": fault_cache.locked,
    "full-disk": fault_cache.full_disk,
    "flipped": partial(
        compare_damage, title="1, 10 or 100 bits flipped in the cache file", trials=150, damage=flip_bits
    ),
    "truncated": partial(compare_damage, title="truncated cache file", trials=40, damage=truncate),
    "trap": fault_cache.trap,
    "secrets": fault_cache.secrets,
    "modes": fault_cache.modes,
    "accounts": fault_cache.accounts,
    "offline": fault_cache.offline,
    "vary": partial(compare_headers, fault="vary", title="`Vary: Authorization`"),
    "no-store": partial(
        compare_headers, fault="no-store", title="`Cache-Control: no-store`, `cache_control=True`", cache_control=True
    ),
}


def main(names: Sequence[str]) -> None:
    """Print the rows with these names, or all."""
    os.environ["NO_PROXY"] = "*"
    logging.getLogger("requests_cache").setLevel(logging.CRITICAL)  # it logs each row that it cannot read
    libraries = ", ".join(f"{name} {version(name)}" for name in ("requests-cache", "requests", "urllib3"))
    print(f"{libraries}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}\n")
    print("| Fault | Trials | genanalytics | `CachedSession` |\n|---|---|---|---|", flush=True)
    with open_bench() as bench:
        for name in names or ROWS:
            print(f"| {' | '.join(ROWS[name](bench))} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
