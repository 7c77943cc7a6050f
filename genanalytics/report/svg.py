"""Charts as SVG elements of a page: no style attributes, unique ids, colours for light and dark.

matplotlib writes colours and fonts into `style` attributes, which a strict Content-Security-Policy ignores. Here they
become presentation attributes, and black or grey text takes the colour of the page.
"""

import io
import re
import warnings
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from genanalytics.plots.style import SETTINGS, SIZE
from genanalytics.report.page import UNREADABLE

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_INK = {"#000000": "1", "#262626": "1", "#333333": "1", "#666666": "0.75", "black": "1"}
"""The colours of text and axes on white, and their opacity in the text colour of the page."""
_CLASSES = {"#ffffff": "paper", "white": "paper", "#e6e6e6": "faint", "#dcdce0": "faint"}
"""The colours that the page replaces, and their classes in its style."""
_FONT = re.compile(
    r"^(?:(?P<style>italic|oblique)\s+)?(?:(?P<weight>bold|\d{3})\s+)?(?P<size>[\d.]+)px\s+(?P<family>.+)$"
)
_SETTINGS: dict[Any, Any] = SETTINGS | {"svg.fonttype": "none", "svg.image_inline": True}


def draw_svg(draw: Callable[[Axes], object], *, name: str, title: str, description: str) -> str:
    """Return a chart as an SVG element.

    Args:
        draw: A function that draws into axes.
        name: The prefix of all ids of the element, unique on the page.
        title: The title for screen readers.
        description: The description for screen readers.
    """
    with mpl.rc_context(_SETTINGS | {"svg.hashsalt": name, "svg.id": name}):
        figure = Figure(figsize=SIZE, layout="constrained")
        draw(figure.subplots())
        for axes in figure.axes:
            axes.patch.set_visible(False)
        meshes = figure.findobj(QuadMesh)
        for mesh in meshes:
            mesh.set_rasterized(False)  # a colour bar would become an image, which the page's policy does not load
        stream = io.BytesIO()
        with warnings.catch_warnings():  # the browser has fonts for what the font that measures lacks
            warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
            figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    # labels on a map of colours are drawn for white paper, so the chart keeps it on a dark page
    return _embed(stream.getvalue(), name=name, title=title, description=description, on_paper=bool(meshes))


def _embed(svg: bytes, *, name: str, title: str, description: str, on_paper: bool) -> str:
    """Return a document of matplotlib as an element; `on_paper` keeps its colours, on white paper."""
    root = ET.fromstring(UNREADABLE.sub("\N{REPLACEMENT CHARACTER}", svg.decode()))  # noqa: S314 - written by matplotlib a moment ago
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in {f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"}:
                parent.remove(child)
    for element in root.iter():
        _restyle(element)
        if not on_paper:
            _recolour(element)
        _rename(element, name)
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    if on_paper:
        root.set("class", "on-paper")
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-description")
    for place, (tag, part, text) in enumerate((("title", "title", title), ("desc", "description", description))):
        label = ET.Element(f"{{{_SVG}}}{tag}", {"id": f"{name}-{part}"})
        label.text = text
        root.insert(place, label)
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    return ET.tostring(root, encoding="unicode")


def _restyle(element: ET.Element) -> None:
    """Replace the style of an element by attributes."""
    for declaration in element.attrib.pop("style", "").split(";"):
        name, colon, value = (part.strip() for part in declaration.partition(":"))
        if name == "font":
            _set_font(element, value)
        elif colon:
            element.set(name, value)


def _recolour(element: ET.Element) -> None:
    """Give text, axes and paper the colours of the page."""
    for name in ("fill", "stroke"):
        colour = element.get(name, "").lower()
        if colour in _INK:
            element.set(name, "currentColor")
            if _INK[colour] != "1":
                element.set(f"{name}-opacity", _INK[colour])
        elif colour in _CLASSES:
            element.set("class", f"{element.get('class', '')} {_CLASSES[colour]}-{name}".strip())
    if element.tag == f"{{{_SVG}}}text" and "fill" not in element.attrib:
        element.set("fill", "currentColor")


def _set_font(element: ET.Element, value: str) -> None:
    """Set the parts of a `font` shorthand, except for the family, which the page decides."""
    parts = _FONT.match(value)
    if parts is None:
        return
    for part in ("size", "weight", "style"):
        if parts[part]:
            element.set(f"font-{part}", parts[part])


def _rename(element: ET.Element, name: str) -> None:
    """Make the id of an element, and its references to ids, unique on the page."""
    if "id" in element.attrib and not element.attrib["id"].startswith(name):
        element.set("id", f"{name}-{element.attrib['id']}")
    for attribute, value in element.attrib.items():
        if attribute == f"{{{_XLINK}}}href" and value.startswith("#"):
            element.set(attribute, f"#{name}-{value[1:]}")
        elif "url(#" in value:
            element.set(attribute, value.replace("url(#", f"url(#{name}-"))
