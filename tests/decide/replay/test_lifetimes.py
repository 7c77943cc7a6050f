"""The prices of writes to a cache, by lifetime."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from genanalytics.decide.replay.lifetimes import Terms, find_terms, name_price
from genanalytics.metrics.grouping.calendar import find_zone
from genanalytics.metrics.grouping.keys import find_key

KEYS = [find_key(name, find_zone("UTC")) for name in ("model", "provider_name", "regime")]


def find(*regimes: tuple[str | None, float, float | None], **given: float) -> Terms:
    """Return the terms of regimes: model, price of input, and of writes."""
    prices = pd.DataFrame(
        {
            "model": [model for model, _, _ in regimes],
            "provider_name": "P",
            "regime": pd.array(range(1, len(regimes) + 1), dtype="Int64"),
            "input_price": pd.array([price for _, price, _ in regimes], dtype="Float64"),
            "cache_read_price": pd.array([price / 10 for _, price, _ in regimes], dtype="Float64"),
            "cache_write_price": pd.array([write for _, _, write in regimes], dtype="Float64"),
        }
    )
    return find_terms(prices, KEYS, {"five_min": None, "one_hour": None, **given})


def read(terms: Terms, lifetime: str) -> list[list[float]]:
    """Return the least, the neutral and the most price of each regime."""
    names = [name_price(lifetime, variant) for variant in ("least", "neutral", "most")]
    assert isinstance(terms.groups, pa.Table)
    found: list[list[float]] = np.array([terms.groups[name].to_numpy() for name in names]).T.round(9).tolist()
    return found


def test_a_price_in_the_data_is_used() -> None:
    terms = find(("m", 1.0, 1.25), ("m", 1.0, 2.0), ("m", 1.1, 1.375))
    assert read(terms, "five_min") == [[1.25] * 3, [1.25] * 3, [1.375] * 3]
    assert read(terms, "one_hour") == [[2.0] * 3, [2.0] * 3, [2.2] * 3]
    assert terms.assumed == []


def test_a_price_of_another_model_is_not_used() -> None:
    terms = find(("m", 1.0, 1.25), ("n", 1.0, 2.0))
    assert read(terms, "one_hour") == [[1.25, 2.0, 2.0], [2.0] * 3]
    assert read(terms, "five_min") == [[1.25] * 3, [1.25, 1.25, 2.0]]
    assert terms.assumed == ["m at P", "n at P"]


def test_writes_without_a_premium_cost_what_input_costs() -> None:
    terms = find(("m", 0.3, None), one_hour=2.0)
    assert read(terms, "five_min") == read(terms, "one_hour") == [[0.3] * 3]
    assert terms.assumed == []


@pytest.mark.parametrize("paid", [1.25, 2.0])
def test_a_given_multiple_counts(paid: float) -> None:
    terms = find(("m", 2.0, 2.0 * paid), five_min=1.5, one_hour=3.0)
    assert read(terms, "five_min") == [[3.0] * 3]
    assert read(terms, "one_hour") == [[6.0] * 3]
    assert terms.assumed == []


def test_a_model_without_a_name_is_called_not_given() -> None:
    assert find((None, 1.0, 1.25)).assumed == ["not given at P"]
