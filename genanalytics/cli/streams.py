"""Standard streams that always exist.

A caller can close them, fill the disk behind them, go away before the end, or use an old encoding.
"""

import codecs
import io
import os
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from genanalytics.base.text import escape_unprintable, explain
from genanalytics.errors import OutputError
from genanalytics.tables.style import split_looks

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_SPELLINGS = {"≥": ">=", "−": "-", "–": "-", "…": "...", "─": "-"}
"""The characters of our own tables and messages that not every encoding has."""
_ERRORS = "genanalytics.spell"
_CLEAR = "\x1b[H\x1b[2J"
"""Moves the cursor of a terminal to the top left corner, and empties the screen."""


def open_standard_streams() -> None:
    """Make stdin, stdout and stderr usable, even if the caller closed them.

    A result that cannot be written is an error. A notice that cannot be written is dropped: the result is more
    important. A character that the encoding lacks is spelled, or escaped.
    """
    _open_closed_handles()
    codecs.register_error(_ERRORS, _spell)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - until the process ends
    sys.stdout = _guard(sys.stdout, 1, drops_failures=False)
    sys.stderr = _guard(sys.stderr, 2, drops_failures=True)


def say(*lines: str, err: bool = False) -> None:
    """Print lines for people: no character in them acts on a terminal, not even when a log is shown there later."""
    for line in lines:
        print(escape_unprintable(line), file=sys.stderr if err else sys.stdout, flush=True)


def say_table(table: object) -> None:
    """Print a table or another text of several lines, whose cells are escaped; only looks of `Style` act."""
    for line in str(table).split("\n"):
        parts = split_looks(line)
        parts[::2] = map(escape_unprintable, parts[::2])
        if isinstance(sys.stdout, _TerminalText):
            sys.stdout.write_looks(parts)
        else:
            sys.stdout.write("".join(parts[::2]))
        sys.stdout.write("\n")
    sys.stdout.flush()


def emit(data: str) -> None:
    """Print a line of data for programs, exactly as it is; on a terminal, no character in it acts."""
    sys.stdout.write(f"{data}\n")


def clear_before_next_text() -> bool:
    """Let the next text replace the screen, if stdout is a terminal, and return whether it is one.

    The old text remains until then: an empty screen between both would flicker.
    """
    is_screen = isinstance(sys.stdout, _TerminalText) and os.environ.get("TERM") != "dumb"
    _TerminalText.clears_next = is_screen
    return is_screen


class _Guarded(io.RawIOBase):
    """A raw stream that reports its first failure, and then takes everything: Python flushes it again at the end."""

    def __init__(self, raw: io.RawIOBase, *, drops_failures: bool) -> None:
        self._raw = raw
        self._drops_failures = drops_failures
        self._failed = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def isatty(self) -> bool:
        return self._raw.isatty()

    def write(self, data: "ReadableBuffer") -> int | None:
        if self._failed:
            return memoryview(data).nbytes
        try:
            return self._raw.write(data)
        except OSError as error:
            self._failed = True
            if self._drops_failures:
                return memoryview(data).nbytes
            if isinstance(error, BrokenPipeError):
                raise
            msg = f"cannot write the output: {explain(error)}"
            raise OutputError(msg) from error


class _TerminalText(io.TextIOWrapper):
    """Text on a terminal, where no character of data acts; pipes and files get data as it is.

    Attributes:
        clears_next: Whether the next text on any of the streams replaces the screen.
    """

    clears_next = False

    def write_looks(self, parts: Sequence[str]) -> None:
        """Write parts of a text whose characters are harmless, with looks between them."""
        self._clear()
        super().write("".join(parts))

    def _clear(self) -> None:
        if _TerminalText.clears_next:
            _TerminalText.clears_next = False
            super().write(_CLEAR)

    def write(self, text: str) -> int:
        self._clear()
        kept = ("\n", "\r") if self is sys.stderr else ("\n",)  # a progress bar returns to the start of its line
        super().write(
            "".join(part if part in kept else escape_unprintable(part) for part in re.split(r"([\n\r])", text))
        )
        return len(text)


def _open_closed_handles() -> None:
    """Open each closed handle on the null device, so that no file takes its place.

    Stdin and stdout are opened in the wrong direction: reading a closed stdin and writing to a closed stdout fail.
    """
    for handle, flags in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(handle)
        except OSError:
            os.open(os.devnull, flags)  # takes the lowest free handle


def _guard(stream: TextIO | None, handle: int, *, drops_failures: bool) -> TextIO:
    """Return a stream with the same handle and encoding whose failures are reported once, or never."""
    if stream is None:
        raw: Any = io.FileIO(handle, "w", closefd=False)
        encoding, errors = "utf-8", "strict"
    else:
        raw = getattr(stream.buffer, "raw", stream.buffer)  # the same, if Python runs unbuffered
        encoding, errors = stream.encoding, stream.errors or "strict"
    kind = _TerminalText if raw.isatty() else io.TextIOWrapper
    return kind(
        io.BufferedWriter(_Guarded(raw, drops_failures=drops_failures)),
        encoding=encoding,
        errors=_ERRORS if errors in {"strict", "surrogateescape"} else errors,
        line_buffering=drops_failures or raw.isatty(),
    )


def _spell(error: UnicodeError) -> tuple[str, int]:
    """Return a character in plain letters, as an error handler of `codecs`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    return _SPELLINGS.get(character) or ascii(character)[1:-1], error.start + 1
