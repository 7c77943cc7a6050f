"""Records from stdin, in the place of a file."""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from genanalytics.errors import GenAnalyticsError

STDIN = "-"
"""The name of stdin among the paths of a command."""


@contextmanager
def hold_stdin(paths: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield the paths with the content of stdin as a file in the place of `-`, which errors name all the same.

    A command can read a file twice, and from any place in it, as Parquet needs.
    """
    if STDIN not in paths:
        yield tuple(paths)
        return
    with tempfile.TemporaryDirectory(prefix="genanalytics-") as directory:
        held = Path(directory) / "stdin"
        with held.open("wb") as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
        try:
            yield tuple(str(held) if path == STDIN else path for path in paths)
        except GenAnalyticsError as error:
            error.args = (str(error).replace(str(held), STDIN), *error.args[1:])
            raise
