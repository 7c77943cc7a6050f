"""What a chart says besides its picture: its title, its legend and its values, for readers that show them as text."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple
from weakref import WeakKeyDictionary

from matplotlib.artist import Artist
from matplotlib.axes import Axes


class Entry(NamedTuple):
    """An entry of a legend: a series of the chart, its colour, and what it looks like."""

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
    """What a chart says besides its picture.

    Attributes:
        title: The subject.
        details: Short texts below it; none is empty.
        entries: The legend, from top to bottom.
        values: What the pointer reads; of two boxes at one place, the later one counts.
        series: Artists and the label of the legend entry that they belong to.
    """

    title: str = ""
    details: Sequence[str] = ()
    entries: Sequence[Entry] = ()
    values: list[Value] = field(default_factory=list)
    series: list[tuple[Artist, str]] = field(default_factory=list)


_CONTENTS: "WeakKeyDictionary[Axes, Content]" = WeakKeyDictionary()


def find_content(ax: Axes) -> Content:
    """Return the content of the chart in axes; an empty one before the chart is drawn."""
    return _CONTENTS.setdefault(ax, Content())
