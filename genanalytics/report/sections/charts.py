"""Charts of a section, by their names."""

from dataclasses import replace
from typing import Any

from genanalytics.plots.catalog import find_chart
from genanalytics.plots.groups import describe_basis
from genanalytics.report.blocks import Chart, Table
from genanalytics.report.sections.given import Given
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
) -> Chart:
    """Return a chart of the records for the page, which says once for all charts what they are based on.

    Args:
        given: What the section is made from.
        name: The name of the chart in `plots.CHARTS`.
        numbers: The numbers that it draws.
        in_words: Its content for screen readers.
        half: Whether it stands next to another one on wide screens.
        height: Its height, as a part of the usual one.
        options: Further arguments of the chart.
    """
    chart = find_chart(name)
    drawn = draw_chart(
        lambda axes: chart.draw(given.data, ax=axes, tz=given.tz, **options),
        name=name,
        question=chart.question,
        numbers=numbers,
        in_words=in_words,
        half=half,
        height=height,
    )
    basis = describe_basis(given.data, given.tz)
    return replace(drawn, details=[detail for detail in drawn.details if detail != basis])
