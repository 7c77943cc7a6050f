"""The findings: descriptions are exact; claims of a difference or a change are hardly ever due to chance."""

import html
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import genanalytics as ga
from genanalytics.records.coverage import Coverage
from genanalytics.records.frame import to_frame
from genanalytics.records.schema import ARROW_SCHEMA
from genanalytics.report.figures import compute_evidence, compute_figures
from genanalytics.report.findings import find_claims, find_findings
from support.without_effect import simulate_generations

MONDAY = pd.Timestamp("2026-03-02T12:00Z")
GOOD: dict[str, object] = {"streamed": True, "cancelled": False, "finish_reason": "stop", "generation_time": 90_000}


def frame_of(*rows: dict[str, object]) -> pd.DataFrame:
    """Return records, fetched long after the last of them; what a row does not say is a gap."""
    told = [
        {"requested_id": f"gen-{place}", "fetched_at": MONDAY + pd.Timedelta(days=90)} | row
        for place, row in enumerate(rows)
    ]
    return to_frame(pa.Table.from_pylist(told, schema=ARROW_SCHEMA))


def by_day(**costs: Sequence[float | None]) -> pd.DataFrame:
    """Return a row for each day and model, from a Monday on, with the cost of each model on each day."""
    rows: list[dict[str, object]] = [
        {"model": model, "total_cost": cost, "is_byok": False, "created_at": MONDAY + pd.Timedelta(days=day)}
        for model, of_days in costs.items()
        for day, cost in enumerate(of_days)
    ]
    return frame_of(*rows)


def said(frame: pd.DataFrame) -> list[tuple[str, str]]:
    return [(finding.figure, finding.text) for finding in find_findings(compute_figures(frame, tz="UTC"))]


def find_change(frame: pd.DataFrame) -> tuple[str, str] | None:
    return next((found for found in said(frame) if "Cost per day changed" in found[1]), None)


def list_claims(frame: pd.DataFrame) -> list[str]:
    return [finding.text for claims in find_claims(compute_evidence(frame, tz="UTC")) for finding in claims]


def test_the_largest_cost_is_named_with_its_share() -> None:
    found = said(frame_of({"model": "a", "total_cost": 3.0}, {"model": "b", "total_cost": 1.0}))
    assert found[0] == ("75.0 %", "a is the largest cost: $3.000 of $4.000, in 1 request.")


def test_caching_that_loses_money_is_described_with_both_sides() -> None:
    found = said(
        frame_of(
            {"model": "a", "total_cost": 2.0, "cache_discount": -0.5},
            {"model": "a", "total_cost": 1.0, "cache_discount": 0.25},
            {"model": "b", "total_cost": 1.0, "cache_discount": 4.0},
        )
    )
    sides = "cache reads saved $4.250, cache writes cost an extra $0.5000"
    text = f"Prompt caching saved $3.750 net, a savings rate of 48.4 %: {sides}."
    assert ("$3.750", text) in found
    text = "Caching loses money with a: cache writes cost an extra $0.5000, cache reads saved $0.2500."
    assert ("−$0.2500", text) in found


def test_no_discount_is_described_in_words_and_not_as_zero() -> None:
    text = "No record reports a discount, so savings and costs of prompt caching are unknown."
    assert ("no discount reported", text) in said(frame_of({"model": "a", "total_cost": 1.0}))


def test_costs_that_are_not_known_are_a_finding() -> None:
    found = said(frame_of({"model": "a", "total_cost": 1.0, "is_byok": True}))
    assert ("1 request", "The cost of 1 request is not fully known, so every total is a lower bound.") in found


def test_the_largest_of_known_costs_is_not_called_the_largest_of_all() -> None:
    found = said(frame_of({"model": "a", "total_cost": 3.0}, {"model": "b", "total_cost": 1.0}, {"model": "c"}))
    assert found[0] == ("75.0 %", "a is the largest known cost: $3.000 of $4.000, in 1 request.")


@pytest.mark.parametrize("refund", [-8.0, -12.0])
def test_refunds_leave_no_share_of_a_total(tmp_path: Path, refund: float) -> None:
    frame = frame_of({"model": "a", "total_cost": 10.0, "cache_discount": 1.0}, {"model": "b", "total_cost": refund})
    figure, text = said(frame)[0]
    assert figure == "$10.00"
    why = "Refunds make the cost of other models negative, so it has no share."
    assert text == f"a is the largest cost: $10.00, in 1 request. {why}"
    ga.write_report(frame, tmp_path / "page.html")
    page = html.unescape((tmp_path / "page.html").read_text(encoding="utf-8"))
    shares = [float(share) for share in re.findall(r"([\d.]+) %", page.partition("</style>")[2])]
    assert max(shares) <= 100


def test_without_any_positive_cost_there_is_no_largest() -> None:
    assert not any("largest" in text for _, text in said(frame_of({"model": "a", "total_cost": -1.0})))


def test_a_total_of_refunds_makes_no_gain_a_loss_and_no_savings_rate() -> None:
    found = said(frame_of({"model": "a", "total_cost": -900.0, "cache_discount": 1.0, "is_byok": False}))
    texts = " ".join(text for _, text in found)
    assert "Prompt caching saved $1.000 net: cache reads" in texts
    assert "loses money" not in texts


WEEK = [4.0, 5.0, 4.5, 5.5, 5.0, 1.0, 0.5]
"""Costs from Monday to Sunday."""


def test_a_change_of_cost_is_one_of_whole_weeks_with_the_model_that_moved_it() -> None:
    a, b = [90.0, *WEEK, *WEEK, 0.1], [90.0, *[1.0] * 7, *[4.0, 5.0, 4.0, 5.0, 4.0, 5.0, 8.0], 0.1]
    figure, text = find_change(by_day(a=a, b=b)) or ("", "")
    assert figure == "+86.2 %"
    span = "in the 7 days to 2026-03-16 against the same weekdays 1 week before"
    assert text == f"Cost per day changed from $4.643 to $8.643, {span}; the largest part is b, +$4.000 per day."


def test_a_weekend_is_not_a_fall() -> None:
    """The week before the last days was a whole one; halves of the days would be a fall of two thirds."""
    weekend = [4.0, 5.0, 4.0, 5.0, 4.0, 5.0, 0.2, 0.2, 4.1, 4.9, 4.1, 4.9, 4.1, 0.2, 0.2]
    assert find_change(by_day(a=weekend)) is None
    assert find_change(by_day(a=[0.1, *WEEK, *WEEK, 0.1])) is None


def test_incomplete_days_do_not_count() -> None:
    assert find_change(by_day(a=[900.0, *WEEK, *WEEK, 900.0])) is None


@pytest.mark.parametrize(("days", "weeks"), [(11, 1), (14, 1), (27, 1), (28, 2), (42, 3)])
def test_days_are_compared_with_the_same_weekdays(days: int, weeks: int) -> None:
    """Each week is twice as expensive as the one before; weekdays differ by a factor of 11."""
    costs = [2.0 ** (day // 7) * WEEK[day % 7] * (1 + 0.01 * (day % 3)) for day in range(days)]
    figure, text = find_change(by_day(a=[1.0, *costs, 1.0])) or ("", "")
    compared = min(days - 7, 7 * weeks)
    assert f"in the {compared} days to" in text
    assert f"against the same weekdays {weeks} week" in text
    assert float(figure.strip("+ %")) == pytest.approx(100 * (2.0**weeks - 1), abs=8)


def test_few_days_show_no_change() -> None:
    assert find_change(by_day(a=[1.0, *[1.0] * 7, *[9.0] * 3, 1.0])) is None


def test_an_unknown_cost_is_not_a_fall_to_nothing() -> None:
    before: list[float | None] = [1.0, *WEEK]
    assert find_change(by_day(a=[*before, *[None] * 7, 1.0])) is None
    assert find_change(by_day(a=[*[None] * 8, *WEEK, 1.0])) is None
    texts = " ".join(text for _, text in said(by_day(a=[*before, *[None] * 7, 1.0])))
    assert "−100" not in texts
    assert "The cost of 7 requests is not fully known" in texts


def test_a_day_with_an_unknown_cost_has_no_pair() -> None:
    later: list[float | None] = [3 * cost for cost in WEEK]
    later[2] = None
    _, text = find_change(by_day(a=[1.0, *WEEK, *later, 1.0])) or ("", "")
    assert "from $3.500 to $10.50" in text
    assert "1 week before, without days with unknown costs, in 6 pairs of days;" in text


def test_a_fall_is_not_what_moved_a_rise() -> None:
    """a falls by 5 per day; b and c rise by 4 each."""
    a, rise = [6.0] * 7, [4.0, 5.0, 4.0, 5.0, 4.0, 5.0, 4.5]
    frame = by_day(a=[1, *a, *[1.0] * 7, 1], b=[1, *[0.5] * 7, *rise, 1], c=[1, *[0.6] * 7, *rise, 1])
    figure, text = find_change(frame) or ("", "")
    assert figure.startswith("+")
    assert "the largest part is b, +$4.000 per day, while others changed it by −$5.000." in text
    frame = by_day(a=[1, *[1.0] * 7, *a, 1], b=[1, *rise, *[0.5] * 7, 1], c=[1, *rise, *[0.6] * 7, 1])
    figure, text = find_change(frame) or ("", "")
    assert figure.startswith("−")
    assert "the largest part is b, −$4.000 per day, while others changed it by +$5.000." in text


def test_missing_records_may_be_a_change() -> None:
    frame = by_day(a=[1.0, *WEEK, *[3 * cost for cost in WEEK], 1.0])
    frame.attrs["coverage"] = Coverage.of(["gen-x"], found=len(frame)).to_json()
    _, text = find_change(frame) or ("", "")
    assert "from ≥ $3.643 to ≥ $10.93" in text
    assert text.endswith(" Missing records may be the reason.")


def test_a_change_to_refunds_has_no_share() -> None:
    figure, text = find_change(by_day(a=[1.0, *WEEK, *[-cost for cost in WEEK], 1.0])) or ("", "")
    assert figure == "−$7.286 per day"
    assert "from $3.643 to −$3.643" in text


def test_a_tail_is_judged_against_the_others_without_the_judged_one() -> None:
    rows = [
        GOOD | {"provider_name": name, "latency": base + 10 * place}
        for name, base in (("Slow", 20_000), ("Quick", 1_000), ("Brisk", 1_500))
        for place in range(200)
    ]
    found = [(figure, text) for figure, text in said(frame_of(*rows)) if "wait longer" in text]
    assert [figure for figure, _ in found] == ["p95 21.9 s"]
    assert found[0][1].startswith(
        "At Slow, 15.0 % (95 % interval 10.7 % to 20.6 %) of the requests wait longer than 21.7 s"
    )
    assert "; at all other providers together 0.0 %." in found[0][1]
    few = [row for place, row in enumerate(rows) if place % 10 == 0]
    assert list_claims(frame_of(*few)) == []


def test_a_large_provider_does_not_hide_behind_itself() -> None:
    """Of all requests 9.1 % fail, which is inside the interval of the provider that makes most of them."""
    ends = ["error" if place % 10 == 0 else "stop" for place in range(4_000)]
    rows = [GOOD | {"provider_name": "Most", "finish_reason": end} for end in ends]
    rows += [GOOD | {"provider_name": "Few"} for _ in range(400)]
    frame = frame_of(*rows)
    (text,) = list_claims(frame)
    assert text in [finding for _, finding in said(frame)]
    assert text.startswith("Of 4,000 generations of Most, 10.0 % (95 % interval 9.1 % to 11.0 %) ended in an error")
    assert text.endswith("among those of all other providers together 0.0 %.")


def test_one_provider_is_compared_with_nothing() -> None:
    rows = [GOOD | {"provider_name": "Only", "finish_reason": "error", "latency": 9}] * 300
    assert list_claims(frame_of(*rows)) == []


def test_one_session_of_errors_is_one_observation() -> None:
    bad = [GOOD | {"provider_name": "A", "session_id": "bad", "finish_reason": "error"}] * 12
    fine = [GOOD | {"provider_name": "AB"[place % 2], "session_id": f"s{place // 4}"} for place in range(1_000)]
    assert list_claims(frame_of(*bad, *fine)) == []
    alone = [row | {"session_id": f"x{place}"} for place, row in enumerate(bad)]
    assert len(list_claims(frame_of(*alone, *fine))) == 1


def parametrize_runs(most: int) -> pytest.MarkDecorator:
    """Return few runs for each time, and many for the long tests."""
    return pytest.mark.parametrize("runs", [8, pytest.param(most, marks=[pytest.mark.long, pytest.mark.timeout(1800)])])


@parametrize_runs(100)
def test_at_most_5_of_100_data_sets_without_effect_have_a_claim(runs: int) -> None:
    """The findings before had one in 56 of 100, mostly a change of cost."""
    rng, alarms = np.random.default_rng(2), 0
    for _ in range(runs):
        days, groups, spread = int(rng.integers(14, 29)), int(rng.integers(3, 9)), rng.uniform(1.0, 1.5)
        alarms += bool(list_claims(simulate_generations(rng, days=days, groups=groups, spread=spread)))
    assert alarms <= max(0.05 * runs, 1)


@parametrize_runs(16)
@pytest.mark.parametrize(
    ("effect", "claim", "least"),
    [
        ({"failures": 3.0}, "of provider-0, .* ended in an error", 0.75),
        ({"delay": 2.0}, "At provider-0, .* wait longer", 0.9),
        ({"price": 3.0}, r"Cost per day changed .*; the largest part is .*, \+", 0.75),
    ],
    ids=["failures", "delay", "price"],
)
def test_a_true_effect_is_found_in_most_data_sets(
    runs: int, effect: dict[str, float], claim: str, least: float
) -> None:
    """Of about 500 rows per provider, in two weeks."""
    rng, found = np.random.default_rng(3), 0
    for _ in range(runs):
        frame = simulate_generations(rng, days=16, groups=4, sessions=42.0, even=True, **effect)
        found += any(re.search(claim, text) is not None for text in list_claims(frame))
    assert found >= least * runs
