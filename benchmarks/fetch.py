"""The fetch layer compared with its peers: `python3 dev.py bench fetch [NAME ...]`.

Every figure is a ratio of two measurements of this run, each repeated, since absolute times on a shared machine mean
little.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pandas as pd
import requests
import requests_cache

import genanalytics as ga

HERE = Path(__file__).parent
HEADERS = {"Authorization": "Bearer sk-bench"}
WORKERS = 32
API_KEY = "sk-or-v1-" + "0123456789abcdef" * 4
"""A key of the usual length, since answers are searched for it."""


@contextmanager
def server(**options: float) -> Iterator[str]:
    """Yield the base URL of a benchmark server with these options."""
    arguments = [argument for name, value in options.items() for argument in (f"--{name}", str(value))]
    command = [sys.executable, str(HERE / "server.py"), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/api/v1"
        finally:
            process.terminate()


def ids(count: int, start: int = 0) -> list[str]:
    """Return ids of old generations, whose records are final."""
    return [f"gen-1756000000-{number:020d}" for number in range(start, start + count)]


def measure_s(work: Callable[[], object]) -> float:
    """Return the seconds that `work` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def report(name: str, figure: float, unit: str, goal: str, detail: str) -> None:
    """Print one row of the table."""
    print(f"{name:<34} {figure:8.2f} {unit:<8} goal {goal:<10} {detail}", flush=True)


def warm(count: int = 20_000) -> None:
    """Compare fetching cached ids with a loop over the stock cached session."""
    wanted = ids(count)
    with server() as base_url, tempfile.TemporaryDirectory() as directory:
        stock = requests_cache.CachedSession(f"{directory}/stock.sqlite", backend="sqlite")
        with stock.cache.responses.bulk_commit():  # type: ignore[attr-defined]
            for generation_id in wanted:
                stock.get(f"{base_url}/generation", params={"id": generation_id}, headers=HEADERS)
        client = ga.Client("sk-bench", base_url=base_url, cache_dir=f"{directory}/ours", max_workers=WORKERS)
        ga.fetch(wanted, client=client)

        def peer() -> pd.DataFrame:
            urls = ((f"{base_url}/generation", {"id": generation_id}) for generation_id in wanted)
            return pd.DataFrame([stock.get(url, params=params, headers=HEADERS).json()["data"] for url, params in urls])

        ours = statistics.median(measure_s(partial(ga.fetch, wanted, client=client)) for _ in range(5))
        theirs = measure_s(peer)
        client.close()
    report("warm: 20,000 cached ids", theirs / ours, "x", ">= 25", f"{ours:.3f} s against {theirs:.2f} s")


def latency(count: int = 2_000, delay_s: float = 0.05) -> None:
    """Compare fetching from a server that takes 50 ms with the ideal: workers that wait only for the server."""
    with server(delay=delay_s) as base_url, tempfile.TemporaryDirectory() as directory:
        client = ga.Client("sk-bench", base_url=base_url, cache_dir=directory, max_workers=WORKERS)
        with client:
            taken = [measure_s(partial(ga.fetch, ids(count, start * count), client=client)) for start in range(3)]
    ours, ideal = statistics.median(taken), count * delay_s / WORKERS
    report("latency: 2,000 ids at 50 ms", ours / ideal, "x", "<= 1.15", f"{ours:.2f} s against {ideal:.2f} s")


def get_all(session: requests.Session, base_url: str, wanted: list[str]) -> None:
    """Request every id with a pool of threads that share a session."""

    def get(generation_id: str) -> dict[str, object]:
        response = session.get(f"{base_url}/generation", params={"id": generation_id}, headers=HEADERS, timeout=30)
        data: dict[str, object] = response.json()["data"]
        return data

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(get, wanted))


def instant(count: int = 5_000) -> None:
    """Compare fetching from a server without delay with thread pools on a bare session and on a cached session."""
    bare, cached, ours = [], [], []
    with server() as base_url, tempfile.TemporaryDirectory() as directory:
        for turn in range(3):
            wanted = ids(count, turn * count)
            session = requests.Session()
            session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=WORKERS))
            bare.append(measure_s(partial(get_all, session, base_url, wanted)))
            client = ga.Client(API_KEY, base_url=base_url, cache_dir=f"{directory}/{turn}", max_workers=WORKERS)
            with client:
                ours.append(measure_s(partial(ga.fetch, wanted, client=client)))
            stock = requests_cache.CachedSession(f"{directory}/{turn}.sqlite", backend="sqlite")
            stock.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=WORKERS))
            cached.append(measure_s(partial(get_all, stock, base_url, wanted)))
    rates = [count / statistics.median(taken) for taken in (ours, bare, cached)]
    detail = "{:,.0f} ids/s against {:,.0f} bare, {:,.0f} cached".format(*rates)
    report("instant: against a bare session", rates[0] / rates[1], "x", ">= 0.9", detail)
    report("instant: against a cached session", rates[0] / rates[2], "x", ">= 1.5", detail)


def limited(duration_s: float = 20.0) -> None:
    """Measure the share of successful and of refused requests at servers with a limit, after ten seconds."""
    for limit in (10, 50, 150):
        with server(limit=limit) as base_url, tempfile.TemporaryDirectory() as directory:
            with ga.Client("sk-bench", base_url=base_url, cache_dir=directory, max_workers=WORKERS) as client:
                ga.fetch(ids(int(limit * duration_s)), client=client)
            replies = requests.get(f"{base_url}/log", timeout=30).json()
        steady = [status for at, status in replies if 10 <= at <= duration_s - 1]
        window_s = min(duration_s - 1, max(at for at, _ in replies)) - 10
        good = steady.count(200)
        refused = steady.count(429) / max(1, len(steady))
        report(f"limit {limit}/s: goodput after 10 s", 100 * good / (limit * window_s), "%", ">= 75", f"{good} answers")
        report(f"limit {limit}/s: 429s after 10 s", 100 * refused, "%", "<= 5", f"{len(steady)} requests")


def memory(count: int = 200_000) -> None:
    """Measure the peak memory of a process that reads 200,000 cached ids into a frame."""
    with server() as base_url, tempfile.TemporaryDirectory() as directory:
        script = (
            "import sys, resource, genanalytics as ga\n"
            "client = ga.Client('sk-bench', base_url=sys.argv[1], cache_dir=sys.argv[2], max_workers=32)\n"
            "ids = (f'gen-1756000000-{number:020d}' for number in range(int(sys.argv[3])))\n"
            "print(len(ga.fetch(ids, client=client).frame), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
        )
        command = [sys.executable, "-c", script, base_url, directory, str(count)]
        subprocess.run(command, check=True, capture_output=True)
        rows, peak_kib = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    report("memory: 200,000 warm ids", int(peak_kib) / 1024, "MiB", "<= 600", f"{int(rows):,} rows")


BENCHMARKS = {work.__name__: work for work in (warm, latency, instant, limited, memory)}

if __name__ == "__main__":
    for name in sys.argv[1:] or BENCHMARKS:
        BENCHMARKS[name]()
