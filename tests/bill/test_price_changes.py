"""What price changes and surcharges cost."""

import numpy as np
import pandas as pd

from genanalytics import price_changes


def make_rows(prices: "list[tuple[float, int]]", *, start: str = "2026-08-20") -> pd.DataFrame:
    """Return an hourly request for each price of input and length of its prompt; output costs six times as much."""
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(prices, columns=["price", "native_tokens_prompt"])
    frame["native_tokens_prompt"] += rng.integers(0, 5_000, len(frame))
    frame["native_tokens_completion"] = rng.integers(10, 3_000, len(frame))
    tokens = frame["native_tokens_prompt"] + 6 * frame["native_tokens_completion"]
    return frame.assign(
        total_cost=frame["price"] * tokens / 1e6,
        tokens=tokens,
        native_tokens_cached=0,
        created_at=pd.date_range(start, periods=len(frame), freq="h", tz="UTC"),
        requested_id=[f"gen-{start}-{place:03}" for place in range(len(frame))],
        model="m",
        provider_name="p",
    )


def nano_dollars(amount: float) -> int:
    return round(amount * 1e9)


def test_a_surcharge_at_the_same_time_costs_its_part_of_the_tokens() -> None:
    rows = make_rows([(0.2, 1_000), (0.2, 1_000), (0.22, 1_000)] * 20)
    found = price_changes(rows)
    dear = rows[rows["price"] > 0.2]
    assert found[["kind", "requests"]].to_dict("records") == [{"kind": "surcharge", "requests": 20}]
    assert nano_dollars(found["extra_cost"][0]) == 20 * int(dear["tokens"].sum())
    assert abs(found["share"][0] - 1 / 11) < 1e-6
    assert found["since"][0] == dear["created_at"].min()
    most = dear.sort_values("total_cost")["requested_id"].iloc[-1]
    assert set(found["examples"][0].split(", ")) == {
        dear["requested_id"].iloc[0],
        dear["requested_id"].iloc[-1],
        most,
    }
    assert found.attrs["totals"]["change"] == 0


def test_a_cut_has_a_negative_cost_and_a_rise_a_positive_one() -> None:
    rows = make_rows([(0.2, 1_000)] * 30 + [(0.3, 1_000)] * 25 + [(0.1, 1_000)] * 20)
    found = price_changes(rows)
    assert found["kind"].tolist() == ["change", "change"]
    expected = [100 * rows["tokens"][30:55].sum(), -200 * rows["tokens"][55:].sum()]
    assert [nano_dollars(extra) for extra in found["extra_cost"]] == expected


def test_a_tier_that_the_caller_chose_is_no_surcharge() -> None:
    rows = make_rows([(0.2, 1_000), (0.2, 1_000), (0.4, 1_000)] * 20)
    rows["service_tier"] = ["priority" if price > 0.2 else None for price in rows["price"]]
    found = price_changes(rows)
    assert found["kind"].tolist() == ["tier"]
    assert found.attrs["totals"]["surcharge"] == 0


def test_the_price_of_long_prompts_is_a_tier() -> None:
    rows = make_rows([(0.2, 1_000), (0.2, 1_000), (0.4, 200_000)] * 20)
    assert price_changes(rows)["kind"].tolist() == ["tier"]


def test_the_price_of_several_images_is_a_tier() -> None:
    """At the same time, and from a moment on: both can be the number or the size of the images."""
    for images in ([1, 2, 1] * 20, [1] * 30 + [2] * 30):
        rows = make_rows([(0.2, 1_000)] * 60).assign(native_tokens_completion=4_096, num_media_completion=images)
        found = price_changes(rows.assign(total_cost=[0.04 * number for number in images]))
        assert found["kind"].tolist() == ["tier"]
        assert found.attrs["totals"]["surcharge"] == found.attrs["totals"]["change"] == 0


def test_another_mix_of_providers_is_no_price_change() -> None:
    first = make_rows([(0.2, 1_000)] * 30)
    second = make_rows([(0.3, 1_000)] * 30, start="2026-09-20").assign(provider_name="q")
    assert price_changes(pd.concat([first, second], ignore_index=True)).empty


def test_the_order_of_the_rows_does_not_matter_and_the_data_stays() -> None:
    rows = make_rows([(0.2, 1_000), (0.2, 1_000), (0.22, 1_000)] * 20)
    before = rows.copy(deep=True)
    expected = price_changes(rows)
    pd.testing.assert_frame_equal(price_changes(rows.sample(frac=1, random_state=1)), expected)
    pd.testing.assert_frame_equal(rows, before)


def test_without_dates_prices_still_differ() -> None:
    rows = make_rows([(0.2, 1_000), (0.2, 1_000), (0.22, 1_000)] * 20)
    found = price_changes(rows.assign(created_at=pd.array([None] * 60, dtype="datetime64[us, UTC]")))
    assert found["requests"].tolist() == [20]
    assert found["since"].isna().all()
    assert str(found["since"].dtype) == "datetime64[us, UTC]"


def test_little_data_says_nothing() -> None:
    rows = make_rows([(0.2, 1_000)] * 3)
    timeless = rows.assign(created_at=pd.array([None] * 3, dtype="datetime64[us, UTC]"))
    for part in (rows, rows[:1], rows[:0], timeless):
        assert price_changes(part).empty
