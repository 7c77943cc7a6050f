"""A ledger of waste in words."""

from collections.abc import Iterator

import pandas as pd

from genanalytics.units import Unit, format_value, mark_lower_bound, money_decimals

COLUMNS = ("kind", "requests", "cost", "share", "time_ms")
"""The figures of a table of waste, by class."""


def choose_judged(found: pd.DataFrame) -> pd.DataFrame:
    """Return the classes that were judged, without the bounds of costs if no class has them."""
    judged = found[found["gap"].isna()]
    return judged.drop(columns=["cost_low", "cost_high"]) if judged["cost_low"].isna().all() else judged


def list_gaps(found: pd.DataFrame) -> list[str]:
    """Return why classes were not judged, a sentence each."""
    gaps = found[found["gap"].notna()].to_dict("records")
    return [f"Not judged: {row['class']}: {row['gap']}." for row in gaps]


def list_advice(judged: pd.DataFrame) -> list[tuple[str, str]]:
    """Return what usually helps against each class of waste, and the ids of examples."""
    rows = judged[judged["requests"] > 0].to_dict("records")
    return [(f"{row['class']}: {row['advice']}.", f"  {row['examples']}") for row in rows]


def conclude_waste(found: pd.DataFrame) -> Iterator[str]:
    """Yield the result of `ga.waste` in words, a sentence each."""
    totals = found.attrs["totals"]
    decimals = money_decimals([totals["bill"]])
    bill, certain, most = (
        format_value(totals[name], Unit.USD, decimals=decimals) for name in ("bill", "certain", "upper bound")
    )
    if not found["gap"].isna().any():
        yield "Nothing was judged."
        return
    if found.attrs["partial"]:
        bill = mark_lower_bound(bill)
    share = f" ({format_value(totals['certain'] / totals['bill'], Unit.SHARE)})" if totals["bill"] > 0 else ""
    yield f"{certain} of {bill}{share} was paid for nothing, certain; at most {most} more was avoidable."
    if totals["suspected"] > 0:
        suspected = format_value(totals["suspected"], Unit.USD, decimals=decimals)
        yield f"Near-duplicates are suspected of {suspected} more."
    lost = found["time_ms"].sum()
    if lost > 0:
        yield f"{format_value(float(lost), Unit.MS)} passed in failed requests and attempts."
