"""Limits are worked out by hand where they can be; elsewhere it is counted how often they hold what they should."""

import math
from collections.abc import Mapping
from typing import Any

import duckdb
import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genanalytics.errors import InputError
from genanalytics.metrics import DEFAULT, RowValue, rate, ratio, spread, summarize, total
from genanalytics.metrics.engines.source import source_of
from genanalytics.metrics.intervals import limits as intervals
from genanalytics.metrics.intervals.binomial import points, ranks, wilson
from genanalytics.metrics.intervals.bootstrap import FEWEST, MOST, draws, student, studentized
from genanalytics.records.frame import from_table
from genanalytics.records.schema import ARROW_SCHEMA
from genanalytics.units import Unit

COST = RowValue("cost", "cost", Unit.USD, "cost", ("usd",), nw.col("usd"))
TOKENS = RowValue("tokens", "tokens", Unit.TOKENS, "tokens", ("out",), nw.col("out"))
TIME = RowValue("time", "time", Unit.MS, "time", ("ms",), nw.col("ms"))
FAILED = RowValue("failed", "failed", Unit.SHARE, "failed", ("flag",), nw.col("flag"))
PRICE = ratio("price", "price", Unit.USD_PER_MTOK, "price", COST, TOKENS)
OF_SUMS = [total(COST), spread(COST)[0], PRICE]
PERCENTILES = list(spread(TIME)[1:5])


def frame_of(*rows: Mapping[str, object]) -> pd.DataFrame:
    """Return rows as a typed frame of all columns; what a row does not say is a gap."""
    return from_table(pa.Table.from_pylist([dict(row) for row in rows], schema=ARROW_SCHEMA))


def limits(summary: pd.DataFrame, name: str) -> list[Any]:
    """Return the interval of a statistic in each group, gaps as None."""
    low, high = ([None if pd.isna(value) else value for value in summary[f"{name}_{side}"]] for side in ("low", "high"))
    return list(zip(low, high, strict=True))


def chances(n: int, share: float) -> "np.ndarray":
    """Return the chance of each count from 0 to n, by its definition."""
    logs = [math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(n + 1)]
    counts = np.arange(n + 1)
    weights: np.ndarray = np.exp(np.array(logs) + counts * math.log(share) + (n - counts) * math.log(1 - share))
    return weights


def test_the_interval_of_a_rate_is_wilsons() -> None:
    """By hand, of 8 in 10: (0.8 + 3.8415 / 20 -+ 1.96 sqrt(0.8 x 0.2 / 10 + 3.8415 / 400)) / (1 + 3.8415 / 10)."""
    frame = pd.DataFrame({"flag": pd.array([1] * 8 + [0] * 2 + [None], "Int64")})
    (found,) = limits(summarize(frame, metrics=[rate(FAILED)], intervals=True), "failed")
    assert found == (pytest.approx(0.4902, abs=5e-5), pytest.approx(0.9433, abs=5e-5))


def test_the_interval_of_a_rate_at_its_end_has_a_width() -> None:
    """By hand, of 0 in 20: 3.8415 / (20 + 3.8415)."""
    low, high = wilson(np.array([0.0, 20.0]), np.array([20.0, 20.0]))
    assert low.tolist() == [0, pytest.approx(1 - 0.16113, abs=1e-5)]
    assert high.tolist() == [pytest.approx(0.16113, abs=1e-5), 1]


@pytest.mark.parametrize("n", [100, 500, 5000])
def test_wilsons_interval_holds_a_rate_in_95_of_100_cases(n: int) -> None:
    rates = np.linspace(0.02, 0.98, 25)
    low, high = wilson(np.arange(n + 1.0), np.full(n + 1, float(n)))
    held = [chances(n, share)[(low <= share) & (share <= high)].sum() for share in rates]
    assert np.mean(held) == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99])
def test_a_percentile_lies_between_its_ranks_in_95_of_100_cases(level: float) -> None:
    """It lies between the values at ranks a and b when a to b - 1 rows are below it: so many are a binomial count."""
    for n in (*range(2, 150), 368, 500, 1000):
        weights = chances(n, level)
        found = ranks(n, level)
        if found is None:
            assert weights[0] > 0.025 or weights[n] > 0.025
            continue
        low, high = found
        held = weights[low:high].sum()
        assert 1 <= low <= 1 + (n - 1) * level <= high <= n
        assert held >= 0.95
        if n >= 100:
            assert held <= 0.975
        equal = (np.cumsum(weights) <= 0.025).sum(), n + 1 - (np.cumsum(weights[::-1]) <= 0.025).sum()
        assert max(low - equal[0], equal[1] - high, 0) <= 1  # tails of 2.5 %, but for one rank


def test_percentiles_of_too_few_rows_have_no_interval() -> None:
    fewest = [next(n for n in range(1, 1000) if ranks(n, level)) for level in (0.5, 0.9, 0.95, 0.99)]
    assert fewest == [6, 36, 72, 368]


@pytest.mark.parametrize("n", [100, 500, 5000])
def test_the_intervals_of_percentiles_hold_them_in_93_to_97_of_100_cases(n: int) -> None:
    for level in (0.5, 0.9, 0.95, 0.99):
        found = ranks(n, level)
        if found is not None:
            assert 0.93 < chances(n, level)[found[0] : found[1]].sum() < 0.97


def test_the_limits_of_a_percentile_are_values_of_rows() -> None:
    """The median of 8 rows lies between the first and the last: beyond those are 2 x 0.5^8 = 0.8 %, else 7 %."""
    frame = pd.DataFrame({"ms": pd.array([80, 10, 70, 20, None, 60, 30, 50, 40], "Int64")})
    summary = summarize(frame, metrics=PERCENTILES, intervals=True)
    assert summary["time_p50"].tolist() == [45]
    assert limits(summary, "time_p50") == [(10, 80)]
    assert limits(summary, "time_p90") == [(None, None)]


def test_normal_points_say_how_far_ranks_are_away() -> None:
    """Of 6 rows the median lies below the first in 0.5^6 = 1.5625 % of all cases: 2.154 standard errors."""
    assert points(6, 0.5) == pytest.approx((2.1539, 2.1539), abs=5e-5)
    assert points(5, 0.5) is None


@pytest.mark.parametrize(("clusters", "point"), [(6, 2.570582), (11, 2.228139), (31, 2.042272), (101, 1.983972)])
def test_students_t_is_that_of_the_tables(clusters: int, point: float) -> None:
    assert float(student(clusters)) == pytest.approx(point, abs=3e-4)


def test_the_delta_method_is_that_of_the_text_books(monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: sessions cost 1 2 3 4 5 9 for 1 1 2 2 3 3 tokens; 24 / 12 = 2, residuals -1 0 -1 0 -1 3.

    Their squares sum to 12: a standard error of sqrt(12 x 6 / 5) / 12 = 0.31623, and t of 5 degrees is 2.5706.
    """
    monkeypatch.setattr(intervals, "MOST_CLUSTERS", 0)
    sessions = zip("abcdef", (1, 2, 3, 4, 5, 9), (1, 1, 2, 2, 3, 3), strict=True)
    rows = [(name, usd / 2, out / 2) for name, usd, out in sessions for _ in range(2)]
    frame = pd.DataFrame(rows, columns=["session_id", "usd", "out"])
    summary = summarize(frame, metrics=OF_SUMS, intervals=True)
    assert summary["price"].tolist() == [2]
    half = 2.5706 * 0.31623
    assert limits(summary, "price") == [(pytest.approx(2 - half, abs=2e-4), pytest.approx(2 + half, abs=2e-4))]
    half = 2.5706 * math.sqrt(6 * 40 / 5)  # a sum: 6 sessions, each 4 on average, squared distances 9 4 1 0 1 25
    assert limits(summary, "cost") == [(pytest.approx(24 - half, abs=3e-3), pytest.approx(24 + half, abs=3e-3))]


def test_rows_of_a_session_are_not_independent() -> None:
    rng = np.random.default_rng(1)
    usd = np.repeat(rng.normal(10, 1, 50), 8)
    alone = pd.DataFrame({"usd": usd})
    together = alone.assign(session_id=np.repeat([f"s{number}" for number in range(50)], 8))
    requests = together.rename(columns={"session_id": "request_id"})
    widths = []
    for frame in (alone, together, requests):
        ((low, high),) = limits(summarize(frame, metrics=OF_SUMS[:2], intervals=True), "cost_mean")
        assert low is not None
        assert high is not None
        widths.append(high - low)
    assert widths[1] == widths[2]
    assert widths[1] / widths[0] == pytest.approx(math.sqrt(8), rel=0.2)


def test_a_cluster_is_a_session_else_a_request_else_a_row() -> None:
    frame = frame_of(
        *({"session_id": "s", "request_id": f"r{number}", "total_cost": 1.0} for number in range(3)),
        *({"request_id": "r", "total_cost": 2.0} for _ in range(2)),
        *({"total_cost": 4.0} for _ in range(2)),
        {"session_id": "r", "total_cost": 8.0},
    )
    value = RowValue("cost", "cost", Unit.USD, "cost", ("total_cost",), nw.col("total_cost"))
    connection = duckdb.connect()
    relation = connection.from_arrow(pa.Table.from_pandas(frame, preserve_index=False))
    for data in (frame, relation):
        clusters = source_of(data).clusters([], [value]).collect(backend="pyarrow").to_native()
        assert sorted(clusters["cost sum"].to_pylist()) == [3, 4, 4, 4, 8]
        assert sorted(clusters["cost n"].to_pylist()) == [1, 1, 1, 2, 3]


def test_too_few_clusters_have_no_interval() -> None:
    frame = pd.DataFrame({"usd": [float(number) for number in range(FEWEST)], "out": 1})
    for rows in range(FEWEST):
        assert limits(summarize(frame[:rows], metrics=OF_SUMS, intervals=True), "cost_mean") == [(None, None)]
    ((low, high),) = limits(summarize(frame, metrics=OF_SUMS, intervals=True), "cost_mean")
    assert low is not None
    assert high is not None


def test_what_is_the_same_everywhere_has_an_interval_without_a_width() -> None:
    frame = pd.DataFrame({"usd": [0.1] * 30, "out": [3] * 30})
    summary = summarize(frame, metrics=OF_SUMS, intervals=True)
    for name in ("cost", "cost_mean", "price"):
        assert limits(summary, name) == [(pytest.approx(summary[name].iloc[0]),) * 2]


def test_a_sum_that_hangs_on_one_session_has_no_interval() -> None:
    """37 % of all draws lack it, and say nothing of how large the sum could be without it."""
    frame = pd.DataFrame({"usd": [5.0] + [0.0] * 99, "out": 1})
    assert limits(summarize(frame, metrics=OF_SUMS, intervals=True), "cost") == [(None, None)]


def test_gaps_have_no_interval() -> None:
    frame = pd.DataFrame({"model": ["a"] * 10 + ["b"], "usd": np.nan, "out": 1, "ms": np.nan, "flag": np.nan})
    metrics = [*OF_SUMS, *PERCENTILES, rate(FAILED)]
    for data in (frame, frame[:0]):
        summary = summarize(data, by="model", metrics=metrics, intervals=True)
        assert summary.filter(regex="_low|_high").isna().all(axis=None)
    assert summarize(frame[:0], metrics=metrics, intervals=True).filter(regex="_low|_high").isna().all(axis=None)


def test_infinity_breaks_nothing() -> None:
    frame = pd.DataFrame({"usd": [math.inf, *[1.0] * 20], "out": 1, "ms": [math.inf, *[1.0] * 20], "flag": 1})
    summary = summarize(frame, metrics=[*OF_SUMS, *PERCENTILES], intervals=True)
    assert limits(summary, "cost_mean") == [(None, None)]
    assert limits(summary, "time_p50") == [(1, 1)]


def test_an_empty_stretch_of_time_has_no_interval() -> None:
    days = pd.to_datetime(["2026-03-01", "2026-03-03"], utc=True).repeat(10)
    frame = pd.DataFrame({"created_at": days, "usd": np.arange(20.0), "flag": 1})
    summary = summarize(frame, every="day", metrics=[total(COST), rate(FAILED)], intervals=True)
    assert summary["cost"].tolist() == [45, 0, 145]
    assert [low is None for low, _ in limits(summary, "cost")] == [False, True, False]
    assert [low is None for low, _ in limits(summary, "failed")] == [False, True, False]


def test_limits_stand_behind_what_they_belong_to_with_its_unit() -> None:
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


def test_a_limit_does_not_take_the_place_of_another_column() -> None:
    with pytest.raises(InputError, match="'cost_low' would stand in the result twice"):
        summarize(pd.DataFrame({"usd": [1.0], "cost_low": 1}), by="cost_low", metrics=[total(COST)], intervals=True)


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
    metrics = [*OF_SUMS, *PERCENTILES, rate(FAILED)]
    summary = summarize(frame, by="model", metrics=metrics, intervals=True)
    pd.testing.assert_frame_equal(
        summary, summarize(shuffled, by="model", metrics=metrics, intervals=True), rtol=1e-9, atol=1e-12
    )
    for statistic in metrics:
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
    return from_table(pa.table({field.name: columns.get(field.name, gaps).cast(field.type) for field in ARROW_SCHEMA}))


@pytest.mark.parametrize("most", [0, 100_000])
def test_duckdb_gives_the_same_limits(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """By the delta method as by resampling; percentiles to the accuracy of their classes, on the outer side."""
    monkeypatch.setattr(intervals, "MOST_CLUSTERS", most)
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


def test_more_clusters_than_can_be_resampled_have_limits_too() -> None:
    rng = np.random.default_rng(3)
    usd = rng.lognormal(size=MOST + 1)
    many, fewer = (
        limits(summarize(pd.DataFrame({"usd": part}), metrics=OF_SUMS[:2], intervals=True), "cost_mean")
        for part in (usd, usd[1:])
    )
    assert many[0] == pytest.approx(fewer[0], rel=0.02)  # by either method
    half = 1.96 * usd.std() / math.sqrt(len(usd))
    assert many[0] == pytest.approx((usd.mean() - half, usd.mean() + half), rel=1e-3)


def test_draws_are_the_same_ones_every_time() -> None:
    assert (draws(7) == draws(9)[:7]).all()
    over, under = np.random.default_rng(2).lognormal(size=(2, 30, 1))
    assert studentized(over, under, draws(30)) == studentized(over, under, draws(40))


def sampled(rng: np.random.Generator, n: int, runs: int) -> pd.DataFrame:
    """Return runs of about n rows: sessions of 2.5 rows, whose costs go together; times and failures go alone."""
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
    ("n", "runs", "most"),
    [
        (100, 500, 10**9),
        (500, 200, 10**9),
        (5000, 60, 10**9),
        (5000, 100, 0),
        pytest.param(100, 8000, 10**9, marks=pytest.mark.long),
        pytest.param(500, 4000, 10**9, marks=pytest.mark.long),
        pytest.param(5000, 1000, 10**9, marks=pytest.mark.long),
        pytest.param(5000, 2000, 0, marks=pytest.mark.long),
    ],
)
def test_intervals_hold_the_truth_in_93_to_97_of_100_runs(
    monkeypatch: pytest.MonkeyPatch, n: int, runs: int, most: int
) -> None:
    """Skewed costs in sessions, skewed times. The band is widened by 2.6 standard errors of as many runs."""
    monkeypatch.setattr(intervals, "MOST_CLUSTERS", most)
    metrics = [*OF_SUMS, *PERCENTILES, rate(FAILED)]
    summary = summarize(sampled(np.random.default_rng(n), n, runs), by="run", metrics=metrics, intervals=True)
    price = math.exp((0.4**2 + 0.3**2) / 2)
    mean = price * math.exp(5 + 0.8**2 / 2)
    truth = {"cost": round(n / 2.5) * 2.5 * mean, "cost_mean": mean, "price": price, "failed": 0.1}
    for name, point in (("p50", 0), ("p90", 1.281552), ("p95", 1.644854), ("p99", 2.326348)):
        truth[f"time_{name}"] = math.exp(8 + 0.8 * point)
    error = 2.6 * math.sqrt(0.05 * 0.95 / runs)
    for name, value in truth.items():
        low, high = (summary[f"{name}_{side}"].dropna() for side in ("low", "high"))
        if len(low) == runs:
            held = ((low <= value) & (value <= high)).mean()
            assert 0.93 - error < held < 0.97 + error, (name, held)
