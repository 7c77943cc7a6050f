"""A ledger of waste in words."""

from collections.abc import Iterator

import pandas as pd

from genanalytics.units import Unit, format_value, mark_lower_bound, money_decimals


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
