"""The large numbers of a report: figures and changes that are worked out by hand."""

import pandas as pd
import pytest

from genanalytics.records.coverage import Coverage
from genanalytics.records.frame import parse_frame
from genanalytics.report.blocks import Tile
from genanalytics.report.given import make_given
from genanalytics.report.tiles import make_tiles
from support.generations import frame_of, on


def make(frame: pd.DataFrame, previous: pd.DataFrame | None = None) -> dict[str, Tile]:
    return {tile.label: tile for tile in make_tiles(make_given(frame, previous=previous))}


def september(*costs: float | None, month: int = 9, **others: object) -> pd.DataFrame:
    """Return a request a day from the first of September on, with its cost."""
    days = [f"2026-{month:02}-{day:02}T12:00:00Z" for day in range(1, len(costs) + 1)]
    return frame_of(*({"created_at": day, "total_cost": cost} | others for day, cost in zip(days, costs, strict=True)))


@pytest.fixture(scope="module")
def tiles() -> dict[str, Tile]:
    """Return the tiles of five days of September against two of August."""
    return make(
        september(1.0, 2.0, 3.0, 4.0, 2.0, cache_discount=0.5), september(2.0, 2.0, month=8, cache_discount=0.5)
    )


def test_spend_is_the_sum_with_its_change(tiles: dict[str, Tile]) -> None:
    tile = tiles["spend"]
    assert tile.figure == "$12.00"
    assert tile.note == "$2.000 per request, median"
    assert tile.trend == [1.0, 2.0, 3.0, 4.0, 2.0]
    assert tile.change is not None
    assert (tile.change.text, tile.change.certainty) == ("+200.0 %", "exact")  # 12 against 4
    assert tile.change.versus == "against 1–2 Aug 2026"
    assert not tile.change.alarming  # more spend is no loss


def test_spend_per_day_compares_days(tiles: dict[str, Tile]) -> None:
    tile = tiles["spend per day"]
    assert tile.figure == "$2.400"
    assert tile.change is not None
    assert tile.change.text == "+20.0 %"  # 2.40 against 2 a day


def test_savings_have_their_share_of_the_cost_without_caching(tiles: dict[str, Tile]) -> None:
    tile = tiles["saved by caching"]
    assert tile.figure == "$2.500"
    assert tile.note == "17.2 % of the cost without caching"  # 2.5 / (12 + 2.5)
    assert tile.change is not None
    assert tile.change.text == "+150.0 %"


def test_failures_have_their_number() -> None:
    ends = ["error", "stop", "stop", "error", "length"]
    frame = frame_of(*({"finish_reason": end} for end in ends))
    tile = make(frame)["failure rate"]
    assert (tile.figure, tile.note) == ("40.0 %", "2 of 5 recorded requests")


def test_a_sure_rise_of_failures_is_alarming() -> None:
    few, many = (
        frame_of(*({"finish_reason": "error" if place % each == 0 else "stop"} for place in range(400)))
        for each in (100, 4)
    )
    rise, fall = make(many, few)["failure rate"].change, make(few, many)["failure rate"].change
    assert rise is not None
    assert fall is not None
    assert (rise.text, rise.certainty, rise.alarming) == ("+24.0 points", "sure", True)
    assert (fall.text, fall.alarming) == ("−24.0 points", False)


def test_waiting_has_both_percentiles() -> None:
    frame = frame_of(*({"latency": 100 * place} for place in range(1, 22)))
    tile = make(frame)["time to first token, p50"]
    assert (tile.figure, tile.note) == ("1.10 s", "p95 2.00 s")


def test_unknown_costs_make_spend_a_lower_bound() -> None:
    tiles = make(september(1.0, None, 3.0, 1.0, 1.0))
    assert tiles["spend"].figure == "≥ $6.000"
    assert tiles["spend"].note == "without the unknown cost of 1 request"
    assert tiles["spend"].trend == [1.0, None, 3.0, 1.0, 1.0]
    assert tiles["spend per day"].figure == "≥ $1.200"
    assert tiles["requests"].figure == "5"


def test_missing_records_make_totals_lower_bounds() -> None:
    frame = september(1.0, 2.0)
    frame.attrs["coverage"] = Coverage.of(["gen-x"], found=2).to_json()
    tiles = make(frame, september(1.0, month=8))
    assert tiles["spend"].figure == "≥ $3.000"
    assert tiles["requests"].figure == "≥ 2"
    assert tiles["requests"].change is not None
    assert tiles["requests"].change.certainty == "incomplete"


def test_a_few_requests_in_many_days_are_not_0_per_day() -> None:
    frame = frame_of(on("2026-09-01"), on("2026-09-08"), on("2026-09-08"))
    assert make(frame)["requests"].note == "0.38 per day"


def test_nothing_is_no_number() -> None:
    tiles = make(parse_frame([]))
    assert tiles["spend"].figure == "–"
    assert tiles["spend per day"].figure == "–"
    assert tiles["saved by caching"].note == "no discount reported"
    assert tiles["requests"].figure == "0"
    assert all(tile.change is None for tile in tiles.values())


def test_without_a_finish_reason_the_failure_rate_is_unknown() -> None:
    tile = make(frame_of({"finish_reason": None}, {"finish_reason": None}))["failure rate"]
    assert (tile.figure, tile.note, tile.change) == ("–", "no record says how it ended", None)
