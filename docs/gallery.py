"""Draw every chart of synthetic records into `docs/gallery/`, and list them at the start of the page `docs/gallery.md`.

Run it with `python3 dev.py gallery`; the same version of matplotlib writes the same bytes. `python3 docs/gallery.py
FOLDER` draws into another folder, and leaves the page as it is.
"""

import json
import re
import sys
from pathlib import Path
from typing import Literal

import matplotlib as mpl
import pandas as pd
from PIL import Image

from genanalytics.metrics.where.rows import filter_rows
from genanalytics.plots import CHARTS, save
from genanalytics.plots.saving import ChartOptions
from genanalytics.records.frame import parse_frame
from genanalytics.records.parse import Row
from genanalytics.sandbox import Sample, sample

PAGE = Path(__file__).with_suffix(".md")
PICTURES = Path(__file__).with_suffix("")
SUFFIXES: dict[Literal["light", "dark"], str] = {"light": "", "dark": "-dark"}
"""The end of a file name, by theme."""

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

_DPI, _THUMB_DPI = 220, 133
_THUMB = (4.2, 2.8)
"""The size of a thumbnail in inches; a page shows it half as large as its pixels."""
_THUMB_WIDTH = 280
_COLORS = 256
"""A palette makes a picture less than half as large, and looks the same."""
_IN_A_ROW = 3
_GRID = re.compile(r"(?<=<!-- grid -->\n).*?(?=<!-- end of grid -->)", re.DOTALL)


def main(arguments: list[str]) -> None:
    """Draw the charts."""
    mpl.rcdefaults()
    folder = Path(arguments[0]) if arguments else PICTURES
    (folder / "thumbs").mkdir(parents=True, exist_ok=True)
    frame = make_records()
    for name in CHARTS:
        draw(frame, name, folder)
    if not arguments:
        PAGE.write_text(put_grid(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def make_records() -> pd.DataFrame:
    """Return the records of the pictures: those that existed at the time of the fetch."""
    frame = parse_sample(sample(RECORDS))
    return frame[frame["created_at"] < FETCHED]


def parse_sample(made: Sample) -> pd.DataFrame:
    """Return the records of a sample as a fetch at the time of the pictures would."""
    bodies = [(name, json.dumps({"data": record}).encode()) for name, record in made.records.items()]
    return parse_frame([Row(name, body, FETCHED.timestamp()) for name, body in bodies])


def draw(frame: pd.DataFrame, name: str, folder: Path) -> None:
    """Draw a chart and its thumbnail into a folder, each light and dark."""
    some = filter_rows(frame, [WHERE[name]]) if name in WHERE else frame
    options = OPTIONS.get(name, {})
    for theme, suffix in SUFFIXES.items():
        whole, thumb = folder / f"{name}{suffix}.png", folder / "thumbs" / f"{name}{suffix}.png"
        save(some, CHARTS[name].draw, whole, theme=theme, dpi=_DPI, **options)
        plain = {"title": " ", "subtitle": False}  # a legend needs the room of a title
        save(
            some,
            CHARTS[name].draw,
            thumb,
            theme=theme,
            dpi=_THUMB_DPI,
            width=_THUMB[0],
            height=_THUMB[1],
            **options,
            **plain,
        )
        for picture in (whole, thumb):
            colors = Image.open(picture).convert("RGB").quantize(_COLORS, dither=Image.Dither.NONE)
            colors.save(picture, optimize=True)


def put_grid(page: str) -> str:
    """Return a page with the current table of thumbnails at its place."""
    return _GRID.sub(f"\n{make_grid()}\n\n", page)


def make_grid() -> str:
    """Return a table of thumbnails, each a link to its chart on the page, with the question that the chart answers."""
    cells = [_make_cell(name, chart.question) for name, chart in CHARTS.items()]
    rows = [cells[start : start + _IN_A_ROW] for start in range(0, len(cells), _IN_A_ROW)]
    rows[-1] += [""] * (_IN_A_ROW - len(rows[-1]))
    return "\n".join(f"| {' | '.join(row)} |" for row in ([""] * _IN_A_ROW, ["---"] * _IN_A_ROW, *rows))


def _make_cell(name: str, question: str) -> str:
    anchor = re.sub(r"[^\w\- ]", "", question.lower()).replace(" ", "-")
    light, dark = (f"gallery/thumbs/{name}{suffix}.png" for suffix in SUFFIXES.values())
    picture = (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" width="{_THUMB_WIDTH}" alt="{name}"></picture>'
    )
    return f"[{picture}](#{anchor})<br>[{question}](#{anchor})"


if __name__ == "__main__":
    main(sys.argv[1:])
