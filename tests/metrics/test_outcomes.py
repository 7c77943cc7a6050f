"""Revenue, margin and the cost of a success, worked out by hand, in plain Python, and against a known truth."""

import math
from collections import defaultdict
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

import genanalytics as ga
from genanalytics.errors import MissingColumnError
from genanalytics.records.frame import to_arrow
from genanalytics.sandbox import sample
from support.engines import assert_alike
from support.generations import frame_of, parse_records
from support.outcomes import draw_outcomes
from support.row_values import limits


def frame_of_sessions() -> pd.DataFrame:
    """Return three sessions: one of three requests, one of one request, and one of unknown outcome."""
    rows = [("s", "a", 1.0), ("s", "a", 2.0), ("s", "b", 4.0), ("t", "b", 8.0), ("u", "b", 16.0), (None, "b", 32.0)]
    return frame_of(*({"session_id": s, "model": model, "total_cost": usd} for s, model, usd in rows))


def test_an_outcome_of_a_session_counts_once_and_failures_cost_too() -> None:
    labels = pd.DataFrame({"session_id": ["s", "t", "u"], "success": [True, False, None]})
    labelled = ga.label(frame_of_sessions(), labels, on="session_id")
    (row,) = ga.summarize(labelled, metrics="outcomes").to_dict("records")
    assert row["known_outcomes"] == pytest.approx(2)
    assert row["success_rate"] == pytest.approx(1 / 2)
    assert row["usd_per_success"] == pytest.approx(1 + 2 + 4 + 8)


def test_a_part_of_a_session_has_its_part_of_the_outcome() -> None:
    labels = pd.DataFrame({"session_id": ["s", "t"], "success": [True, True]})
    labelled = ga.label(frame_of_sessions(), labels, on="session_id")
    rows = ga.summarize(labelled, by="model", metrics="outcomes").set_index("model")
    assert rows["known_outcomes"].tolist() == pytest.approx([2 / 3, 1 / 3 + 1])
    assert rows["usd_per_success"].tolist() == pytest.approx([3 / (2 / 3), 12 / (4 / 3)])
    pd.testing.assert_frame_equal(
        ga.summarize(labelled[labelled["model"] == "a"], by="model", metrics="outcomes"), rows[:1].reset_index()
    )


def test_without_a_success_there_is_no_cost_per_success() -> None:
    labelled = ga.label(frame_of_sessions(), {"s": False, "t": False}, on="session_id", name="success")
    row = ga.summarize(labelled, metrics="outcomes", intervals=True).iloc[0]
    assert row["success_rate"] == 0
    assert pd.isna(row["usd_per_success"])
    unknown = ga.label(frame_of_sessions(), {"s": None}, on="session_id", name="success")
    assert ga.summarize(unknown, metrics="outcomes").iloc[0, 1:].isna().all()


def test_unknown_costs_and_unknown_outcomes_are_in_neither_side() -> None:
    """By hand: gen-0 and gen-1 have both; gen-2 has no cost, gen-3 no outcome; the key of BYOK is paid too."""
    frame = frame_of(
        {"total_cost": 1.0},
        {"total_cost": 0.5, "is_byok": True, "upstream_inference_cost": 4.0},
        {"total_cost": 0.5, "is_byok": True, "upstream_inference_cost": None},
        {"total_cost": 64.0},
    )
    outcomes = {"gen-0": True, "gen-1": False, "gen-2": True}
    labelled = ga.label(frame, outcomes, on="requested_id", name="success")
    assert ga.summarize(labelled, metrics=["usd_per_success"])["usd_per_success"].tolist() == [5.5]
    revenue = ga.label(frame, {f"gen-{place}": 10 for place in range(4)}, on="requested_id", name="revenue")
    (row,) = ga.summarize(revenue, metrics="margins").to_dict("records")
    assert row["revenue"] == 40
    assert row["margin"] == 30 - 1 - 4.5 - 64
    assert row["margin_share"] == pytest.approx(row["margin"] / 30)


def test_the_revenue_of_a_customer_is_not_multiplied_by_its_requests() -> None:
    frame = frame_of(*({"external_user": user, "total_cost": 1.0} for user in ["a"] * 6 + ["b"] * 2 + [None]))
    labelled = ga.label(frame, {"a": 30.0, "b": 1.0}, name="revenue")
    rows = ga.summarize(labelled, by="external_user", metrics="margins").set_index("external_user")
    assert [*rows.loc["a"]] == pytest.approx([6, 30, 24, 0.8])
    assert [*rows.loc["b"]] == pytest.approx([2, 1, -1, -1.0])
    assert rows[rows.index.isna()].iloc[0, 1:].isna().all()
    (total,) = ga.summarize(labelled, metrics="margins").to_dict("records")
    assert total["margin"] == pytest.approx(31 - 8)


@pytest.mark.parametrize(("metric", "column"), [("outcomes", "outcomes"), ("margins", "revenue")])
def test_without_labels_the_message_says_how_to_add_them(metric: str, column: str) -> None:
    with pytest.raises(MissingColumnError, match=f"no column '{column}'.*ga.label\\(data, ...\\) or --labels FILE"):
        ga.summarize(frame_of_sessions(), metrics=metric)


def test_figures_of_the_sandbox_are_those_of_plain_python() -> None:
    frame = parse_records(sample(3_000, seed=5).records)
    rng = np.random.default_rng(3)
    sessions = {one: bool(rng.random() < 0.6) for one in sorted(frame["session_id"].dropna().unique())}
    revenue = {one: float(rng.integers(0, 900)) for one in sorted(frame["external_user"].dropna().unique())}
    labelled = ga.label(frame, sessions, on="session_id", name="success")
    labelled = ga.label(labelled, revenue, on="external_user", name="revenue")
    found = ga.summarize(labelled, by="provider_name", metrics=["outcomes", "margins"]).set_index("provider_name")
    rows = [{str(name): _plain(value) for name, value in row.items()} for row in frame.to_dict("records")]
    for provider, expected in _compute(rows, sessions, revenue).items():
        for name, value in expected.items():
            figure = _plain(found.loc[provider, name])
            assert (figure is None) == (value is None), (provider, name)
            assert value is None or math.isclose(figure, value, rel_tol=1e-9, abs_tol=1e-12), (provider, name)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any cell
    return value if isinstance(value, list | np.ndarray) or pd.notna(value) else None


def _compute(
    rows: list[dict[str, Any]], sessions: dict[str, bool], revenue: dict[str, float]
) -> dict[str, dict[str, float | None]]:
    """Return the statistics by provider, from records as they are."""
    size: dict[str, int] = defaultdict(int)
    for row in rows:
        size[row["session_id"]] += 1
        size[row["external_user"]] += 1
    sums: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        own, cost = sums[row["provider_name"]], row["total_cost"]
        if row["is_byok"]:
            cost = None if row["upstream_inference_cost"] is None else cost + row["upstream_inference_cost"]
        if row["session_id"] in sessions:
            part = 1 / size[row["session_id"]]
            own["known_outcomes"].append(part)
            own["successes"].append(part * sessions[row["session_id"]])
            if cost is not None:
                own["cost"].append(cost)
                own["successes with cost"].append(part * sessions[row["session_id"]])
        if row["external_user"] in revenue:
            part = revenue[row["external_user"]] / size[row["external_user"]]
            own["revenue"].append(part)
            if cost is not None:
                own["margin"].append(part - cost)
                own["revenue with cost"].append(part)
    return {
        provider: {
            "known_outcomes": math.fsum(own["known_outcomes"]) if own["known_outcomes"] else None,
            "success_rate": _divide(own["successes"], own["known_outcomes"]),
            "usd_per_success": _divide(own["cost"], own["successes with cost"]),
            "revenue": math.fsum(own["revenue"]) if own["revenue"] else None,
            "margin": math.fsum(own["margin"]) if own["margin"] else None,
            "margin_share": _divide(own["margin"], own["revenue with cost"]),
        }
        for provider, own in sums.items()
    }


def _divide(over: list[float], under: list[float]) -> float | None:
    return math.fsum(over) / math.fsum(under) if math.fsum(under) else None


def test_an_engine_computes_the_same_figures_and_intervals() -> None:
    frame = parse_records(sample(2_000, seed=6).records)
    sessions = pd.DataFrame({"session_id": sorted(frame["session_id"].dropna().unique())})
    sessions["success"] = [place % 3 > 0 for place in range(len(sessions))]
    users = pd.DataFrame({"user": sorted(frame["external_user"].dropna().unique())})
    users["revenue"] = [place * 1.25 for place in range(len(users))]

    def summarize(data: Any) -> pd.DataFrame:  # noqa: ANN401 - of any engine
        labelled = ga.label(ga.label(data, sessions, on="session_id"), users)
        return ga.summarize(labelled, by="model_family", metrics=["outcomes", "margins"], intervals=True)

    here, there = summarize(frame), summarize(duckdb.connect().from_arrow(to_arrow(frame)))
    there.attrs["notices"] = here.attrs["notices"]  # a relation carries none about its labels
    assert_alike(there, here)


@pytest.mark.parametrize(("tasks", "chance", "mean_size"), [(300, 0.6, 1), (300, 0.8, 3)])
def test_the_interval_contains_the_truth_as_often_as_it_says(tasks: int, chance: float, mean_size: int) -> None:
    """With 200 runs, a share of 95 % has a standard error of 1.5 points; the limits are cautious, not narrow."""
    labelled, truth = draw_outcomes(np.random.default_rng(11), 200, tasks, chance=chance, mean_size=mean_size)
    found = ga.summarize(labelled, by="run", metrics=["usd_per_success", "success_rate"], intervals=True)
    for name, true in (("usd_per_success", truth), ("success_rate", chance)):
        held = [low <= true <= high for low, high in limits(found, name) if low is not None and high is not None]
        assert len(held) >= 198
        assert 0.915 <= np.mean(held) <= 0.99
    assert found["usd_per_success"].mean() == pytest.approx(truth, rel=0.02)


def test_few_outcomes_have_no_interval() -> None:
    labelled, _ = draw_outcomes(np.random.default_rng(1), 1, 5, chance=0.5, mean_size=3)
    summary = ga.summarize(labelled, metrics=["usd_per_success"], intervals=True)
    assert limits(summary, "usd_per_success") == [(None, None)]
    assert summary.attrs["gaps"]["usd_per_success"]
