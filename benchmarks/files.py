"""A data set of ten thousand files: `python3 dev.py bench files [FILES [COMMITS]]`.

The data set has a partition for each of FILES days (10,000). Each step runs in its own process, and its processor time
is printed. Then COMMITS batches (60) of 32,768 ids in random order are committed to a data set of 365 days, as an
export does; 305 batches are ten million ids.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

import genanalytics as ga
from genanalytics.dataset.failures import FAILURES
from genanalytics.dataset.manifest import read_manifest
from genanalytics.dataset.writer import Writer
from genanalytics.records.frame import to_arrow
from genanalytics.sandbox import sample

ROWS_PER_FILE = 10
BATCH_ROWS = 32_768
DAY_S = 86_400
LAST = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())
NO_FAILURE = FAILURES.empty_table()


def make_template() -> pa.Table:
    """Return the records of a sample, many times over."""
    sys.path.append(str(Path(__file__).parent.parent / "tests"))
    from support.generations import parse_records  # noqa: PLC0415 - found by the line above

    table = to_arrow(parse_records(sample(2_048).records)).replace_schema_metadata()
    return pa.concat_tables([table] * (BATCH_ROWS // len(table) + 1)).combine_chunks()


def make_rows(template: pa.Table, days: np.ndarray, first: int) -> pa.Table:
    """Return a row for each day before `LAST`, with ids that follow `first`."""
    repeats = -(-len(days) // len(template))
    table = pa.concat_tables([template] * repeats).slice(0, len(days))
    created = (LAST - days.astype(np.int64) * DAY_S) * 1_000_000
    ids = pa.array([f"gen-{moment // 1_000_000}-{first + place:020d}" for place, moment in enumerate(created.tolist())])
    values = {"created_at": pa.array(created, pa.int64()).cast(table.schema.field("created_at").type)}
    values |= {"requested_id": ids, "id": ids}
    for name, column in values.items():
        place = table.column_names.index(name)
        table = table.set_column(place, table.schema.field(place), column)
    return table


def fill(directory: str, files: str) -> None:
    """Write a data set with this number of files."""
    days = np.repeat(np.arange(int(files)), ROWS_PER_FILE)
    with Writer(Path(directory, "set"), partition="day") as writer:
        template = make_template()
        writer.commit(make_rows(template, days, 0), template.slice(0, 0), NO_FAILURE)


def start(directory: str) -> None:
    """Export no ids: open the data set, and learn its ids."""
    with ga.Client(None, base_url="http://127.0.0.1:9/api/v1", account="bench", offline=True) as client:
        started = time.process_time()
        done = ga.export([], Path(directory, "set"), client=client, partition="day")
    print(time.process_time() - started)
    assert done.distinct == 0


def read(directory: str) -> None:
    """Read all rows."""
    started = time.process_time()
    frame = ga.read(Path(directory, "set"))
    print(time.process_time() - started)
    assert len(frame)


def scan(directory: str) -> None:
    """Sum the cost with DuckDB."""
    started = time.process_time()
    ga.summarize(ga.scan(Path(directory, "set")), metrics=["cost"])
    print(time.process_time() - started)


def commit(directory: str) -> None:
    """Commit ten rows of one day, five times."""
    template, spent = make_template(), []
    with Writer(Path(directory, "set"), partition="day") as writer:
        for number in range(5):
            rows = make_rows(template, np.full(10, number), 10_000_000 + number * 10)
            started = time.process_time()
            writer.commit(rows, template.slice(0, 0), NO_FAILURE)
            spent.append(time.process_time() - started)
    print(sorted(spent)[2])


def grow(directory: str, commits: str) -> None:
    """Commit batches of ids in random order, and print the seconds of every tenth of them."""
    template, chance = make_template(), np.random.default_rng(1)
    spent, elapsed = [], []
    with Writer(Path(directory, "random"), partition="day") as writer:
        for number in range(int(commits)):
            rows = make_rows(template, chance.integers(0, 365, BATCH_ROWS), number * BATCH_ROWS)
            before, began = time.process_time(), time.perf_counter()
            writer.commit(rows, template.slice(0, 0), NO_FAILURE)
            spent.append(time.process_time() - before)
            elapsed.append(time.perf_counter() - began)
            if number % max(1, int(commits) // 10) == 0:
                print(f"  commit {number:4}: {spent[-1]:.2f} s of processor, {elapsed[-1]:.2f} s", file=sys.stderr)
    print(sum(spent), sum(elapsed))


STEPS: dict[str, Callable[..., None]] = {work.__name__: work for work in (fill, start, read, scan, commit, grow)}


def measure(step: str, directory: str, *arguments: str) -> list[float]:
    """Run a step in its own process, and return the figures that it prints."""
    command = [sys.executable, __file__, "--step", step, directory, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [float(figure) for figure in done.stdout.split()]


def main(files: int = 10_000, commits: int = 60) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as directory:
        measure("fill", directory, str(files))
        for step, name in {
            "start": "start of an export",
            "read": "ga.read",
            "scan": "ga.scan and a sum",
            "commit": "a commit of ten rows",
        }.items():
            [seconds] = measure(step, directory)
            print(f"{files:,} files, {name:<24} {seconds:8.2f} s of processor time", flush=True)
        spent, elapsed = measure("grow", directory, str(commits))
        left = len(read_manifest(Path(directory, "random")).files)
        rows = commits * BATCH_ROWS
        print(
            f"{rows:,} ids in random order by day: {commits} commits, {spent:.0f} s of processor time, {elapsed:.0f} s,"
        )
        print(f"  {left:,} files, 305 commits take {spent / commits * 305 / 60:.1f} minutes of processor time")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        STEPS[sys.argv[2]](*sys.argv[3:])
    else:
        main(*map(int, sys.argv[1:]))
