"""Draw every chart of made-up records into `docs/gallery/`, for the page beside it.

Run it with `python3 dev.py gallery`; the same matplotlib gives the same bytes.
"""

import json
from pathlib import Path

import matplotlib as mpl
import pandas as pd

from genanalytics.metrics.grouping.where import filtered
from genanalytics.plots import CHARTS, save
from genanalytics.records.frame import from_rows
from genanalytics.records.parse import Row
from genanalytics.sandbox import sample

PICTURES = Path(__file__).with_suffix("")

RECORDS = 20_000
FETCHED = pd.Timestamp("2026-09-30T15:00", tz="UTC")
"""When the records are said to have been fetched: in the midst of the last day, which is therefore unfinished."""

OPTIONS: dict[str, dict[str, str]] = {
    "latency-heatmap": {"value": "e2e_ms"},
    "throughput": {"by": "provider_name"},
    "hour-of-week": {"tz": "America/New_York"},
}
"""What is not as usual in the picture of a chart."""
WHERE = {"speed-against-price": "api_type=completions"}
"""Which records a picture is of, if not of all."""


def main() -> None:
    """Draw the charts."""
    mpl.rcdefaults()
    PICTURES.mkdir(exist_ok=True)
    frame = records()
    for name, chart in CHARTS.items():
        some = filtered(frame, [WHERE[name]]) if name in WHERE else frame
        save(some, chart.draw, PICTURES / f"{name}.png", **OPTIONS.get(name, {}))


def records() -> pd.DataFrame:
    """Return the records that the pictures are of: those that were there at the moment of the fetch."""
    made = sample(RECORDS).records
    bodies = [(name, json.dumps({"data": record}).encode()) for name, record in made.items()]
    frame = from_rows([Row(name, body, FETCHED.timestamp()) for name, body in bodies])
    return frame[frame["created_at"] < FETCHED]


if __name__ == "__main__":
    main()
