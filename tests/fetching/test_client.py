import json
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import platformdirs
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from genanalytics.errors import InputError, KeyRefusedError
from genanalytics.fetching.answers import Answer, Outcome
from genanalytics.fetching.client import REMEMBER_MISSING_S, Client
from genanalytics.ids.form import find_problem
from genanalytics.records.record import SETTLING_S
from support.fault_server import FaultServer
from support.faults import KEY, LONG_AGO, Fault, HangsUp, Says, envelope, good, make_ids, record_of, refusal

GENERATION = make_ids(1)[0]

MakeClient = Callable[..., Client]


def ask(client: Client, generation_id: str = GENERATION, *, attempt: int = 1, accept_mismatch: bool = False) -> Answer:
    return client.ask(generation_id, attempt=attempt, accept_mismatch=accept_mismatch, stopped=Event())


def asked_after(fault: Fault, server: FaultServer, client: Client) -> Answer:
    """Return what the client makes of a fault."""
    server.plan(GENERATION, fault)
    return ask(client)


def test_a_record_is_ok_and_its_body_stays_as_it_came(server: FaultServer, client: Client) -> None:
    before = time.time()
    answer = ask(client, attempt=3)
    assert answer.outcome is Outcome.OK
    assert (answer.requested_id, answer.status, answer.attempts) == (GENERATION, 200, 3)
    assert answer.body == envelope(record_of(GENERATION))
    assert before <= answer.fetched_at <= time.time()
    assert answer.sent_at is not None
    assert answer.returned_id is None
    assert answer.retry_in_s is None
    assert [request.path for request in server.requests] == ["/api/v1/generation"]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, *range(520, 530)])
def test_what_may_pass_is_worth_another_try(status: int, server: FaultServer, client: Client) -> None:
    answer = asked_after(refusal(status, "in a minute"), server, client)
    assert answer.outcome is Outcome.FAILED
    assert answer.status == status
    assert answer.message == f"the service answered {status}: 'in a minute'"
    assert answer.retry_in_s is not None
    assert answer.retry_in_s <= 0.5


@pytest.mark.parametrize(
    "status", [201, 204, 301, 302, 304, 307, 308, 400, 402, 405, 410, 418, 422, 451, 501, 505, 530]
)
def test_what_will_not_pass_is_asked_once(status: int, server: FaultServer, client: Client) -> None:
    answer = asked_after(refusal(status), server, client)
    assert answer.outcome is Outcome.FAILED
    assert answer.status == status
    assert answer.message.startswith(f"the service answered {status}: ")
    assert answer.retry_in_s is None


def test_the_records_of_others_are_forbidden(server: FaultServer, client: Client) -> None:
    answer = asked_after(refusal(403), server, client)
    assert (answer.outcome, answer.status, answer.retry_in_s) == (Outcome.FORBIDDEN, 403, None)


def test_a_refused_key_is_raised(server: FaultServer, client: Client) -> None:
    with pytest.raises(KeyRefusedError, match=r"refused the API key \(401\): check OPENROUTER_API_KEY"):
        asked_after(refusal(401, f"bad key {KEY}"), server, client)


@pytest.mark.parametrize(
    ("form", "age_s", "outcome"),
    [
        (f"gen-{{}}-{'a' * 20}", 0, Outcome.PENDING),
        (f"gen-{{}}-{'b' * 20}", SETTLING_S - 600, Outcome.PENDING),
        (f"gen-img-{{}}-{'c' * 20}", 0, Outcome.PENDING),
        (f"gen-{{}}-{'d' * 20}", SETTLING_S + 1, Outcome.NOT_FOUND),
        (f"gen-{'e' * 24}", 0, Outcome.NOT_FOUND),
        ("chatcmpl-1", 0, Outcome.NOT_FOUND),
    ],
    ids=[
        "just now",
        "almost an hour ago",
        "an image just now",
        "an hour ago",
        "before ids had a time",
        "of another API",
    ],
)
def test_a_404_means_not_yet_only_where_the_id_is_young(
    form: str, age_s: int, outcome: Outcome, server: FaultServer, client: Client
) -> None:
    generation_id = form.format(int(time.time()) - age_s)
    server.plan(generation_id, refusal(404))
    answer = ask(client, generation_id)
    assert (answer.outcome, answer.status, answer.retry_in_s) == (outcome, 404, None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!DOCTYPE html><title>Just a moment...</title>",
        envelope(record_of(GENERATION))[:-1],
        b'{"data": null}',
        b'{"data": []}',
        b'{"data": {}}',
        b'{"data": {"id": null}}',
        b'{"data": {"id": ""}}',
        b'{"data": {"id": 7}}',
        b'{"error": {"message": "no", "code": 500}}',
        b'{"data": {"id": "%s", "latency": NaN}}' % GENERATION.encode(),
        b"null",
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_a_200_without_a_record_is_worth_another_try_and_never_kept(
    body: bytes, server: FaultServer, client: Client
) -> None:
    answer = asked_after(Says(200, body), server, client)
    assert (answer.outcome, answer.status, answer.body) == (Outcome.FAILED, 200, b"")
    assert answer.message.isascii()
    assert answer.retry_in_s is not None
    assert client.make_entry(answer) is None


def test_no_answer_is_worth_another_try(server: FaultServer, client: Client) -> None:
    answer = asked_after(HangsUp(), server, client)
    assert (answer.outcome, answer.status) == (Outcome.FAILED, None)
    assert answer.message.startswith("no answer: ")
    assert answer.retry_in_s is not None


def test_an_endless_answer_is_asked_for_once(server: FaultServer, client: Client) -> None:
    answer = asked_after(Says(200, bytes(2 << 20)), server, client)
    assert (answer.outcome, answer.retry_in_s) == (Outcome.FAILED, None)
    assert "longer than" in answer.message


def test_one_request_answers_all_who_ask_for_an_id_at_once(server: FaultServer, client: Client) -> None:
    server.otherwise = lambda generation_id: good(generation_id, after_s=0.3)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(client), range(8)))
    assert len(server.requests) == 1
    assert {answer.body for answer in answers} == {good(GENERATION).body}
    assert sorted(answer.sent_at is not None for answer in answers) == [False] * 7 + [True]


def test_another_id_is_a_mismatch_unless_that_is_accepted(server: FaultServer, client: Client) -> None:
    server.otherwise = lambda _: good("gen-other")
    refused, accepted = ask(client), ask(client, accept_mismatch=True)
    assert refused.outcome is Outcome.MISMATCH
    assert refused.message == "the answer carries another id: 'gen-other'"
    assert client.make_entry(refused) is None
    assert accepted.outcome is Outcome.OK
    assert accepted.returned_id == "gen-other"
    entry = client.make_entry(accepted)
    assert entry is not None
    assert entry.returned_id == "gen-other"
    assert entry.requested_id == GENERATION


@pytest.mark.parametrize(
    ("header", "least_s", "most_s"),
    [("7", 7, 7), ("7.5", 7.5, 7.5), ("1e5", 1e5, 1e5), ("0", 0, 0.5), ("soon", 0, 0.5)],
)
def test_a_pause_that_the_service_asks_for_is_kept(
    header: str, least_s: float, most_s: float, server: FaultServer, client: Client
) -> None:
    answer = asked_after(refusal(429, Retry_After=header), server, client)
    assert answer.retry_in_s is not None
    assert least_s <= answer.retry_in_s <= most_s


def test_nothing_is_asked_once_stopped(server: FaultServer, client: Client) -> None:
    stopped = Event()
    stopped.set()
    answer = client.ask(GENERATION, attempt=3, accept_mismatch=False, stopped=stopped)
    assert (answer.outcome, answer.attempts) == (Outcome.SKIPPED, 2)
    assert server.requests == []


AWKWARD = [
    "gen-🎉",
    "a&id=b",
    "a#b",
    "a%2Fb",
    "a+b",
    "../a/b",
    "?",
    "a=b;c",
    "ä",
    "e\u0301",
    "'\"<>\\",
    "%",
    "~",
    "\u200d",
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(generation_id=st.sampled_from(AWKWARD) | st.text(min_size=1).filter(lambda text: find_problem(text) is None))
def test_every_id_arrives_as_it_is(generation_id: str, server: FaultServer, client: Client) -> None:
    assert ask(client, generation_id).outcome is Outcome.OK
    assert server.requests[-1].generation_id == generation_id


def answer_with(generation_id: str, *, fetched_at: float, outcome: Outcome = Outcome.OK, **fields: object) -> Answer:
    body = envelope(record_of(generation_id) | fields) if outcome is Outcome.OK else b""
    return Answer(generation_id, outcome, body=body, fetched_at=fetched_at)


@pytest.mark.parametrize(
    ("generation_id", "created_at", "age_s", "expires_s"),
    [
        (GENERATION, "2001-01-01", 0, SETTLING_S + 1),
        (GENERATION, "2001-01-01", SETTLING_S - 1, SETTLING_S + 1),
        (GENERATION, "2001-01-01", SETTLING_S, None),
        ("chatcmpl-1", "2025-08-24T01:46:40Z", 10, SETTLING_S + 1),  # the id does not tell: the record does
        ("chatcmpl-1", "2025-08-24 01:46:40", 10, SETTLING_S + 1),
        ("chatcmpl-1", "2025-08-24T02:46:40+01:00", SETTLING_S, None),
        ("chatcmpl-1", "yesterday", 10, SETTLING_S + 11),  # nor does that: it may be brand new
        ("chatcmpl-1", None, 10, SETTLING_S + 11),
    ],
)
def test_a_record_is_kept_for_good_once_it_is_final(
    generation_id: str, created_at: object, age_s: float, expires_s: float | None, client: Client
) -> None:
    entry = client.make_entry(answer_with(generation_id, fetched_at=LONG_AGO + age_s, created_at=created_at))
    assert entry is not None
    assert entry.expires == (None if expires_s is None else LONG_AGO + expires_s)
    assert (entry.status, entry.fetched_at) == (200, LONG_AGO + age_s)
    assert json.loads(entry.body)["data"]["created_at"] == created_at
    assert entry.url == f"{client.base_url}/generation?id={generation_id}"


@pytest.mark.parametrize(("age_s", "kept"), [(REMEMBER_MISSING_S, False), (REMEMBER_MISSING_S + 1, True)])
def test_that_an_old_id_has_no_record_is_remembered_for_a_day(age_s: int, kept: bool, client: Client) -> None:  # noqa: FBT001
    now = LONG_AGO + age_s
    entry = client.make_entry(answer_with(GENERATION, fetched_at=now, outcome=Outcome.NOT_FOUND))
    assert (entry is not None) is kept
    if entry is not None:
        assert (entry.status, entry.body, entry.expires) == (404, b"", now + REMEMBER_MISSING_S)


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.OK, Outcome.NOT_FOUND}))
def test_no_other_answer_is_kept(outcome: Outcome, client: Client) -> None:
    assert client.make_entry(answer_with(GENERATION, fetched_at=time.time(), outcome=outcome)) is None


def test_a_missing_record_whose_id_does_not_tell_its_age_is_not_kept(client: Client) -> None:
    assert client.make_entry(answer_with("chatcmpl-1", fetched_at=time.time(), outcome=Outcome.NOT_FOUND)) is None


@pytest.mark.parametrize("option", [{"max_workers": 0}, {"timeout_s": 0}, {"rate": 0}, {"rate": -1.0}])
def test_an_option_out_of_its_range_is_refused(option: dict[str, float], make_client: MakeClient) -> None:
    with pytest.raises(InputError, match="cannot be used: give a number above 0"):
        make_client(**option)


@pytest.mark.parametrize("options", [{}, {"offline": True}, {"account": "team-a"}])
def test_only_an_offline_client_with_an_account_needs_no_key(
    options: dict[str, object], make_client: MakeClient
) -> None:
    with pytest.raises(KeyRefusedError, match="no API key"):
        make_client(None, **options)
    assert make_client(None, offline=True, account="team-a").account == "team-a"


def test_an_account_is_a_name_or_a_fingerprint_of_the_key(make_client: MakeClient) -> None:
    assert make_client(account="team-a").account == "team-a"
    assert make_client().account == make_client().account
    assert make_client().account != make_client("sk-another").account


def test_the_repr_tells_where_and_for_whom(client: Client, server: FaultServer, tmp_path: Path) -> None:
    path = str(tmp_path / "cache" / "generations.sqlite")
    assert repr(client) == f"Client(base_url={server.base_url!r}, account={client.account!r}, cache={path!r})"


def test_leaving_the_context_closes_connections_and_cache(
    server: FaultServer, make_client: MakeClient, tmp_path: Path
) -> None:
    with make_client() as client:
        answer = ask(client)
        entry = client.make_entry(answer)
        assert entry is not None
        client.archive.store({client.make_cache_key(GENERATION): entry})
        assert server.open_connections == 1
        assert len(list((tmp_path / "cache").iterdir())) == 3
    assert [file.name for file in (tmp_path / "cache").iterdir()] == ["generations.sqlite"]
    deadline = time.monotonic() + 2
    while server.open_connections and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.open_connections == 0


def test_the_environment_says_what_is_not_said(
    server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", f"{KEY}\n")
    monkeypatch.setenv("GENANALYTICS_BASE_URL", server.base_url)
    monkeypatch.setenv("GENANALYTICS_CACHE_DIR", str(tmp_path / "from-environment"))
    with Client.from_env() as client:
        assert ask(client).outcome is Outcome.OK
        assert client.archive.path.parent == tmp_path / "from-environment"
    assert server.requests[0].values("Authorization") == [f"Bearer {KEY}"]
    with Client.from_env(base_url="https://a.example", cache_dir=tmp_path / "b", api_key=None, rate=5.0) as client:
        assert client.base_url == "https://a.example"
        assert client.archive.path.parent == tmp_path / "b"


def test_a_client_with_a_key_uses_the_service_and_the_cache_of_the_environment(
    server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENANALYTICS_BASE_URL", server.base_url)
    monkeypatch.setenv("GENANALYTICS_CACHE_DIR", str(tmp_path / "from-environment"))
    with Client(KEY) as client, Client.from_env(api_key=KEY) as other:
        assert (client.base_url, client.archive.path) == (other.base_url, other.archive.path)
        assert (client.base_url, client.archive.path.parent) == (server.base_url, tmp_path / "from-environment")
    with Client(KEY, base_url="https://a.example", cache_dir=tmp_path / "b") as client:
        assert (client.base_url, client.archive.path.parent) == ("https://a.example", tmp_path / "b")


def test_without_a_key_in_the_environment_its_name_is_told() -> None:
    with pytest.raises(KeyRefusedError, match="set OPENROUTER_API_KEY"):
        Client.from_env()


def test_without_a_word_the_service_is_the_real_one_and_the_cache_is_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path))
    with Client(KEY) as client:
        assert client.base_url == "https://openrouter.ai/api/v1"
        assert client.archive.path.parent == platformdirs.user_data_path("genanalytics")
        assert client.archive.path.is_relative_to(tmp_path)


def parts_of_the_key(text: str) -> list[str]:
    """Return every part of the key, of eight characters or more, that stands in a text."""
    return [KEY[start : start + 8] for start in range(len(KEY) - 7) if KEY[start : start + 8] in text]


@pytest.mark.parametrize("before", range(0, 330, 9))
def test_a_key_that_a_service_sends_back_is_not_passed_on(before: int, server: FaultServer, client: Client) -> None:
    said = "-" * before + KEY
    server.plan(
        GENERATION,
        refusal(400, said),
        Says(502, f"<html>{said}".encode()),
        Says(200, f"<html>{said}".encode()),
        Says(200, envelope({"id": said})),
        Says(200, json.dumps({"data": said}).encode()),
        refusal(401, said),
    )
    for _ in range(5):
        answer = ask(client)
        assert answer.outcome in {Outcome.FAILED, Outcome.MISMATCH}
        assert parts_of_the_key(repr(answer)) == []
    with pytest.raises(KeyRefusedError) as caught:
        ask(client)
    assert parts_of_the_key(str(caught.value)) == []


def test_the_key_is_in_no_log(server: FaultServer, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server.plan(GENERATION, HangsUp(), refusal(500), Says(302, b"", (("Location", "/x"),)))
    for _ in range(4):
        ask(client)
    assert "GET /api/v1/generation" in caplog.text
    assert parts_of_the_key(caplog.text) == []
