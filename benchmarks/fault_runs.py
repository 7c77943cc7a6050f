"""Runs of each library with a list of ids, and processes in which a run can hang, crash or be killed."""

import json
import multiprocessing
import os
import resource
import signal
import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

import requests
import requests_cache
from urllib3.util import Retry

import genanalytics as ga
from benchmarks.fault_server import KEY, make_good_body
from genanalytics.fetching.fetch import fetch  # at once: a process without rights cannot import it later

WORKERS = 16
RETRY = Retry(total=5, backoff_factor=0.25, status_forcelist=[429, 500, 502, 503, 504])
"""The usual retries of a user of requests."""

FIELDS = ["id", "model", "latency", "generation_time", "tokens_prompt", "tokens_completion", "total_cost"]
"""The fields that are compared with the service's record."""

_FORK = multiprocessing.get_context("fork")

T = TypeVar("T")


@dataclass
class Run:
    """The result of a list of ids.

    Attributes:
        ends: The number of ids by result: "right" and "wrong" are records, any other is the reason for none.
        stuck: The number of ids that the cache answered without the right record.
        from_cache: The number of ids that the cache answered.
        seconds: The duration.
        extra_mib: The increase of the peak memory of its process.
        notices: The notices of the result.
    """

    ends: Counter[str] = field(default_factory=Counter)
    stuck: int = 0
    from_cache: int = 0
    seconds: float = 0.0
    extra_mib: float = 0.0
    notices: tuple[str, ...] = ()

    def __str__(self) -> str:
        ends = sorted(self.ends.items(), key=lambda end: (end[0] != "right", -end[1]))
        return ", ".join(f"{count:,} {end}" for end, count in ends)

    def __add__(self, other: "Run") -> "Run":
        return Run(
            self.ends + other.ends,
            self.stuck + other.stuck,
            self.from_cache + other.from_cache,
            max(self.seconds, other.seconds),
        )


class Side(ABC):
    """An open library, which requests records from a service through a cache in a directory."""

    file: ClassVar[str]
    """The path of the cache file below the directory."""

    @abstractmethod
    def __init__(
        self,
        base_url: str,
        directory: Path,
        *,
        key: str = KEY,
        offline: bool = False,
        workers: int = WORKERS,
        timeout_s: float = 5.0,
    ) -> None: ...

    @abstractmethod
    def ask(self, ids: Sequence[str]) -> Run:
        """Return the result of the ids."""

    @abstractmethod
    def close(self) -> None:
        """Close connections and cache."""

    @classmethod
    def run(cls, base_url: str, directory: Path, ids: Sequence[str], **options: Any) -> Run:  # noqa: ANN401 - those of the constructor
        """Open, return the result of the ids, and close."""
        started, peak_mib = time.monotonic(), _peak_mib()
        side = cls(base_url, directory, **options)
        run = side.ask(ids)
        side.close()
        run.seconds, run.extra_mib = time.monotonic() - started, _peak_mib() - peak_mib
        return run


class Ours(Side):
    """This package."""

    file = "cache/generations.sqlite"

    def __init__(
        self,
        base_url: str,
        directory: Path,
        *,
        key: str = KEY,
        offline: bool = False,
        workers: int = WORKERS,
        timeout_s: float = 5.0,
    ) -> None:
        self.client = ga.Client(
            key,
            base_url=base_url,
            cache_dir=directory / "cache",
            max_workers=workers,
            timeout_s=timeout_s,
            offline=offline,
        )

    def ask(self, ids: Sequence[str]) -> Run:
        """Return the result of `fetch`."""
        result = fetch(ids, client=self.client, wait_s=0)
        run = Run(from_cache=result.stats.from_cache, notices=result.stats.notices)
        rows = result.frame[["requested_id", *FIELDS]].astype(object)
        for row in rows.where(rows.notna(), None).to_dict("records"):
            run.ends["right" if is_right(row["requested_id"], row) else "wrong"] += 1
        run.stuck = run.ends["wrong"] if run.from_cache else 0
        run.ends.update(result.failures["outcome"])
        return run

    def close(self) -> None:
        """Close the client."""
        self.client.close()


class Stock(Side):
    """requests-cache with its defaults: a `CachedSession` on SQLite, shared by a pool of threads."""

    file = "cache/stock.sqlite"

    def __init__(
        self,
        base_url: str,
        directory: Path,
        *,
        key: str = KEY,
        offline: bool = False,
        workers: int = WORKERS,
        timeout_s: float = 5.0,
        retries: Retry | int = 0,
        **settings: Any,  # noqa: ANN401 - options of the session
    ) -> None:
        self.session = requests_cache.CachedSession(str(directory / self.file), backend="sqlite", **settings)
        self.session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=WORKERS, max_retries=retries))
        self._workers = workers
        self._url = f"{base_url}/generation"
        self._options: dict[str, Any] = {
            "headers": {"Authorization": f"Bearer {key}"},
            "timeout": (timeout_s, timeout_s),
            "only_if_cached": offline,
        }

    def ask(self, ids: Sequence[str]) -> Run:
        """Return the result of `get(...).json()["data"]` for each id."""
        if self._workers == 1:
            return sum(map(self._ask, ids), Run())
        with ThreadPoolExecutor(self._workers) as pool:
            return sum(pool.map(self._ask, ids), Run())

    def _ask(self, generation_id: str) -> Run:
        from_cache = False
        try:
            response = self.session.get(self._url, params={"id": generation_id}, **self._options)
            from_cache = getattr(response, "from_cache", False)
            end = f"status {response.status_code}"
            if response.ok:
                end = "right" if is_right(generation_id, response.json()["data"]) else "wrong"
        except Exception as error:  # noqa: BLE001 - exceptions are results here
            end = type(error).__name__
        return Run(Counter([end]), stuck=from_cache and end != "right", from_cache=from_cache)

    def close(self) -> None:
        """Close the session."""
        self.session.close()  # type: ignore[no-untyped-call]


SIDES: tuple[type[Side], ...] = (Ours, Stock)


def is_right(generation_id: str, record: object) -> bool:
    """Return whether a record is the service's record of an id."""
    truth = json.loads(make_good_body(generation_id))["data"]
    return isinstance(record, dict) and all(record.get(name) == truth.get(name) for name in FIELDS)


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Ended(NamedTuple):
    """The end of a process that returned no result."""

    how: str

    def __str__(self) -> str:
        return self.how


class Child(NamedTuple):
    """A running process."""

    number: int
    process: ForkProcess
    deadline: float


def in_child(work: Callable[[], T], *, limit_s: float = 60.0) -> T | Ended:
    """Return the result of the work in its own process, or the end of the process; at the limit it is killed."""
    return in_children([work], limit_s=limit_s)[0]


def in_children(works: Sequence[Callable[[], T]], *, limit_s: float = 60.0, at_once: int = 4) -> list[T | Ended]:
    """Return the results of several works, each in its own process, or the ends of the processes."""
    results: dict[int, T | Ended] = {}
    waiting = deque(enumerate(works))
    running: dict[Connection, Child] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                number, work = waiting.popleft()
                receiver, sender = _FORK.Pipe(duplex=False)
                process = _FORK.Process(target=_report, args=(work, sender))
                process.start()
                sender.close()
                running[receiver] = Child(number, process, time.monotonic() + limit_s)
            first_s = min(child.deadline for child in running.values()) - time.monotonic()
            done = wait(list(running), max(0.0, first_s))
            for receiver, child in list(running.items()):
                if receiver in done:
                    del running[receiver]
                    results[child.number] = _receive(receiver, child.process)
                elif time.monotonic() >= child.deadline:
                    del running[receiver]
                    _kill(child.process)
                    results[child.number] = Ended(f"no end within {limit_s:g} s (killed)")
    finally:
        for child in running.values():
            _kill(child.process)
    return [results[number] for number in range(len(works))]


def _report(work: Callable[[], object], sender: Connection) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None and parent.name == "MainProcess":
        os.setpgid(0, 0)  # so that its own children are killed with it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sender.send(work())
    except Exception as error:  # noqa: BLE001 - exceptions are results here
        sender.send(Ended(f"raised {type(error).__name__}: {error}"))


def _receive(receiver: Connection, process: ForkProcess) -> Any:  # noqa: ANN401 - the result of the work
    try:
        return receiver.recv()
    except EOFError:
        process.join()
        return Ended(f"ended by signal {-(process.exitcode or 0)}")
    finally:
        process.join(5)
        if process.is_alive():
            _kill(process)


def _kill(process: ForkProcess) -> None:
    assert process.pid is not None
    if os.getpgid(process.pid) == process.pid:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.join()
