"""Charts as files."""

import inspect
import os
from collections.abc import Callable, Collection, Mapping
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
from genanalytics.plots.palette import Theme, find_settings
from genanalytics.plots.style import SETTINGS, SIZE, suit_height

_SIDES, _DPI = (2, 60), (30, 1_000)
"""The least and the largest sides of a picture in inches, and its pixels per inch."""
_SILENT: Mapping[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
"""The metadata that would make two files of one chart differ, by suffix."""
_COMPARING = "cost_bridge, cumulative_cost and cost_over_time"
"""The charts that compare periods."""


class ChartOptions(TypedDict, total=False):
    """The options of the charts; each chart has some of them."""

    by: str | None
    every: Period
    against: Records
    metric: Statistic | RowValue | str
    tz: str
    top: int
    colors: Mapping[Any, str] | None
    title: str | None
    subtitle: bool


@opens_paths("data")
def save(
    data: Records,
    chart: Callable[..., Axes],
    path: str | os.PathLike[str],
    *,
    width: float | None = None,
    height: float | None = None,
    dpi: float = 220,
    theme: Theme | None = None,
    **options: Unpack[ChartOptions],
) -> None:
    """Draw a chart into a file; its suffix decides the format (.png, .svg, .pdf). No window and no backend is needed.

    The same chart of the same data gives the same bytes.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        chart: One of the functions of `genanalytics.plots`.
        path: The file.
        width: The width in inches; None for 9.
        height: The height in inches; None for 5, or less for a chart with few rows.
        dpi: The pixels per inch of a .png, and of images in the other formats.
        theme: `light` or `dark` paper; None for the style of matplotlib that is in use.
        options: The options of the chart, such as `by="provider_name"`.

    Raises:
        InputError: There is no such format, theme or size, or the chart has no such option.
        OutputError: The file cannot be written.
    """
    check_options(chart, options)
    size = check_size(width=width, height=height, dpi=dpi)
    suffix = check_target(path)
    with mpl.rc_context(find_settings(theme) | SETTINGS):
        figure = Figure(figsize=size, layout="constrained")
        ax = chart(data, ax=figure.subplots(), **options)
        if height is None:
            suit_height(ax)
        with replace_file(Path(path)) as part:
            figure.savefig(part, format=suffix, dpi=dpi, metadata=_SILENT.get(suffix))


def check_size(*, width: float | None, height: float | None, dpi: float) -> tuple[float, float]:
    """Return the width and the height of a picture in inches; None is the usual one.

    Raises:
        InputError: A value is too small or too large for a chart.

    >>> check_size(width=6, height=None, dpi=220)
    (6, 5)
    """
    size = (SIZE[0] if width is None else width, SIZE[1] if height is None else height)
    for name, value, (least, most), unit in (
        ("width", size[0], _SIDES, "inches"),
        ("height", size[1], _SIDES, "inches"),
        ("dpi", dpi, _DPI, "pixels per inch"),
    ):
        if not least <= value <= most:
            msg = f"{name} is {value:g}: give a number from {least} to {most}, in {unit}"
            raise InputError(msg)
    return size


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


def check_options(
    chart: Callable[..., Axes], options: Mapping[str, Any], *, among: Collection[str] | None = None
) -> Mapping[str, Any]:
    """Return options if the chart has all of them.

    Args:
        chart: One of the functions of `genanalytics.plots`.
        options: The options by name.
        among: The options that the caller can give; None for all.

    Raises:
        InputError: It lacks one, or is no function.
    """
    if not callable(chart):
        msg = f"chart={chart!r}: give a function of genanalytics.plots, such as cost_ranking"
        raise InputError(msg)
    known = [name for name in inspect.signature(chart).parameters if name not in {"data", "ax"}]
    if "against" in options and "against" not in known:
        msg = f"{chart.__name__} compares no periods, as {_COMPARING} do: draw one of these, or leave out against="
        raise InputError(msg, arguments=["against"])
    known = [name for name in known if among is None or name in among]
    for name in options:
        if name not in known:
            msg = f"{chart.__name__} has no option {name!r}; it has {', '.join(known)}"
            raise InputError(msg)
    return options
