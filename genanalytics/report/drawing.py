"""A document of matplotlib as an element of a page: small, without style attributes, in the colors of the page."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple
from xml.etree import ElementTree as ET

from genanalytics.report.page import UNREADABLE

SERIES, CELLS, HALO = "series-", "cells", "halo"
"""The ids of artists that belong to a legend entry, before its place, of the cells of a map, and of texts on marks."""

_LINK = "{http://www.w3.org/1999/xlink}href"
_INK = {"#000000": "1", "#262626": "1", "#333333": "1", "#666666": "0.78", "black": "1"}
"""The colors of text and axes on white, and their opacity in the text color of the page."""
_CLASSES = {"#ffffff": "paper", "white": "paper", "#e6e6e6": "faint", "#dcdce0": "faint", "#dcdcdc": "faint"}
"""The colors that the page replaces, and their classes in its style."""
_FONT = re.compile(
    r"^(?:(?P<style>italic|oblique)\s+)?(?:(?P<weight>bold|\d{3})\s+)?(?P<size>[\d.]+)px\s+(?P<family>.+)$"
)
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_STEP = re.compile(r"([MLHVCQZz])([^MLHVCQZz]*)")
_ROUNDED = ("d", "x", "y", "width", "height", "transform", "points", "cx", "cy", "viewBox", "stroke-width", "font-size")
_CELL = re.compile(r"M(?P<left>[\d.]+) (?P<bottom>[\d.]+)H(?P<right>[\d.]+)V(?P<top>[\d.]+)H")
_LEVEL = 0.02
"""The step between the opacities of cells: less is not seen, and every color is a path."""
_DEFAULTS = {"stroke-linejoin": "miter", "stroke-linecap": "butt", "stroke-width": "1"}
"""What a browser takes if an attribute is missing, or the style of the page sets."""
_REFERENCE = re.compile(r"url\(#([^)]*)\)")


class Tip(NamedTuple):
    """A text under the pointer: its box, and the place of its legend entry."""

    left: float
    top: float
    width: float
    height: float
    text: str
    series: int | None


def embed(
    svg: str,
    *,
    name: str,
    title: str,
    description: str,
    tips: Sequence[Tip] = (),
    earlier: Collection[int] = (),
) -> str:
    """Return a document of matplotlib as an element.

    Args:
        svg: The document.
        name: The prefix of all ids of the element, unique on the page.
        title: The title for screen readers.
        description: The description for screen readers.
        tips: The texts under the pointer; of two at one place, the later one counts.
        earlier: The places of legend entries about an earlier time.
    """
    root = ET.fromstring(UNREADABLE.sub("\N{REPLACEMENT CHARACTER}", svg))  # noqa: S314 - written by matplotlib a moment ago
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    _remove(root, lambda element: element.tag in {"metadata", "style"})
    for element in root.iter():
        _restyle(element)
        _recolor(element)
        _round(element)
    _rename(root, name)
    _mark_earlier(root, earlier)
    _draw_cells(root)
    _simplify(root)
    view = root.get("viewBox", "")
    root.attrib.clear()
    root.attrib |= {"viewBox": view, "fill": "currentColor", "role": "img", "aria-label": title}
    root.set("aria-describedby", f"{name}-words")
    words = ET.Element("desc", {"id": f"{name}-words"})
    words.text = description
    root.insert(0, words)
    if tips:
        root.append(_list_tips(tips))
    for element in root.iter():
        if element.tag not in {"text", "tspan", "desc"}:
            element.text = None
        element.tail = None
    return ET.tostring(root, encoding="unicode")


def name_color(color: str) -> str:
    """Return a color of a drawing as the page has it: black and dark grey are the color of its text.

    >>> name_color("#000000"), name_color("#2864c8")
    ('currentColor', '#2864c8')
    """
    return "currentColor" if color.lower() in _INK else color


def _remove(root: ET.Element, is_unwanted: Callable[[ET.Element], bool]) -> None:
    """Remove elements below the root."""
    for parent in list(root.iter()):
        for child in filter(is_unwanted, list(parent)):
            parent.remove(child)


def _list_tips(tips: Sequence[Tip]) -> ET.Element:
    group = ET.Element("g", {"class": "tips"})
    for tip in tips:
        left, top, width, height = (f"{number:.0f}" for number in tip[:4])
        path = f"M{left} {top}h{width}v{height}H{left}z"
        element = ET.SubElement(
            group, "path", {"d": path, "data-tip": UNREADABLE.sub("\N{REPLACEMENT CHARACTER}", tip.text)}
        )
        if tip.series is not None:
            element.set("data-series", str(tip.series))
    return group


def _restyle(element: ET.Element) -> None:
    """Replace the style of an element by attributes."""
    for declaration in element.attrib.pop("style", "").split(";"):
        name, colon, value = (part.strip() for part in declaration.partition(":"))
        if name == "font":
            _set_font(element, value)
        elif colon and _DEFAULTS.get(name) != value:
            element.set(name, value)
    if element.tag == "text" and "font-size" in element.attrib:
        element.attrib.pop("font-family", None)


def _set_font(element: ET.Element, value: str) -> None:
    """Set the parts of a `font` shorthand, except for the family, which the page decides."""
    parts = _FONT.match(value)
    if parts is None:
        return
    for part in ("size", "weight", "style"):
        if parts[part]:
            element.set(f"font-{part}", parts[part])


def _recolor(element: ET.Element) -> None:
    """Give text, axes and paper the colors of the page."""
    for name in ("fill", "stroke"):
        color = element.get(name, "").lower()
        if color in _INK:
            element.set(name, "currentColor")
            if _INK[color] != "1":
                element.set(f"{name}-opacity", _INK[color])
        elif color in _CLASSES:
            element.set("class", f"{element.get('class', '')} {_CLASSES[color]}-{name}".strip())
            del element.attrib[name]


def _round(element: ET.Element) -> None:
    """Write the coordinates of an element with one decimal, and paths in their short form."""
    for name in _ROUNDED:
        if name in element.attrib:
            element.set(
                name, _NUMBER.sub(lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), element.attrib[name])
            )
    if "d" in element.attrib:
        element.set("d", _shorten_path(element.attrib["d"]))
    if element.get("transform", "").startswith(("rotate(-0 ", "rotate(0 ")):
        del element.attrib["transform"]


def _shorten_path(path: str) -> str:
    r"""Return a path without blanks that nothing needs, with H and V for level and upright lines.

    >>> _shorten_path("M 1 2 \nL 5 2 \nL 5 4 \nz")
    'M1 2H5V4z'
    """
    parts, before = [], ("", "")
    for command, numbers in _STEP.findall(path):
        here = numbers.split()
        if command == "L" and here[1] == before[1]:
            parts.append("" if here[0] == before[0] else f"H{here[0]}")
        elif command == "L" and here[0] == before[0]:
            parts.append(f"V{here[1]}")
        else:
            parts.append(command + " ".join(here))
        before = (here[-2], here[-1]) if len(here) > 1 else before
    return "".join(parts)


def _rename(root: ET.Element, name: str) -> None:
    """Make ids unique on the page, and drop those that nothing refers to."""
    used = _rename_references(root, name)
    for element in root.iter():
        identity = element.attrib.pop("id", "")
        if identity in used:
            element.set("id", used[identity])
        elif identity.startswith(SERIES):
            element.set("data-series", identity.removeprefix(SERIES))
        elif identity in {CELLS, HALO}:
            element.set("class", identity)
    _remove(root, lambda element: element.tag in {"clipPath", "pattern"} and "id" not in element.attrib)


def _rename_references(root: ET.Element, name: str) -> dict[str, str]:
    """Give references short names, unique on the page; return the new names by the old ones."""
    used: dict[str, str] = {}
    for element in root.iter():
        link = element.attrib.pop(_LINK, "")
        if link:
            element.set("href", f"#{used.setdefault(link[1:], f'{name}-{len(used)}')}")
        for attribute, value in element.attrib.items():
            found = _REFERENCE.search(value)
            if found:
                element.set(attribute, f"url(#{used.setdefault(found[1], f'{name}-{len(used)}')})")
    return used


def _mark_earlier(root: ET.Element, earlier: Collection[int]) -> None:
    """Give the series about an earlier time the class of changes, which the page can hide."""
    for place in earlier:
        for element in root.iterfind(f".//*[@data-series='{place}']"):
            element.set("class", f"{element.get('class', '')} versus".strip())


def _draw_cells(root: ET.Element) -> None:
    """Draw the cells of each map as one path per color, with sharp edges."""
    for group in root.iter("g"):
        if group.get("class") != CELLS:
            continue
        group.set("shape-rendering", "crispEdges")
        colors: dict[tuple[tuple[str, str], ...], list[str]] = {}
        for cell in list(group):
            opacity = round(float(cell.get("fill-opacity", "1")) / _LEVEL) * _LEVEL
            look = {key: value for key, value in cell.attrib.items() if key != "d"} | {"fill-opacity": f"{opacity:.2f}"}
            colors.setdefault(tuple(sorted(look.items())), []).append(cell.get("d", ""))
            group.remove(cell)
        for same, cells in colors.items():
            style = dict(same)
            parts = cells if "stroke-width" in style else _join_cells(cells)  # lines keep cells apart
            ET.SubElement(group, "path", {"d": "".join(parts), **style})


def _join_cells(cells: Iterable[str]) -> Iterator[str]:
    """Yield the paths of cells; neighbors in a row become one.

    >>> list(_join_cells(["M1 5H2V4H1V5", "M2 5H3V4H2V5", "M7 5H8V4H7V5"]))
    ['M1 5H3V4H1z', 'M7 5H8V4H7z']
    """
    left, bottom, right, top = before = ("", "", "", "")
    for cell in cells:
        found = _CELL.match(cell)
        if not found:
            yield cell
            continue
        if found.group("left", "bottom", "top") == (before[2], bottom, top):
            right = found["right"]
        else:
            yield from [f"M{left} {bottom}H{right}V{top}H{left}z"] * bool(left)
            left, bottom, right, top = found.group("left", "bottom", "right", "top")
        before = (left, bottom, right, top)
    yield from [f"M{left} {bottom}H{right}V{top}H{left}z"] * bool(left)


def _simplify(element: ET.Element) -> None:
    """Take groups without a meaning apart, drop empty ones, and join neighbors that look the same."""
    children: list[ET.Element] = []
    for child in list(element):
        _simplify(child)
        element.remove(child)
        is_bare = child.tag == "g" and not child.attrib
        children += list(child) if is_bare else [child]
    for child in children:
        if child.tag in {"g", "defs"} and not len(child):
            continue
        last = element[-1] if len(element) else None
        if last is not None and _look_same(last, child):
            last.set("d", last.get("d", "") + child.get("d", ""))
        else:
            element.append(child)


def _look_same(one: ET.Element, other: ET.Element) -> bool:
    """Return whether two elements are opaque paths that differ in their place alone."""
    if one.tag != "path" or other.tag != "path" or "id" in one.attrib or "id" in other.attrib:
        return False
    looks = [{key: value for key, value in each.attrib.items() if key != "d"} for each in (one, other)]
    return looks[0] == looks[1] and not any("opacity" in key for key in looks[0])
