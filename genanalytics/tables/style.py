"""How text for people looks: plain, or with the colors and small charts of a terminal."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Look(StrEnum):
    """The look of a part of a text; the value is what turns it on in a terminal."""

    HEAD = "\x1b[1m"
    DIM = "\x1b[2m"
    LOSS = "\x1b[31m"
    CHART = "\x1b[36m"


_END = "\x1b[0m"
_LOOKS = re.compile("(" + "|".join(map(re.escape, [*Look, _END])) + ")")


@dataclass(frozen=True, slots=True)
class Style:
    """How a table looks.

    Attributes:
        is_colored: Whether headings, gaps and losses stand out, with a rule before the total.
        has_charts: Whether shares have bars and costs a trend, where there is room.
        choice: How the reader chooses columns, for the line on columns that do not fit.
    """

    is_colored: bool = False
    has_charts: bool = False
    choice: str = "`columns` chooses"

    def paint(self, text: str, look: Look | None) -> str:
        r"""Return a text whose characters are harmless, with a look if the style has colors.

        >>> Style(is_colored=True).paint("–", Look.DIM), PLAIN.paint("–", Look.DIM)
        ('\x1b[2m–\x1b[0m', '–')
        """
        return f"{look}{text}{_END}" if look and self.is_colored and text.strip() else text


PLAIN = Style()
"""The style of text that is not for a terminal."""


def split_looks(text: str) -> list[str]:
    r"""Return a text in parts, in turn one of characters and one that changes the look.

    >>> split_looks("a\x1b[2m–\x1b[0m")
    ['a', '\x1b[2m', '–', '\x1b[0m', '']
    """
    return _LOOKS.split(text)
