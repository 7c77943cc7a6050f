"""A finding of a report."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One or two sentences about the data.

    Attributes:
        figure: Its number, with the unit.
        text: The sentences.
        link: The name of the section that shows it; empty for none.
        alarming: Whether money is lost, or requests fail.
        usd: The money that it is about; None if it is about something else.
        about: The words of an action that says the same; empty if there is none.
    """

    figure: str
    text: str
    link: str = ""
    alarming: bool = False
    usd: float | None = None
    about: str = ""
