"""Rows of the table of faults: faults of the cache file, and access to its contents."""

import codecs
import multiprocessing
import os
import pickle
import resource
import sqlite3
import stat
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from urllib.parse import quote

from benchmarks.fault_bench import (
    Bench,
    Row,
    add_runs,
    count_results,
    describe_cache,
    describe_runs,
    make_ids,
    measure_after_ctrl_c,
)
from benchmarks.fault_runs import SIDES, Ended, Ours, Run, Side, Stock, in_child, in_children
from benchmarks.fault_server import KEY

OTHER_KEY = "sk-or-v1-5ca1ab1e0ddba11deadbea7b01dface"

_NOBODY = 65_534
_SMALL = 1 << 20
_CODECS = ("utf-16-le", "utf-8-sig", "idna")


def processes(bench: Bench) -> Row:
    """Run eight processes with one list on one cache."""
    cells = []
    for side in SIDES:
        base_url, folder = bench.make_base_url(), bench.make_folder()
        runs = in_children([partial(side.run, base_url, folder, make_ids(300))] * 8, at_once=8)
        whole = add_runs(runs, 300)
        offline = in_child(partial(side.run, base_url, folder, make_ids(300), offline=True))
        cells.append(f"{whole} in {whole.seconds:.1f} s; offline then: {offline}")
    return Row("8 processes at once, one list of 300 ids, one cache", "8", *cells)


def read_only(bench: Bench) -> Row:
    """Run with a cache that contains half of the ids and cannot be written."""

    def run(side: type[Side], base_url: str, folder: Path) -> Run:
        cache = (folder / side.file).parent
        for codec in _CODECS:  # the user `nobody` may be unable to read the standard library
            codecs.lookup(codec)
        if os.geteuid() == 0:  # root can write everywhere
            for path in (cache, *cache.iterdir()):
                os.chown(path, _NOBODY, _NOBODY)
            os.setgid(_NOBODY)
            os.setuid(_NOBODY)
        (folder / side.file).chmod(0o444)
        cache.chmod(0o555)
        try:
            return side.run(base_url, folder, make_ids(40))
        finally:
            cache.chmod(0o700)

    cells = []
    for side in SIDES:
        base_url, folder = bench.make_base_url(), bench.make_folder()
        in_child(partial(side.run, base_url, folder, make_ids(20)))
        result = in_child(partial(run, side, base_url, folder), limit_s=10)
        (folder / side.file).chmod(0o600)
        os.chown(folder / "cache", os.geteuid(), -1)
        os.chown(folder / side.file, os.geteuid(), -1)
        cells.append(describe_cache(result, in_child(partial(side.run, base_url, folder, make_ids(40), offline=True))))
    return Row("read-only cache file with half of the ids", "40", *cells)


def _hold(path: Path, locked: Connection) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    locked.send("locked")
    time.sleep(120)


@contextmanager
def lock_in_other_process(path: Path) -> Iterator[None]:
    """Hold the write lock of a database in another process."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_hold, args=(path, sender), daemon=True)
    process.start()
    try:
        receiver.recv()
        yield
    finally:
        process.kill()
        process.join()


def locked(bench: Bench) -> Row:
    """Run while another process holds the write lock and does not release it."""
    runs = [partial(side.run, bench.make_base_url(), bench.make_folder()) for side in SIDES]
    in_children([partial(run, make_ids(20)) for run in runs])
    with ExitStack() as locks:
        for side, run in zip(SIDES, runs, strict=True):
            locks.enter_context(lock_in_other_process(run.args[1] / side.file))
        results = in_children([partial(run, make_ids(40)) for run in runs], limit_s=25)
    offline = in_children([partial(run, make_ids(40), offline=True) for run in runs])
    took = [f"in {result.seconds:.0f} s: " if isinstance(result, Run) else "" for result in results]
    cells = map("{}{}".format, took, map(describe_cache, results, offline))
    return Row("another process holds the write lock forever; half of the ids are known", "40", *cells)


def full_disk(bench: Bench) -> Row:
    """Run with a limit on the size of files."""

    def run(side: type[Side], base_url: str, folder: Path) -> Run:
        resource.setrlimit(resource.RLIMIT_FSIZE, (_SMALL, _SMALL))
        return side.run(base_url, folder, make_ids(600))

    def in_bulk(_: type[Side], base_url: str, folder: Path) -> Run:
        resource.setrlimit(resource.RLIMIT_FSIZE, (_SMALL, _SMALL))
        stock = Stock(base_url, folder, workers=1)
        with stock.session.cache.responses.bulk_commit():  # type: ignore[attr-defined]
            return stock.ask(make_ids(600))

    cells = []
    for side, work, fault in ((Ours, run, "slow"), (Stock, run, "slow"), (Stock, in_bulk, "none")):
        base_url, folder = bench.make_base_url(fault), bench.make_folder()
        result = in_child(partial(work, side, base_url, folder), limit_s=20)
        cells.append(describe_cache(result, in_child(partial(side.run, base_url, folder, make_ids(600), offline=True))))
    return Row("full disk (no file above 1 MiB)", "600", cells[0], f"{cells[1]}; with `bulk_commit`: {cells[2]}")


def flip_bits(content: bytes, random: Random) -> bytes:
    """Return the content with 1, 10 or 100 bits flipped."""
    damaged = bytearray(content)
    for _ in range(random.choice([1, 10, 100])):
        damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
    return bytes(damaged)


def truncate(content: bytes, random: Random) -> bytes:
    """Return the beginning of the content."""
    return content[: random.randrange(len(content))]


def compare_damage(bench: Bench, *, title: str, trials: int, damage: Callable[[bytes, Random], bytes]) -> Row:
    """Return the row of a kind of damage to the cache file, after which its 60 ids are requested again."""

    def judge(run: Run | Ended) -> str:
        if isinstance(run, Ended):
            return run.how.partition(":")[0]
        if run.ends["wrong"]:
            return "with wrong records"
        return "all right" if run.ends.keys() == {"right"} else "with ids that raise"

    cells = []
    for side in SIDES:
        base_url, folder = bench.make_base_url(), bench.make_folder()
        in_child(partial(side.run, base_url, folder, make_ids(60)))
        healthy = (folder / side.file).read_bytes()
        works = []
        for trial in range(trials):
            place = bench.make_folder()
            (place / side.file).parent.mkdir(mode=0o700)
            (place / side.file).write_bytes(damage(healthy, Random(trial)))  # noqa: S311 - damage, not a secret
            works.append(partial(side.run, base_url, place, make_ids(60)))
        cells.append(count_results([judge(run) for run in in_children(works, limit_s=5)]))
    return Row(title, f"{trials}", *cells)


def killed(bench: Bench) -> Row:
    """Kill a job with `kill -9` at a random moment."""
    cells = []
    for side in SIDES:
        states, lost = [], []
        for trial in range(10):
            base_url, folder = bench.make_base_url("slow"), bench.make_folder()
            moment_s = Random(trial).uniform(0.2, 0.8)  # noqa: S311 - moments, no secrets
            in_child(partial(side.run, base_url, folder, make_ids(800)), limit_s=moment_s)
            answered = bench.read_log(base_url)["asked"]
            with closing(sqlite3.connect(folder / side.file)) as connection:
                whole = connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            run = in_child(partial(side.run, base_url, folder, make_ids(800), offline=True))
            assert isinstance(run, Run)
            states.append("whole" if whole and not run.ends["wrong"] else "damaged")
            lost.append(answered - run.ends["right"])
        cells.append(f"{count_results(states)}; {sum(lost) / len(lost):.0f} unnecessary requests on average")
    return Row("`kill -9` at a random moment of a job", "10", *cells)


def interrupted(bench: Bench) -> Row:
    """Press Ctrl-C within a bulk, and run the same list again in the same process, as in a notebook."""

    def run(side: type[Side], base_url: str, folder: Path, after_s: float) -> Run:
        shared = side(base_url, folder, workers=1)
        bulk = shared.session.cache.responses.bulk_commit() if isinstance(shared, Stock) else nullcontext()  # type: ignore[attr-defined]

        def work() -> None:
            with bulk:
                shared.ask(make_ids(50))

        measure_after_ctrl_c(work, after_s)
        return shared.ask(make_ids(50))

    cells = []
    for side in SIDES:
        works = []
        for trial in range(6):
            after_s = Random(trial).uniform(0.1, 0.9)  # noqa: S311 - moments, no secrets
            works.append(partial(run, side, bench.make_base_url("slow"), bench.make_folder(), after_s))
        runs = in_children(works, limit_s=6, at_once=6)
        cells.append(str(add_runs(runs, 50)))
    return Row("Ctrl-C in a bulk of 50 ids, then the same ids again in the same process", "6", *cells)


class Trap:
    """An object that runs code when it is unpickled: it creates a directory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        """Return the call of unpickling."""
        return os.mkdir, (str(self.path),)


def trap(bench: Bench) -> Row:
    """Read a row of the cache file that runs code when it is unpickled."""
    cells = []
    for side in SIDES:
        base_url, folder = bench.make_base_url(), bench.make_folder()
        in_child(partial(side.run, base_url, folder, make_ids(1)))
        with closing(sqlite3.connect(folder / side.file)) as connection, connection:
            connection.execute("UPDATE responses SET value = ?", (pickle.dumps(Trap(folder / "sprung")),))
        run = in_child(partial(side.run, base_url, folder, make_ids(1)))
        cells.append(f"{run}; the code {'ran' if (folder / 'sprung').exists() else 'did not run'}")
    return Row("a row in the cache that runs code when unpickled", "1", *cells)


def secrets(bench: Bench) -> Row:
    """Search the cache files for the API key: sent in the header, or quoted by the service in a record."""
    forms = {KEY.encode(), b64encode(KEY.encode()).rstrip(b"="), quote(KEY, safe="").encode()}
    cells = []
    for side in SIDES:
        found = []
        for fault in ("none", "echo"):
            folder = bench.make_folder()
            in_child(partial(side.run, bench.make_base_url(fault), folder, make_ids(20)))
            contents = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
            found.append(sum(contents.count(form) for form in forms))
        cells.append(f"found {found[0]} times; {found[1]} times when the records quote it")
    return Row("the key in the cache's files (plain, base64, URL-encoded)", "20 + 20", *cells)


def modes(bench: Bench) -> Row:
    """List the modes of the cache file and its directory under three umasks."""

    def run(side: type[Side], base_url: str, folder: Path, mask: int) -> str:
        os.umask(mask)
        side.run(base_url, folder, make_ids(1))
        file = folder / side.file
        return f"{stat.S_IMODE(file.stat().st_mode):04o} in {stat.S_IMODE(file.parent.stat().st_mode):04o}"

    cells = []
    for side in SIDES:
        works = [partial(run, side, bench.make_base_url(), bench.make_folder(), mask) for mask in (0o022, 0o002, 0)]
        cells.append(", ".join(dict.fromkeys(map(str, in_children(works)))))
    return Row("modes of the cache's file and directory, umask 022, 002, 0", "3", *cells)


def accounts(bench: Bench) -> Row:
    """Share a cache between two API keys; the service returns the records only to the first."""
    cells = []
    for side in SIDES:
        base_url, folder = bench.make_base_url("unknown-to-others"), bench.make_folder()
        in_child(partial(side.run, base_url, folder, make_ids(40)))
        other = partial(side.run, base_url, folder, make_ids(40), key=OTHER_KEY)
        cells.append(f"the other key gets {in_child(other)}; offline {in_child(partial(other, offline=True))}")
    return Row("two accounts, one cache; the records are the first one's", "40", *cells)


def offline(bench: Bench) -> Row:
    """Request ids offline that are not in the cache."""
    cells = []
    for side in SIDES:
        run = in_child(partial(side.run, bench.make_base_url(), bench.make_folder(), make_ids(40), offline=True))
        from_cache = run.from_cache if isinstance(run, Run) else 0
        cells.append(f"{run}, {from_cache} of them marked as from the cache")
    return Row("offline, and not in the cache", "40", *cells)


def compare_headers(bench: Bench, *, fault: str, title: str, **settings: object) -> Row:
    """Return the row of a header that can prevent caching: the source of the second run's records."""
    cells = []
    for side, options in ((Ours, {}), (Stock, settings)):
        base_url, folder = bench.make_base_url(fault), bench.make_folder()
        first, second = (in_child(partial(side.run, base_url, folder, make_ids(40), **options)) for _ in range(2))
        from_cache = second.from_cache if isinstance(second, Run) else 0
        cells.append(f"{describe_runs(first, second)}; the second time {from_cache} from the cache")
    return Row(title, "40", *cells)
