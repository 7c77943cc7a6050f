"""What every row of the table of faults needs: places at the service, directories, and words for what came of it."""

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
    """Where the service listens, and where files may lie. Not for child processes: the numbers are counted here."""

    port: int
    directory: Path
    numbers: Iterator[int]

    def place(self, fault: str = "none") -> str:
        """Return a base URL at which the fault has met nobody yet."""
        return f"http://127.0.0.1:{self.port}/{fault}/{next(self.numbers)}"

    def folder(self) -> Path:
        """Return a new directory."""
        folder = self.directory / str(next(self.numbers))
        folder.mkdir()
        return folder

    def log(self, base_url: str) -> dict[str, Any]:
        """Return what the service was asked at a base URL: `asked`, how often; `authorizations`, with which."""
        *_, fault, place = base_url.split("/")
        log: dict[str, Any] = requests.get(f"http://127.0.0.1:{self.port}/log/{fault}/{place}", timeout=10).json()
        return log


@contextmanager
def opened() -> Iterator[Bench]:
    """Have the service and a temporary directory."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=fault_server.run, args=(sender,), daemon=True)
    process.start()
    try:
        with tempfile.TemporaryDirectory() as directory:
            Path(directory).chmod(0o711)  # a child that gave up root's rights has to get there too
            yield Bench(receiver.recv(), Path(directory), count())
    finally:
        process.kill()
        process.join()


def ids(number: int, start: int = 0) -> list[str]:
    """Return ids of generations long ago, whose records are final."""
    return [f"gen-1756000000-{index:020d}" for index in range(start, start + number)]


def told(first: Run | Ended, second: Run | Ended) -> str:
    """Return what came of a run, and of the next one if the first did not bring every record."""
    if isinstance(first, Ended) or first.ends.keys() == {"right"}:
        return str(first)
    if isinstance(second, Run) and second.stuck:
        return f"{first}; {second.stuck:,} kept for ever"
    return f"{first}; the next run: {second}"


def kept(run: Run | Ended, offline: Run | Ended) -> str:
    """Return what came of a run, how much of it the cache has afterwards, and whether its caller was told."""
    if isinstance(run, Ended):
        return str(run)
    right = offline.ends["right"] if isinstance(offline, Run) else offline
    says = [notice.partition(" and ")[0] for notice in run.notices]
    return f"{run}; {right} kept, {'says that ' + '; '.join(says) if says else 'says nothing'}"


def together(runs: Sequence[Run | Ended], number: int) -> Run:
    """Return what came of several runs over so many ids each."""
    return sum((run if isinstance(run, Run) else Run(Counter({str(run): number})) for run in runs), Run())


def counted(results: Sequence[object]) -> str:
    """Return how often each of these happened, the most frequent first."""
    return ", ".join(f"{number:,} {what}" for what, number in Counter(map(str, results)).most_common())


def after_ctrl_c(work: Callable[[], object], after_s: float) -> float:
    """Return how many seconds after a Ctrl-C, which comes after so many seconds, the work is over."""
    threading.Timer(after_s, os.kill, (os.getpid(), SIGINT)).start()
    started = time.monotonic()
    with suppress(KeyboardInterrupt):
        work()
    return time.monotonic() - started - after_s
