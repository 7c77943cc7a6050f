"""The colors of charts: readable on white and on dark paper, and to color-blind readers."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb, to_rgba

from genanalytics.base.text import list_names
from genanalytics.errors import InputError

HUES = ("#2864c8", "#c88200", "#965082", "#32a0aa", "#aa78fa", "#5aa06e", "#646e14")
"""The colors of groups, in order. Each has a contrast of at least 3 on white and on #17171a, and none is red.

They come from a search of the sRGB cube for colors that are far apart (CIEDE2000: Sharma, Wu and Dalal, 2005), as seen
with normal sight, deuteranopia and protanopia (Machado, Oliveira and Fernandes, 2009). The nearest two are 12.7 apart.
"""
GREY = "#808086"
"""Everything that is not in focus, and the groups without a color of their own."""
GAIN, LOSS = HUES[0], "#dc2f38"
"""Money saved, and money lost. Red is for losses and failures only, never for a group."""
HEAT = LinearSegmentedColormap.from_list("heat", [to_rgba(HUES[0], 0.08), to_rgba(HUES[0], 1.0)])
"""From little to much: one hue that covers more and more of the paper, light or dark."""

Theme: TypeAlias = Literal["light", "dark"]
_LIGHT, _DARK = ("#ffffff", "#000000", "#000000"), ("#17171a", "#ececee", "#b4b4ba")
"""The paper, the ink of text, and the ink of axes."""
_LINES = ("axes.edgecolor", "xtick.color", "ytick.color")

_LEAST_CONTRAST = 4.5
"""Of text, as WCAG 2 asks for it."""
_SOFT, _FAINT, _PALE = 0.4, 0.1, 0.137
"""The shares of paper in secondary text, and of ink in grid lines and in lines behind others."""


class Look(NamedTuple):
    """The colors of a chart other than those of its data, from the style of the caller.

    Attributes:
        ink: Text and lines in front.
        soft: Secondary text.
        faint: Grid lines.
        pale: Lines and areas behind others.
        paper: The background, and the lines that separate areas.
    """

    ink: str
    soft: str
    faint: str
    pale: str
    paper: str


def find_look(ax: Axes) -> Look:
    """Return the colors of text, grid lines and paper in axes: of the background, and of the text of the style.

    >>> from matplotlib.figure import Figure
    >>> find_look(Figure().subplots())
    Look(ink='#000000', soft='#666666', faint='#e6e6e6', pale='#dcdcdc', paper='#ffffff')
    """
    ink = to_hex(mpl.rcParams["text.color"])
    paper = _find_paper(ax, ink)
    if measure_contrast(ink, paper) < _LEAST_CONTRAST:
        ink = max("#000000", "#ffffff", key=lambda color: measure_contrast(color, paper))
    return Look(ink, _mix(ink, paper, 1 - _SOFT), _mix(ink, paper, _FAINT), _mix(ink, paper, _PALE), paper)


def _find_paper(ax: Axes, ink: str) -> str:
    """Return the color behind axes; behind transparent ones, the one on which the text of the style is readable."""
    for face in (ax.get_facecolor(), ax.figure.get_facecolor()):
        if to_rgba(face)[3] > 0:
            return to_hex(face)
    return max("#000000", "#ffffff", key=lambda color: measure_contrast(color, ink))


def find_settings(theme: Theme | None) -> dict[Any, Any]:
    """Return the settings of matplotlib for light or dark paper; none for those in use.

    Raises:
        InputError: There is no such theme.
    """
    if theme is None:
        return {}
    if theme not in get_args(Theme):
        msg = f"no theme {theme!r}; there are {list_names(get_args(Theme))}"
        raise InputError(msg)
    paper, ink, lines = _LIGHT if theme == "light" else _DARK
    papers = ("figure.facecolor", "axes.facecolor", "savefig.facecolor")
    texts = ("text.color", "axes.labelcolor", "axes.titlecolor", "xtick.labelcolor", "ytick.labelcolor")
    return dict.fromkeys(papers, paper) | dict.fromkeys(texts, ink) | dict.fromkeys(_LINES, lines)


def measure_contrast(one: str, other: str) -> float:
    """Return the contrast of two colors, from 1 to 21, as WCAG 2 defines it.

    >>> measure_contrast("#ffffff", "#000000")
    21.0
    """
    dark, light = sorted(map(_measure_luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def _measure_luminance(color: str) -> float:
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(color)]  # noqa: PLR2004 - WCAG 2
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _mix(one: str, other: str, share: float) -> str:
    """Return a color between two; `share` is the part of the first."""
    red, green, blue = (share * a + (1 - share) * b for a, b in zip(to_rgb(one), to_rgb(other), strict=True))
    return to_hex((red, green, blue))


def choose_colors(
    groups: Sequence[Any], colors: Mapping[Any, str] | None = None, *, usual: Mapping[Any, str] | None = None
) -> list[str]:
    """Return a color for each group: the given one, the usual one, or the next hue; grey without one.

    A hue that is given to a group is not used for another one.

    Raises:
        InputError: The colors are no mapping, or one is none that matplotlib knows.

    >>> choose_colors(["a", "b", "c"], {"b": "black", "z": "white"})[1]
    '#000000'
    """
    if not isinstance(colors, Mapping | None):
        msg = f"colors is {colors!r}: give a mapping from groups to colors, such as {{'openai/gpt-5': 'teal'}}"
        raise InputError(msg)
    given = {group: _read_color(group, color) for group, color in {**(usual or {}), **(colors or {})}.items()}
    taken = {given[group] for group in groups if group in given}
    free = iter([hue for hue in HUES if hue not in taken])
    return [given[group] if group in given else next(free, GREY) for group in groups]


def _read_color(group: object, color: str) -> str:
    try:
        return to_hex(color)
    except ValueError:
        msg = f"colors[{group!r}] is {color!r}: give a color of matplotlib, such as {list_names(HUES[:2])} or 'teal'"
        raise InputError(msg) from None
