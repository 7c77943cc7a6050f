"""The shared parts of the table of faults: base URLs at the service, directories, and descriptions of results."""

import multiprocessing
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from signal import SIGINT
from typing import Any, NamedTuple

import requests

from benchmarks import fault_server
from benchmarks.fault_runs import Ended, Run


class Row(NamedTuple):
    """One row of the table."""

    fault: str
    trials: str
    ours: str
    stock: str


class Bench(NamedTuple):
    """The port of the service, and the directory for files. Not for child processes: the numbers are counted here."""

    port: int
    directory: Path
    numbers: Iterator[int]

    def make_base_url(self, fault: str = "none") -> str:
        """Return an unused base URL with this fault."""
        return f"http://127.0.0.1:{self.port}/{fault}/{next(self.numbers)}"

    def make_folder(self) -> Path:
        """Create a directory, and return its path."""
        folder = self.directory / str(next(self.numbers))
        folder.mkdir()
        return folder

    def read_log(self, base_url: str) -> dict[str, Any]:
        """Return the log of a base URL: `asked`, the number of requests; `authorizations`, their number by value."""
        *_, fault, place = base_url.split("/")
        log: dict[str, Any] = requests.get(f"http://127.0.0.1:{self.port}/log/{fault}/{place}", timeout=10).json()
        return log


@contextmanager
def open_bench() -> Iterator[Bench]:
    """Yield a running service and a temporary directory."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=fault_server.run, args=(sender,), daemon=True)
    process.start()
    try:
        with tempfile.TemporaryDirectory() as directory:
            Path(directory).chmod(0o711)  # children that dropped root's rights need access
            yield Bench(receiver.recv(), Path(directory), count())
    finally:
        process.kill()
        process.join()


def make_ids(number: int, start: int = 0) -> list[str]:
    """Return ids of old generations, whose records are final."""
    return [f"gen-1756000000-{index:020d}" for index in range(start, start + number)]


def describe_runs(first: Run | Ended, second: Run | Ended) -> str:
    """Return the result of a run, and of the next one if the first did not return every record."""
    if isinstance(first, Ended) or first.ends.keys() == {"right"}:
        return str(first)
    if isinstance(second, Run) and second.stuck:
        return f"{first}; {second.stuck:,} kept for ever"
    return f"{first}; the next run: {second}"


def describe_cache(run: Run | Ended, offline: Run | Ended) -> str:
    """Return the result of a run, the number of records in the cache after it, and its notices."""
    if isinstance(run, Ended):
        return str(run)
    right = offline.ends["right"] if isinstance(offline, Run) else offline
    notices = "; ".join(notice.partition(" and ")[0] for notice in run.notices)
    return f"{run}; {right} kept, {f'notice: {notices}' if notices else 'no notice'}"


def add_runs(runs: Sequence[Run | Ended], number: int) -> Run:
    """Return the result of several runs with this number of ids each."""
    return sum((run if isinstance(run, Run) else Run(Counter({str(run): number})) for run in runs), Run())


def count_results(results: Sequence[object]) -> str:
    """Return the number of times that each result occurs, the most frequent first."""
    return ", ".join(f"{number:,} {what}" for what, number in Counter(map(str, results)).most_common())


def measure_after_ctrl_c(work: Callable[[], object], after_s: float) -> float:
    """Send Ctrl-C `after_s` seconds after the start of the work, and return the seconds from then to its end."""
    threading.Timer(after_s, os.kill, (os.getpid(), SIGINT)).start()
    started = time.monotonic()
    with suppress(KeyboardInterrupt):
        work()
    return time.monotonic() - started - after_s
