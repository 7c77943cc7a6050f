"""Draw every chart of made-up records into `docs/gallery/`, and write `docs/gallery.md` around them.

Run it with `python3 dev.py gallery`; the same matplotlib gives the same bytes.
"""

import json
from pathlib import Path

import matplotlib as mpl
import pandas as pd

from genanalytics.frame import from_rows
from genanalytics.metrics.where import filtered
from genanalytics.parse import Row
from genanalytics.plots import CHARTS, save
from genanalytics.sandbox import sample

PAGE = Path(__file__).with_suffix(".md")
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

_HEAD = """\
# The charts

Each is a function of `genanalytics.plots` and a name for `genanalytics plot`; both take records as `summary` reads
them, from a few rows to more than memory holds. The pictures are of {rows:,} made-up records of one month
([as in data/](../data/README.md), but more of them), and are drawn again by `python3 dev.py gallery`.
"""

_ENTRY = """
## {question}

```console
$ genanalytics plot {name} generations.parquet -o {name}.png{flags}
```

```python
ga.plots.{function}(frame{arguments})
```

![{name}](gallery/{name}.png)
"""


def main() -> None:
    """Draw the charts and write the page."""
    mpl.rcdefaults()
    PICTURES.mkdir(exist_ok=True)
    frame = records()
    for name, chart in CHARTS.items():
        some = filtered(frame, [WHERE[name]]) if name in WHERE else frame
        save(some, chart.draw, PICTURES / f"{name}.png", **OPTIONS.get(name, {}))
    PAGE.write_text(page(len(frame)), encoding="utf-8", newline="\n")


def records() -> pd.DataFrame:
    """Return the records that the pictures are of: those that were there at the moment of the fetch."""
    made = sample(RECORDS).records
    bodies = [(name, json.dumps({"data": record}).encode()) for name, record in made.items()]
    frame = from_rows([Row(name, body, FETCHED.timestamp()) for name, body in bodies])
    return frame[frame["created_at"] < FETCHED]


def page(rows: int) -> str:
    """Return the text of the page."""
    entries = [
        _ENTRY.format(
            question=chart.question,
            name=name,
            function=chart.draw.__name__,
            flags="".join(
                f" --{key} {value}"
                for key, value in (OPTIONS.get(name, {}) | ({"where": WHERE[name]} if name in WHERE else {})).items()
            ),
            arguments="".join(f', {key}="{value}"' for key, value in OPTIONS.get(name, {}).items()),
        )
        for name, chart in CHARTS.items()
    ]
    return _HEAD.format(rows=rows) + "".join(entries)


if __name__ == "__main__":
    main()
