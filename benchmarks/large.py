"""Decisions on 10 million records: `python3 dev.py bench large [JOB ...]` prints seconds and memory of each.

The records are a month of the sandbox, many times over, with ids and sessions of their own: Parquet of about 0.7 GB in
the temporary directory. DuckDB reads it, in a process for each job. With `--rows 1000000` there are fewer.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

import genanalytics as ga
from genanalytics.bill.book import BY
from genanalytics.metrics.where.rows import keep_between
from genanalytics.sandbox import sample

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "tests"))

from support.generations import parse_records  # noqa: E402 - found by the line above

SAMPLE = 20_000
MIDDLE = pd.Timestamp("2026-09-16", tz="UTC")
ENDS = pd.Timestamp("2026-09-01", tz="UTC"), pd.Timestamp("2026-10-01", tz="UTC")


def change_cost(data: Any) -> pd.DataFrame:  # noqa: ANN401 - a relation
    """Return why the cost of the second half of the month differs from that of the first."""
    items = ga.itemize(data)
    return ga.cost_change(keep_between(items, ENDS[0], MIDDLE), keep_between(items, MIDDLE, ENDS[1]))


JOBS: dict[str, Callable[[Any], Any]] = {
    "summarize": lambda data: ga.summarize(data, by=[*BY]),
    "prices": ga.prices,
    "forecast": ga.forecast,
    "label": lambda data: ga.summarize(ga.label(data, {"user-1": "a"}, name="customer"), by="customer"),
    "what_if": ga.what_if,
    "changes": ga.changes,
    "cost_change": change_cost,
    "hit_rate_by_gap": ga.hit_rate_by_gap,
    "cache_flips": ga.cache_flips,
    "cache_replay": ga.cache_replay,
    "waste": ga.waste,
    "recommend": ga.recommend,
}


def write_records(rows: int, path: str) -> None:
    """Write the records as Parquet."""
    frame = parse_records(sample(SAMPLE).records)
    small = Path(path).with_name("month.parquet")
    ga.write_parquet(frame, small)
    columns = ", ".join(f"{name} || '-' || copy AS {name}" for name in ("requested_id", "session_id", "request_id"))
    query = f"""
        SELECT * EXCLUDE (requested_id, session_id, request_id, created_at), {columns},
            created_at + to_seconds(copy % 97) AS created_at
        FROM read_parquet('{small}'), range({-(-rows // len(frame))}) AS copies(copy)
    """  # noqa: S608 - of names and numbers from here
    duckdb.connect().execute(f"COPY ({query}) TO '{path}' (ROW_GROUP_SIZE 200_000)")


def run_job(job: str, path: str) -> None:
    """Run one job in this process, and print its seconds, those of the processor, and its memory in GiB."""
    relation = ga.scan(path)
    start = time.perf_counter()
    JOBS[job](relation)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(time.perf_counter() - start, time.process_time(), memory)


def main() -> None:
    """Run the jobs that the command line names, or all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("jobs", nargs="*", choices=[*JOBS, []], default=[*JOBS])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--path", help="Run one job on these records.")
    options = parser.parse_args()
    if options.path:
        run_job(options.jobs[0], options.path)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/records.parquet"
        write_records(options.rows, path)
        for job in options.jobs:
            command = [sys.executable, __file__, job, "--path", path]
            printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            seconds, processor, memory = map(float, printed)
            print(f"{job:16} {seconds:7.1f} s  {processor:7.1f} s of processor time  {memory:5.2f} GiB", flush=True)


if __name__ == "__main__":
    main()
