"""The ids of a period from the service: all, once, in order of time, in spite of everything that is doubtful."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given, settings, strategies as st

import genanalytics as ga
from genanalytics.errors import GenAnalyticsError, InputError, KeyRefusedError
from genanalytics.fetching.account import management
from genanalytics.fetching.account.management import PerMinute
from genanalytics.ids.form import read_created_s
from genanalytics.sandbox import Sample, Sandbox, sample
from genanalytics.sandbox.account import Account
from support.account_server import AccountServer, Planned, refusal

KEY = "a-management-key-of-a-test"
NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
MONTH = sample(60, seed=3)
SEPTEMBER: dict[str, Any] = {"since": "2026-09-01", "until": "2026-10-01"}
Document = dict[str, Any]

pytestmark = pytest.mark.usefixtures("brisk")


@pytest.fixture
def account() -> Iterator[AccountServer]:
    with AccountServer(Account(MONTH, NOW)) as account:
        yield account


def find(account: AccountServer, **options: Any) -> ga.FoundIds:  # noqa: ANN401 - those of find_ids
    return ga.find_ids(**(SEPTEMBER | {"management_key": KEY, "base_url": account.base_url} | options))


def rows_of(document: Document) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = document["data"]["data"]
    return rows


def make_records(*seconds: int) -> Sample:
    """Return a sample with a record for each of these seconds after September began."""
    first = datetime(2026, 9, 1, tzinfo=UTC)
    moments = [first + timedelta(seconds=second) for second in seconds]
    ids = [f"gen-{int(moment.timestamp())}-{number:020d}" for number, moment in enumerate(moments)]
    records: dict[str, dict[str, object]] = {
        id_: {"id": id_, "created_at": moment.isoformat(), "total_cost": 0.5, "model": "a/b", "provider_name": "c"}
        for id_, moment in zip(ids, moments, strict=True)
    }
    return Sample(tuple(ids), records)


def test_every_id_of_the_period_comes_once_and_in_order_of_time() -> None:
    month = sample(300, seed=5)
    with Sandbox(month) as sandbox:
        found = ga.find_ids(since="2026-09-01", until="2026-10-01", management_key=KEY, base_url=sandbox.base_url)
    assert sorted(found) == sorted(month.records)
    seconds = [read_created_s(one) or 0 for one in found]
    assert seconds == sorted(seconds)
    assert (len(found), found.counted, found.requests, found.notices) == (len(month.records), len(month.records), 2, ())
    assert repr(found) == f"<FoundIds {len(found)} ids of {len(found)} counted requests, 2 HTTP requests>"


def test_progress_is_that_of_the_ids(account: AccountServer, capsys: pytest.CaptureFixture[str]) -> None:
    def slow_down(_: Document, document: Document) -> Document:
        time.sleep(0.6)  # a bar appears after half a second
        return document

    account.alter = slow_down
    find(account, progress=True)
    assert f"{len(MONTH.records)}/{len(MONTH.records)}" in capsys.readouterr().err
    find(account)
    assert capsys.readouterr().err == ""


def test_the_ids_can_be_fetched(tmp_path: Path) -> None:
    with (
        Sandbox(MONTH) as sandbox,
        ga.Client("any-key-will-do", base_url=sandbox.base_url, cache_dir=tmp_path) as client,
    ):
        found = ga.find_ids(since="2026-09-20", until="2026-10-01", management_key=KEY, base_url=sandbox.base_url)
        assert ga.fetch(found, client=client).stats.outcomes == {"ok": len(found)}


def test_queries_have_the_form_that_the_service_reads(account: AccountServer) -> None:
    find(account, since="2026-07-30T10:00:00.5+02:00")
    times = [asked.query["time_range"] for asked in account.asked]
    assert times[0] == {"start": "2026-07-30T08:00:00Z", "end": "2026-08-29T08:00:00Z"}
    assert times[-1] == {"start": "2026-09-28T08:00:00Z", "end": "2026-10-01T00:00:00Z"}
    assert {asked.authorization for asked in account.asked} == {f"Bearer {KEY}"}
    assert {asked.path for asked in account.asked} == {"/api/v1/analytics/query"}
    assert account.asked[1].query["dimensions"] == ["generation_id"]


def test_moments_may_be_dates(account: AccountServer) -> None:
    found = find(account, since=date(2026, 9, 1), until=datetime(2026, 10, 1, tzinfo=UTC))
    assert found.ids == find(account).ids


def test_a_cut_answer_is_asked_for_in_parts(account: AccountServer) -> None:
    account.narrow = lambda query: query | {"limit": 20}
    found = find(account)
    assert set(found) == set(MONTH.records)
    assert found.notices == ()
    assert 4 < found.requests < 20


@pytest.mark.parametrize("sign", ["true", "row_count", "full"])
def test_a_cut_answer_may_say_so_in_any_way(account: AccountServer, sign: str) -> None:
    def say_otherwise(query: Document, document: Document) -> Document:
        if "dimensions" in query and len(rows_of(document)) == 30:
            metadata = {"true": {"truncated": "true"}, "row_count": {"row_count": "31"}, "full": {"truncated": True}}
            document["data"]["metadata"] = metadata[sign]
        return document

    account.narrow = lambda query: query | {"limit": 30}
    account.alter = say_otherwise
    assert set(find(account)) == set(MONTH.records)


def test_a_second_with_too_many_rows_is_an_error_with_their_number() -> None:
    with AccountServer(Account(make_records(7, 7, 7, 7, 7, 9), NOW)) as account:
        account.narrow = lambda query: query | {"limit": 2}
        with pytest.raises(GenAnalyticsError, match=r"the second 2026-09-01T00:00:07Z .* 3 ids missing"):
            find(account, until="2026-09-01T00:01")


@given(
    seconds=st.lists(st.integers(0, 15), max_size=12),
    counted_end=st.sampled_from([0, 1]),
    limit=st.integers(12, 14) | st.just(4),
)
@settings(max_examples=12)
def test_no_id_is_lost_or_repeated_whether_the_end_counts_or_not(
    seconds: list[int], counted_end: int, limit: int
) -> None:
    few = [second for place, second in enumerate(seconds) if seconds[:place].count(second) < 2]

    def include_end(query: Document) -> Document:
        end = datetime.fromisoformat(query["time_range"]["end"]) + timedelta(seconds=counted_end)
        return query | {"limit": limit, "time_range": query["time_range"] | {"end": f"{end:%Y-%m-%dT%H:%M:%SZ}"}}

    month = make_records(*few)
    with AccountServer(Account(month, NOW)) as account:
        account.narrow = include_end
        found = find(account, until="2026-09-01T00:00:16")
    assert sorted(found) == sorted(month.records)
    assert [one[:14] for one in found] == sorted(one[:14] for one in found)
    assert found.notices == ()


def as_numbers(_: Document, document: Document) -> Document:
    for row in rows_of(document):
        row["request_count"] = int(row["request_count"])
    return document


def as_fractions(_: Document, document: Document) -> Document:
    for row in rows_of(document):
        row["request_count"] = f"{row['request_count']}.0"
    return document


def with_other_times(_: Document, document: Document) -> Document:
    for row in rows_of(document):
        if "created_at__hour" in row:
            row["date__hour"] = row.pop("created_at__hour").replace(" ", "T") + "Z"
    return document


def without_times(_: Document, document: Document) -> Document:
    for row in rows_of(document):
        row.pop("created_at__hour", None)
    return document


def without_metadata(_: Document, document: Document) -> Document:
    return {"data": {"data": rows_of(document)}}


@pytest.mark.parametrize("alter", [as_numbers, as_fractions, with_other_times, without_times, without_metadata])
def test_doubtful_forms_are_read(account: AccountServer, alter: Callable[[Document, Document], Document]) -> None:
    account.alter = alter
    found = find(account)
    assert set(found) == set(MONTH.records)
    assert found.notices == ()


def add_rows(*rows: dict[str, Any]) -> Callable[[Document, Document], Document]:
    def add(query: Document, document: Document) -> Document:
        if "dimensions" in query:
            rows_of(document).extend({"created_at__hour": "2026-09-09 10:00:00", **row} for row in rows)
        return document

    return add


def test_values_that_cannot_be_ids_are_left_out_with_a_notice(account: AccountServer) -> None:
    account.alter = add_rows(
        {"generation_id": "two \x1b[31m words", "request_count": "1"},
        {"generation_id": None, "request_count": "2"},
        {"generation_id": "gen-older", "request_count": 1},
    )
    found = find(account)
    assert set(found) == {*MONTH.records, "gen-older"}
    assert found.notices == (
        "the service lists 4 requests more than it counts; all listed ids are here",
        "2 requests without an id: no record can be fetched",
        "left out 1 value that cannot be ids; the first is 'two \\x1b[31m words': an id cannot contain white space",
    )


def test_an_id_without_a_second_has_the_place_of_its_hour(account: AccountServer) -> None:
    account.alter = add_rows({"generation_id": "gen-older", "request_count": 1})
    found = find(account)
    place = found.ids.index("gen-older")
    assert found.ids[place - 1] < "gen-1788948000" < found.ids[place + 1]


def test_missing_ids_are_a_notice(account: AccountServer) -> None:
    def count_more(query: Document, document: Document) -> Document:
        if "dimensions" not in query:
            rows_of(document)[0]["request_count"] = str(int(rows_of(document)[0]["request_count"]) + 3)
        return document

    account.alter = count_more
    assert find(account).notices == ("the service counts 3 requests more than it lists: their ids are missing",)


def test_rows_of_another_time_are_left_out(account: AccountServer) -> None:
    account.alter = add_rows({"generation_id": "gen-1756000000-AbCdEfGhIjKlMnOpQrSt", "request_count": 1})
    found = find(account, since="2026-09-20")
    assert "gen-1756000000-AbCdEfGhIjKlMnOpQrSt" not in found.ids
    assert found.notices == ("left out 1 row of another time than asked for",)


def test_warnings_and_old_figures_are_notices(account: AccountServer) -> None:
    def warn(_: Document, document: Document) -> Document:
        document["data"] |= {"warnings": ["unknown \x1b[31mfilter", 7], "cachedAt": "1790000000000"}
        return document

    account.alter = warn
    assert find(account).notices == (
        "the service warns: unknown \\x1b[31mfilter",
        "the service answered with figures of 2026-09-21 14:13 UTC: later ids are missing",
    )


def test_a_period_up_to_now_may_lack_the_last_ids() -> None:
    now = datetime.now(UTC)
    with AccountServer(Account(make_records(), now)) as account:
        found = find(account, since="1h", until=None)
    assert found.ids == ()
    assert found.notices == ("ids of the last two minutes may be missing: the service lists them late",)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 529])
def test_a_failure_that_passes_is_no_failure(account: AccountServer, status: int) -> None:
    account.plans.extend([refusal(status, "slow down", Retry_After="0.01")] * 2)
    found = find(account)
    assert set(found) == set(MONTH.records)
    assert found.requests == 4


def test_a_pause_that_the_service_asks_for_is_kept(account: AccountServer, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(management, "time", Mock(wraps=time, sleep=pauses.append))  # other threads sleep as they did
    account.plans.extend([refusal(429, "slow down", Retry_After="37"), refusal(429, "slow down")])
    find(account)
    assert pauses == [37.0, 15.0]


def test_a_long_pause_ends_the_search(account: AccountServer) -> None:
    account.plans.append(refusal(429, "slow down", Retry_After="3600"))
    with pytest.raises(GenAnalyticsError, match=r"it answered 429 and asks for a pause of 3,600 s; try again later"):
        find(account)


def test_a_timeout_halves_the_period(account: AccountServer) -> None:
    account.plans.append(refusal(408, "narrow it"))
    found = find(account)
    assert set(found) == set(MONTH.records)
    assert account.asked[1].query["time_range"] == {"start": "2026-09-01T00:00:00Z", "end": "2026-09-16T00:00:00Z"}


def test_an_answer_that_is_too_long_halves_the_period(account: AccountServer) -> None:
    account.plans.append(Planned(200, b'{"data":{"data":[{"request_count":"%d"}]}}' % len(MONTH.records)))
    account.plans.append(Planned(200, b" " * (1 << 21)))
    found = find(account)
    assert set(found) == set(MONTH.records)
    assert found.notices == ()


def test_a_service_that_never_has_time_ends_the_search(account: AccountServer) -> None:
    account.plans.extend([refusal(408, "narrow it")] * 40)
    with pytest.raises(GenAnalyticsError, match=r"a single second: .*narrow it"):
        find(account, until="2026-09-01T00:10")


@pytest.mark.parametrize(
    ("plan", "error", "message"),
    [
        (refusal(401, "no"), KeyRefusedError, "refused the management key .401.: check OPENROUTER_MANAGEMENT_KEY"),
        (
            refusal(403, "Only management keys can"),
            KeyRefusedError,
            "answered 403: 'Only management keys can'; it needs",
        ),
        (refusal(400, "limit: Too big"), GenAnalyticsError, "answered 400: 'limit: Too big'"),
        (Planned(404, b"<html>"), GenAnalyticsError, "answered 404: '<html>'; is the base URL right"),
        (Planned(200, b"<html>"), GenAnalyticsError, "did not answer with a JSON object but with '<html>'"),
        (Planned(200, b"[" * 100_000), GenAnalyticsError, "did not answer with a JSON object"),
        (Planned(200, b"[]"), GenAnalyticsError, "did not answer with a JSON object"),
        (Planned(200, b'{"data": {"data": 7}}'), GenAnalyticsError, "did not answer with rows"),
        (Planned(200, b'{"data": {"data": [7]}}'), GenAnalyticsError, "did not answer with rows"),
        (Planned(200, b'{"data": {"data": [{}]}}'), GenAnalyticsError, "request_count=None, which is no number"),
        (
            Planned(200, b'{"data": {"data": [{"request_count": "-1"}]}}'),
            GenAnalyticsError,
            "request_count='-1', which is no number",
        ),
    ],
)
def test_other_answers_are_errors(account: AccountServer, plan: Planned, error: type[Exception], message: str) -> None:
    account.plans.append(plan)
    with pytest.raises(error, match=message):
        find(account)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"since": "soon"}, "since='soon' is not a moment: give a date or time"),
        ({"until": "soon"}, "until='soon' is not a moment: give a date or time"),
        ({"since": "2026-10-01"}, "since=2026-10-01 is not before until=2026-10-01: give an earlier moment"),
        ({"since": "2999-01-01", "until": None}, "since=2999-01-01 is not before until=now"),
        ({"base_url": "http://a.example"}, "base URL 'http://a.example' cannot be used"),
        ({"base_url": f"http://127.0.0.1/{KEY}"}, "base_url contains a key"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(
    account: AccountServer, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        find(account, **options)
    assert account.asked == []


def test_without_a_management_key_nothing_is_sent(account: AccountServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-v1-0123456789abcdef0123")
    with pytest.raises(KeyRefusedError, match="no management key: set OPENROUTER_MANAGEMENT_KEY"):
        find(account, management_key=None)
    with pytest.raises(KeyRefusedError, match="the management key contains white space"):
        find(account, management_key="two words")
    assert account.asked == []
    monkeypatch.setenv("OPENROUTER_MANAGEMENT_KEY", KEY)
    monkeypatch.setenv("GENANALYTICS_BASE_URL", account.base_url)
    assert len(ga.find_ids(**SEPTEMBER)) == len(MONTH.records)


@given(st.lists(st.floats(0, 30), max_size=30), st.integers(1, 5))
def test_no_minute_has_more_queries_than_allowed(pauses: list[float], most: int) -> None:
    now = 0.0
    sent: list[float] = []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    limit = PerMinute(most, now=lambda: now, sleep=sleep)
    for pause in pauses:
        now += pause
        limit.wait()
        sent.append(now)
    assert all(later - earlier >= 60 - 1e-6 for earlier, later in zip(sent, sent[most:], strict=False))
