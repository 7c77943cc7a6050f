"""A finding of a report."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One or two sentences about the data.

    Attributes:
        figure: Its number, with the unit.
        text: The sentences.
        chart: The name of a chart that shows it; empty for none.
        alarming: Whether money is lost, or something is slow or wrong.
    """

    figure: str
    text: str
    chart: str = ""
    alarming: bool = False
