"""The management key is in no error, log, output or representation."""

import copy
import json
import logging
import pickle
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import genanalytics as ga
from genanalytics.cli import main as cli
from genanalytics.fetching.account.management import Management
from genanalytics.fetching.secret import MANAGEMENT_KEY_VARIABLE
from genanalytics.sandbox import sample
from genanalytics.sandbox.account import Account
from support.account_server import AccountServer, Planned
from support.leaks import CANARY, error_of, leaks, shown_of, told

pytestmark = pytest.mark.usefixtures("brisk")


@pytest.fixture
def account() -> Iterator[AccountServer]:
    with AccountServer(Account(sample(9), datetime(2026, 10, 1, tzinfo=UTC))) as account:
        yield account


REFUSALS = {
    "401": [Planned(401, CANARY.encode())],
    "403": [Planned(403, CANARY.encode())],
    "400": [Planned(400, quote(CANARY, safe="").encode())],
    "no JSON": [Planned(200, CANARY.encode())],
    "no rows": [Planned(200, json.dumps({"data": {"data": [{"request_count": CANARY}]}}).encode())],
    "no day": [Planned(200, json.dumps({"data": [{"date": CANARY}]}).encode())],
    "503": [Planned(503, CANARY.encode(), {"Retry-After": "0"})] * 5,
}


def list_ids(base_url: str, management_key: str | None) -> object:
    return ga.find_ids(since="2026-09-01", base_url=base_url, management_key=management_key)


def list_charges(base_url: str, management_key: str | None) -> object:
    return ga.fetch_daily_activity(base_url=base_url, management_key=management_key)


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize("source", ["argument", "environment"])
@pytest.mark.parametrize("ask", [list_ids, list_charges])
def test_the_management_key_is_in_no_error(
    ask: Callable[[str, str | None], object],
    name: str,
    source: str,
    account: AccountServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account.plans.extend(REFUSALS[name])
    monkeypatch.setenv(MANAGEMENT_KEY_VARIABLE, CANARY if source == "environment" else "another")
    given = None if source == "environment" else CANARY
    error = error_of(lambda: ask(account.base_url, given))
    monkeypatch.delenv(MANAGEMENT_KEY_VARIABLE)
    assert isinstance(error, ga.GenAnalyticsError)
    assert {asked.authorization for asked in account.asked} == {f"Bearer {CANARY}"}
    assert not leaks(told(error)), [line for line in told(error).splitlines() if leaks(line)]


@pytest.mark.parametrize("url", [f"http://127.0.0.1/{CANARY}", "http://a.example", f"https://{quote(CANARY)}@a/"])
def test_the_management_key_is_in_no_error_about_arguments(url: str) -> None:
    for act in (
        lambda: ga.find_ids(since="7d", management_key=CANARY, base_url=url),
        lambda: ga.find_ids(since="soon", management_key=CANARY, base_url=url),
        lambda: ga.find_ids(since="7d", management_key=f"x {CANARY}"),
        lambda: ga.fetch_daily_activity(management_key=CANARY, base_url=url),
        lambda: ga.fetch_daily_activity(management_key=f"x {CANARY}"),
    ):
        error = error_of(act)
        assert not leaks(told(error)), [line for line in told(error).splitlines() if leaks(line)]


def test_the_access_to_the_account_shows_no_key(account: AccountServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Management(CANARY, base_url=account.base_url) as management:
        management.query({"metrics": ["request_count"]})
        assert not leaks(shown_of(management))
        for act in (pickle.dumps, copy.deepcopy):
            with pytest.raises(TypeError, match="cannot be pickled"):
                act(management)
    assert "POST /api/v1/analytics/query" in caplog.text
    assert not leaks(caplog.text)


def test_a_service_that_repeats_the_management_key_as_an_id(
    account: AccountServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def repeat(query: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
        if "dimensions" in query and document["data"]["data"]:
            document["data"]["data"][0]["generation_id"] = CANARY
            document["data"]["warnings"] = [CANARY]
        return document

    account.alter = repeat
    (tmp_path / "key").write_text(CANARY)
    key_file = ["--management-key-file", str(tmp_path / "key")]
    assert cli.run(["ids", "--from-service", "--since", "2026-09-01", "--base-url", account.base_url, *key_file]) == 0
    shown = capsys.readouterr()
    assert not leaks(shown)
    assert "gen-" in shown.out
