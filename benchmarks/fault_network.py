"""Rows of the table of faults: what a service and a network can do."""

import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from benchmarks.fault_bench import Bench, Row, after_ctrl_c, ids, together, told
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


def answered(bench: Bench, *, fault: str, title: str, trials: int = 40) -> Row:
    """Return the row of a fault that is in the answers: two runs of each side."""
    said = []
    for side in SIDES:
        base_url, folder = bench.place(fault), bench.folder()
        first, second = (in_child(partial(side.run, base_url, folder, ids(trials))) for _ in range(2))
        said.append(told(first, second))
    return Row(title, str(trials), *said)


def hostile(bench: Bench) -> Row:
    """Ids that are no ids: the record has to be that of the very text."""
    runs = (in_child(partial(side.run, bench.place(), bench.folder(), HOSTILE)) for side in SIDES)
    return Row("hostile ids: URL syntax, CRLF, NUL, surrogates, 257 characters", str(len(HOSTILE)), *map(str, runs))


def _timed(run: Run | Ended) -> str:
    return f"{run} in {run.seconds:.1f} s" if isinstance(run, Run) else str(run)


def drip(bench: Bench) -> Row:
    """A body of which a byte comes every 0.1 s."""
    said = []
    for side in SIDES:
        run = in_child(partial(side.run, bench.place("drip"), bench.folder(), ids(4), timeout_s=1), limit_s=8)
        said.append(_timed(run))
    return Row("a byte per 0.1 s, with a time limit of 1 s", "4", *said)


def bomb(bench: Bench) -> Row:
    """A body of 100 KiB that is 100 MiB unpacked."""
    said = []
    for side in SIDES:
        run = in_child(partial(side.run, bench.place("bomb"), bench.folder(), ids(1)))
        memory = f" with {run.extra_mib:,.0f} MiB of memory" if isinstance(run, Run) else ""
        said.append(f"{_timed(run)}{memory}")
    return Row("gzip bomb: 100 MiB in 100 KiB", "1", *said)


def redirect(bench: Bench) -> Row:
    """To a page for people: on another path for half of the ids, on another host name for the others."""
    said = []
    for side in SIDES:
        base_url, folder = bench.place("redirect"), bench.folder()
        first, second = (in_child(partial(side.run, base_url, folder, ids(40))) for _ in range(2))
        followed = bench.log(base_url.replace("redirect", ELSEWHERE))
        keys = followed["authorizations"].get(f"Bearer {KEY}", 0)
        said.append(f"{told(first, second)}; {followed['asked']} followed, {keys} of them with the key")
    return Row("redirect to a page: another path (20), another host (20)", "40", *said)


def with_retry(bench: Bench, *, fault: str, title: str, trials: int, limit_s: float = 60) -> Row:
    """Return the row of a refusal that may pass; the stock library also with urllib3's `Retry` mounted."""
    ours, stock, retrying = (
        in_child(partial(side.run, bench.place(fault), bench.folder(), ids(trials), **options), limit_s=limit_s)
        for side, options in ((Ours, {}), (Stock, {}), (Stock, {"retries": RETRY}))
    )
    says = (
        "".join(f", says: {notice.partition(' until ')[0]}" for notice in ours.notices) if isinstance(ours, Run) else ""
    )
    return Row(title, f"{trials}", f"{_timed(ours)}{says}", f"{_timed(stock)}; with `Retry`: {_timed(retrying)}")


def outage(bench: Bench) -> Row:
    """500 for everything."""
    said = []
    for side in SIDES:
        base_url = bench.place("500")
        run = in_child(partial(side.run, base_url, bench.folder(), ids(300)))
        said.append(f"{run} after {bench.log(base_url)['asked']:,} requests")
    return Row("500 for everything", "300", *said)


def netrc(bench: Bench) -> Row:
    """A `.netrc` that has an entry for the host; the service gives records to the key alone."""
    file = bench.folder() / "netrc"
    file.write_text("machine 127.0.0.1 login someone password else\n")

    def run(side: type[Side], base_url: str, folder: Path) -> Run:
        os.environ["NETRC"] = str(file)
        return side.run(base_url, folder, ids(20))

    works = [partial(run, side, bench.place("refused-to-others"), bench.folder()) for side in SIDES]
    return Row("`.netrc` has an entry for the host", "20", *map(str, in_children(works)))


def fork(bench: Bench) -> Row:
    """A session that was used before eight children got it by fork, each with 150 ids of its own."""
    lists = [ids(150, 1_000 * number) for number in range(1, 9)]

    def child(side: Side, own: list[str]) -> Run:
        run, started = Run(), time.monotonic()
        for start in range(0, len(own), 10):
            late = time.monotonic() - started > 10
            run += Run(Counter({"not reached within 10 s": 10})) if late else side.ask(own[start : start + 10])
        return run

    def run(side: type[Side], base_url: str, folder: Path) -> Run:
        parent = side(base_url, folder, workers=1, timeout_s=2.0)
        parent.ask(ids(1))  # a connection is open when the children come
        return together(in_children([partial(child, parent, own) for own in lists], at_once=8, limit_s=30), 150)

    said = []
    for side in SIDES:
        base_url, folder = bench.place(), bench.folder()
        first = in_child(partial(run, side, base_url, folder))
        everything = [name for each in lists for name in each]
        said.append(told(first, in_child(partial(side.run, base_url, folder, everything))))
    return Row("fork after use: 8 children share a session", "1,200", *said)


def threads(bench: Bench) -> Row:
    """Thirty-two threads on one session, half of each one's ids in common."""
    lists = [ids(15) + ids(15, 1_000 * number) for number in range(1, 33)]

    def run(side: type[Side], base_url: str, folder: Path) -> Run:
        shared, started = side(base_url, folder, workers=1), time.monotonic()
        with ThreadPoolExecutor(len(lists)) as pool:
            whole = together(list(pool.map(shared.ask, lists)), 30)
        whole.seconds = time.monotonic() - started
        return whole

    said = []
    for side in SIDES:
        base_url = bench.place()
        result = in_child(partial(run, side, base_url, bench.folder()))
        said.append(f"{_timed(result)} with {bench.log(base_url)['asked']:,} requests")
    return Row("32 threads on one session, half of each one's 30 ids in common: 495 ids", "32", *said)


def hanging(bench: Bench) -> Row:
    """Ctrl-C while every request hangs."""
    said = []
    for side in SIDES:
        work = partial(side.run, bench.place("hangs"), bench.folder(), ids(100))
        took_s = in_child(partial(after_ctrl_c, work, 0.5), limit_s=15)
        said.append(f"out after {took_s:.1f} s" if isinstance(took_s, float) else str(took_s))
    return Row("Ctrl-C while 16 requests hang and 84 wait, time limit 5 s", "1", *said)
