"""The limits in a summary, worked out by hand where possible; elsewhere their share with the truth is counted."""

import math
from collections.abc import Mapping

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from genanalytics.errors import InputError
from genanalytics.metrics import DEFAULT, summarize
from genanalytics.metrics.intervals import clusters
from genanalytics.metrics.intervals.ratios import FEWEST
from genanalytics.records.frame import to_frame
from genanalytics.records.schema import ARROW_SCHEMA
from support.row_values import FAILURES, MEAN, OF_SUMS, PERCENTILES, TOTAL, limits


def frame_of(*rows: Mapping[str, object]) -> pd.DataFrame:
    """Return rows as a typed frame of all columns; everything that a row leaves out is a gap."""
    return to_frame(pa.Table.from_pylist([dict(row) for row in rows], schema=ARROW_SCHEMA))


def test_the_interval_of_a_rate_is_wilsons() -> None:
    """By hand, of 8 in 10: (0.8 + 3.8415 / 20 -+ 1.96 sqrt(0.8 x 0.2 / 10 + 3.8415 / 400)) / (1 + 3.8415 / 10)."""
    frame = pd.DataFrame({"flag": pd.array([1] * 8 + [0] * 2 + [None], "Int64")})
    (found,) = limits(summarize(frame, metrics=[FAILURES], intervals=True), "failed")
    assert found == (pytest.approx(0.4902, abs=5e-5), pytest.approx(0.9433, abs=5e-5))


def test_each_gap_of_a_known_value_has_its_reason() -> None:
    free = frame_of(*[{"total_cost": 0.0, "upstream_inference_cost": 0.0, "is_byok": False}] * 25)
    names = ["cost_per_request_mean", "cost_of_like_period", "cache_payback"]
    equal = {name: ["all values are equal"] for name in names[:2]}
    assert summarize(free, metrics=names, intervals=True).attrs["gaps"] == equal
    either = [{"cache_discount": value} for value in (1.0, -2.0, 3.0, -4.0) * 10]  # no row has both sides of a ratio
    summary = summarize(frame_of(*either), metrics=["cache_payback"], intervals=True)
    assert limits(summary, "cache_payback") == [(None, None)]
    assert summary.attrs["gaps"] == {"cache_payback": ["these values do not show how much they differ"]}


def test_the_limits_of_a_percentile_are_values_of_rows() -> None:
    """A median is outside of the first and the last of 8 rows in 2 x 0.5^8 = 0.8 %, of the next two in 7 %."""
    frame = pd.DataFrame({"ms": pd.array([80, 10, 70, 20, None, 60, 30, 50, 40], "Int64")})
    summary = summarize(frame, metrics=PERCENTILES, intervals=True)
    assert summary["time_p50"].tolist() == [45]
    assert limits(summary, "time_p50") == [(10, 80)]
    assert limits(summary, "time_p90") == [(None, None)]


def test_the_limits_of_a_median_of_dependent_rows_are_further_out() -> None:
    """By hand: 40 sessions of ten equal times say as much as 40 rows at most."""
    times = np.repeat(np.arange(40.0), 10)
    frame = pd.DataFrame({"ms": times, "session_id": np.repeat([f"s{number}" for number in range(40)], 10)})
    summary = summarize(frame, metrics=PERCENTILES, intervals=True)
    ((low, high),) = limits(summary, "time_p50")
    alone = limits(summarize(frame[["ms"]], metrics=PERCENTILES, intervals=True), "time_p50")[0]
    assert low <= 13  # of 40 rows it would be the 14th, which has the number 13
    assert high >= 26
    assert alone == (17, 22)
    assert limits(summary, "time_p95") == [(None, None)]
    assert summary.attrs["gaps"]["time_p95"] == ["too few sessions, requests or hours for this percentile"]


def test_a_total_is_known_and_a_like_period_is_not() -> None:
    """By hand, of 100 equal costs: the number is Poisson, with the relative error 1/10 and t of 99 degrees."""
    frame = pd.DataFrame({"total_cost": [0.5] * 100, "upstream_inference_cost": np.nan, "is_byok": False})
    summary = summarize(frame, metrics=["effective_cost", "cost_of_like_period"], intervals=True)
    assert "effective_cost_low" not in summary
    assert summary["cost_of_like_period"].tolist() == [50]
    low, high = (50 * math.exp(sign * 1.984 / 10) for sign in (-1, 1))
    assert limits(summary, "cost_of_like_period") == [(pytest.approx(low, rel=2e-3), pytest.approx(high, rel=2e-3))]


def test_the_limits_of_a_group_do_not_depend_on_other_groups() -> None:
    frame = sampled(np.random.default_rng(2), 100, 5)
    metrics = [*OF_SUMS, *PERCENTILES, FAILURES]
    together = summarize(frame, by="run", metrics=metrics, intervals=True)
    alone = summarize(frame[frame["run"] == 3], by="run", metrics=metrics, intervals=True)
    pd.testing.assert_frame_equal(together[together["run"] == 3].reset_index(drop=True), alone, rtol=1e-12)


def test_rows_of_a_session_are_not_independent() -> None:
    rng = np.random.default_rng(1)
    usd = np.repeat(rng.normal(10, 1, 50), 8)
    alone = pd.DataFrame({"usd": usd})
    together = alone.assign(session_id=np.repeat([f"s{number}" for number in range(50)], 8))
    requests = together.rename(columns={"session_id": "request_id"})
    widths = []
    for frame in (alone, together, requests):
        ((low, high),) = limits(summarize(frame, metrics=[TOTAL, MEAN], intervals=True), "cost_mean")
        assert low is not None
        assert high is not None
        widths.append(high - low)
    assert widths[1] == widths[2]
    assert widths[1] / widths[0] == pytest.approx(math.sqrt(8), rel=0.2)


def test_too_few_clusters_have_no_interval() -> None:
    frame = pd.DataFrame({"usd": [float(number) for number in range(FEWEST)], "out": 1})
    for rows in range(FEWEST):
        assert limits(summarize(frame[:rows], metrics=OF_SUMS, intervals=True), "cost_mean") == [(None, None)]
    ((low, high),) = limits(summarize(frame, metrics=OF_SUMS, intervals=True), "cost_mean")
    assert low is not None
    assert high is not None


def test_equal_values_have_no_interval() -> None:
    """They do not show how much values differ."""
    frame = pd.DataFrame({"usd": [0.1] * 30, "out": [3] * 30})
    summary = summarize(frame, metrics=OF_SUMS, intervals=True)
    for name in ("cost_mean", "price"):
        assert limits(summary, name) == [(None, None)]
        assert summary.attrs["gaps"][name] == ["all values are equal"]


def test_a_mean_that_depends_on_one_session_has_no_interval() -> None:
    frame = pd.DataFrame({"usd": [5.0] + [0.0] * 99, "out": 1})
    summary = summarize(frame, metrics=OF_SUMS, intervals=True)
    assert limits(summary, "cost_mean") == [(None, None)]
    assert summary.attrs["gaps"]["price"] != []


def test_gaps_have_no_interval() -> None:
    frame = pd.DataFrame({"model": ["a"] * 10 + ["b"], "usd": np.nan, "out": 1, "ms": np.nan, "flag": np.nan})
    metrics = [*OF_SUMS, *PERCENTILES, FAILURES]
    for data in (frame, frame[:0]):
        summary = summarize(data, by="model", metrics=metrics, intervals=True)
        assert summary.filter(regex="_low|_high").isna().all(axis=None)
    assert summarize(frame[:0], metrics=metrics, intervals=True).filter(regex="_low|_high").isna().all(axis=None)


def test_infinity_is_a_gap() -> None:
    frame = pd.DataFrame({"usd": [math.inf, *[1.0] * 20], "out": 1, "ms": [math.inf, *[1.0] * 20], "flag": 1})
    metrics = [*OF_SUMS, *PERCENTILES]
    gap = summarize(frame.replace(math.inf, math.nan), metrics=metrics, intervals=True)
    pd.testing.assert_frame_equal(summarize(frame, metrics=metrics, intervals=True), gap)


def test_an_empty_period_has_no_interval() -> None:
    days = pd.to_datetime(["2026-03-01", "2026-03-03"], utc=True).repeat(10)
    frame = pd.DataFrame({"created_at": days, "usd": np.arange(20.0), "flag": 1})
    summary = summarize(frame, every="day", metrics=[TOTAL, MEAN, FAILURES], intervals=True)
    assert summary["cost"].tolist() == [45, 0, 145]
    assert [low is None for low, _ in limits(summary, "cost_mean")] == [False, True, False]
    assert [low is None for low, _ in limits(summary, "failed")] == [False, True, False]


def test_limits_follow_their_statistic_with_its_unit() -> None:
    frame = frame_of({"total_cost": 1.0})
    summary = summarize(frame, intervals=True)
    names = list(summary)
    for statistic in DEFAULT:
        place = names.index(statistic.name)
        after = names[place + 1 : place + 3]
        assert (after == [f"{statistic.name}_low", f"{statistic.name}_high"]) == (statistic.basis is not None)
    assert set(summary.attrs["units"]) == set(summary.attrs["labels"]) == set(names)
    assert summary.attrs["units"]["ttft_ms_p95_low"] == "ms"
    assert summary.attrs["labels"]["ttft_ms_p95_high"] == "TTFT p95 high"
    assert summarize(frame).filter(regex="_low|_high").empty


def test_a_limit_with_the_name_of_another_column_is_refused() -> None:
    frame = pd.DataFrame({"usd": [1.0], "cost_mean_low": 1})
    with pytest.raises(
        InputError, match="two columns of the result would be named 'cost_mean_low': use each name once"
    ):
        summarize(frame, by="cost_mean_low", metrics=[MEAN], intervals=True)


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "model": st.sampled_from(["a", "b", None]),
            "session_id": st.sampled_from(["s", "t", None]),
            "request_id": st.sampled_from(["q", "r", None]),
            "usd": st.none() | st.floats(0, 100),
            "out": st.none() | st.integers(0, 1000),
            "ms": st.none() | st.integers(0, 1000),
            "flag": st.sampled_from([0, 1, None]),
        }
    ),
    min_size=1,
    max_size=60,
)


@given(ROWS, st.randoms(use_true_random=False))
def test_limits_enclose_their_statistic_and_do_not_depend_on_the_order_of_rows(
    rows: list[dict[str, object]], random: object
) -> None:
    frame = pd.DataFrame(rows).astype({"usd": "Float64", "out": "Float64", "ms": "Float64", "flag": "Float64"})
    shuffled = frame.sample(frac=1, random_state=random.randrange(1000))  # type: ignore[attr-defined]
    metrics = [*OF_SUMS, *PERCENTILES, FAILURES]
    summary = summarize(frame, by="model", metrics=metrics, intervals=True)
    pd.testing.assert_frame_equal(
        summary, summarize(shuffled, by="model", metrics=metrics, intervals=True), rtol=1e-9, atol=1e-12
    )
    for statistic in metrics[1:]:  # a total has none
        for value, (low, high) in zip(summary[statistic.name], limits(summary, statistic.name), strict=True):
            assert (low is None) == (high is None)
            assert low is None or low <= value <= high


def awkward(rows: int = 3000) -> pd.DataFrame:
    """Return rows in groups, sessions, requests and alone, with gaps, as a frame of all columns."""
    rng = np.random.default_rng(7)
    label = rng.integers(0, rows // 5, rows)
    out = rng.lognormal(5, 1, rows).astype(int)
    latency = rng.lognormal(8, 0.7, rows).astype(int)
    known = rng.random(rows) < 0.8
    found = {
        "model": np.array(["a", "b", None])[rng.integers(0, 3, rows)],
        "session_id": [f"s{number}" if number % 3 else None for number in label],
        "created_at": pd.Timestamp("2026-03-01", tz="UTC") + pd.to_timedelta(label, unit="h"),
        "request_id": [f"r{number}" if number % 2 else None for number in label],
        "total_cost": np.where(known, out * 1e-5, np.nan),
        "cache_discount": np.where(rng.random(rows) < 0.5, rng.normal(1e-5, 2e-5, rows), np.nan),
        "is_byok": rng.random(rows) < 0.1,
        "upstream_inference_cost": out * 2e-5,
        "streamed": rng.random(rows) < 0.9,
        "cancelled": rng.random(rows) < 0.1,
        "finish_reason": np.array(["stop", "length", "error", None])[rng.integers(0, 4, rows)],
        "latency": latency,
        "generation_time": latency + out * 20,
        "native_tokens_prompt": out * 10,
        "native_tokens_completion": out,
        "native_tokens_cached": out * 7,
        "native_tokens_reasoning": out // 3,
    }
    columns = {name: pa.array(values, from_pandas=True) for name, values in found.items()}
    gaps = pa.nulls(rows)
    return to_frame(pa.table({field.name: columns.get(field.name, gaps).cast(field.type) for field in ARROW_SCHEMA}))


@pytest.mark.parametrize("kept", [0, 100_000])
def test_duckdb_gives_the_same_limits(monkeypatch: pytest.MonkeyPatch, kept: int) -> None:
    """Whether clusters are fetched or not; percentiles to the accuracy of their classes, on the outer side."""
    monkeypatch.setattr(clusters, "KEPT", kept)
    frame = awkward()
    relation = duckdb.connect().from_arrow(pa.Table.from_pandas(frame, preserve_index=False))
    here, there = (summarize(data, by="model", intervals=True) for data in (frame, relation))
    classed = {f"{one.name}_{side}" for one in DEFAULT if one.basis and one.basis.level for side in ("low", "high")}
    exact = [name for name in here if name not in classed]
    pd.testing.assert_frame_equal(here[exact], there[exact], rtol=1e-9)
    for name in classed:
        mine, theirs = here[name].to_numpy(float), there[name].to_numpy(float)
        assert (np.isnan(mine) == np.isnan(theirs)).all()
        outward = (mine - theirs if name.endswith("_low") else theirs - mine) / np.abs(mine)
        assert np.nanmin(outward, initial=0) >= -1e-9
        assert np.nanmax(outward, initial=0) <= 0.0202


def sampled(rng: np.random.Generator, n: int, runs: int) -> pd.DataFrame:
    """Return runs of about n rows: sessions of 2.5 rows with correlated costs, independent times and failures."""
    sessions = round(n / 2.5)
    sizes = rng.geometric(1 / 2.5, sessions * runs)
    session = np.repeat(np.arange(len(sizes)), sizes)
    out = rng.lognormal(5, 0.8, len(session))
    shared = rng.lognormal(0, 0.4, len(sizes))[session]
    return pd.DataFrame(
        {
            "run": session // sessions,
            "session_id": pd.array(pa.array(session).cast(pa.string()).to_pandas(), "str"),
            "usd": out * shared * rng.lognormal(0, 0.3, len(session)),
            "out": out,
            "ms": rng.lognormal(8, 0.8, len(session)),
            "flag": (rng.random(len(session)) < 0.1).astype(int),
        }
    )


@pytest.mark.parametrize(
    ("n", "runs"),
    [
        (100, 500),
        (500, 200),
        (5000, 60),
        pytest.param(100, 8000, marks=pytest.mark.long),
        pytest.param(500, 4000, marks=pytest.mark.long),
        pytest.param(5000, 1000, marks=pytest.mark.long),
    ],
)
def test_intervals_contain_the_truth_in_93_to_97_of_100_runs(n: int, runs: int) -> None:
    """Skewed costs in sessions, skewed times. The band is widened by 2.6 standard errors of as many runs."""
    metrics = [*OF_SUMS, *PERCENTILES, FAILURES]
    summary = summarize(sampled(np.random.default_rng(n), n, runs), by="run", metrics=metrics, intervals=True)
    price = math.exp((0.4**2 + 0.3**2) / 2)
    truth = {"cost_mean": price * math.exp(5 + 0.8**2 / 2), "price": price, "failed": 0.1}
    for name, point in (("p50", 0), ("p90", 1.281552), ("p95", 1.644854), ("p99", 2.326348)):
        truth[f"time_{name}"] = math.exp(8 + 0.8 * point)
    error = 2.6 * math.sqrt(0.05 * 0.95 / runs)
    for name, value in truth.items():
        low, high = (summary[f"{name}_{side}"].dropna() for side in ("low", "high"))
        if len(low) > 0.95 * runs:
            held = ((low <= value) & (value <= high)).mean()
            assert 0.93 - error < held < 0.98 + error, (name, held)


@pytest.mark.parametrize("correlation", [0.0, 0.2])
def test_percentiles_of_correlated_sessions_are_within_their_limits(correlation: float) -> None:
    """Fifty sessions of ten rows: of independent rows, 84 of 100 intervals of a median contained it."""
    rng, runs = np.random.default_rng(8), 300
    shared = rng.normal(size=(runs * 50, 1)) * math.sqrt(correlation)
    times = np.exp(shared + rng.normal(size=(runs * 50, 10)) * math.sqrt(1 - correlation))
    session = np.repeat(np.arange(runs * 50), 10)
    frame = pd.DataFrame(
        {"run": session // 50, "session_id": [f"s{number}" for number in session], "ms": times.ravel()}
    )
    summary = summarize(frame, by="run", metrics=PERCENTILES, intervals=True)
    for name, point in (("p50", 0), ("p90", 1.281552), ("p95", 1.644854)):
        low, high = (summary[f"time_{name}_{side}"] for side in ("low", "high"))
        assert low.notna().mean() > 0.95
        known = low.notna()
        held = ((low <= math.exp(point)) & (math.exp(point) <= high))[known].mean()
        assert held > 0.93 - 0.033, (name, held)


def test_rates_with_hourly_outages_are_within_their_limits() -> None:
    """A week of 1,000 rows, one hour in twenty fails at 70 %: of independent rows, 83 of 100 contained the rate."""
    rng, runs = np.random.default_rng(4), 300
    hour = rng.integers(0, 168, (runs, 1000))
    out = rng.random((runs, 168)) < 0.05
    chance = np.where(np.take_along_axis(out, hour, axis=1), 0.7, 0.1)
    frame = pd.DataFrame(
        {
            "run": np.repeat(np.arange(runs), 1000),
            "created_at": pd.Timestamp("2026-03-01", tz="UTC") + pd.to_timedelta(hour.ravel(), unit="h"),
            "flag": (rng.random((runs, 1000)) < chance).ravel().astype(int),
        }
    )
    summary = summarize(frame, by="run", metrics=[FAILURES], intervals=True)
    truth = 0.95 * 0.1 + 0.05 * 0.7
    assert ((summary["failed_low"] <= truth) & (truth <= summary["failed_high"])).mean() > 0.93 - 0.033
