"""Parsing answers to an Arrow table, by Arrow's parser and by the rules: `python3 dev.py bench parse`."""

import json
import statistics
import time

from genanalytics.records.parse import Row, parse_rows
from genanalytics.sandbox import sample

PORTION = 4_096


def measure_s(rows: list[Row]) -> float:
    """Return the seconds that parsing takes, in portions as in a fetch: the median of five runs."""
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        for start in range(0, len(rows), PORTION):
            parse_rows(rows[start : start + PORTION])
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


if __name__ == "__main__":
    records = sample(20_000).records
    for way, extra in (("Arrow's parser", {}), ("the rules", {"x": 1})):  # Arrow's parser refuses a second key
        bodies = [
            Row(generation_id, json.dumps({"data": record} | extra, separators=(",", ":")).encode(), 0.0)
            for generation_id, record in records.items()
        ]
        print(f"{way:<16} {measure_s(bodies):6.3f} s for {len(bodies):,} answers")
