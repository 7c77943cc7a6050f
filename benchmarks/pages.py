"""Processor time of a report and of 20 charts of 20,000 records: `python3 dev.py bench pages [CHECKOUT]`.

With the path of another checkout, both are measured in turns, and the last column is this one divided by the other.
Each measurement is in a fresh process, after the same with few records, so that imports and fonts are not in it.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

RECORDS = 20_000
CHARTS = 20
FEW = 2_000
ROUNDS = 3
HERE = Path(__file__).resolve().parent.parent


def write_records(path: str) -> None:
    """Write the records."""
    import genanalytics as ga  # noqa: PLC0415 - of the checkout that is measured
    from genanalytics.records.frame import parse_frame  # noqa: PLC0415
    from genanalytics.records.parse import Row  # noqa: PLC0415
    from genanalytics.sandbox import sample  # noqa: PLC0415

    rows = [
        Row(generation_id, json.dumps({"data": record}).encode(), None)
        for generation_id, record in sample(RECORDS).records.items()
    ]
    ga.write_parquet(parse_frame(rows), path)


def measure_report(path: str) -> float:
    """Return the processor seconds of a report."""
    import genanalytics as ga  # noqa: PLC0415

    return _time(lambda frame: ga.write_report(frame, f"{path}.{os.getpid()}.html", force=True), ga.read(path))


def measure_charts(path: str) -> float:
    """Return the processor seconds of the first charts of the catalog, each drawn into a figure of its own as SVG."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    import genanalytics as ga  # noqa: PLC0415

    every = list(ga.plots.CHARTS.values())[:CHARTS]

    def draw(frame: pd.DataFrame) -> None:
        for chart in every:
            figure = Figure(figsize=(9, 5), layout="constrained")
            chart.draw(frame, ax=figure.subplots())
            figure.savefig(f"{path}.{os.getpid()}.svg")

    return _time(draw, ga.read(path))


def _time(work: Callable[[pd.DataFrame], object], frame: pd.DataFrame) -> float:
    work(frame.head(FEW))
    started = time.process_time()
    work(frame)
    return time.process_time() - started


def run(step: str, path: str, checkout: Path) -> str:
    """Run a step with the package of a checkout, in its own process, and return its output."""
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    command = [sys.executable, __file__, "--step", step, path]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


STEPS: dict[str, Callable[[str], object]] = {
    work.__name__: work for work in (write_records, measure_report, measure_charts)
}


def main(other: Path | None) -> None:
    """Print the table."""
    checkouts = [HERE] if other is None else [HERE, other]
    with tempfile.TemporaryDirectory() as directory:
        path = str(Path(directory, "records.parquet"))
        run("write_records", path, HERE)
        for step, name in (("measure_report", "report"), ("measure_charts", f"{CHARTS} charts")):
            rounds = [[float(run(step, path, each)) for each in checkouts] for _ in range(ROUNDS)]
            seconds = [statistics.median(column) for column in zip(*rounds, strict=True)]
            ratio = statistics.median(each[0] / each[-1] for each in rounds)
            figures = ", ".join(f"{each:.2f} s" for each in seconds)
            print(f"{name} of {RECORDS:,} records: {figures}" + (f", ratio {ratio:.2f}" if other else ""), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        print(STEPS[sys.argv[2]](sys.argv[3]))
    else:
        main(Path(sys.argv[1]).resolve() if sys.argv[1:] else None)
