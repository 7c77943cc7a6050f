"""The first section of a report: what to do about the cost."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from genanalytics.report.page import clean
from genanalytics.tables.recommendations import describe_amount
from genanalytics.units import Unit, format_value

_LONGEST = 400


@dataclass(frozen=True, slots=True)
class Advice:
    """An action on the page.

    Attributes:
        figure: What it is worth per month.
        text: What to do, the evidence and the risk.
        commands: The labels and the texts of two commands.
    """

    figure: str
    text: str
    commands: Sequence[tuple[str, str]]


def list_advice(found: pd.DataFrame) -> list[Advice]:
    """Return the actions of a page, out of the result of `ga.recommend`."""
    return [
        Advice(
            format_value(row["usd_per_month"], Unit.USD, decimals=2),
            clean(f"{row['action']}. Worth {describe_amount(row)}. {row['evidence']}. Risk: {row['risk']}.", _LONGEST),
            (("Details", clean(row["details"], _LONGEST)), ("Check later", clean(row["check"], _LONGEST))),
        )
        for row in found.to_dict("records")
    ]
