"""Reference values are worked out by hand, next to the rows that they come from."""

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from genanalytics.errors import InputError
from genanalytics.metrics import summarize
from genanalytics.metrics.engines.relational import Relational
from genanalytics.metrics.engines.source import Covered
from genanalytics.records.coverage import Coverage
from support.generations import CHARGED, frame_of
from support.without_effect import simulate_generations

COST = ["effective_cost", "cost_share"]


def test_a_total_has_an_exact_change_and_a_group_of_one_period_has_a_row() -> None:
    now = frame_of({"model": "a", "total_cost": 3.0}, {"model": "new", "total_cost": 1.0})
    before = frame_of({"model": "a", "total_cost": 1.0}, {"model": "gone", "total_cost": 1.0})
    found = summarize(now, by="model", metrics=COST, against=before)
    assert found["model"].tolist() == ["a", "gone", "new"]
    assert found["requests"].tolist() == [1, 0, 1]
    assert found["requests_change"].tolist() == [0, -1, 1]
    assert found["effective_cost"].tolist() == [3.0, 0.0, 1.0]
    assert found["effective_cost_previous"].tolist() == [1.0, 1.0, 0.0]
    assert found["effective_cost_change"].tolist() == [2.0, -1.0, 1.0]
    assert found["effective_cost_certainty"].tolist() == ["exact"] * 3
    assert found["cost_share_change"].tolist()[0] == 0.75 - 0.5
    assert found["cost_share_change"].isna().tolist() == [False, True, True]  # no share of a group without rows


def test_a_total_with_unknown_costs_in_either_period_is_incomplete() -> None:
    now = frame_of({"model": "a"}, {"model": "b"})
    before = frame_of({"model": "a", "total_cost": None}, {"model": "a"}, {"model": "b"})
    found = summarize(now, by="model", metrics="effective_cost", against=before)
    assert found["effective_cost_certainty"].tolist() == ["incomplete", "exact"]
    assert found["requests_certainty"].tolist() == ["exact", "exact"]
    assert "cost_unknown" not in found


def test_notices_of_both_periods_are_kept_apart() -> None:
    now, before = (frame_of({}) for _ in range(2))
    for frame, notices in ((now, ["both", "this week"]), (before, ["both", "last week"])):
        frame.attrs["notices"] = notices
    found = summarize(now, metrics="effective_cost", against=before)
    assert found.attrs["notices"] == ["both", "this week", "compared with: last week"]


def test_a_share_is_incomplete_if_the_cost_of_any_group_is() -> None:
    now = frame_of({"model": "a"}, {"model": "b"}, {"model": "b", "total_cost": None})
    found = summarize(now, by="model", metrics="cost_share", against=frame_of({"model": "a"}, {"model": "b"}))
    assert found["cost_share_certainty"].tolist() == ["incomplete"] * 2


def test_no_total_is_exact_while_records_are_missing() -> None:
    frame = frame_of({"cache_discount": 0.5})
    part = Covered(frame, Coverage.of(["gen-missing"], found=1))
    found = summarize(part, metrics=["net_cache_savings", "effective_cost"], against=frame).iloc[0]
    assert found["requests_certainty"] == found["effective_cost_certainty"] == "incomplete"
    assert found["net_cache_savings_certainty"] == "incomplete"


def test_a_clear_difference_is_sure_and_a_small_one_is_not() -> None:
    fast = frame_of(*({"latency": 1_000 + 10 * place} for place in range(60)))
    slow = frame_of(*({"latency": 2_000 + 10 * place} for place in range(60)))
    found = summarize(slow, metrics="ttft_ms_p50", against=fast, intervals=True).iloc[0]
    assert found["ttft_ms_p50_change"] == 1_000.0
    assert found["ttft_ms_p50_certainty"] == "sure"
    assert 0 < found["ttft_ms_p50_change_low"] < 1_000 < found["ttft_ms_p50_change_high"]
    same = summarize(fast, metrics="ttft_ms_p50", against=fast).iloc[0]
    assert same["ttft_ms_p50_change"] == 0.0
    assert same["ttft_ms_p50_certainty"] == "unclear"
    assert not [name for name in same.index if name.endswith(("_low", "_high"))]


def test_units_and_labels_name_every_column_of_figures() -> None:
    frame = frame_of({}, {})
    found = summarize(frame, by="model", metrics=["error_rate", "effective_cost"], against=frame, intervals=True)
    words = {"model", "requests_certainty", "error_rate_certainty", "effective_cost_certainty"}
    assert set(found.attrs["units"]) == set(found.attrs["labels"]) == set(found) - words
    assert found.attrs["units"]["error_rate_change"] == "percentage points"
    assert found.attrs["labels"]["effective_cost_previous"] == "cost before"


@pytest.mark.parametrize("options", [{"every": "day"}, {"by": "day"}])
def test_periods_have_no_days_in_common(options: dict[str, str]) -> None:
    frame = frame_of({})
    with pytest.raises(InputError, match="against= compares whole periods"):
        summarize(frame, against=frame, **options)  # type: ignore[arg-type]


def test_a_group_cannot_have_the_name_of_a_change() -> None:
    frame = frame_of({}).assign(requests_previous=1)
    with pytest.raises(InputError, match="two columns of the result would be named 'requests_previous': rename"):
        summarize(frame, by="requests_previous", against=frame)


@given(now=CHARGED, before=CHARGED)
def test_changes_add_up_and_do_not_depend_on_the_engine(
    now: list[dict[str, object]], before: list[dict[str, object]]
) -> None:
    frames = frame_of(*now), frame_of(*before)
    copies = [frame.copy() for frame in frames]
    found = summarize(frames[0], by="model", metrics="effective_cost", against=frames[1])
    for frame, copy in zip(frames, copies, strict=True):
        pd.testing.assert_frame_equal(frame, copy)
    assert found["requests_change"].sum() == len(now) - len(before)
    assert set(found["model"].dropna()) == {*frames[0]["model"].dropna(), *frames[1]["model"].dropna()}
    whole = [frame["total_cost"].isna() for frame in frames]
    if not any(gaps.any() for gaps in whole):
        change = summarize(frames[0], metrics="effective_cost", against=frames[1])["effective_cost_change"].iloc[0]
        assert found["effective_cost_change"].sum() == pytest.approx(change)


def test_duckdb_finds_the_same_changes() -> None:
    rng = np.random.default_rng(17)
    now, before = (simulate_generations(rng, days=7, groups=3) for _ in range(2))
    metrics = ["effective_cost", "error_rate", "cost_per_request_mean"]
    connection = duckdb.connect()
    relations = [connection.from_df(frame) for frame in (now, before)]
    options = {"by": "model", "metrics": metrics, "intervals": True}
    expected = summarize(now, against=before, **options)  # type: ignore[arg-type]
    found = summarize(relations[0], against=relations[1], **options)  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(found, expected, check_exact=False, rtol=1e-9)


def test_both_periods_have_percentiles_of_one_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = simulate_generations(np.random.default_rng(18), days=2, groups=2)
    monkeypatch.setattr(Relational, "has_room", lambda *_: False)
    found = summarize(frame, metrics="cost_per_request_p50", against=duckdb.connect().from_df(frame))
    assert found.attrs["percentiles"] == "sketch"
    assert found["cost_per_request_p50_change"].item() == 0


@pytest.mark.long
def test_without_an_effect_few_changes_are_sure() -> None:
    rng = np.random.default_rng(3)
    metrics = ["ttft_ms_p50", "error_rate", "cost_per_request_mean"]
    counts = dict.fromkeys(metrics, 0)
    for _ in range(200):
        now, before = (simulate_generations(rng, days=7, groups=3) for _ in range(2))
        found = summarize(now, metrics=metrics, against=before).iloc[0]
        for name in metrics:
            counts[name] += found[f"{name}_certainty"] == "sure"
    assert max(counts.values()) <= 20, counts  # 5 % are expected; above 10 % has a chance below 1 in 500
