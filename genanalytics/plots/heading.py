"""The title of a chart with its details, arranged for the width and the legend that the axes have when drawn."""

import re
from bisect import bisect
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.text import Text
from matplotlib.transforms import Bbox, IdentityTransform

from genanalytics.base.text import shorten
from genanalytics.plots.fitting import Fitting
from genanalytics.plots.legend import arrange_labels, find_legend, place_legend
from genanalytics.plots.palette import Look
from genanalytics.plots.room import measure_cell

_MOST_TITLE_LINES = 2
_MOST_DETAIL_LINES = 3
_LEAST_WIDTH = 230.0
"""Narrower axes have no details, in points."""
_CLOSE = 1.3
"""How many more letters than usual a text that fits can have, as a factor."""
_TALL = 280.0
"""Lower cells have a line of details less, in points."""
_GAP = 4.0
"""The distance between title, details and legend, in points."""
_PIXEL = 1.0
"""Edges that differ by less, in pixels, are at the same place."""
_WIDTHS: WeakKeyDictionary[RendererBase, dict[Any, dict[str, float]]] = WeakKeyDictionary()
"""The widths of lines in pixels, by renderer and look: a layout asks for the same ones again and again."""


class Heading(Text):
    """The title of axes: a subject, with details below it, and the legend below these.

    It begins at the left edge of the tick labels. `Axes.set_title` replaces the subject and the details: its text is
    where matplotlib puts titles.
    """

    subject = ""
    details: Sequence[str] = ()
    handles: Sequence[Artist] = ()
    look: Look
    labels: tuple[int, Sequence[str]] = (0, ())
    """The columns and the texts of the legend."""

    def set_text(self, s: object) -> None:
        """Set another title, without details."""
        if self.subject and s != self.subject:
            self.subject, self.details = "", ()
            self.set_x(0.5)
            self.set_parse_math(mpl.rcParams["text.parse_math"])  # a formula of the caller is one
        super().set_text(s)

    def get_visible(self) -> bool:
        """Return whether it is drawn: not if the caller has set a title at the left."""
        axes: Any = self.axes
        return bool(super().get_visible() and not (self.subject and axes and axes.get_title(loc="left")))

    def get_window_extent(self, renderer: RendererBase | None = None, dpi: float | None = None) -> Bbox:
        """Return the box around title, details and legend."""
        drawn = [] if self.axes is None else self._arrange(renderer)
        if not drawn:
            return super().get_window_extent(renderer, dpi)
        return Bbox.union([box for _, box in drawn])

    def draw(self, renderer: RendererBase) -> None:
        """Draw title and details; the axes draw the legend."""
        if self.get_visible() and self.axes is not None:
            for artist, _ in self._arrange(renderer):
                if isinstance(artist, Text):
                    artist.draw(renderer)
        self.stale = False

    def _arrange(self, renderer: RendererBase | None) -> list[tuple[Artist, Bbox]]:
        """Put the legend into its place; return it and the texts, from the bottom to the top, with their boxes."""
        axes: Any = self.axes
        if not self.get_text() and not self.details and find_legend(axes) is None:
            return []
        left, width = _recall_room(axes, renderer)
        scale = axes.figure.dpi / 72
        place, bottom = self.get_transform().transform(self.get_position())
        drawn: list[tuple[Artist, Bbox]] = []

        def add(artist: Artist) -> float:
            """Add an artist, and return the place above it."""
            drawn.append((artist, artist.get_window_extent(renderer)))
            return float(drawn[-1][1].y1 + _GAP * scale)

        if find_legend(axes) is not None:
            bottom = add(self._fit_legend(left, bottom, width / scale))
        if self.details and width >= _LEAST_WIDTH * scale:
            details = self._make_text("; ".join(self.details), left, bottom)
            details.set(fontsize="small", fontweight="normal", color=self.look.soft, va="bottom")
            most = _MOST_DETAIL_LINES if measure_cell(axes)[1] >= _TALL else _MOST_DETAIL_LINES - 1
            details.set_text("\n".join(_wrap_parts(_make_ruler(details, renderer), self.details, width, most)))
            bottom = add(details)
        if self.get_text():
            title = self._make_text(self.get_text(), left if self.subject else place, bottom)
            if self.subject:
                lines = _wrap(_make_ruler(title, renderer), self.get_text(), width, _MOST_TITLE_LINES)
                title.set_text("\n".join(lines))
            add(title)
        return drawn

    def _fit_legend(self, left: float, bottom: float, room: float) -> Artist:
        """Return the legend, in a place of the figure in pixels; another width in points makes it another one."""
        axes: Any = self.axes
        labels = arrange_labels([str(handle.get_label()) for handle in self.handles], room)
        if labels != self.labels:  # otherwise it keeps what the caller has changed in it
            self.labels = labels
            place_legend(axes, self.handles, labels, self.look.ink)
        legend = axes.get_legend()
        legend.set_bbox_to_anchor((left, bottom - _GAP * axes.figure.dpi / 144), IdentityTransform())
        found: Artist = legend
        return found

    def _make_text(self, text: str, x: float, y: float) -> Text:
        """Return a text with the look of the title, at a place of the figure in pixels."""
        made = Text(x, y)
        made.update_from(self)
        made.set(text=text, transform=IdentityTransform(), va="bottom", parse_math=self.get_parse_math())
        figure: Any = self.figure
        made.set_figure(figure)
        return made


def set_heading(ax: Axes, subject: str, details: Sequence[str], look: Look) -> None:
    """Make a heading the title of axes."""
    heading = ax.title if isinstance(ax.title, Heading) else _add_heading(ax)
    heading.subject, heading.details, heading.look = "", (), look
    ax.set_title(subject, x=0, ha="left", fontweight="bold", color=look.ink)
    heading.subject, heading.details = subject, details


def set_legend(ax: Axes, handles: Sequence[Artist], look: Look) -> None:
    """Write a legend below the heading of axes; none without handles."""
    heading = ax.title if isinstance(ax.title, Heading) else _add_heading(ax)
    heading.look, heading.handles = look, handles
    if handles:
        heading.labels = arrange_labels([str(handle.get_label()) for handle in handles], measure_cell(ax)[0])
        place_legend(ax, handles, heading.labels, look.ink)


def _add_heading(ax: Axes) -> Heading:
    heading = Heading()
    heading.update_from(ax.title)
    heading.axes = ax
    heading.set_figure(ax.figure)
    heading.set_transform(ax.title.get_transform())
    ax.title = heading
    return heading


def _recall_room(ax: Axes, renderer: RendererBase | None) -> tuple[float, float]:
    """Return the room of the heading, which is measured once whenever the axes are placed."""
    fitting: Any = ax.get_axes_locator()
    if not isinstance(fitting, Fitting):
        return _find_room(ax, renderer)
    if fitting.room is None:
        fitting.room = _find_room(ax, renderer)
    return fitting.room


def _find_room(ax: Axes, renderer: RendererBase | None) -> tuple[float, float]:
    """Return the left edge of axes with their tick labels, and the width to the end of texts at the right, in px."""
    own = ax.get_window_extent(renderer)
    labels = ax.yaxis.get_tightbbox(renderer) if ax.axison else None
    texts = [text.get_window_extent(renderer) for text in ax.texts if text.get_in_layout()]
    texts += [box for child in _list_at_right(ax, renderer) if (box := child.get_tightbbox(renderer))]
    left = own.x0 if labels is None else min(own.x0, labels.x0)
    return left, max([own.x1, *(each.x1 for each in texts)]) - left


def _list_at_right(ax: Axes, renderer: RendererBase | None) -> Iterator[Axes]:
    """Yield the axes inside these that reach beyond their right edge, such as scales of colors."""
    child: Any
    for child in ax.child_axes:
        locator = child.get_axes_locator()
        child.apply_aspect(locator(child, renderer) if locator else None)
        if child.get_window_extent(renderer).x1 > ax.get_window_extent(renderer).x1 + _PIXEL:
            yield child


class _Ruler(NamedTuple):
    """Measures lines in the look of a text, each line once."""

    text: Text
    renderer: RendererBase | None
    widths: dict[str, float]

    def measure(self, lines: Sequence[str]) -> float:
        """Return the width of the longest line, in pixels."""
        for line in lines:
            if line not in self.widths:
                self.text.set_text(line)
                self.widths[line] = float(self.text.get_window_extent(self.renderer).width)
        return max(self.widths[line] for line in lines)


def _make_ruler(text: Text, renderer: RendererBase | None) -> _Ruler:
    figure: Any = text.figure
    look = (text.get_fontproperties().copy(), text.get_parse_math(), figure.dpi)
    known = {} if renderer is None else _WIDTHS.setdefault(renderer, {})
    return _Ruler(text, renderer, known.setdefault(look, {}))


def _wrap_parts(ruler: _Ruler, parts: Sequence[str], width: float, most: int) -> list[str]:
    """Return as many of the parts as fit, in lines of a width in pixels."""
    for number in range(len(parts), 0, -1):
        lines = _break(ruler, "; ".join(parts[:number]), width)
        if len(lines) <= most:
            return lines
    return _wrap(ruler, parts[0], width, most)


def _wrap(ruler: _Ruler, whole: str, width: float, most: int) -> list[str]:
    """Return a text in lines of a width in pixels; if there are too many, it is shortened."""
    letters = len(whole)
    if letters:
        letter = ruler.measure([whole]) / letters
        letters = min(letters, int(_CLOSE * most * width / letter)) if letter else letters
    lines = _break(ruler, shorten(whole, letters), width)
    while (len(lines) > most or ruler.measure(lines) > width) and letters > 1:
        letters = int(letters * 0.93)
        lines = _break(ruler, shorten(whole, letters), width)
    return lines


def _break(ruler: _Ruler, whole: str, width: float) -> list[str]:
    """Return a text in lines, each with as many words as fit, or with one."""
    words, lines = re.split(" (?!%)", whole), []
    while words:
        fitting = _count_fitting(ruler, words, width)
        lines.append(" ".join(words[:fitting]))
        words = words[fitting:]
    return lines


def _count_fitting(ruler: _Ruler, words: Sequence[str], width: float) -> int:
    """Return the number of words that fit into a line, at least 1; few lines are measured, which is expensive."""
    whole = ruler.measure([" ".join(words)])
    if whole <= width:
        return len(words)
    letters = [*accumulate(len(word) + 1 for word in words)]
    fitting = max(1, bisect(letters, letters[-1] * width / whole))
    while fitting > 1 and ruler.measure([" ".join(words[:fitting])]) > width:
        fitting -= 1
    while ruler.measure([" ".join(words[: fitting + 1])]) <= width:
        fitting += 1
    return fitting
