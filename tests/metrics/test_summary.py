"""Reference values are worked out by hand, next to the rows that they come from."""

from collections.abc import Mapping

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from genanalytics.errors import InputError, MissingColumnError
from genanalytics.metrics import DEFAULT, EFFECTIVE_COST, REQUESTS, RowValue, Statistic, ratio, spread, summarize
from genanalytics.records.frame import parse_frame, to_frame
from genanalytics.records.schema import ARROW_SCHEMA
from genanalytics.units import Unit
from support.generations import CHARGED, frame_of as generations_of

GAP = None

COLUMNS = ["model", "created_at", *dict.fromkeys(column for metric in DEFAULT for column in metric.columns)]
SCHEMA = pa.schema([ARROW_SCHEMA.field(name) for name in COLUMNS])


def frame_of(*rows: Mapping[str, object]) -> pd.DataFrame:
    """Return rows as a typed frame; what a row does not say is a gap."""
    return to_frame(pa.Table.from_pylist([dict(row) for row in rows], schema=SCHEMA))


def one(frame: pd.DataFrame) -> dict[str, object]:
    """Return the statistics over all rows, gaps as None."""
    row = summarize(frame).iloc[0]
    return {str(name): None if pd.isna(value) else value for name, value in row.items()}


def test_cost_counts_the_upstream_cost_of_byok_rows_and_of_no_others() -> None:
    found = one(
        frame_of(
            {"total_cost": 1.0, "is_byok": False, "upstream_inference_cost": 8.0},
            {"total_cost": 0.25, "is_byok": True, "upstream_inference_cost": 4.0},
            {"total_cost": 0.5, "is_byok": GAP, "upstream_inference_cost": 16.0},
        )
    )
    assert found["billed_cost"] == 1.75
    assert found["byok_cost"] == 4.0
    assert found["effective_cost"] == 5.75
    assert found["byok_unknown"] == 0
    assert found["cost_per_request_mean"] == pytest.approx((1.0 + 4.25 + 0.5) / 3)
    assert found["cost_per_request_p50"] == 1.0


def test_byok_without_an_upstream_cost_is_unknown_and_not_zero() -> None:
    found = one(frame_of({"total_cost": 0.25, "is_byok": True}, {"total_cost": 1.0, "is_byok": False}))
    assert found["byok_unknown"] == 1
    assert found["byok_cost"] is None
    assert found["effective_cost"] == 1.25
    assert found["cost_per_request_n"] == 1
    assert found["cost_per_request_mean"] == 1.0


def test_a_refund_lowers_the_byok_cost() -> None:
    found = one(frame_of({"total_cost": 1.0, "is_byok": True, "upstream_inference_cost": -0.25}))
    assert found["byok_cost"] == -0.25
    assert found["effective_cost"] == 0.75


def test_caching_is_split_into_what_reads_saved_and_what_writes_cost() -> None:
    found = one(
        frame_of(
            {"total_cost": 2.0, "cache_discount": -0.5, "is_byok": False},
            {"total_cost": 1.0, "cache_discount": 4.0, "is_byok": False},
            {"total_cost": 3.0, "cache_discount": 0.0, "is_byok": False},
            {"total_cost": 8.0, "cache_discount": GAP, "is_byok": False},
        )
    )
    assert found["net_cache_savings"] == 3.5
    assert found["read_savings"] == 4.0
    assert found["write_premium"] == 0.5
    assert found["cost_without_cache"] == 1.5 + 5.0 + 3.0 + 8.0
    assert found["cache_coverage"] == 0.75
    assert found["cache_savings_rate"] == 3.5 / 9.5


def test_the_savings_rate_leaves_out_byok_and_replayed_rows() -> None:
    found = one(
        frame_of(
            {"total_cost": 1.0, "cache_discount": 1.0, "is_byok": False},
            {"total_cost": 1.0, "cache_discount": 9.0, "is_byok": True, "upstream_inference_cost": 1.0},
            {"total_cost": 1.0, "cache_discount": 9.0, "is_byok": False, "response_cache_source_id": "gen-0"},
        )
    )
    assert found["cache_savings_rate"] == 0.5
    assert found["net_cache_savings"] == 19.0


def test_a_rate_can_be_negative_and_has_no_value_over_nothing() -> None:
    assert one(frame_of({"total_cost": 3.0, "cache_discount": -1.0}))["cache_savings_rate"] == -0.5
    assert one(frame_of({"total_cost": 0.0, "cache_discount": 0.0}))["cache_savings_rate"] is None


def test_nothing_reported_is_a_gap_and_not_zero() -> None:
    found = one(frame_of({"model": "a"}, {"model": "b"}))
    assert found["requests"] == 2
    assert found["cache_coverage"] == 0.0
    known = {name: value for name, value in found.items() if value not in {None, 0}}
    assert known == {"requests": 2, "cost_unknown": 2}
    shares = {name for name, value in found.items() if value == 0 and not name.endswith("_n")}
    assert shares == {
        "byok_unknown",
        "cache_coverage",
        "cache_touched_share",
        "error_rate",
        "truncation_rate",
        "filter_rate",
    }


def test_latency_is_that_of_successful_rows_and_ttft_that_of_streamed_ones() -> None:
    good = {"streamed": True, "cancelled": False, "finish_reason": "stop"}
    found = one(
        frame_of(
            good | {"latency": 100, "generation_time": 1000},
            good | {"latency": 300, "generation_time": 3000},
            good | {"latency": 7, "generation_time": 7, "cancelled": True},
            good | {"latency": 7, "generation_time": 7, "finish_reason": "error"},
            good | {"latency": 7, "generation_time": 7, "response_cache_source_id": "gen-0"},
            good | {"latency": 7, "generation_time": 2000, "streamed": False},
            good | {"latency": 7, "generation_time": 0, "streamed": GAP},
            {"latency": 500, "generation_time": GAP, "streamed": True},
        )
    )
    assert found["ttft_ms_n"] == 3
    assert found["ttft_ms_p50"] == 300
    assert found["ttft_ms_mean"] == 300
    assert found["ttft_ms_p90"] == pytest.approx(300 + 0.8 * 200)  # rank (3 - 1) x 0.9 = 1.8
    assert found["e2e_ms_n"] == 3
    assert found["e2e_ms_p50"] == 2000
    assert found["e2e_ms_p95"] == pytest.approx(2000 + 0.9 * 1000)


def test_shares_of_cost_add_up_over_the_groups() -> None:
    frame = frame_of(
        {"model": "a", "total_cost": 3.0}, {"model": "b", "total_cost": 1.0}, {"model": GAP, "total_cost": 4.0}
    )
    groups = summarize(frame, by="model")
    assert groups["model"].tolist()[:2] == ["a", "b"]
    assert pd.isna(groups["model"].iloc[2])
    assert groups["cost_share"].tolist() == [0.375, 0.125, 0.5]
    assert groups["requests"].tolist() == [1, 1, 1]


def test_groups_by_several_keys_are_ordered_by_them() -> None:
    frame = frame_of(*({"model": model, "finish_reason": reason} for model in "ba" for reason in ("stop", "length")))
    groups = summarize(frame, by=["model", "finish_reason"])
    assert list(zip(groups["model"], groups["finish_reason"], strict=True)) == [
        ("a", "length"),
        ("a", "stop"),
        ("b", "length"),
        ("b", "stop"),
    ]


def test_an_empty_frame_has_no_group_and_one_total_of_gaps() -> None:
    empty = parse_frame([])
    assert summarize(empty, by="model").empty
    total = summarize(empty).iloc[0]
    assert total["requests"] == 0
    assert pd.isna(total["effective_cost"])
    assert pd.isna(total["ttft_ms_p50"])


def test_each_number_of_a_summary_can_be_changed() -> None:
    summary = summarize(frame_of({"model": "m", "latency": 500.0, "total_cost": 1.0}))
    for place in range(1, summary.shape[1]):
        summary.iloc[0, place] = place
    assert summary.iloc[0, 1:].tolist() == list(range(1, summary.shape[1]))


def test_a_statistic_of_the_users_own_passes_through_the_same_door() -> None:
    prompt = RowValue("prompt", "prompt", Unit.TOKENS, "Prompt tokens", ("tokens",), nw.col("tokens"))
    seconds = RowValue("seconds", "seconds", Unit.NONE, "Seconds", ("ms",), nw.col("ms") / 1000)
    frame = pd.DataFrame({"tokens": pd.array([100, 300, None], "Int64"), "ms": pd.array([2000, 2000, 1000], "Int64")})
    speed = ratio("speed", "speed", Unit.TOKENS_PER_S, "Tokens per second", prompt, seconds)
    found = summarize(frame, metrics=[*spread(prompt), speed]).iloc[0]
    assert found["speed"] == 100.0  # (100 + 300) / (2 + 2): the row without tokens counts on neither side
    assert found["prompt_mean"] == 200.0
    assert found["prompt_n"] == 2


def test_a_missing_column_is_named_with_the_statistic_that_needs_it() -> None:
    frame = frame_of({"model": "a"}).drop(columns="is_byok")
    with pytest.raises(MissingColumnError, match="no column 'is_byok', which 'effective_cost' needs"):
        summarize(frame)


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(
        InputError, match="two columns of the result would be named 'effective_cost': use each name once"
    ):
        summarize(frame_of(), metrics=[EFFECTIVE_COST, EFFECTIVE_COST])
    with pytest.raises(InputError, match="two columns of the result would be named 'requests'"):
        summarize(frame_of().assign(requests=1), by="requests")


def test_costs_that_are_not_known_are_counted() -> None:
    found = one(
        frame_of(
            {"total_cost": GAP, "is_byok": False},
            {"total_cost": 1.0, "is_byok": True},
            {"total_cost": 1.0, "is_byok": GAP, "upstream_inference_cost": 0.5},
            {"total_cost": 1.0, "is_byok": GAP, "upstream_inference_cost": 0.0},
            {"total_cost": 1.0, "is_byok": False},
        )
    )
    assert found["cost_unknown"] == 3


def test_two_row_values_of_one_name_are_refused() -> None:
    mine = RowValue("billed_cost", "b", Unit.USD, "b", ("total_cost",), nw.col("total_cost") * 5)
    with pytest.raises(InputError, match="two row values are named 'billed_cost': give one of them another name"):
        summarize(frame_of({"total_cost": 1.0}), metrics=[EFFECTIVE_COST, *spread(mine)])


def test_every_statistic_says_what_it_is() -> None:
    names = [statistic.name for statistic in DEFAULT]
    assert len(set(names)) == len(names)
    for statistic in (REQUESTS, *DEFAULT):
        assert statistic.label
        assert statistic.description
        assert isinstance(statistic.unit, Unit)


def test_no_aggregate_leaves_the_fast_path_of_pandas() -> None:
    """Narwhals warns when an aggregate becomes a slow `groupby.apply`, and a warning is an error in these tests."""
    slow = Statistic("s", "s", Unit.NONE, "s", needs=("latency",), own={"s": nw.col("latency").sum() / nw.len()})
    with pytest.raises(UserWarning, match="complex group-by"):
        summarize(frame_of({"model": "a", "latency": 1}), by="model", metrics=[slow])
    summarize(frame_of({"model": "a", "latency": 1}), by="model")


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "model": st.sampled_from(["a", "b", None]),
            "total_cost": st.none() | st.integers(0, 10**6).map(lambda micros: micros / 1e6),
            "cache_discount": st.none() | st.integers(-(10**6), 10**6).map(lambda micros: micros / 1e6),
            "upstream_inference_cost": st.none() | st.integers(0, 10**6).map(lambda micros: micros / 1e6),
            "is_byok": st.sampled_from([True, False, None]),
            "streamed": st.sampled_from([True, False, None]),
            "latency": st.none() | st.integers(0, 10**6),
            "generation_time": st.none() | st.integers(0, 10**6),
        }
    ),
    min_size=1,
    max_size=12,
)


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows: list[dict[str, object]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    pd.testing.assert_frame_equal(summarize(frame_of(*rows), by="model"), summarize(frame_of(*shuffled), by="model"))


@given(ROWS)
def test_costs_add_up_over_a_split(rows: list[dict[str, object]]) -> None:
    frame = frame_of(*rows)
    total, groups = summarize(frame).iloc[0], summarize(frame, by="model")
    for name in ("billed_cost", "byok_cost", "net_cache_savings", "read_savings", "write_premium"):
        parts = groups[name].dropna().astype(float)
        assert pd.isna(total[name]) == parts.empty
        if not parts.empty:
            assert float(total[name]) == pytest.approx(parts.sum())


@given(CHARGED, st.sampled_from([[], ["model"], ["day", "is_byok"], ["session_id", "provider_name"]]))
def test_paid_and_saved_are_the_cost_without_caching(records: list[dict[str, object]], by: list[str]) -> None:
    frame = generations_of(*records)
    names = ["effective_cost", "net_cache_savings", "cost_without_cache", "read_savings", "write_premium"]
    groups, total = (summarize(frame, by=keys, metrics=names)[names].fillna(0.0) for keys in (by, []))
    paid, saved, without, read, premium = (groups[name] for name in names)
    assert (paid + saved).tolist() == without.tolist()
    assert (read - premium).tolist() == saved.tolist()
    assert groups.sum().tolist() == total.iloc[0].tolist()
    assert ((saved <= without) | (paid < 0)).all()  # no more than all is saved, unless more was refunded than charged


def test_without_caching_a_byok_request_would_have_cost_the_fee_the_providers_price_and_the_discount() -> None:
    found = one(
        frame_of({"total_cost": 0.0625, "is_byok": True, "upstream_inference_cost": 1.0, "cache_discount": 0.875})
    )
    assert found["effective_cost"] == 1.0625
    assert found["cost_without_cache"] == 1.9375


@given(ROWS)
def test_a_summary_changes_nothing_in_its_frame(rows: list[dict[str, object]]) -> None:
    frame = frame_of(*rows)
    before = frame.copy(deep=True)
    summarize(frame, by="model")
    pd.testing.assert_frame_equal(frame, before)


@given(ROWS)
def test_percentiles_are_those_of_numpy(rows: list[dict[str, object]]) -> None:
    found = one(frame_of(*rows))
    known = [row["generation_time"] for row in rows if row["generation_time"]]  # 0 and gaps are not defined
    if known:
        expected = np.percentile(np.array(known, dtype=float), [50, 90, 95, 99], method="linear")
        assert [found[f"e2e_ms_{name}"] for name in ("p50", "p90", "p95", "p99")] == pytest.approx(expected.tolist())
