"""What a chart says in addition to its picture: title, legend and values, for readers that show them as text."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from matplotlib.artist import Artist
from matplotlib.axes import Axes


class Entry(NamedTuple):
    """An entry of a legend: a series of the chart, its color, and what it looks like."""

    label: str
    color: str
    look: Literal["area", "line", "dashed", "dot", "hatched"] = "area"


class Value(NamedTuple):
    """A value under the pointer: a box in data coordinates, and the text about it; None is the whole height or width.

    `series` is the label of the legend entry that it belongs to; empty for all.
    """

    text: str
    left: float | None = None
    right: float | None = None
    bottom: float | None = None
    top: float | None = None
    series: str = ""


@dataclass(slots=True)
class Content:
    """What a chart says in addition to its picture.

    Attributes:
        title: The subject.
        details: Short texts below it; none is empty.
        entries: The legend, the most important entry first.
        values: What the pointer reads; of two boxes at one place, the later one counts.
        series: Artists and the label of the legend entry that they belong to.
        rows: The number of rows of a chart with a row per group; 0 for another chart.
        earlier: The labels of legend entries about an earlier period.
        reason: Why the chart is empty; empty for a chart that shows something.
    """

    title: str = ""
    details: Sequence[str] = ()
    entries: Sequence[Entry] = ()
    values: list[Value] = field(default_factory=list)
    series: list[tuple[Artist, str]] = field(default_factory=list)
    rows: int = 0
    earlier: list[str] = field(default_factory=list)
    reason: str = ""


_PLACE = "_genanalytics_content"
"""The attribute of axes with their content: it lives as long as they do, and goes into a pickle with them."""


def find_content(ax: Axes) -> Content:
    """Return the content of the chart in axes; an empty one before the chart is drawn."""
    content: Content = vars(ax).setdefault(_PLACE, Content())
    return content


def clear_content(ax: Axes) -> None:
    """Forget the content of axes, before another chart is drawn into them."""
    vars(ax).pop(_PLACE, None)


def add_series(ax: Axes, label: str, artists: Sequence[Artist]) -> None:
    """Note which artists belong to an entry of the legend."""
    find_content(ax).series += [(artist, label) for artist in artists]


def add_columns(ax: Axes, lefts: Sequence[float], rights: Sequence[float], texts: Sequence[str]) -> None:
    """Note a text for each part of the horizontal axis, such as a period: it is read at any height."""
    find_content(ax).values += [
        Value(text, left, right) for text, left, right in zip(texts, lefts, rights, strict=True)
    ]


def add_rows(ax: Axes, texts: Sequence[str]) -> None:
    """Note a text for each row of a chart with rows at 0, 1, 2 ...: it is read at any place in the row."""
    find_content(ax).values += [Value(text, bottom=row - 0.5, top=row + 0.5) for row, text in enumerate(texts)]


def add_value(ax: Axes, text: str, across: tuple[float, float], up: tuple[float, float], *, series: str = "") -> None:
    """Note a text for a box in data coordinates, such as a bar or the surroundings of a dot."""
    (left, right), (bottom, top) = sorted(across), sorted(up)
    find_content(ax).values.append(Value(text, left, right, bottom, top, series))
