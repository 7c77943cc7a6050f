"""What the terminal can show: its width, and the looks of tables on it."""

import os
import shutil
import sys

from genanalytics.cli.streams import say
from genanalytics.tables.style import Style

_WIDE = 130
"""A terminal of this width has room for charts."""
_NO_TERMINAL = 1_000
"""A width that no table needs."""


def find_terminal_width(*, err: bool = False) -> int:
    """Return the width of the terminal in characters; without a terminal, a width that no table needs."""
    stream = sys.stderr if err else sys.stdout
    return shutil.get_terminal_size().columns if stream.isatty() else _NO_TERMINAL


def choose_style() -> Style:
    """Return the look of tables on stdout: plain in a pipe or a file, with `NO_COLOR`, and with `TERM=dumb`."""
    is_dumb = os.environ.get("TERM", "dumb") == "dumb" if os.name != "nt" else "WT_SESSION" not in os.environ
    has_colors = sys.stdout.isatty() and not is_dumb and not os.environ.get("NO_COLOR")
    has_blocks = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    has_charts = has_colors and has_blocks and find_terminal_width() >= _WIDE
    return Style(is_colored=has_colors, has_charts=has_charts, choice="--columns chooses")


def say_notes(*notes: str, err: bool = False) -> None:
    """Print notes, wrapped at words to the width of the terminal."""
    from genanalytics.tables.notes import put_unknown_last, wrap_notes

    say(*wrap_notes(put_unknown_last(notes), find_terminal_width(err=err)), err=err)
