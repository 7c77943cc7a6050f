"""A chart as a file."""

import inspect
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure

from genanalytics.errors import InputError, OutputError
from genanalytics.plots.style import SETTINGS, SIZE

_SILENT: Mapping[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
"""What would make two files of one chart differ, by form."""


def save(data: object, chart: Callable[..., Axes], path: str | os.PathLike[str], **options: Any) -> None:  # noqa: ANN401
    """Draw a chart into a file whose suffix names the form (.png, .svg, .pdf); no window and no backend is needed.

    The same chart of the same data gives the same bytes.

    Args:
        data: The chart's data.
        chart: One of the functions of `genanalytics.plots`.
        path: The file.
        options: The chart's own, such as `by="provider_name"`.

    Raises:
        InputError: The suffix names no form, or the chart has no such option.
        OutputError: The file cannot be written.
    """
    checked_options(chart, options)
    form = checked_form(Path(path))
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=SIZE, layout="constrained")
        chart(data, ax=figure.subplots(), **options)
        try:
            figure.savefig(path, dpi=110, metadata=_SILENT.get(form))
        except OSError as error:
            msg = f"cannot write {os.fspath(path)}: {error.strerror}"
            raise OutputError(msg) from error


def checked_form(path: Path) -> str:
    """Return the form of picture that the suffix of a file names.

    Raises:
        InputError: It names none.
    """
    form = path.suffix.lstrip(".").lower()
    if form not in FigureCanvasBase.get_supported_filetypes():
        msg = f"{os.fspath(path)!r} names no form of picture: name a file that ends in .png, .svg or .pdf"
        raise InputError(msg)
    return form


def checked_options(chart: Callable[..., Axes], options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the options, all of which the chart has.

    Raises:
        InputError: It lacks one.
    """
    known = [name for name in inspect.signature(chart).parameters if name not in {"data", "ax"}]
    for name in options:
        if name not in known:
            msg = f"{chart.__name__} has no option {name!r}; it has {', '.join(known)}"
            raise InputError(msg)
    return options
