"""Text in the characters that the fonts of a chart have."""

from functools import lru_cache

import matplotlib as mpl
from matplotlib.font_manager import FontProperties, findfont, get_font


def spell(text: str) -> str:
    r"""Return a text with escapes for the characters that no font in the settings has: boxes would all look the same.

    SVG files with text instead of outlines (`svg.fonttype` is "none") keep them: the viewer has other fonts.

    >>> spell("é 模")
    'é \\u6a21'
    """
    if text.isascii() or mpl.rcParams["svg.fonttype"] == "none":
        return text
    charmaps = [_read_charmap(file) for file in map(_find_file, FontProperties().get_family()) if file]
    return "".join(
        character if any(ord(character) in charmap for charmap in charmaps) else ascii(character)[1:-1]
        for character in text
    )


def _find_file(family: str) -> str:
    """Return the file of a family; empty if it is not installed. Of "sans-serif" and the like, the settings decide."""
    try:
        return findfont(FontProperties(family=[family]), fallback_to_default=False)
    except ValueError:
        return ""


@lru_cache(maxsize=16)
def _read_charmap(file: str) -> frozenset[int]:
    """Return the characters of a font."""
    return frozenset(get_font(file).get_charmap())
