"""A screen that is drawn again and again in the same place, while the program works."""

import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Event, Thread
from typing import Self

from genanalytics.errors import OutputError

_REDRAW_S = 1.0


class Screen:
    """The terminal on stdout, drawn every second by a thread of its own, as long as the context lasts.

    Each drawing is written in one piece and clears only what it does not overwrite, so nothing flickers.

    Args:
        make_lines: Returns the lines for a width and a height; no character in them acts on a terminal.
    """

    def __init__(self, make_lines: Callable[[int, int], Sequence[str]]) -> None:
        self._make_lines = make_lines
        self._ended = Event()
        self._thread = Thread(target=self._draw_often, daemon=True)

    def __enter__(self) -> Self:
        self._write("\x1b[2J")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        with suppress(OSError, OutputError):  # the terminal is gone
            self._draw()

    def _draw_often(self) -> None:
        with suppress(OSError, OutputError):  # without a terminal, the work goes on
            while not self._ended.wait(_REDRAW_S):
                self._draw()

    def _draw(self) -> None:
        size = shutil.get_terminal_size()
        lines = self._make_lines(size.columns, size.lines)
        # no line is wrapped: a character can take two places
        self._write("\x1b[?7l\x1b[H" + "".join(f"{line}\x1b[K\r\n" for line in lines) + "\x1b[J\x1b[?7h")

    @staticmethod
    def _write(text: str) -> None:
        """Write to the terminal past the text layer, which lets no character act."""
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode(sys.stdout.encoding, "replace"))
        sys.stdout.buffer.flush()
