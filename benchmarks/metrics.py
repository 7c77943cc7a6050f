"""The statistics compared with code written by hand: `python3 dev.py bench metrics [NAME...]`.

Each job runs in its own process, alternating with the one that it is compared with, and the best of three runs counts:
on a busy machine only ratios within one run are meaningful. Times are processor time, since other programs slow the
larger job most. Memory is the peak of the whole process. The files are in the system's temporary directory and
are removed at the end; `sketch` needs about 2 GB there.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

import genanalytics as ga
from genanalytics.metrics import summarize

ROUNDS = 3
LEVELS = np.array([0.5, 0.9, 0.95, 0.99])
VALUES = ["cost_per_request", "ttft_ms", "e2e_ms", "decode_ms", "itl_ms", "tps_e2e", "tps_decode", "moderation_ms"]
KEYS = ["model", "day"]
BY_HAND = Path(__file__).parent.parent / "tests" / "metrics" / "engines" / "opinion.sql"

NORMAL = "sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())"
RECORDS = """
    SELECT
        'vendor/model-' || hash(i) % 40 AS model,
        TIMESTAMPTZ '2026-01-01 00:00:00+00' + INTERVAL (i * 2592000 // {rows}) SECOND AS created_at,
        round(exp(-5 + 1.5 * {normal}), 6) AS total_cost,
        CASE WHEN random() < 0.6 THEN round(0.01 * (random() - 0.2), 6) END AS cache_discount,
        CASE WHEN random() < 0.05 THEN round(random() * 0.1, 6) END AS upstream_inference_cost,
        random() < 0.05 AS is_byok,
        random() < 0.8 AS streamed,
        random() < 0.02 AS cancelled,
        exp(7 + 0.8 * {normal})::BIGINT AS latency,
        CASE WHEN random() < 0.1 THEN (random() * 300)::BIGINT END AS moderation_latency,
        exp(8 + 0.8 * {normal})::BIGINT AS generation_time,
        CASE WHEN random() < 0.97 THEN 'stop' WHEN random() < 0.5 THEN 'length' ELSE 'error' END AS finish_reason,
        exp(8 + 1.5 * {normal})::BIGINT AS native_tokens_prompt,
        exp(5 + 1.2 * {normal})::BIGINT AS native_tokens_completion,
        (random() * 50)::BIGINT AS native_tokens_reasoning,
        CASE WHEN random() < 0.5 THEN (random() * 2000)::BIGINT END AS native_tokens_cached,
        CASE WHEN random() < 0.01 THEN 'gen-0' END AS response_cache_source_id,
        CASE WHEN random() < 0.03 THEN [{{'status': 429}}, {{'status': 200}}]
            ELSE [{{'status': 200}}] END AS provider_responses,
        TIMESTAMPTZ '2026-02-01 00:00:00+00' AS fetched_at
    FROM range({start}, {stop}) AS t(i)
"""


def make(directory: Path, rows: int, *, portion: int = 10_000_000) -> str:
    """Write Parquet files with this number of synthetic records (40 models, 30 days), and return their glob."""
    folder = directory / str(rows)
    folder.mkdir(exist_ok=True)
    with duckdb.connect() as connection:
        for start in range(0, rows, portion):
            records = RECORDS.format(normal=NORMAL, rows=rows, start=start, stop=min(start + portion, rows))
            connection.execute(f"COPY ({records}) TO '{folder}/{start}.parquet' (COMPRESSION zstd)")
    return f"{folder}/*.parquet"


def pandas_by_hand(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[pd.Series]]:
    """Return the parts of the statistics in plain pandas: named aggregates, and percentiles of each value."""
    byok, replayed = frame.is_byok.fillna(value=False), frame.response_cache_source_id.notna()
    succeeded = ~frame.cancelled.fillna(value=False) & (frame.finish_reason != "error") & ~replayed
    cost, upstream, discount = frame.total_cost, frame.upstream_inference_cost, frame.cache_discount
    prompt, completion = frame.native_tokens_prompt, frame.native_tokens_completion
    reasoning, cached = frame.native_tokens_reasoning, frame.native_tokens_cached
    values = pd.DataFrame({"model": frame.model, "day": frame.created_at.dt.floor("D")})
    values["billed"], values["byok"] = cost, upstream.where(byok)
    values["byok_unknown"] = byok & upstream.isna()
    values["cost_unknown"] = cost.isna() | values.byok_unknown
    values["cost_per_request"] = (cost + upstream).where(byok, cost)
    tokens = prompt + completion
    priced = ~replayed & (byok | (cost != 0)) & (tokens > 0) & values.cost_per_request.notna()
    values["priced_tokens"], values["priced_cost"] = tokens.where(priced), values.cost_per_request.where(priced)
    values["net"], values["read"], values["write"] = discount, discount.clip(lower=0), (-discount).clip(lower=0)
    values["without"] = cost + discount.fillna(0)
    rated = ~byok & ~replayed & cost.notna()
    values["rated"], values["rated_cost"] = discount.where(rated), (cost + discount).where(rated)
    values["known"], values["touched"] = discount.notna(), (discount != 0).fillna(value=False)
    both = ~replayed & cached.notna() & prompt.notna()
    values["cached"], values["cacheable"] = cached.where(both), prompt.where(both)
    both = reasoning.notna() & completion.notna()
    values["reasoning"], values["reasoned"] = reasoning.where(both), completion.where(both)
    values["tokens_in"], values["tokens_out"] = prompt, completion
    values["ttft_ms"] = frame.latency.where(succeeded & frame.streamed.fillna(value=False))
    values["e2e_ms"] = frame.generation_time.where(succeeded & (frame.generation_time > 0).fillna(value=False))
    decode = values.e2e_ms - values.ttft_ms
    values["misfit"], values["decode_ms"] = decode < 0, decode.where((decode >= 0).fillna(value=False))
    values["itl_ms"] = (values.decode_ms / (completion - 1)).where((completion > 1).fillna(value=False))
    values["tps_e2e"] = (completion / (values.e2e_ms / 1000)).where((completion > 0).fillna(value=False))
    fast = ((values.decode_ms >= 100) & (completion >= 16)).fillna(value=False)
    values["tps_decode"] = (1000 / values.itl_ms).where(fast)
    values["moderation_ms"], values["cancelled"] = frame.moderation_latency.where(succeeded), frame.cancelled
    for reason in ("error", "length", "content_filter"):
        values[reason] = frame.finish_reason == reason
    values["fallback"] = frame.provider_responses.list.len() > 1
    groups = values.groupby(KEYS, dropna=False)
    named = {f"{name}_sum": (name, "sum") for name in values.columns if name not in KEYS}
    counts = {f"{name}_n": (name, "count") for name in VALUES}
    summed = groups.agg(requests=("model", "size"), **named, **counts)
    return summed, [groups[name].quantile(LEVELS) for name in VALUES]


def ours_on_duckdb(path: str) -> Callable[[], object]:
    """Return a job: all statistics by model and day, from Parquet."""
    return lambda: summarize(ga.scan(path), by=KEYS)


def sql_by_hand(path: str) -> Callable[[], object]:
    """Return the same job in SQL."""
    keys = "date_trunc('day', created_at) AS day,"
    sql = BY_HAND.read_text(encoding="utf-8").format(table=f"'{path}'", keys=keys, groups="model, day,")
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return lambda: connection.sql(sql).to_df()


def ours_in_1_gb(path: str) -> Callable[[], object]:
    """Return the same job with percentiles by sketch and little memory."""
    return lambda: summarize(ga.scan(path, memory_limit="1GB"), by=KEYS, percentiles="sketch")


def ours_on_pandas(path: str) -> Callable[[], object]:
    """Return the same job on a frame in memory."""
    frame = ga.scan(path, engine="pandas")
    return lambda: summarize(frame, by=KEYS)


def theirs_on_pandas(path: str) -> Callable[[], object]:
    """Return the same job in plain pandas."""
    frame = ga.scan(path, engine="pandas")
    return lambda: pandas_by_hand(frame)


def ours_in_a_notebook(path: str) -> Callable[[], object]:
    """Return a job: all statistics by model, repeated."""
    frame = ga.scan(path, engine="pandas")
    return repeat(lambda: summarize(frame, by="model"))


def ours_undivided(path: str) -> Callable[[], object]:
    """Return a job: all statistics of all rows, repeated."""
    frame = ga.scan(path, engine="pandas")
    return repeat(lambda: summarize(frame))


def percentiles_in_a_notebook(path: str) -> Callable[[], object]:
    """Return a job: percentiles of as many columns by model in one call, repeated."""
    frame = ga.scan(path, engine="pandas")
    columns = [name for name in frame.columns if pd.api.types.is_numeric_dtype(frame[name].dtype)]
    shown = [name for name in columns if frame[name].notna().any() and frame[name].dtype != "boolean"][: len(VALUES)]
    return repeat(lambda: frame.groupby("model")[shown].quantile(LEVELS))


def repeat(work: Callable[[], object]) -> Callable[[], object]:
    """Do the work once, and return a job that does it twenty times."""
    work()
    return lambda: [work() for _ in range(20)]


JOBS = {
    job.__name__: job
    for job in (
        ours_on_duckdb,
        sql_by_hand,
        ours_in_1_gb,
        ours_on_pandas,
        theirs_on_pandas,
        ours_in_a_notebook,
        ours_undivided,
        percentiles_in_a_notebook,
    )
}


def measure(job: Callable[..., Any], path: str) -> tuple[float, float, float]:
    """Return the seconds of a job, the peak memory of its process in MiB, and its processor seconds."""
    command = [sys.executable, __file__, "--job", job.__name__, path]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return answer["seconds"], answer["mebibytes"], answer["worked"]


def run_job(name: str, path: str) -> None:
    """Do one job in this process, and print its times and its peak memory."""
    work = JOBS[name](path)
    started, worked = time.perf_counter(), time.process_time()
    work()
    taken = {"seconds": time.perf_counter() - started, "worked": time.process_time() - worked}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps(taken | {"mebibytes": peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)}))


def measure_best(path: str, *jobs: Callable[..., Any]) -> list[tuple[float, float, float]]:
    """Return the shortest times and the largest memory of each job; the jobs alternate."""
    rounds = [[measure(job, path) for job in jobs] for _ in range(ROUNDS)]
    columns = (zip(*turns, strict=True) for turns in zip(*rounds, strict=True))
    return [(min(seconds), max(mib), min(worked)) for seconds, mib, worked in columns]


def report(name: str, figure: float, unit: str, goal: str, detail: str) -> None:
    """Print one row of the table."""
    print(f"{name:<42} {figure:8.2f} {unit:<5} goal {goal:<6} {detail}", flush=True)


def compare(name: str, path: str, ours: Callable[..., Any], theirs: Callable[..., Any], goal: str) -> float:
    """Print the ratio of the times of two jobs; return the peak memory of the first in MiB."""
    (seconds, mib, own), (other_seconds, other_mib, other) = measure_best(path, ours, theirs)
    detail = f"{own:.2f} s, {mib:,.0f} MiB against {other:.2f} s, {other_mib:,.0f} MiB"
    detail += f"; elapsed {seconds / other_seconds:.2f} times"
    report(name, own / other, "times", goal, detail)
    return mib


def bench_duckdb(directory: Path) -> None:
    """Compare all statistics by model and day, of 10 million rows of Parquet, with SQL by hand."""
    path = make(directory, 10_000_000)
    mib = compare("10 M rows of Parquet, DuckDB", path, ours_on_duckdb, sql_by_hand, "0.6")
    report("its memory", mib / 1024, "GiB", "1.5", "the whole process")


def bench_pandas(directory: Path) -> None:
    """Compare the same of a frame in memory with plain pandas."""
    path = make(directory, 10_000_000)
    compare("10 M rows in memory, pandas", path, ours_on_pandas, theirs_on_pandas, "0.65")


def bench_notebook(directory: Path) -> None:
    """Compare all statistics by model of 1,000 rows with one groupby-quantile call of eight columns."""
    path = make(directory, 1_000)
    (_, _, by_model), (_, _, undivided), (_, _, theirs) = measure_best(
        path, ours_in_a_notebook, ours_undivided, percentiles_in_a_notebook
    )
    report("1,000 rows by model", by_model * 50, "ms", "5", f"a groupby-quantile call: {theirs * 50:.1f} ms")
    report("1,000 rows without groups", undivided * 50, "ms", "4", "")


def bench_growth(directory: Path) -> None:
    """Measure the growth of processor time for ten times as many rows."""
    paths = {rows: make(directory, rows) for rows in (1_000_000, 3_000_000, 10_000_000)}
    for job, engine in ((ours_on_duckdb, "DuckDB"), (ours_on_pandas, "pandas")):
        taken = {rows: measure_best(path, job)[0][2] for rows, path in paths.items()}
        detail = ", ".join(f"{rows // 1_000_000} M in {seconds:.2f} s" for rows, seconds in taken.items())
        report(f"10 M rows against 1 M rows, {engine}", taken[10_000_000] / taken[1_000_000], "times", "10", detail)


def bench_sketch(directory: Path) -> None:
    """Measure 100 million rows in 1 GB."""
    path = make(directory, 100_000_000)
    seconds, mib, worked = measure(ours_in_1_gb, path)
    report("100 M rows in 1 GB, DuckDB, sketch", mib / 1024, "GiB", "0.6", f"the whole process; {seconds:.0f} s")
    report("its processor time", worked, "s", "200", "")


BENCHES = {
    "duckdb": bench_duckdb,
    "pandas": bench_pandas,
    "notebook": bench_notebook,
    "growth": bench_growth,
    "sketch": bench_sketch,
}


def main(arguments: list[str]) -> None:
    """Run a job, or the benchmarks with these names, or all of them."""
    if arguments[:1] == ["--job"]:
        run_job(*arguments[1:])
        return
    unknown = set(arguments) - set(BENCHES)
    if unknown:
        sys.exit(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    print(f"{os.cpu_count()} processors")
    for name in arguments or BENCHES:
        with tempfile.TemporaryDirectory() as directory:
            BENCHES[name](Path(directory))


if __name__ == "__main__":
    main(sys.argv[1:])
