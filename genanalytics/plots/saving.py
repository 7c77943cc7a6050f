"""Charts as files."""

import inspect
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypedDict, Unpack

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure

from genanalytics.base.atomic import check_writable, replace_file
from genanalytics.base.opening import opens_paths
from genanalytics.errors import InputError
from genanalytics.metrics import RowValue, Statistic
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.grouping.calendar import Period
from genanalytics.plots.style import SETTINGS, SIZE

_SILENT: Mapping[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
"""The metadata that would make two files of one chart differ, by suffix."""


class ChartOptions(TypedDict, total=False):
    """The options of the charts; each chart has some of them."""

    by: str | None
    every: Period
    metric: Statistic | RowValue | str
    tz: str


@opens_paths("data")
def save(
    data: Records, chart: Callable[..., Axes], path: str | os.PathLike[str], **options: Unpack[ChartOptions]
) -> None:
    """Draw a chart into a file; its suffix decides the format (.png, .svg, .pdf). No window and no backend is needed.

    The same chart of the same data gives the same bytes.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        chart: One of the functions of `genanalytics.plots`.
        path: The file.
        options: The options of the chart, such as `by="provider_name"`.

    Raises:
        InputError: There is no such format, or the chart has no such option.
        OutputError: The file cannot be written.
    """
    check_options(chart, options)
    suffix = check_target(path)
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=SIZE, layout="constrained")
        chart(data, ax=figure.subplots(), **options)
        with replace_file(Path(path)) as part:
            figure.savefig(part, format=suffix, dpi=110, metadata=_SILENT.get(suffix))


def check_target(path: str | os.PathLike[str]) -> str:
    """Return the suffix of a picture, without the dot, if it could be written: before the work that would be lost.

    Raises:
        InputError: The suffix is not one of a picture, or the directory does not exist.
        OutputError: The directory cannot be written.
    """
    suffix = Path(path).suffix.lstrip(".").lower()
    if suffix not in FigureCanvasBase.get_supported_filetypes():
        msg = f"cannot draw into {os.fspath(path)!r}: give a name that ends in .png, .svg or .pdf"
        raise InputError(msg)
    check_writable(path)
    return suffix


def check_options(chart: Callable[..., Axes], options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return options if the chart has all of them.

    Raises:
        InputError: It lacks one.
    """
    known = [name for name in inspect.signature(chart).parameters if name not in {"data", "ax"}]
    for name in options:
        if name not in known:
            msg = f"{chart.__name__} has no option {name!r}; it has {', '.join(known)}"
            raise InputError(msg)
    return options
