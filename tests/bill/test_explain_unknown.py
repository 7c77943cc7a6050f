"""A row that cannot be divided has no invented fee, in a page or in FOCUS."""

import pandas as pd

import genanalytics as ga
from genanalytics.bill.items import itemize
from support.bills import draw_bill


def test_unknown_cached_tokens_are_unexplained_and_no_fee() -> None:
    frame = draw_bill(2, "exact").frame.assign(is_byok=False, upstream_inference_cost=pd.NA)
    items = itemize(frame)
    row = items[(items["cache_read_cost"] > 0) & items["regime"].notna()].index[0]
    frame.loc[row, "native_tokens_cached"] = None
    frame.loc[row, "cache_discount"] += 1e-9  # no whole number of tokens explains it
    frame.loc[row, "total_cost"] -= 1e-9
    found = itemize(frame).loc[row]
    assert found["unexplained_cost"] > 0
    charges = ga.focus_charges(frame)
    of_row = charges[(charges == frame.loc[row, "requested_id"]).any(axis=1)]
    assert (pd.to_numeric(of_row["BilledCost"]) >= 0).all()
    assert "unexplained" in set(of_row["SkuMeter"].dropna().str.lower())
