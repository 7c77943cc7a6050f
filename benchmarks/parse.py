"""Answers to an Arrow table, by Arrow's parser and by the rules: `python3 dev.py bench parse`."""

import json
import statistics
import time

from genanalytics.records.parse import Row, to_table
from genanalytics.sandbox import sample

PORTION = 4_096


def seconds(rows: list[Row]) -> float:
    """Return how long the rows take, in portions as a fetch has them: the median of five times."""
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        for start in range(0, len(rows), PORTION):
            to_table(rows[start : start + PORTION])
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


if __name__ == "__main__":
    records = sample(20_000).records
    for way, beside in (("Arrow's parser", {}), ("the rules", {"x": 1})):  # a second key is refused by Arrow's parser
        bodies = [
            Row(generation_id, json.dumps({"data": record} | beside, separators=(",", ":")).encode(), 0.0)
            for generation_id, record in records.items()
        ]
        print(f"{way:<16} {seconds(bodies):6.3f} s for {len(bodies):,} answers")
