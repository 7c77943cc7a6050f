"""Charts as SVG that can stand inside a page: without styles of its own, with ids of its own, for light and dark.

matplotlib writes colours and fonts into `style` attributes, which a strict Content-Security-Policy does not apply. Here
they become presentation attributes, and what is black or grey text takes the colour of the page.
"""

import io
import re
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
"""The colours of text and axes in light, and how opaque they are in the colour of the page's text."""
_CLASSES = {"#ffffff": "paper", "white": "paper", "#e6e6e6": "faint", "#dcdce0": "faint"}
"""Colours that the page has its own for, and what its style calls them."""
_FONT = re.compile(
    r"^(?:(?P<style>italic|oblique)\s+)?(?:(?P<weight>bold|\d{3})\s+)?(?P<size>[\d.]+)px\s+(?P<family>.+)$"
)
_SETTINGS: dict[Any, Any] = SETTINGS | {"svg.fonttype": "none", "svg.image_inline": True, "text.parse_math": False}


def drawn(
    draw: Callable[[Axes], object], *, name: str, title: str, description: str, size: tuple[float, float] = SIZE
) -> str:
    """Return a chart as an SVG element.

    Args:
        draw: Draws into the axes that it is given.
        name: What all ids of the element begin with: another one for each chart of a page.
        title: What the chart is called, for those who do not see it.
        description: What it shows, likewise.
        size: Its width and height in inches.
    """
    settings = _SETTINGS | {"svg.hashsalt": name, "svg.id": name}
    with mpl.rc_context(settings):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.subplots())
        for axes in figure.axes:
            axes.patch.set_visible(False)
        meshes = figure.findobj(QuadMesh)
        for mesh in meshes:
            mesh.set_rasterized(False)  # a colour bar would become an image, which the page's policy does not load
        stream = io.BytesIO()
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    # what lies on a map of colours is drawn for white paper, and stays there in the dark
    return embedded(stream.getvalue(), name=name, title=title, description=description, on_paper=bool(meshes))


def embedded(svg: bytes, *, name: str, title: str, description: str, on_paper: bool = False) -> str:
    """Return an SVG document as an element that can stand in a page whose policy allows no styles but its own.

    Args:
        svg: The document, as matplotlib writes it.
        name: What all ids of the element begin with.
        title: What it is called.
        description: What it shows.
        on_paper: Keep its colours as they are, on white paper.
    """
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
    for place, (tag, text) in enumerate((("title", title), ("desc", description))):
        suffix = "title" if tag == "title" else "description"
        label = ET.Element(f"{{{_SVG}}}{tag}", {"id": f"{name}-{suffix}"})
        label.text = text
        root.insert(place, label)
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    return ET.tostring(root, encoding="unicode")


def _restyle(element: ET.Element) -> None:
    """Turn the style of an element into attributes."""
    for declaration in element.attrib.pop("style", "").split(";"):
        name, colon, value = (part.strip() for part in declaration.partition(":"))
        if not colon:
            continue
        if name == "font":
            _set_font(element, value)
        else:
            element.set(name, value)


def _recolour(element: ET.Element) -> None:
    """Give an element the page's own colours where it is text, an axis or paper."""
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
    """Set the parts of a `font` shorthand; families are the page's."""
    parts = _FONT.match(value)
    if parts is None:
        return
    element.set("font-size", parts["size"])
    if parts["weight"]:
        element.set("font-weight", parts["weight"])
    if parts["style"]:
        element.set("font-style", parts["style"])


def _rename(element: ET.Element, name: str) -> None:
    """Give an element an id that no other chart has, and let what refers to one refer to that."""
    if "id" in element.attrib and not element.attrib["id"].startswith(name):
        element.set("id", f"{name}-{element.attrib['id']}")
    for attribute, value in element.attrib.items():
        if attribute == f"{{{_XLINK}}}href" and value.startswith("#"):
            element.set(attribute, f"#{name}-{value[1:]}")
        elif "url(#" in value:
            element.set(attribute, value.replace("url(#", f"url(#{name}-"))
