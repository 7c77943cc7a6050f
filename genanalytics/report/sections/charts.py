"""Charts of a section, by their names."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from matplotlib.axes import Axes

from genanalytics.base.remembering import remember
from genanalytics.plots.catalog import find_chart
from genanalytics.plots.content import find_content
from genanalytics.plots.groups import describe_basis
from genanalytics.report.blocks import Chart, Table, Text
from genanalytics.report.given import Given
from genanalytics.report.svg import draw_chart


def draw_named(
    given: Given,
    name: str,
    *,
    numbers: Table | None = None,
    in_words: str = "",
    half: bool = False,
    height: float = 1.0,
    **options: Any,  # noqa: ANN401 - of the chart
) -> Chart | Text:
    """Return a chart of the records for the page, which says once for all charts what they are based on.

    If the chart would be empty, its reason is a text.

    Args:
        given: What the section is made from.
        name: The name of the chart in `plots.CHARTS`.
        numbers: The numbers that it draws.
        in_words: Its content for screen readers.
        half: Whether it stands next to another one on wide screens.
        height: Its height, as a part of the usual one.
        options: Further arguments of the chart.
    """
    chart, reasons = find_chart(name), list[str]()

    def draw(axes: Axes) -> None:
        chart.draw(given.data, ax=axes, tz=given.tz, **options)
        reasons.append(find_content(axes).reason)

    with remember(given.data):
        drawn = draw_chart(
            draw, name=name, question=chart.question, numbers=numbers, in_words=in_words, half=half, height=height
        )
    if reasons[0]:
        return Text(f"{drawn.title}: {reasons[0]}.")
    bases = _list_bases(given, options)
    return replace(drawn, details=[detail for detail in drawn.details if detail not in bases])


def _list_bases(given: Given, options: Mapping[str, Any]) -> set[str]:
    """Return the details of a chart that say what it is based on, and what it compares that with."""
    basis, against = describe_basis(given.data, given.tz), options.get("against")
    if against is None:
        return {basis}
    return {basis, f"after: {basis}", f"before: {describe_basis(against, given.tz)}"}
