"""The section on reliability."""

from genanalytics.report.blocks import Section
from genanalytics.report.sections.given import Given


def make_reliability(given: Given) -> Section | None:  # noqa: ARG001 - not written yet
    """Return the section; None if there is nothing to say."""
    return None
