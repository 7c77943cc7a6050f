"""The daily activity from the service, over real HTTP."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import genanalytics as ga
from genanalytics.errors import GenAnalyticsError, KeyRefusedError
from genanalytics.sandbox import Sample, Sandbox, sample
from genanalytics.sandbox.account import Account
from support.account_server import AccountServer, Document, Planned, Query, refusal

KEY = "a-management-key-of-a-test"
MONTH = sample(60, seed=3)

pytestmark = pytest.mark.usefixtures("brisk")


@pytest.fixture
def account() -> Iterator[AccountServer]:
    """Return an account whose clock is that of this machine, since its answers have no date."""
    with AccountServer(Account(MONTH, datetime.now(UTC))) as account:
        yield account


def test_the_activity_of_the_sandbox_is_that_of_its_clock() -> None:
    with Sandbox(MONTH) as sandbox:
        found = ga.fetch_daily_activity(management_key=KEY, base_url=sandbox.base_url)
    assert found["requests"].sum() == len(MONTH.records)
    assert found.attrs == {"first_day": "2026-09-01", "last_day": "2026-09-30", "at": "2026-10-01T12:00:00+00:00"}


def test_a_day_that_the_service_still_adds_to_is_not_compared(tmp_path: Path) -> None:
    now = datetime(2026, 9, 21, 0, 1, tzinfo=UTC)  # the last minute of the day before is not in the bill yet
    late = {"id": "gen-1789948790-AbCdEfGhIjKlMnOpQrSt", "created_at": "2026-09-20T23:59:50Z", "total_cost": 7.0}
    records = {**MONTH.records, str(late["id"]): next(iter(MONTH.records.values())) | late}
    (tmp_path / "records.jsonl").write_text("\n".join(json.dumps({"data": record}) for record in records.values()))
    with Sandbox(Sample(tuple(records), records), now=now) as sandbox:
        bill = ga.fetch_daily_activity(management_key=KEY, base_url=sandbox.base_url)
    found = ga.coverage(tmp_path / "records.jsonl", bill)
    assert (found.share, f"{found.last_day:%Y-%m-%d}") == (1, "2026-09-19")
    assert any("may still add to these days" in notice for notice in found.notices)
    assert not any("not in the bill:" in notice for notice in found.notices)


def test_the_environment_has_the_key_and_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    with Sandbox(MONTH) as sandbox:
        monkeypatch.setenv("OPENROUTER_MANAGEMENT_KEY", KEY)
        monkeypatch.setenv("GENANALYTICS_BASE_URL", sandbox.base_url)
        assert len(ga.fetch_daily_activity())


def fetch(account: AccountServer) -> Any:  # noqa: ANN401 - a frame
    return ga.fetch_daily_activity(management_key=KEY, base_url=account.base_url)


@pytest.mark.parametrize("sign", ["too long", "has_more", "links", "total_count"])
def test_an_answer_in_pages_is_asked_for_day_by_day(account: AccountServer, sign: str) -> None:
    def add_row(query: Query, document: Document) -> Document:
        document["data"] = [{"date": query["date"], "model": "a", "provider_name": "b", "usage": 1, "requests": 1}]
        return document

    pages = {
        "too long": b" " * (1 << 21),
        "has_more": b'{"data": [], "has_more": true}',
        "links": b'{"data": [], "links": {"next": "/activity?offset=100"}}',
        "total_count": b'{"data": [], "total_count": 7}',
    }
    account.plans.append(Planned(200, pages[sign]))
    account.alter = add_row
    found = fetch(account)
    days = [asked.query.get("date") for asked in account.asked]
    assert days[0] is None
    assert days[1:] == sorted(set(days[1:]))  # type: ignore[type-var]
    assert len(days[1:]) == len(found) == 30
    assert found.attrs["last_day"] == days[-1]


@pytest.mark.parametrize(
    ("plan", "error", "message"),
    [
        (refusal(403, "Only management keys can"), KeyRefusedError, "it needs a management key"),
        (Planned(401), KeyRefusedError, "refused the management key"),
        (Planned(200, b"{}"), GenAnalyticsError, "/activity: no daily activity: .*is the base URL right"),
        (
            Planned(200, b'{"data": [{"date": "soon"}]}'),
            GenAnalyticsError,
            "row 1 of the daily activity has date='soon'",
        ),
        (refusal(408, "busy"), GenAnalyticsError, "/activity: 'busy'"),
    ],
)
def test_other_answers_are_errors(account: AccountServer, plan: Planned, error: type[Exception], message: str) -> None:
    account.plans.extend([plan] * 2)
    with pytest.raises(error, match=message):
        fetch(account)
