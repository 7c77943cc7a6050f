"""Charts as SVG elements of a page: no style attributes, unique ids, colors for light and dark.

matplotlib writes colors and fonts into `style` attributes, which a strict Content-Security-Policy ignores. Here they
become presentation attributes, and black or grey text takes the color of the page.
"""

import io
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text

from genanalytics.plots.content import Content, Entry, Value, find_content
from genanalytics.plots.room import measure_letters
from genanalytics.plots.style import SETTINGS, leave_out_words
from genanalytics.report.blocks import Chart, Table
from genanalytics.report.drawing import CELLS, HALO, SERIES, Tip, embed, name_color

_DPI = 72
"""A point of the drawing is a unit of the SVG."""
_MARGIN = 3.0
"""The distance between labels and the edge of a drawing, in points."""
_CLIPPED = 3.0
"""An artist that leaves its axes by less, in points, needs no clip path."""
_LEAST_TIP = 6.0
"""The least width and height of what the pointer reads, in points."""
_TIP = re.compile(r'data-tip="[^"]*"')
_SETTINGS: dict[Any, Any] = SETTINGS | {
    "svg.fonttype": "none",
    "svg.image_inline": True,
    "path.simplify_threshold": 0.4,
    "axes.titley": 1.0,  # with a place of its own, no title is moved above ticks, which would have to be measured
}


class _Form(NamedTuple):
    """Sizes of a drawing: of all of it and of a row in inches, of its texts and of the smallest one in points."""

    width: float
    height: float
    row: float
    text: float
    least_text: float


_WIDE, _HALF = _Form(9, 3.4, 0.28, 10.8, 9), _Form(5.4, 3.5, 0.31, 10.8, 9)
_NARROW = _Form(4.2, 3.6, 0.33, 11.2, 9.3)
_AROUND_ROWS, _LEAST_ROWS = 0.8, 3
"""The height next to rows, in inches, and the number of rows with room at least."""


class _Measuring(FigureCanvasAgg):
    """A canvas that measures the texts of all figures with one renderer, which remembers them."""

    def get_renderer(self) -> RendererAgg:
        """Return the renderer; texts are as large in any figure."""
        return _make_renderer()


@cache
def _make_renderer() -> RendererAgg:
    return RendererAgg(1, 1, _DPI)  # type: ignore[no-untyped-call]


class _Printing(RendererSVG):
    """A renderer that measures a text of several figures once."""

    def get_text_width_height_descent(self, s: str, prop: FontProperties, ismath: Any) -> tuple[float, float, float]:  # noqa: ANN401 - as matplotlib calls it
        """Return the width, the height and the descent of a text in points."""
        return measure_letters(s, prop, ismath)


def draw_chart(
    draw: Callable[[Axes], object],
    *,
    name: str,
    question: str,
    numbers: Table | None = None,
    in_words: str = "",
    half: bool = False,
    height: float = 1.0,
) -> Chart:
    """Return a chart of a page: a wide and a narrow drawing; its title, details and legend are text of the page.

    Args:
        draw: A function that draws into axes; it is called once for each drawing.
        name: The name of the chart, unique on the page.
        question: What the chart answers.
        numbers: The numbers that the chart draws.
        in_words: The content of the chart for screen readers.
        half: Whether the chart can be next to another one.
        height: The height of the drawings, as a multiple of the usual one.
    """
    wide = _HALF if half else _WIDE
    drawings, content = [], Content()
    for form, suffix in ((wide, "wide"), (_NARROW, "narrow")):
        scaled = form._replace(height=form.height * height)
        svg, content = _draw(draw, scaled, f"{name}-{suffix}", f"{question} {in_words}".strip())
        drawings.append(svg)
    wide_svg, narrow_svg = drawings[0], _share_tips(*drawings)
    entries = [entry._replace(color=name_color(entry.color)) for entry in content.entries]
    return Chart(
        name,
        content.title,
        content.details,
        question,
        Markup(wide_svg),  # noqa: S704 - made here from escaped parts
        Markup(narrow_svg),  # noqa: S704 - made here from escaped parts
        entries,
        numbers,
        half,
        content.earlier,
    )


def _share_tips(wide: str, narrow: str) -> str:
    """Return a narrow drawing without the texts that the wide one has at the same places; the page looks there."""
    same = _TIP.findall(wide) == _TIP.findall(narrow)
    return _TIP.sub('data-tip=""', narrow) if same else narrow


def _draw(draw: Callable[[Axes], object], form: _Form, name: str, description: str) -> tuple[str, Content]:
    """Return a chart as an SVG element, and what it says besides."""
    with mpl.rc_context(_SETTINGS | {"svg.hashsalt": name, "font.size": form.text}), warnings.catch_warnings():
        # the browser has fonts for what the font that measures lacks
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
        figure = Figure(figsize=form[:2], dpi=_DPI)
        _Measuring(figure)
        ax = figure.subplots()
        with leave_out_words():
            draw(ax)
        content = replace(find_content(ax), values=[], series=[])
        if content.rows:
            figure.set_size_inches(form.width, _AROUND_ROWS + form.row * max(content.rows, _LEAST_ROWS))
        figure.patch.set_visible(False)
        _set_texts(ax, form.least_text)
        _place(ax)
        every = _list_axes(ax)
        _fix_empty_labels(every)
        _mark_series(every, content.entries)
        _unclip(every)
        tips = list(_find_tips(every, content.entries, figure.bbox.height))
        earlier = {place for place, entry in enumerate(content.entries) if entry.label in content.earlier}
        svg = _print(figure)
    return embed(svg, name=name, title=content.title, description=description, tips=tips, earlier=earlier), content


def _print(figure: Figure) -> str:
    """Return a figure as a document.

    `savefig` would draw twice: for the layout that the figure has already, and for the file.
    """
    stream = io.StringIO()
    renderer = _Printing(*figure.bbox.size, stream, image_dpi=_DPI, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
    figure.draw(renderer)
    renderer.finalize()  # type: ignore[no-untyped-call]
    return stream.getvalue()


def _list_axes(ax: Axes) -> list[Any]:
    """Return the axes inside axes, then these: `findobj` would look at each tick."""
    return [*ax.child_axes, ax]


def _set_texts(ax: Axes, least: float) -> None:
    """Give every text at least this size in points."""
    for each in _list_axes(ax):
        for axis in (each.xaxis, each.yaxis):
            axis.get_majorticklabels()  # now it has a text for each tick; later ones look like these
    for text in ax.findobj(Text):
        if text.get_path_effects():  # they would draw its letters as shapes
            text.set_path_effects([])
            text.set_gid(HALO)
        if float(text.get_fontsize()) < least:
            text.set_fontsize(least)


def _place(ax: Axes) -> None:
    """Place axes for good: with their labels they fill the figure.

    Constrained layout measures every text twice. Here it is once, unless the place changes the labels of ticks, or what
    is next to the axes grows with them.
    """
    for each in _list_axes(ax):
        each.spines[:].set_in_layout(False)  # they end before their labels, and measuring them finds the ticks again
    before = _list_ticks(ax)
    _fill_figure(ax)
    if _list_ticks(ax) != before or not all(_is_inside(child, ax.bbox.padded(1)) for child in ax.child_axes):
        _fill_figure(ax)


def _list_ticks(ax: Axes) -> list[float]:
    """Return the places of the ticks that axes, and those inside, have now, in data coordinates.

    Axes inside get their place first.
    """
    for inner in ax.child_axes:
        locate: Any = inner.get_axes_locator()
        inner.apply_aspect(locate(inner, None))
    both = [axis for each in _list_axes(ax) for axis in (each.xaxis, each.yaxis)]
    return [place for axis in both for place in axis.get_ticklocs(minor=False)]


def _fill_figure(ax: Axes) -> None:
    """Give axes the place in which they fill the figure if their labels stay as large as they are."""
    place = ax.get_position(original=True)
    box: Any = ax.get_tightbbox(call_axes_locator=False, for_layout_only=True)
    drawn, (width, height) = box.transformed(ax.figure.transSubfigure.inverted()), ax.figure.bbox.size
    left, right = _MARGIN / width + place.x0 - drawn.x0, 1 - _MARGIN / width - (drawn.x1 - place.x1)
    bottom, top = _MARGIN / height + place.y0 - drawn.y0, 1 - _MARGIN / height - (drawn.y1 - place.y1)
    ax.set_position((left, bottom, right - left, top - bottom))


def _fix_empty_labels(every: Sequence[Axes]) -> None:
    """Give each axis label without a text a fixed place: to find one next to the ticks, these are measured again."""
    for ax in every:
        for axis in (ax.xaxis, ax.yaxis):
            if not axis.get_label_text():
                axis.set_label_coords(0, 0)


def _mark_series(every: Sequence[Axes], entries: Sequence[Entry]) -> None:
    """Write the place of its legend entry into the id of each artist that belongs to one."""
    places = {entry.label: place for place, entry in enumerate(entries)}
    for ax in every:
        ax.patch.set_visible(False)
        for artist, label in find_content(ax).series:
            if label in places:
                artist.set_gid(f"{SERIES}{places[label]}")
        for mesh in (drawn for drawn in ax.collections if isinstance(drawn, QuadMesh)):
            mesh.set_rasterized(False)  # a color bar would become an image, which the page's policy does not load
            mesh.set_gid(CELLS)


def _unclip(every: Sequence[Axes]) -> None:
    """Take the clip path from every artist inside of its axes."""
    for ax in every:
        room = ax.bbox.padded(_CLIPPED)
        for artist in ax.get_children():
            if artist.get_clip_on() and artist.get_clip_box() is not None and _is_inside(artist, room):
                artist.set_clip_on(False)


def _is_inside(artist: Artist, room: Any) -> bool:  # noqa: ANN401 - a box of matplotlib
    box = artist.get_window_extent()
    return bool(room.x0 <= box.x0 and room.y0 <= box.y0 and box.x1 <= room.x1 and box.y1 <= room.y1)


def _find_tips(every: Sequence[Axes], entries: Sequence[Entry], height: float) -> Iterator[Tip]:
    """Yield what the pointer reads: boxes in units of the SVG, inside of their axes."""
    places = {entry.label: place for place, entry in enumerate(entries)}
    for ax in every:
        values = find_content(ax).values
        boxes = zip(values, *_find_boxes(ax, values), strict=True)
        for value, (left, low), (right, high) in boxes:
            if right > left and high > low:
                yield Tip(left, height - high, right - left, high - low, value.text, places.get(value.series))


def _find_boxes(ax: Axes, values: Sequence[Value]) -> "tuple[np.ndarray, np.ndarray]":
    """Return the lower left and the upper right corners of boxes in points, inside of the axes."""
    across = _list_ends(ax.xaxis, ax.get_xlim(), [(value.left, value.right) for value in values])
    up = _list_ends(ax.yaxis, ax.get_ylim(), [(value.bottom, value.top) for value in values])
    corners = ax.transData.transform(np.stack([across, up], axis=-1).reshape(-1, 2)).reshape(-1, 2, 2)
    lowest, highest = corners.min(axis=1), corners.max(axis=1)
    add = np.maximum(0.0, _LEAST_TIP - (highest - lowest)) / 2
    return np.maximum(lowest - add, ax.bbox.p0), np.minimum(highest + add, ax.bbox.p1)


def _list_ends(
    axis: Axis, limits: tuple[float, float], spans: Sequence[tuple[float | None, float | None]]
) -> "np.ndarray":
    """Return the ends of spans as numbers; None is the limit of the axis at this end."""
    convert: Any = axis.convert_units
    ends = [[limit if end is None else convert(end) for end, limit in zip(span, limits, strict=True)] for span in spans]
    return np.array(ends, dtype=float).reshape(-1, 2)
