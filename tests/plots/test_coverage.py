"""Every chart shows the coverage of its data."""

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from genanalytics.plots import CHARTS
from genanalytics.records.coverage import Coverage
from genanalytics.sandbox import sample
from support.artists import detail
from support.generations import parse_records

MADE = sample(60)
FRAME = parse_records(MADE.records).fillna({"upstream_inference_cost": 1.0})
"""Without unknown costs, which are lower bounds on their own."""


def texts(axes: Axes) -> list[str]:
    """Return the details of a chart in one line, and all texts of its figure."""
    return [detail(axes), *(" ".join(text.get_text().split()) for text in axes.figure.findobj(Text))]


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_shows_incomplete_and_unknown_coverage(name: str) -> None:
    frame = FRAME.copy()
    draw = CHARTS[name].draw
    assert any("coverage unknown" in text for text in texts(draw(frame, ax=Figure().subplots())))
    frame.attrs["coverage"] = Coverage.of([], found=len(frame)).to_json()
    complete = texts(draw(frame, ax=Figure().subplots()))
    assert not any("coverage" in text or "≥" in text for text in complete)
    frame.attrs["coverage"] = Coverage.of(
        ["gen-x"] + [f"gen-{n}" for n in range(len(frame) - 1)], found=len(frame)
    ).to_json()
    partial = texts(draw(frame, ax=Figure().subplots()))
    assert any(f"≥ {len(frame)} generations" in text and "coverage 50.0 %" in text for text in partial)
    some = texts(draw(frame.head(40), ax=Figure().subplots()))
    assert any("coverage 50.0 % of all requested ids, unknown among these" in text for text in some)


def test_amounts_and_numbers_on_a_chart_are_lower_bounds() -> None:
    frame = FRAME.copy()
    frame.attrs["coverage"] = Coverage.of(["gen-x"], found=len(frame)).to_json()
    for name, sign in (
        ("cost-ranking", "≥ $"),
        ("cache-waterfall", "≥ $"),
        ("throughput", "n ≥ "),
        ("cache-savings-rate", "of ≥ $"),
    ):
        assert any(sign in text for text in texts(CHARTS[name].draw(frame, ax=Figure().subplots()))), name
