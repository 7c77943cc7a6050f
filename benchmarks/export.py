"""The batch export compared with its necessary parts: `python3 dev.py bench export [COUNT [CHECKOUT]]`.

The cache contains a million answers of twelve months in random order, or COUNT. Each step runs in its own process, one
after the other; times are ratios of two measurements of this run. An export reads the cache, parses and writes in
several threads, so that elapsed time depends on free cores; processor time is the work itself. With the path of another
checkout, its export is measured in turns with this one.
"""

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pyarrow.compute as pc
import pyarrow.parquet as pq

import genanalytics as ga
from genanalytics.base.atomic import sync
from genanalytics.cache.archive import Archive
from genanalytics.cache.entry import Entry, make_cache_key
from genanalytics.formats.parquet import OPTIONS, ROWS_PER_GROUP
from genanalytics.records.frame import to_arrow
from genanalytics.records.parse import Row, parse_rows
from genanalytics.sandbox import sample

BASE_URL = "http://127.0.0.1:9/api/v1"
FIRST = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp())
YEAR_S = 365 * 86_400
PORTION = 4_096
BATCH = 131_072
"""The answers of the cache in a batch."""
HERE = Path(__file__).resolve().parent.parent


def report(name: str, figure: float, unit: str, goal: str, detail: str) -> None:
    """Print one row of the table."""
    print(f"{name:<44} {figure:8.2f} {unit:<4} goal {goal:<8} {detail}", flush=True)


def make_answers(count: int) -> Iterator[tuple[str, float, bytes]]:
    """Yield ids, the times of their answers, and the answers, in random order."""
    templates = []
    for generation_id, record in sample(500).records.items():
        text = json.dumps({"data": record}, separators=(",", ":"))
        templates.append(text.replace(generation_id, "{id}").replace(str(record["created_at"]), "{at}").split("{id}"))
    order = list(range(count))
    random.Random(1).shuffle(order)  # noqa: S311 - the worst order, not a secret
    for number in order:
        created = FIRST + number * YEAR_S // count
        generation_id = f"gen-{created}-{number:020d}"
        moment = datetime.fromtimestamp(created, UTC).isoformat()
        yield (
            generation_id,
            created + 86_400.0,
            generation_id.join(templates[number % len(templates)]).replace("{at}", moment).encode(),
        )


def fill(directory: str, count: str) -> None:
    """Write a cache with this number of answers, and a file with their ids."""
    archive = Archive(Path(directory, "cache"))
    answers = make_answers(int(count))
    with Path(directory, "ids.txt").open("w") as ids:
        while some := list(islice(answers, 50_000)):
            ids.writelines(f"{generation_id}\n" for generation_id, _, _ in some)
            archive.store(
                {
                    make_cache_key(BASE_URL, "bench", generation_id): Entry(
                        generation_id, "", 200, at, None, None, body
                    )
                    for generation_id, at, body in some
                }
            )


def read_and_parse(directory: str) -> None:
    """Read the answers of all ids from the cache and parse them: the necessary part of an export."""
    archive = Archive(Path(directory, "cache"))
    rows: list[Row] = []
    with Path(directory, "ids.txt").open() as lines:
        ids = [line.strip() for line in lines]
    for start in range(0, len(ids), 2_000):
        some = ids[start : start + 2_000]
        keys = [make_cache_key(BASE_URL, "bench", generation_id) for generation_id in some]
        found = archive.look_up(keys)
        rows += [Row(each, found[key].body, found[key].fetched_at) for each, key in zip(some, keys, strict=True)]
        while len(rows) >= PORTION:
            parse_rows(rows[:PORTION])
            rows = rows[PORTION:]
    parse_rows(rows)


def export(directory: str) -> None:
    """Export all ids to a new data set."""
    with ga.Client(
        None, base_url=BASE_URL, account="bench", cache_dir=Path(directory, "cache"), offline=True
    ) as client:
        done = ga.export(Path(directory, "ids.txt"), Path(directory, f"set-{os.getpid()}"), client=client)
    assert done.coverage == 1
    Path(directory, "set").unlink(missing_ok=True)
    Path(directory, "set").symlink_to(f"set-{os.getpid()}")


def again(directory: str) -> None:
    """Export all ids again: the data set contains all of them."""
    with ga.Client(
        None, base_url=BASE_URL, account="bench", cache_dir=Path(directory, "cache"), offline=True
    ) as client:
        done = ga.export(Path(directory, "ids.txt"), Path(directory, "set").resolve(), client=client)
    assert done.present == done.distinct


def compact(directory: str) -> None:
    """Merge the small files of the data set."""
    ga.compact(Path(directory, "set").resolve())


def one_file(directory: str) -> None:
    """Print the seconds that writing one file takes, by `write_parquet` and by pyarrow alone with the same options."""
    in_order = ga.read_parquet(Path(directory, "set"))
    for frame in (in_order, in_order.sample(frac=1, random_state=1, ignore_index=True)):
        table = to_arrow(frame)
        ours, bare = [], []
        for _ in range(3):
            started = time.perf_counter()
            pq.write_table(table, Path(directory, "bare.parquet"), row_group_size=ROWS_PER_GROUP, **OPTIONS)
            sync(Path(directory, "bare.parquet"))
            bare.append(time.perf_counter() - started)
            started = time.perf_counter()
            ga.write_parquet(frame, Path(directory, "ours.parquet"))
            ours.append(time.perf_counter() - started)
        print(statistics.median(ours), statistics.median(bare))


def shuffled(directory: str) -> None:
    """Print the processor seconds that a commit of rows in random order takes, and those of pyarrow alone.

    Alone, it sorts the rows, cuts them by month, writes the same files with the same options, and flushes them.
    """
    from genanalytics.dataset.failures import FAILURES  # noqa: PLC0415 - another checkout may not have these
    from genanalytics.dataset.partitions import divide  # noqa: PLC0415
    from genanalytics.dataset.writer import Writer  # noqa: PLC0415

    rows = to_arrow(ga.read_parquet(Path(directory, "set")).sample(frac=1, random_state=1, ignore_index=True)[:BATCH])
    folder = Path(directory, "bare")
    folder.mkdir()
    ours, bare = [], []
    for number in range(3):
        started = time.process_time()
        in_order = rows.take(pc.sort_indices(rows["created_at"]))
        for month, part in divide(in_order, "month"):
            pq.write_table(part, folder / f"{month}.parquet", **OPTIONS)
            sync(folder / f"{month}.parquet")
        bare.append(time.process_time() - started)
        with Writer(Path(directory, f"shuffled-{number}"), partition="month") as writer:
            started = time.process_time()
            writer.commit(rows, rows.slice(0, 0), FAILURES.empty_table())
            ours.append(time.process_time() - started)
    print(min(ours), min(bare))


def one_month(directory: str) -> None:
    """Query one month of twelve with a glob, and print DuckDB's analysis, which contains the number of read files."""
    from duckdb import connect  # noqa: PLC0415 - an extra

    glob = f"{directory}/set/data/**/*.parquet"
    query = f"SELECT sum(total_cost) FROM read_parquet('{glob}', hive_partitioning = true) WHERE month = '2025-07'"  # noqa: S608
    with connect() as connection:
        rows = connection.execute(f"EXPLAIN ANALYZE {query}").fetchall()
    print(json.dumps([str(cell) for row in rows for cell in row]))


STEPS: dict[str, Callable[..., None]] = {
    work.__name__: work for work in (fill, read_and_parse, export, again, compact, one_file, shuffled, one_month)
}


class Measured(NamedTuple):
    """A step: its elapsed and its processor seconds, its peak memory in MiB, and its output."""

    elapsed: float
    processor: float
    memory: float
    output: str


def measure(step: str, directory: str, *arguments: str, checkout: Path = HERE, processors: int = 0) -> Measured:
    """Run a step in its own process, with the package of a checkout, on some processors or on all (0)."""
    command = [sys.executable, __file__, "--step", step, directory, *arguments]
    usual = os.sched_getaffinity(0) if processors else set()
    if processors:
        os.sched_setaffinity(0, sorted(usual)[:processors])  # the process inherits it
    started = time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        if processors:
            os.sched_setaffinity(0, usual)
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, step
    seconds = usage.ru_utime + usage.ru_stime
    return Measured(time.perf_counter() - started, seconds, usage.ru_maxrss / 1024, output)


def main(count: int, other: Path | None) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as directory:
        measure("fill", directory, str(count))  # not in this process: children start with its peak memory
        rounds, before = [], []
        for _ in range(3):
            before += [measure("export", directory, checkout=other)] if other else []
            rounds.append((measure("export", directory), measure("read_and_parse", directory)))
        name = f"export of {count:,} cached ids"
        peak = max(ours.memory for ours, _ in rounds)
        elapsed = statistics.median(ours.elapsed for ours, _ in rounds)
        report(f"{name}: peak memory", peak, "MiB", "< 700", f"{count / elapsed:,.0f} ids/s")
        for what in ("elapsed", "processor"):
            ours, theirs = (statistics.median(getattr(each[side], what) for each in rounds) for side in (0, 1))
            detail = f"{ours:.1f} s, reading and parsing alone {theirs:.1f} s"
            report(f"{name}: {what} time", ours / theirs, "x", "<= 1.4", detail)
        if before:
            ours = statistics.median(each.processor for each, _ in rounds)
            theirs = statistics.median(each.processor for each in before)
            detail = f"{ours:.1f} s against {theirs:.1f} s"
            report("export: processor time against the other", ours / theirs, "x", "< 1", detail)
        for processors in (1, 2) if hasattr(os, "sched_setaffinity") else ():  # Linux
            ours, theirs = (measure(step, directory, processors=processors) for step in ("export", "read_and_parse"))
            detail = f"{ours.elapsed:.1f} s, alone {theirs.elapsed:.1f} s"
            report(f"{name}: elapsed time, {processors} CPU", ours.elapsed / theirs.elapsed, "x", "", detail)
        seconds, _, memory, _ = measure("again", directory)
        report("the same ids once more: peak memory", memory, "MiB", "< 700", f"{seconds:.1f} s, no request")
        manifest = json.loads(Path(directory, "set", "manifest.json").read_text())
        files = len(manifest["files"])
        seconds, _, memory, _ = measure("compact", directory)
        after = len(json.loads(Path(directory, "set", "manifest.json").read_text())["files"])
        report("compact: peak memory", memory, "MiB", "< 700", f"{seconds:.1f} s, {files} files to {after}")
        goals = {"in order": "<= 1.1", "shuffled": "<= 1.4"}
        for (order, goal), line in zip(goals.items(), measure("one_file", directory).output.splitlines(), strict=True):
            ours, theirs = map(float, line.split())
            detail = f"{ours:.2f} s against {theirs:.2f} s"
            report(f"write_parquet against write_table: {order}", ours / theirs, "x", goal, detail)
        ours, theirs = map(float, measure("shuffled", directory).output.split())
        detail = f"{ours:.2f} s against {theirs:.2f} s"
        report("commit of shuffled rows against pyarrow alone", ours / theirs, "x", "<= 1.4", detail)
        analysis = measure("one_month", directory).output
        july = sum(1 for file in list_files(Path(directory, "set", "data")) if "month=2025-07" in str(file))
        scanned = analysis[analysis.find("Scanning Files") :][:40]
        report("files read for one month of twelve", july, "", f"{july}", scanned)


def list_files(directory: Path) -> list[Path]:
    """Return the data files below a directory."""
    return [Path(folder, name) for folder, _, names in os.walk(directory) for name in names]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        STEPS[sys.argv[2]](*sys.argv[3:])
    else:
        main(
            int(sys.argv[1]) if sys.argv[1:] else 1_000_000,
            Path(sys.argv[2]).resolve() if sys.argv[2:] else None,
        )
