import numpy as np
import pandas as pd

from genanalytics import summarize
from genanalytics.metrics.forms import count_of, of_column, ratio, spread, total
from genanalytics.metrics.sets.rows import LAST
from genanalytics.units import Unit

COST, TOKENS = of_column("cost"), of_column("tokens")
PRICE = ratio("price", "price", Unit.RATIO, "Cost per token", COST, TOKENS)


def test_statistics_of_all_forms_follow_the_order_of_the_groups() -> None:
    moments = pd.to_datetime([3, 1, 2], unit="D", utc=True)
    frame = pd.DataFrame({"model": ["b", "b", "a"], "cost": [4.0, 2.0, 5.0], "tokens": [2.0, 2.0, None]})
    frame["created_at"] = moments
    statistics = [total(COST), count_of(TOKENS), PRICE, spread(COST).p50, LAST]
    found = summarize(frame, by="model", metrics=statistics)
    assert found["model"].tolist() == ["a", "b"]
    assert found["cost"].tolist() == [5.0, 6.0]
    assert found["tokens"].tolist() == [0, 2]
    assert found["price"].isna().tolist() == [True, False]
    assert found["price"].iloc[1] == 1.5
    assert found["cost_p50"].tolist() == [5.0, 3.0]
    assert found["last"].tolist() == [moments[2], moments[0]]
    assert found.dtypes.astype(str).tolist()[1:] == [
        "Int64",
        "Float64",
        "Int64",
        "Float64",
        "Float64",
        found["last"].dtype.name,
    ]


def test_a_result_shares_no_memory_with_the_next_one_or_with_the_records() -> None:
    frame = pd.DataFrame({"model": ["a", "b"], "cost": pd.array([1.0, 2.0], dtype="Float64")})
    first = summarize(frame, metrics=[total(COST), spread(COST).mean], by="model")
    first.loc[0, "cost"] = 99.0
    second = summarize(frame, metrics=[total(COST), spread(COST).mean], by="model")
    assert second["cost"].tolist() == [1.0, 2.0]
    assert first["cost_mean"].tolist() == [1.0, 2.0]
    assert frame["cost"].tolist() == [1.0, 2.0]


def test_a_frame_that_is_changed_in_place_gives_new_statistics() -> None:
    frame = pd.DataFrame({"total_cost": pd.array([1.0, np.nan, -0.0], dtype="Float64"), "model": "a"})
    cost = of_column("total_cost")
    before = summarize(frame, metrics=[total(cost)])
    frame.loc[1, "total_cost"] = 2.5
    assert before["total_cost"].tolist() == [1.0]
    assert summarize(frame, metrics=[total(cost)])["total_cost"].tolist() == [3.5]
