"""What changed, and since when, out of records whose changes are known."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from genanalytics import changes, prices
from genanalytics.decide.shifts.changes import EXPLAINED
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.records.coverage import COVERAGE
from support.daily import make_records
from support.engines import assert_alike, relation_in
from support.generations import CHARGED, frame_of

PLACE = 33
DAY = pd.Timestamp("2026-06-01", tz="UTC") + pd.Timedelta(days=PLACE)
WITHOUT_PRICES = ("effective_cost", "requests", "tokens_in", "cache_hit_rate", "ttft_ms_p50", "error_rate")


def make(seed: int = 3, **options: Any) -> pd.DataFrame:  # noqa: ANN401 - those of make_records
    return make_records(np.random.default_rng(seed), **options)


DOUBLED = make(change={"requests": (PLACE, 2.0)})


def select(found: pd.DataFrame, metric: str, scope: str = "group") -> pd.Series:
    rows = found[(found["metric"] == metric) & (found["scope"] == scope)]
    assert len(rows) == 1
    return rows.iloc[0]


def average(amounts: pd.Series, weekdays: pd.Series) -> float:
    """Return the mean of the means by weekday, in plain Python."""
    by_weekday: dict[int, list[float]] = {}
    for amount, weekday in zip(amounts, weekdays, strict=True):
        by_weekday.setdefault(weekday, []).append(float(amount))
    means = [sum(own) / len(own) for own in by_weekday.values()]
    return sum(means) / len(means)


def test_twice_as_many_requests_are_found_with_levels_cost_and_cause() -> None:
    found = changes(DOUBLED)
    row = select(found, "requests")
    assert row["model"] == "model-0"
    assert row["since_low"] <= DAY <= row["since_high"]
    assert abs(row["since"] - DAY) <= pd.Timedelta(days=2)
    assert row["cause"].startswith("more requests ($")
    assert row["p_value"] <= row["q_value"] < 0.01
    assert set(found["model"].dropna()) == {"model-0"}
    assert select(found, "requests", "all rows")["change"] == pytest.approx(0.5, abs=0.25)

    own = DOUBLED[DOUBLED["model"] == "model-0"]
    days = own.groupby(own["created_at"].dt.floor("D"))["total_cost"].agg(["size", "sum"]).reset_index()
    before, after = days[days["created_at"] < row["since"]], days[days["created_at"] >= row["since"]]
    sizes, costs = (
        [average(part[column], part["created_at"].dt.day_of_week) for part in (before, after)]
        for column in ("size", "sum")
    )
    assert [row["before"], row["after"]] == pytest.approx(sizes)
    assert row["change"] == pytest.approx(sizes[1] / sizes[0] - 1)
    assert row["cost_effect"] == pytest.approx(costs[1] - costs[0])


@pytest.mark.parametrize(
    ("what", "factor", "metric"),
    [
        ("tokens", 2.0, "tokens_in"),
        ("cached", 0.4, "cache_hit_rate"),
        ("ttft", 2.0, "ttft_ms_p50"),
        ("errors", 8.0, "error_rate"),
        ("price", 2.0, "effective_cost"),
    ],
)
def test_each_kind_of_change_is_found_in_its_own_statistic(what: str, factor: float, metric: str) -> None:
    rows = make(8, per_day=40, spread=0.1, change={what: (PLACE, factor)})
    row = select(changes(rows, metrics=WITHOUT_PRICES), metric)
    assert row["model"] == "model-0"
    assert abs(row["since"] - DAY) <= pd.Timedelta(days=3)
    assert row["since_low"] <= DAY <= row["since_high"]
    assert (row["after"] > row["before"]) == (factor > 1)


def test_a_new_price_is_exact_and_replaces_the_statistic() -> None:
    rows = make(change={"price": (PLACE, 1.05)})
    first = rows[(rows["model"] == "model-0") & (rows["created_at"] >= DAY)]["created_at"].min()
    found = changes(rows)
    assert found["kind"].tolist() == ["price"]
    row = found.iloc[0]
    assert (row["model"], row["metric"], row["since"]) == ("model-0", "input_price", first)
    assert (row["before"], row["after"], row["unit"]) == (1.0, 1.05, "US$/M tokens")
    assert row["change"] == pytest.approx(0.05)
    assert "1.05 times regime" in row["cause"]
    assert pd.isna(row["p_value"])
    whole = changes(rows, by=None).iloc[0]
    assert whole["scope"] == "all rows"
    assert whole["cause"].startswith("model-0, P: 1.05 times")


def test_where_prices_are_not_known_their_statistic_is_judged() -> None:
    rows = make(change={"price": (PLACE, 2.0)})
    rows["total_cost"] *= np.exp(0.01 * np.random.default_rng(1).standard_normal(len(rows)))
    found = changes(rows, metrics=("usd_per_mtok",))
    assert select(found, "usd_per_mtok")["since"] == DAY
    assert any("not identified" in notice for notice in found.attrs["notices"])


def test_a_slow_growth_is_a_drift_without_a_day() -> None:
    rng = np.random.default_rng(5)
    days = pd.Series(pd.date_range("2026-06-01", periods=60, tz="UTC"))
    size = np.rint(20 * np.exp(np.arange(60) / 40 + 0.05 * rng.standard_normal(60))).astype(int)
    rows = pd.DataFrame({"created_at": days.repeat(size), "total_cost": 1.0, "is_byok": False})
    found = changes(rows.assign(upstream_inference_cost=0.0), by=None, metrics="requests")
    assert found["kind"].tolist() == ["drift"]
    row = found.iloc[0]
    assert pd.isna(row["since"])
    assert row["before"] == pytest.approx(average(size[:14], days[:14].dt.day_of_week))
    assert row["after"] == pytest.approx(average(size[-14:], days[-14:].dt.day_of_week))


@pytest.mark.long
def test_every_engine_finds_the_same(tmp_path: Path) -> None:
    path = str(tmp_path / "rows.parquet")
    DOUBLED.to_parquet(path)
    expected = changes(DOUBLED, metrics=WITHOUT_PRICES)
    assert len(expected) > 1
    assert_alike(changes(relation_in("America/New_York", path), metrics=WITHOUT_PRICES), expected)


def test_every_engine_finds_the_same_prices(tmp_path: Path) -> None:
    path = str(tmp_path / "rows.parquet")
    rows = make(days=14, models=1, per_day=6, change={"price": (7, 1.3)})
    rows.to_parquet(path)
    known = prices(rows)
    expected = changes(rows, by=None, metrics="usd_per_mtok", prices=known)
    assert expected["kind"].tolist() == ["price"]
    assert_alike(changes(relation_in("UTC", path), by=None, metrics="usd_per_mtok", prices=known), expected)


def test_the_order_of_the_rows_does_not_matter_and_the_data_stays() -> None:
    before = DOUBLED.copy(deep=True)
    expected = changes(DOUBLED, metrics=WITHOUT_PRICES)
    shuffled = changes(DOUBLED.sample(frac=1, random_state=1), metrics=WITHOUT_PRICES)
    pd.testing.assert_frame_equal(shuffled, expected)
    pd.testing.assert_frame_equal(DOUBLED, before)


def test_groups_without_a_value_are_a_group_and_not_all_rows() -> None:
    rows = DOUBLED.assign(model=DOUBLED["model"].where(DOUBLED["model"] != "model-0"))
    row = select(changes(rows, metrics="requests"), "requests")
    assert pd.isna(row["model"])
    assert row["cause"].startswith("more requests")


def test_days_are_those_of_the_time_zone() -> None:
    shifted = DOUBLED.assign(created_at=DOUBLED["created_at"] - pd.Timedelta(hours=9))
    found = changes(shifted, by=None, metrics="requests", tz="Asia/Tokyo")
    assert str(found["since"].dtype) == "datetime64[us, Asia/Tokyo]"
    expected = changes(DOUBLED, by=None, metrics="requests")
    assert found["since"].dt.date.tolist() == expected["since"].dt.date.tolist()
    assert found["after"].tolist() == expected["after"].tolist()


def test_a_day_that_was_still_running_is_left_out() -> None:
    last = DOUBLED["created_at"].max()
    found = changes(DOUBLED.assign(fetched_at=last), by=None, metrics="requests")
    assert found.attrs["days"] == 59
    assert any("still running" in notice for notice in found.attrs["notices"])


@pytest.mark.parametrize("days", [0, 1, 5, 13])
def test_too_few_days_say_how_many_are_needed(days: int) -> None:
    end = pd.Timestamp("2026-06-01", tz="UTC") + pd.Timedelta(days=days)
    found = changes(DOUBLED[DOUBLED["created_at"] < end])
    assert found.empty
    assert found.attrs["series"] == 0
    noun = "day" if days == 1 else "days"
    assert f"{days} {noun}; changes need 14 days with data" in found.attrs["notices"]
    assert found.dtypes["since"] == "datetime64[us, UTC]"
    assert found.dtypes["before"] == "Float64"


def test_groups_with_too_few_days_are_counted() -> None:
    late = DOUBLED[(DOUBLED["model"] == "model-0") | (DOUBLED["created_at"] >= DAY + pd.Timedelta(days=20))]
    notices = changes(late, metrics=("requests", "ttft_ms_p50")).attrs["notices"]
    assert any(notice.startswith("1 of 6 series are not judged") for notice in notices)


def test_records_without_a_time_are_counted() -> None:
    timeless = DOUBLED.assign(created_at=DOUBLED["created_at"].where(DOUBLED.index > 2))
    assert "3 records without a time are in no day" in changes(timeless, metrics="requests").attrs["notices"]
    never = DOUBLED[:2].assign(created_at=pd.array([None] * 2, dtype="datetime64[us, UTC]"))
    assert changes(never).empty


def test_only_the_largest_changes_have_a_cause() -> None:
    rows = pd.concat([make(seed, days=40, models=1, change={"requests": (12 + seed, 6.0)}) for seed in range(10)])
    rows["model"] = "model-" + (rows.groupby(rows.index).cumcount()).astype(str)
    found = changes(rows, metrics="requests")
    windows = found[found["cause"].notna()].drop_duplicates(["since"])
    assert len(found) > EXPLAINED >= len(windows) > 0
    assert any("no cause was looked for" in notice for notice in found.attrs["notices"])


def test_data_without_tokens_has_changes_without_causes() -> None:
    rows = DOUBLED[["created_at", "model", "total_cost", "is_byok", "upstream_inference_cost"]]
    found = changes(rows, metrics="requests")
    assert found["cause"].isna().all()
    assert any(notice.startswith("no causes: ") for notice in found.attrs["notices"])


def test_coverage_and_units_are_part_of_the_result() -> None:
    found = changes(DOUBLED, metrics="requests")
    assert found.attrs["units"]["cost_effect"] == "US$"
    assert {COVERAGE, "lower_bounds", "labels", "notices", "days", "series"} <= found.attrs.keys()
    assert found.attrs["series"] == 3


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="cannot group by 'kind'"):
        changes(DOUBLED.assign(kind="a"), by="kind")
    with pytest.raises(InputError, match="level=2"):
        changes(DOUBLED, level=2)
    with pytest.raises(InputError, match="no statistic 'costs'"):
        changes(DOUBLED, metrics="costs")
    with pytest.raises(MissingColumnError, match="latency"):
        changes(DOUBLED.drop(columns="latency"))


@settings(max_examples=8, deadline=None)
@given(CHARGED)
def test_any_records_have_a_clear_answer(records: list[dict[str, Any]]) -> None:
    found = changes(frame_of(*records), metrics=WITHOUT_PRICES)
    assert found.empty
    assert any("changes need 14 days" in notice for notice in found.attrs["notices"])
