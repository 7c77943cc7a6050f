"""The first section of a report: what to do about the cost."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from genanalytics.decide.advice.action import PATH, Basis
from genanalytics.report.page import clean
from genanalytics.tables.recommendations import describe_amount, fill_paths
from genanalytics.units import Unit, format_value

_LONGEST = 400
_MARKS = {Basis.BILLED: "", Basis.ESTIMATE: "~ ", Basis.UPPER_BOUND: "≤ "}


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


def list_advice(found: pd.DataFrame, files: Sequence[str]) -> list[Advice]:
    """Return the actions of a page, out of the result of `ga.recommend`; commands name the files."""
    paths = files or [PATH]
    return [
        Advice(
            f"{_MARKS[Basis(row['basis'])]}{format_value(row['usd_per_month'], Unit.USD, decimals=2)}",
            clean(
                f"{row['action']}. Worth {describe_amount(row)}. Evidence: {row['evidence']}. Risk: {row['risk']}.",
                _LONGEST,
            ),
            [
                (label, clean(fill_paths(row[name], paths), _LONGEST))
                for label, name in (("Details", "details"), ("Check later", "check"))
            ],
        )
        for row in found.to_dict("records")
    ]
