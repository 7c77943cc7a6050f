"""A progress bar in terminals and notebooks."""

import sys
from collections.abc import Mapping, Sized
from typing import Never

from tqdm import tqdm


def make_progress_bar(ids: object, *, progress: bool | None) -> "tqdm[Never]":
    """Return a bar with the rate, and with the time left if `ids` has a length.

    The bar is text everywhere: on stderr or, in a notebook, on stdout, since notebooks show stderr as an error. With
    `progress` None it is drawn in a terminal or a notebook only.
    """
    notebook = is_in_notebook()
    if progress is None:
        progress = notebook or sys.stderr.isatty()
    total = len(ids) if progress and isinstance(ids, Sized) and not isinstance(ids, str | Mapping) else None
    stream = sys.stdout if notebook else sys.stderr
    return tqdm(total=total, unit=" ids", delay=0.5, disable=not progress, file=stream)


def is_in_notebook() -> bool:
    """Return whether this runs in a cell of a notebook: Jupyter in any front end, or marimo."""
    ipython, marimo = sys.modules.get("IPython"), sys.modules.get("marimo")
    if ipython is not None and hasattr(ipython.get_ipython(), "kernel"):  # IPython in a terminal has none
        return True
    return marimo is not None and bool(marimo.running_in_notebook())
