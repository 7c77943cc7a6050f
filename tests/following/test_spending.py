"""The costs of today in a data set that grows, and what the day will cost."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pytest

from genanalytics.dataset.writer import Writer, compact
from genanalytics.following.display import View
from genanalytics.following.follow import Counts
from genanalytics.following.spending import Ledger, Projection, project_day
from support.datasets import NO_FAILURE, NONE, committed, rows

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no data sets are written there")

NOW = datetime(2026, 9, 5, 12, tzinfo=UTC)
ZONE = ZoneInfo("UTC")


def costs(**by_moment: float) -> pd.Series:
    """Return costs by minute: `d03h18=2` is 2 US$ on the third of September at six in the afternoon."""
    index = [pd.Timestamp(2026, 9, int(key[1:3]), int(key[4:6]), tz="UTC") for key in by_moment]
    return pd.Series([*by_moment.values()], index=pd.DatetimeIndex(index, tz="UTC"), dtype=float)


def test_the_rest_of_the_day_is_that_of_past_full_days() -> None:
    found = project_day(
        costs(d01h10=9, d02h10=9, d02h18=3, d03h12=5, d03h23=1, d04h18=9, d05h11=2), spent=2.0, now=NOW, tz=ZONE
    )
    # after noon, the days from the second on cost 3, 6 and 9; the first one may have begun before the records
    assert found == Projection(8.0, 5.0, 11.0, "the same hours of 3 days")


def test_without_past_days_each_hour_of_today_stands_for_those_that_are_left() -> None:
    found = project_day(costs(d05h08=1, d05h09=2, d05h11=3), spent=6.0, now=NOW, tz=ZONE)
    # the four hours before noon cost 1, 2, 0 and 3, and twelve are left
    assert found == Projection(6.0 + 18.0, 6.0, 6.0 + 36.0, "4 hours of today")


@pytest.mark.parametrize("known", [costs(), costs(d05h10=1), costs(d04h23=1)])
def test_it_can_be_too_early(known: pd.Series) -> None:
    early = NOW.replace(hour=2) if len(known) and known.index[0].day == 4 else NOW
    assert project_day(known, spent=1.0, now=early, tz=ZONE) is None


def test_days_are_those_of_the_zone(tmp_path: Path) -> None:
    committed(
        tmp_path / "set",
        rows("gen-1", created="2026-09-04T23:30:00Z", total_cost=1.0),
        rows("gen-2", created="2026-09-05T11:30:00Z", total_cost=2.0),
        rows("gen-3", created="2026-09-05T11:45:00Z", total_cost=None, upstream_inference_cost=None),
    )
    here = Ledger(tmp_path / "set", ZONE).update(NOW)
    assert (here.requests, here.usd, here.unknown, here.last_hour_usd) == (2, 2.0, 1, 2.0)
    there = Ledger(tmp_path / "set", ZoneInfo("Europe/Berlin")).update(NOW)
    assert (there.requests, there.usd) == (3, 3.0)
    assert there.calls["created_at"].is_monotonic_decreasing


def test_each_record_counts_once_when_files_are_replaced_and_merged(tmp_path: Path) -> None:
    def make(name: str, usd: float) -> pa.Table:
        return rows(name, created="2026-09-05T11:30:00Z", total_cost=usd)

    with Writer(tmp_path / "set", partition="day") as writer:
        writer.commit(NONE, make("gen-1", 1.0), NO_FAILURE)
        ledger = Ledger(tmp_path / "set", ZONE)
        assert ledger.update(NOW).usd == 1.0
        writer.commit(make("gen-1", 5.0), NONE, NO_FAILURE)
        writer.commit(make("gen-2", 2.0), NONE, NO_FAILURE)
        assert ledger.update(NOW).usd == 7.0
    compact(tmp_path / "set")
    assert ledger.update(NOW).usd == 7.0
    assert ledger.update(NOW + timedelta(days=1)).usd == 0.0


def test_an_empty_data_set_has_no_costs(tmp_path: Path) -> None:
    committed(tmp_path / "set", NONE)
    found = Ledger(tmp_path / "set", ZONE).update(NOW)
    assert (found.requests, found.usd, found.projection, len(found.calls)) == (0, 0.0, None, 0)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (20, 5), (200, 60), (1, 1)])
def test_a_screen_fits_the_terminal(width: int, height: int, tmp_path: Path) -> None:
    ids = [f"gen-{number}" for number in range(60)]
    model = "a\x1b[2J\n" * 50
    committed(tmp_path / "set", rows(*ids, created="2026-09-05T11:30:00Z", model=model, streamed=True, latency=812))
    counts = Counts(ids=70, waiting=3, missing=2, records=60, problems=("the service\x07 is away",))
    view = View(NOW.astimezone(ZONE), "set\x1b[31m", counts, Ledger(tmp_path / "set", ZONE).update(NOW))
    lines = view.format_screen(width, height)
    assert len(lines) < max(height, 2)
    assert all(len(line) <= width and line.isprintable() for line in lines)
    if height > 20:
        assert "Cost today      ≥ $30.00  (60 requests)" in lines
        assert "Problem         the service\\x07 is away" in lines
        assert lines[-1].startswith("11:30:00")
        assert lines[-1].endswith("$0.5000  812 ms")
    assert view.format_line().startswith("2026-09-05 12:00:00 UTC: today ≥ $30.00, last 60 minutes $30.00; 60 records")
