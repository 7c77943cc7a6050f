"""The rule that divides rows is written twice, as arrays and as expressions: both say the same of any row."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

import genanalytics as ga
from genanalytics.bill.amounts import Ending, Resolution
from genanalytics.bill.caching import CachePrices, explain_discount
from genanalytics.bill.requests import Shown
from genanalytics.bill.solve import explains

INPUT, OUTPUT = 3.0, 15.0
CACHE = st.sampled_from([(0.3, 3.75), (0.3, None), (None, 3.75), (0.3, 2.0), (None, None)])
ROWS = st.lists(
    st.tuples(
        st.integers(1, 40_000),
        st.integers(1, 900),
        st.floats(0, 1),
        st.sampled_from(["nothing", "all", "some", "wrong"]),
        st.integers(-2, 2),
    ),
    min_size=1,
    max_size=8,
)


def bill(rows: list[tuple[Any, ...]], read: float | None, write: float | None) -> dict[str, np.ndarray]:
    """Return requests at these prices in micro-dollars; some amounts miss by a few."""
    prompt, completion, share = (np.array([row[place] for row in rows], float) for place in range(3))
    cached = np.floor(prompt * share) if read is not None else np.zeros(len(rows))
    part = {"nothing": 0.0, "all": 1.0, "some": 0.5, "wrong": 1.0}
    written = np.floor((prompt - cached) * [part[row[3]] for row in rows])
    saved = (INPUT - (INPUT if read is None else read)) * cached - (
        (INPUT if write is None else write) - INPUT
    ) * written
    paid = INPUT * prompt + OUTPUT * completion - saved
    off = np.array([row[4] if row[3] == "wrong" else 0.0 for row in rows])
    return {"prompt": prompt, "completion": completion, "cached": cached, "paid": paid + off, "saved": saved}


@pytest.mark.parametrize("ending", [Ending.EXACT, Ending.CUT, Ending.ROUNDED, Ending.UNKNOWN])
@given(rows=ROWS, cache=CACHE)
def test_expressions_explain_the_rows_that_arrays_explain(
    ending: Ending, rows: list[tuple[Any, ...]], cache: tuple[float | None, float | None]
) -> None:
    read, write = cache
    numbers = bill(rows, read, write)
    resolution = Resolution(1.0 if ending is not Ending.EXACT else 0.001, ending)
    requests = Shown(**numbers).bound(resolution)
    prices = CachePrices(np.nan if read is None else read, np.nan if write is None else write)
    by_arrays = explains((INPUT, OUTPUT), requests.prompt, requests.completion, requests.gross)
    by_arrays &= explain_discount(requests, INPUT, prices)
    frame = pd.DataFrame(
        {
            "model": "m",
            "total_cost": numbers["paid"] / 1e6,
            "cache_discount": numbers["saved"] / 1e6,
            "native_tokens_prompt": numbers["prompt"],
            "native_tokens_completion": numbers["completion"],
            "native_tokens_cached": numbers["cached"],
        }
    )
    sheet = pd.DataFrame({"model": ["m"], "regime": [1], "input_price": [INPUT], "output_price": [OUTPUT]}).assign(
        cache_read_price=prices.read, cache_write_price=prices.write, request_price=0.0
    )
    sheet.attrs = dict.fromkeys(("resolution", "resolution_of_exports"), resolution.to_json())
    found = ga.itemize(frame, sheet)["regime"].notna().to_numpy(dtype=bool)
    payable = numbers["paid"] > 0
    np.testing.assert_array_equal(found[payable], by_arrays[payable])
