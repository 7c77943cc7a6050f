"""Doubtful records in words."""

import pandas as pd

from genanalytics.units import format_count

COLUMNS = ("rows", "of", "share")
"""The figures of a table of doubtful records, by check."""


def choose_doubtful(found: pd.DataFrame) -> pd.DataFrame:
    """Return the checks that found doubtful records, out of the result of `ga.quality`."""
    return found[(found["rows"] > 0).fillna(value=False)]


def conclude_quality(found: pd.DataFrame) -> str:
    """Return the sentence for records of which none is doubtful."""
    return f"Nothing doubtful after {format_count(len(found), 'check')}."


def list_doubts(doubtful: pd.DataFrame) -> list[tuple[str, str]]:
    """Return what each check means, and the ids of examples."""
    rows = doubtful.to_dict("records")
    return [(f"{row['check']}: {row['meaning']}.", f"  {row['examples']}") for row in rows]
