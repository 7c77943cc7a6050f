"""Draw every chart of synthetic records into `docs/gallery/`, for the page `docs/gallery.md`.

Run it with `python3 dev.py gallery`; the same version of matplotlib writes the same bytes.
"""

import json
from pathlib import Path

import matplotlib as mpl
import pandas as pd

from genanalytics.metrics.where.rows import filter_rows
from genanalytics.plots import CHARTS, save
from genanalytics.plots.saving import ChartOptions
from genanalytics.records.frame import parse_frame
from genanalytics.records.parse import Row
from genanalytics.sandbox import sample

PICTURES = Path(__file__).with_suffix("")

RECORDS = 20_000
FETCHED = pd.Timestamp("2026-09-30T15:00", tz="UTC")
"""The time of the fetch: during the last day, which is therefore incomplete."""

OPTIONS: dict[str, ChartOptions] = {
    "latency-heatmap": {"metric": "e2e_ms"},
    "throughput": {"by": "provider_name"},
    "hour-of-week": {"tz": "America/New_York"},
}
"""The options of charts that are not drawn with their defaults."""
WHERE = {
    "unit-prices": "model=deepseek/deepseek-v4-flash-20260731",
    "session-cache": "model=openai/gpt-5.6-luna-20260709",
    "speed-against-price": "api_type=completions",
}
"""The conditions for the records of charts that do not show all."""


def main() -> None:
    """Draw the charts."""
    mpl.rcdefaults()
    PICTURES.mkdir(exist_ok=True)
    frame = make_records()
    for name, chart in CHARTS.items():
        some = filter_rows(frame, [WHERE[name]]) if name in WHERE else frame
        save(some, chart.draw, PICTURES / f"{name}.png", **OPTIONS.get(name, {}))


def make_records() -> pd.DataFrame:
    """Return the records of the pictures: those that existed at the time of the fetch."""
    made = sample(RECORDS).records
    bodies = [(name, json.dumps({"data": record}).encode()) for name, record in made.items()]
    frame = parse_frame([Row(name, body, FETCHED.timestamp()) for name, body in bodies])
    return frame[frame["created_at"] < FETCHED]


if __name__ == "__main__":
    main()
