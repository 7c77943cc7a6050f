"""A row that cannot be divided has no invented fee, in a page or in FOCUS."""

import pandas as pd

import genanalytics as ga
from support.generations import frame_of

SHEET = pd.DataFrame(
    {"model": ["a"], "provider_name": ["P"], "regime": [1], "input_price": [3.0], "cache_read_price": [0.3]}
    | {"cache_write_price": [3.75], "output_price": [15.0], "request_price": [0.0]}
)
SHEET.attrs = {name: {"unit": 1e-9, "ending": "exact"} for name in ("resolution", "resolution_of_exports")}


def test_a_saving_with_two_explanations_is_unexplained_and_no_fee() -> None:
    frame = frame_of(
        {
            "total_cost": 0.002421,
            "cache_discount": 0.002079,
            "native_tokens_prompt": 1_000,
            "native_tokens_completion": 100,
        }
    )
    charges = ga.focus_charges(frame, prices=SHEET)
    assert (pd.to_numeric(charges["BilledCost"]) >= 0).all()
    assert "unexplained" in set(charges["SkuMeter"].dropna().str.lower())
