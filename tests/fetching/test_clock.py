import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate

import pytest

import genanalytics as ga
from genanalytics import Client
from genanalytics.fetching.clock import Clock
from support.fault_server import FaultServer
from support.faults import good, make_ids

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("there", "time_s", "notice"),
    [
        (None, NOW, ""),
        (NOW - 0.9, NOW, ""),
        (NOW - 100, NOW - 100, ""),
        (NOW + 100, NOW, ""),
        (NOW - 7_200, NOW - 7_200, "the clock of this machine is 120 minutes ahead of the service's: correct it"),
        (NOW + 7_200, NOW, "the clock of this machine is 120 minutes behind the service's: correct it"),
        (0.0, NOW, "the clock of this machine is 30,000,000 minutes ahead of the service's: correct it"),
    ],
)
def test_the_earlier_clock_counts_unless_it_is_absurd(there: float | None, time_s: float, notice: str) -> None:
    clock = Clock()
    assert clock.find_time(NOW, there) == time_s
    assert clock.notice == notice


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 31 Dec 9999 23:59:59 -2300", "1", "Thu, 01 Jan 1970"])
def test_a_date_that_nobody_can_read_changes_nothing(date: str, server: FaultServer, client: Client) -> None:
    [generation_id] = make_ids(1)
    server.plan(generation_id, replace(good(generation_id), headers=(("Date", date),)))
    fetched = ga.fetch([generation_id], client=client)
    assert fetched.stats.outcomes == {"ok": 1}
    assert abs(fetched.frame["fetched_at"][0].timestamp() - time.time()) < 60


def test_a_fast_clock_makes_no_young_record_final(
    server: FaultServer, make_client: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    [generation_id] = make_ids(1, created=int(now) - 600)
    server.otherwise = lambda asked: replace(good(asked), headers=(("Date", formatdate(now, usegmt=True)),))
    with monkeypatch.context() as changed:
        changed.setattr("genanalytics.fetching.client.time.time", lambda: now + 7_200)
        fetched = ga.fetch([generation_id], client=make_client())
    [notice] = fetched.stats.notices
    assert notice == "the clock of this machine is 120 minutes ahead of the service's: correct it"
    [entry] = make_client().archive.look_up([make_client().make_cache_key(generation_id)]).values()
    assert entry.expires is not None
    assert entry.expires == int(now) - 600 + 3_600 + 1
