"""The look of every chart: applied inside a context, so that the caller's settings are not touched."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from genanalytics.errors import InputError, OutputError

HUES = ("#5790fc", "#f89c20", "#e42536", "#964a8b", "#7a21dd")
"""Safe for colour-blind readers: five of the six of M. A. Petroff, "Accessible Color Sequences" (2021)."""
GREY = "#9c9ca1"
"""The sixth: whatever is not in focus."""

_SIZE = (9, 4.5)

_SETTINGS: dict[Any, Any] = {
    "text.parse_math": False,  # a name or an amount that holds two dollar signs is text
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "grid.color": "#e6e6e6",
    "font.size": 10,
}


def save(frame: pd.DataFrame, chart: Callable[..., Axes], path: str | os.PathLike[str], *, by: str = "model") -> None:
    """Draw a chart into a file whose suffix names the form (.png, .svg, .pdf); no window and no backend is needed.

    Args:
        frame: The chart's data.
        chart: One of the functions of `genanalytics.plots`.
        path: The file.
        by: The column whose values are told apart.

    Raises:
        InputError: The suffix names no form.
        OutputError: The file cannot be written.
    """
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=_SIZE, layout="constrained")
        form = Path(path).suffix.lstrip(".").lower()
        if form not in figure.canvas.get_supported_filetypes():
            msg = f"{os.fspath(path)!r} names no form of picture: name a file that ends in .png, .svg or .pdf"
            raise InputError(msg)
        chart(frame, by=by, ax=figure.subplots())
        try:
            figure.savefig(path, dpi=150)
        except OSError as error:
            msg = f"cannot write {os.fspath(path)}: {error.strerror}"
            raise OutputError(msg) from error


@contextmanager
def styled(ax: Axes | None) -> Iterator[Axes]:
    """Yield `ax`, or the axes of a new figure, with the style on while the block draws."""
    with mpl.rc_context(_SETTINGS):
        if ax is None:
            import matplotlib.pyplot as plt  # noqa: PLC0415 - choosing a backend is left until a figure is wanted

            _, ax = plt.subplots(figsize=_SIZE, layout="constrained")
        yield ax


def titled(ax: Axes, subject: str, detail: str) -> None:
    """Write the subject in bold and, grey beneath it, what the numbers rest on."""
    ax.set_title(subject, fontweight="bold", pad=22)
    ax.text(0, 1.02, detail, transform=ax.transAxes, color="#666666", fontsize=9, va="bottom")
