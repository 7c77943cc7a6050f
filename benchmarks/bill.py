"""The prices of a bill: `python3 dev.py bench bill [large|sheets ...]` prints what docs/bill.md and its decisions say.

`large` writes 10 million records (20 models, 3 providers, two prices at a time) as Parquet, about 0.4 GB in the
system's temporary directory, and lets DuckDB find prices and items: seconds of a fresh process, next to `ga.summarize`
with its default statistics, and the peak of its memory. Only ratios within one run are meaningful.

`sheets` draws 200 bills of 300 requests with a known truth, as the tests do, and counts what is found with exact,
rounded and cut amounts.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import pandas as pd

import genanalytics as ga

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "tests"))

from support.bills import Shown, Truth, allows, draw_bill, matches  # noqa: E402 - found by the line above

ROWS = 10_000_000
SHEETS = 200
FEWEST = 10
"""The fewest requests at a price sheet that has to be found."""
NORMAL = "sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())"
RECORDS = """
    WITH drawn AS (
        SELECT i, hash(i) % 20 AS model, hash(i) // 100 % 3 AS provider, random() AS cached, random() AS part,
            CASE WHEN random() < 0.1 THEN 110 ELSE 100 END AS percent,
            greatest(1, exp(8 + 1.3 * {normal})::BIGINT) AS prompt,
            greatest(1, exp(5 + {normal})::BIGINT) AS completion
        FROM range({rows}) AS t(i)
    ), priced AS (
        SELECT *, (100 + 50 * model + 10 * provider) * percent AS price,
            CASE WHEN cached < 0.5 THEN (prompt * part)::BIGINT ELSE 0 END AS read
        FROM drawn
    ), billed AS (
        SELECT *, CASE WHEN cached < 0.5
            THEN (price - price // 10) * read - (price * 125 // 100 - price) * (prompt - read) END AS saved
        FROM priced
    )
    SELECT 'gen-' || i AS requested_id, 'vendor/model-' || model AS model, 'Provider ' || provider AS provider_name,
        TIMESTAMPTZ '2026-01-01 00:00:00+00' + INTERVAL (i * 2592000000 // {rows}) MILLISECOND AS created_at,
        (price * prompt + 5 * price * completion - coalesce(saved, 0)) / 1e11 AS total_cost,
        saved / 1e11 AS cache_discount, NULL::DOUBLE AS upstream_inference_cost, false AS is_byok, true AS streamed,
        false AS cancelled, 1000 + prompt % 5000 AS latency, NULL::BIGINT AS moderation_latency,
        9000 + prompt % 9000 AS generation_time, 'stop' AS finish_reason, prompt AS native_tokens_prompt,
        completion AS native_tokens_completion, completion // 3 AS native_tokens_reasoning,
        read AS native_tokens_cached, NULL::VARCHAR AS response_cache_source_id,
        [{{'status': 200}}] AS provider_responses, TIMESTAMPTZ '2026-02-01 00:00:00+00' AS fetched_at
    FROM billed
"""


def run_job(job: str, path: str) -> None:
    """Run one job in this process, and print its seconds and its memory."""
    relation = ga.scan(path)
    start = time.perf_counter()
    if job == "summarize":
        ga.summarize(relation, by=["model", "provider_name"])
    elif job == "prices":
        found = ga.prices(relation)
        assert (found["identified"] == "yes").all()
    else:
        ga.summarize(ga.itemize(relation), by="model", metrics="items")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(time.perf_counter() - start, memory)


def measure_large() -> None:
    """Print the time of each job next to that of the default statistics."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/records.parquet"
        records = RECORDS.format(normal=NORMAL, rows=ROWS)
        duckdb.connect().execute(f"COPY ({records}) TO '{path}'")
        usual = 0.0
        for job in ("summarize", "prices", "items"):
            command = [sys.executable, __file__, "--job", job, path]
            seconds, memory = map(float, subprocess.run(command, check=True, capture_output=True).stdout.split())
            usual = usual or seconds
            print(f"{job:10} {seconds:6.1f} s  {seconds / usual:4.1f} times  {memory:5.2f} GiB")


def measure_sheets() -> None:
    """Print how many price sheets are found, and how many known prices are wrong."""
    endings: tuple[Shown, ...] = ("exact", "rounded", "cut")
    for shown in endings:
        sheets = found = known = wrong = 0
        for seed in range(SHEETS):
            truth = draw_bill(seed, shown)
            prices = ga.prices(truth.frame)
            proved = prices[prices["identified"] == "yes"]
            sheets += sum((truth.who == number).sum() >= FEWEST for number in range(len(truth.sheets)))
            found += count_found(prices, truth)
            known += len(proved)
            wrong += sum(not any(matches(row, sheet) for sheet in truth.sheets) for _, row in proved.iterrows())
        print(f"{shown:8} {found} of {sheets} sheets found or limited to 1 %, {known} known, {wrong} of them wrong")


def count_found(prices: pd.DataFrame, truth: Truth) -> int:
    """Return how many price sheets are those of a regime, or between the close limits of one."""
    regimes = prices[prices["regime"].notna()]
    wanted = [sheet for number, sheet in enumerate(truth.sheets) if (truth.who == number).sum() >= FEWEST]
    return sum(any(allows(row, sheet) for _, row in regimes.iterrows()) for sheet in wanted)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--job"]:
        run_job(*sys.argv[2:])
    else:
        for part in sys.argv[1:] or ["large", "sheets"]:
            {"large": measure_large, "sheets": measure_sheets}[part]()
