"""Rows of the table of faults: faults of the service and of the network."""

import os
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from benchmarks.fault_bench import Bench, Row, add_runs, describe_runs, make_ids, measure_after_ctrl_c
from benchmarks.fault_runs import RETRY, SIDES, Ended, Ours, Run, Side, Stock, in_child, in_children
from benchmarks.fault_server import ELSEWHERE, KEY

HOSTILE = [
    "../../etc/passwd",
    "a/b?id=gen-other&id=x#fragment",
    "%2e%2e%2f%00",
    "a+b",
    "x\r\nHost: evil.example",
    "nul\0nul",
    "\u202egen-rtl\u202c",
    "'; DROP TABLE responses; --",
    "\x1b[31mred",
    "gen\u200b-1",
    "\U0001f600" * 10,
    "\ud800",
    "x" * 257,
]


def compare_answers(bench: Bench, *, fault: str, title: str, trials: int = 40) -> Row:
    """Return the row of a fault in the answers: two runs of each side."""
    cells = []
    for side in SIDES:
        base_url, folder = bench.make_base_url(fault), bench.make_folder()
        first, second = (in_child(partial(side.run, base_url, folder, make_ids(trials))) for _ in range(2))
        cells.append(describe_runs(first, second))
    return Row(title, str(trials), *cells)


def hostile(bench: Bench) -> Row:
    """Request texts that are not ids: the record must be the one of exactly this text."""
    runs = (in_child(partial(side.run, bench.make_base_url(), bench.make_folder(), HOSTILE)) for side in SIDES)
    return Row("hostile ids: URL syntax, CRLF, NUL, surrogates, 257 characters", str(len(HOSTILE)), *map(str, runs))


def _describe_time(run: Run | Ended) -> str:
    return f"{run} in {run.seconds:.1f} s" if isinstance(run, Run) else str(run)


def drip(bench: Bench) -> Row:
    """Read a body that arrives with one byte every 0.1 s."""
    cells = []
    for side in SIDES:
        run = in_child(
            partial(side.run, bench.make_base_url("drip"), bench.make_folder(), make_ids(4), timeout_s=1), limit_s=8
        )
        cells.append(_describe_time(run))
    return Row("a byte per 0.1 s, with a time limit of 1 s", "4", *cells)


def bomb(bench: Bench) -> Row:
    """Read a body of 100 KiB that is 100 MiB after decompression."""
    cells = []
    for side in SIDES:
        run = in_child(partial(side.run, bench.make_base_url("bomb"), bench.make_folder(), make_ids(1)))
        memory = f" with {run.extra_mib:,.0f} MiB of memory" if isinstance(run, Run) else ""
        cells.append(f"{_describe_time(run)}{memory}")
    return Row("gzip bomb: 100 MiB in 100 KiB", "1", *cells)


def redirect(bench: Bench) -> Row:
    """Redirect to a web page: on another path for half of the ids, on another host name for the others."""
    cells = []
    for side in SIDES:
        base_url, folder = bench.make_base_url("redirect"), bench.make_folder()
        first, second = (in_child(partial(side.run, base_url, folder, make_ids(40))) for _ in range(2))
        followed = bench.read_log(base_url.replace("redirect", ELSEWHERE))
        keys = followed["authorizations"].get(f"Bearer {KEY}", 0)
        cells.append(f"{describe_runs(first, second)}; {followed['asked']} followed, {keys} of them with the key")
    return Row("redirect to a page: another path (20), another host (20)", "40", *cells)


def compare_retries(bench: Bench, *, fault: str, title: str, trials: int, limit_s: float = 60) -> Row:
    """Return the row of a temporary refusal; the stock library also runs with urllib3's `Retry`."""
    ours, stock, retrying = (
        in_child(
            partial(side.run, bench.make_base_url(fault), bench.make_folder(), make_ids(trials), **options),
            limit_s=limit_s,
        )
        for side, options in ((Ours, {}), (Stock, {}), (Stock, {"retries": RETRY}))
    )
    notices = ours.notices if isinstance(ours, Run) else ()
    suffix = "".join(f", notice: {notice.partition(' until ')[0]}" for notice in notices)
    return Row(
        title,
        f"{trials}",
        f"{_describe_time(ours)}{suffix}",
        f"{_describe_time(stock)}; with `Retry`: {_describe_time(retrying)}",
    )


def outage(bench: Bench) -> Row:
    """Answer every request with 500."""
    cells = []
    for side in SIDES:
        base_url = bench.make_base_url("500")
        run = in_child(partial(side.run, base_url, bench.make_folder(), make_ids(300)))
        cells.append(f"{run} after {bench.read_log(base_url)['asked']:,} requests")
    return Row("500 for everything", "300", *cells)


def refused(bench: Bench) -> Row:
    """Connect to a port at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    return _compare_dead(bench, "connection refused", f"http://127.0.0.1:{port}/api/v1")


def unknown_host(bench: Bench) -> Row:
    """Connect to a host name that does not resolve."""
    return _compare_dead(bench, "a host name that does not resolve", "https://no-such-host.invalid/api/v1")


def silent(bench: Bench) -> Row:
    """Connect to a service that never answers, with a time limit of 5 s."""
    return _compare_dead(bench, "no answer to anything, time limit 5 s", bench.make_base_url("hangs"), trials=320)


def _compare_dead(bench: Bench, title: str, base_url: str, trials: int = 2_000) -> Row:
    runs = [in_child(partial(side.run, base_url, bench.make_folder(), make_ids(trials)), limit_s=90) for side in SIDES]
    notices = runs[0].notices if isinstance(runs[0], Run) else ()
    reasons = "".join(f", notice: {notice.partition(' (')[0]}" for notice in notices)
    return Row(title, f"{trials:,}", f"{_describe_time(runs[0])}{reasons}", _describe_time(runs[1]))


def netrc(bench: Bench) -> Row:
    """Run with a `.netrc` that has an entry for the host; the service returns records only to the API key."""
    file = bench.make_folder() / "netrc"
    file.write_text("machine 127.0.0.1 login someone password else\n")

    def run(side: type[Side], base_url: str, folder: Path) -> Run:
        os.environ["NETRC"] = str(file)
        return side.run(base_url, folder, make_ids(20))

    works = [partial(run, side, bench.make_base_url("refused-to-others"), bench.make_folder()) for side in SIDES]
    return Row("`.netrc` has an entry for the host", "20", *map(str, in_children(works)))


def fork(bench: Bench) -> Row:
    """Use a session, then fork eight children that use it for 150 other ids each."""
    lists = [make_ids(150, 1_000 * number) for number in range(1, 9)]

    def run_child(side: Side, own: list[str]) -> Run:
        run, started = Run(), time.monotonic()
        for start in range(0, len(own), 10):
            late = time.monotonic() - started > 10
            run += Run(Counter({"not reached within 10 s": 10})) if late else side.ask(own[start : start + 10])
        return run

    def run(side: type[Side], base_url: str, folder: Path) -> Run:
        parent = side(base_url, folder, workers=1, timeout_s=2.0)
        parent.ask(make_ids(1))  # so that a connection is open at the fork
        return add_runs(in_children([partial(run_child, parent, own) for own in lists], at_once=8, limit_s=30), 150)

    cells = []
    for side in SIDES:
        base_url, folder = bench.make_base_url(), bench.make_folder()
        first = in_child(partial(run, side, base_url, folder))
        everything = [name for each in lists for name in each]
        cells.append(describe_runs(first, in_child(partial(side.run, base_url, folder, everything))))
    return Row("fork after use: 8 children share a session", "1,200", *cells)


def threads(bench: Bench) -> Row:
    """Run 32 threads on one session; each has 30 ids, half of them in common with the others."""
    lists = [make_ids(15) + make_ids(15, 1_000 * number) for number in range(1, 33)]

    def run(side: type[Side], base_url: str, folder: Path) -> Run:
        shared, started = side(base_url, folder, workers=1), time.monotonic()
        with ThreadPoolExecutor(len(lists)) as pool:
            whole = add_runs(list(pool.map(shared.ask, lists)), 30)
        whole.seconds = time.monotonic() - started
        return whole

    cells = []
    for side in SIDES:
        base_url = bench.make_base_url()
        result = in_child(partial(run, side, base_url, bench.make_folder()))
        cells.append(f"{_describe_time(result)} with {bench.read_log(base_url)['asked']:,} requests")
    return Row("32 threads on one session, each with 30 ids, half of them in common: 495 ids", "32", *cells)


def hanging(bench: Bench) -> Row:
    """Press Ctrl-C while every request hangs."""
    cells = []
    for side in SIDES:
        work = partial(side.run, bench.make_base_url("hangs"), bench.make_folder(), make_ids(100))
        took_s = in_child(partial(measure_after_ctrl_c, work, 0.5), limit_s=15)
        cells.append(f"out after {took_s:.1f} s" if isinstance(took_s, float) else str(took_s))
    return Row("Ctrl-C while 16 requests hang and 84 wait, time limit 5 s", "1", *cells)
