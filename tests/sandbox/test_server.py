"""What the stand-in of the API answers, over real HTTP."""

import json
import os
import socket
import subprocess
import sys
import threading
from _thread import interrupt_main
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from genanalytics.errors import GenAnalyticsError, InputError
from genanalytics.sandbox import Sandbox, sample
from support.paths import DATA

KEY = {"Authorization": "Bearer sk-or-any"}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(sample(60)) as sandbox:
        yield sandbox


def get(sandbox: Sandbox, generation_id: str | None, headers: dict[str, str] | None = None) -> requests.Response:
    params = {} if generation_id is None else {"id": generation_id}
    return requests.get(f"{sandbox.base_url}/generation", params=params, headers=headers or KEY, timeout=5)


def address(sandbox: Sandbox) -> tuple[str, int]:
    host, port = sandbox.base_url.removeprefix("http://").removesuffix("/api/v1").split(":")
    return host, int(port)


def test_a_known_id_is_answered_with_its_record(sandbox: Sandbox) -> None:
    generation_id, record = next(iter(sample(60).records.items()))
    response = get(sandbox, generation_id)
    assert response.status_code == 200
    assert response.json() == {"data": record}
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "private, no-store"
    assert "ETag" not in response.headers


def test_an_answer_is_a_line_of_the_sample_file() -> None:
    lines = (DATA / "sample-generations.jsonl").read_text("utf-8").splitlines()
    with Sandbox(sample()) as sandbox:
        assert get(sandbox, json.loads(lines[7])["data"]["id"]).text == lines[7]


def test_an_unknown_id_is_404(sandbox: Sandbox) -> None:
    response = get(sandbox, "gen-1788220800-aaaaaaaaaaaaaaaaaaaa")
    assert response.status_code == 404
    message = "Generation gen-1788220800-aaaaaaaaaaaaaaaaaaaa not found"
    assert response.json() == {"error": {"message": message, "code": 404}}


@pytest.mark.parametrize("header", [{"X-No": "key"}, {"Authorization": "Bearer "}, {"Authorization": "Basic a2V5"}])
def test_without_a_bearer_the_answer_is_401(sandbox: Sandbox, header: dict[str, str]) -> None:
    response = get(sandbox, "gen-1", header)
    assert response.status_code == 401
    assert response.json() == {"error": {"message": "No cookie auth credentials found", "code": 401}}


@pytest.mark.parametrize("generation_id", [None, ""])
def test_without_an_id_the_answer_is_400(sandbox: Sandbox, generation_id: str | None) -> None:
    response = get(sandbox, generation_id)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == 400


def test_models_are_listed_in_pages_without_a_key(sandbox: Sandbox) -> None:
    whole, page = (
        requests.get(f"{sandbox.base_url}/models{query}", timeout=5).json() for query in ("", "?offset=2&limit=3")
    )
    assert whole["total_count"] == page["total_count"] == len(whole["data"])
    assert page["data"] == whole["data"][2:5]
    assert whole["data"][0]["canonical_slug"] == "openai/gpt-5.6-luna-20260709"


def test_another_path_is_a_page_that_says_404(sandbox: Sandbox) -> None:
    response = requests.get(f"{sandbox.base_url}/credits", headers=KEY, timeout=5)
    assert (response.status_code, response.headers["Content-Type"]) == (404, "text/html")
    assert "Not Found" in response.text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_another_method_is_405(sandbox: Sandbox, method: str) -> None:
    response = requests.request(method, f"{sandbox.base_url}/generation", headers=KEY, data=b"{}", timeout=5)
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET"
    assert response.json() == {"error": {"message": "Method Not Allowed", "code": 405}}


def test_the_body_of_another_method_is_read_so_that_the_connection_ends_without_a_reset(sandbox: Sandbox) -> None:
    with socket.create_connection(address(sandbox), timeout=5) as connection:
        connection.sendall(b"POST /api/v1/generation HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" + bytes(1_000_000))
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 405 ")


def test_head_is_405_without_a_body(sandbox: Sandbox) -> None:
    response = requests.head(f"{sandbox.base_url}/generation", headers=KEY, timeout=5)
    assert (response.status_code, response.content) == (405, b"")


def test_requests_counts_the_requests_for_a_generation(sandbox: Sandbox) -> None:
    assert sandbox.requests == 0
    get(sandbox, "gen-1")
    get(sandbox, None)
    requests.get(f"{sandbox.base_url}/credits", headers=KEY, timeout=5)
    assert sandbox.requests == 2


def test_one_connection_carries_many_requests_and_an_answer_comes_in_one_piece(sandbox: Sandbox) -> None:
    generation_id, record = next(iter(sample(60).records.items()))
    request = (
        f"GET /api/v1/generation?id={generation_id} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer k\r\n\r\n"
    ).encode()
    with socket.create_connection(address(sandbox), timeout=5) as connection:
        for _ in range(200):
            connection.sendall(request)
            head, body = connection.recv(65_536).split(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK")
            assert json.loads(body) == {"data": record}


def test_sixteen_threads_at_once_all_get_their_own_answer() -> None:
    records = sample(200).records
    with Sandbox(sample(200)) as sandbox, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda generation_id: get(sandbox, generation_id).json()["data"], records))
        assert answers == list(records.values())
        assert sandbox.requests == len(records)


def test_closing_ends_idle_connections_and_leaves_no_thread() -> None:
    before = threading.active_count()
    with Sandbox(sample(1)) as sandbox:
        idle = socket.create_connection(address(sandbox), timeout=5)
        get(sandbox, "gen-1")
    assert threading.active_count() == before
    with idle:
        assert idle.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address(sandbox), timeout=5)


def test_a_client_that_hangs_up_is_met_with_silence(capfd: pytest.CaptureFixture[str]) -> None:
    with Sandbox(sample(1)) as sandbox:
        connection = socket.create_connection(address(sandbox), timeout=5)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # closing sends a reset
        connection.sendall(b"GET /api/v1/gen")
        connection.close()
        get(sandbox, "gen-1")
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(os.name == "nt", reason="a port is free at once there")
def test_a_port_is_free_again_at_once() -> None:
    with requests.Session() as session, Sandbox(sample(3)) as first:
        session.get(f"{first.base_url}/generation", timeout=5)  # its connection is still open when the server ends
        port = int(first.base_url.split(":")[2].split("/")[0])
    with Sandbox(sample(3), port=port) as second:
        assert requests.get(f"{second.base_url}/generation", timeout=5).status_code == 401


def test_a_port_that_is_taken_is_a_clear_error() -> None:
    with Sandbox(sample(1)) as sandbox:
        port = address(sandbox)[1]
        with pytest.raises(InputError, match=rf"port {port} of 127\.0\.0\.1 cannot be used .*give another") as caught:
            Sandbox(sample(1), port=port)
    assert isinstance(caught.value, GenAnalyticsError)


def test_a_number_that_is_not_a_port_is_the_same_error() -> None:
    with pytest.raises(InputError, match="port 70000 of"):
        Sandbox(sample(1), port=70_000)


def test_in_the_foreground_it_answers_until_it_is_interrupted() -> None:
    sandbox = Sandbox(sample(1))
    with ThreadPoolExecutor(1) as pool:
        response = pool.submit(get, sandbox, "gen-1")
        response.add_done_callback(lambda _: interrupt_main())  # as Ctrl-C does
        with pytest.raises(KeyboardInterrupt):
            sandbox.serve_forever()
    assert response.result().status_code == 404
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address(sandbox), timeout=5)


def test_the_sandbox_loads_neither_pandas_nor_the_network_libraries() -> None:
    heavy = "{'pandas', 'numpy', 'pyarrow', 'matplotlib', 'requests'}"
    code = f"import sys, genanalytics.sandbox; print({heavy} & sys.modules.keys())"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


MANAGEMENT = {"Authorization": "Bearer any-management-key"}
MONTH = {"start": "2026-09-01T00:00:00Z", "end": "2026-10-01T00:00:00Z"}
BY_ID: dict[str, Any] = {"metrics": ["request_count", "total_usage"], "dimensions": ["generation_id"]}


def query(sandbox: Sandbox, headers: dict[str, str] = MANAGEMENT, **document: object) -> requests.Response:
    return requests.post(f"{sandbox.base_url}/analytics/query", json=document, headers=headers, timeout=5)


def test_analytics_have_the_types_and_names_of_the_service(sandbox: Sandbox) -> None:
    by_id = query(sandbox, **BY_ID, granularity="hour", time_range=MONTH, limit=100).json()["data"]
    records = sample(60).records
    assert [row["generation_id"] for row in by_id["data"]] == list(records)
    assert by_id["metadata"]["truncated"] is False
    for row in by_id["data"]:
        assert row["request_count"] == "1"
        created = str(records[row["generation_id"]]["created_at"])
        assert row["created_at__hour"][:13] == created[:13].replace("T", " ")
        assert round(row["total_usage"], 6) == row["total_usage"]
    whole = query(sandbox, metrics=["request_count"], time_range=MONTH).json()["data"]["data"]
    assert whole == [{"request_count": str(len(records))}]
    days = query(sandbox, metrics=["request_count"], granularity="day", time_range=MONTH).json()["data"]["data"]
    assert sum(int(row["request_count"]) for row in days) == len(records)
    assert days[0].keys() == {"date__day", "request_count"}


def test_an_answer_of_the_analytics_is_cut_without_a_way_to_the_rest(sandbox: Sandbox) -> None:
    cut = query(sandbox, **BY_ID, time_range=MONTH, limit=7).json()["data"]
    assert cut["metadata"] == {"query_time_ms": 31, "row_count": 7, "truncated": True}


@pytest.mark.parametrize(
    "change",
    [
        {"metrics": []},
        {"metrics": ["no such"]},
        {"metrics": "request_count"},
        {"dimensions": ["model", "provider", "generation_id"]},
        {"granularity": ["hour"]},
        {"granularity": "minute"},
        {"limit": 10_001},
        {"filters": []},
        {"time_range": {"start": "2026-09-01T00:00:00+00:00", "end": "2026-10-01T00:00:00Z"}},
        {"time_range": {"start": "2026-09-01T00:00Z", "end": "2026-10-01T00:00:00Z"}},
        {"time_range": {"start": "2026-99-01T00:00:00Z", "end": "2026-10-01T00:00:00Z"}},
        {"time_range": {"start": "2026-10-01T00:00:00Z", "end": "2026-09-01T00:00:00Z"}},
        {"time_range": {"start": "2026-08-30T00:00:00Z", "end": "2026-10-01T00:00:00Z"}},
        {"time_range": 7},
    ],
)
def test_other_queries_are_400(sandbox: Sandbox, change: dict[str, Any]) -> None:
    refused = query(sandbox, **{**BY_ID, "time_range": MONTH, **change})
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == 400


def test_the_account_needs_a_management_key(sandbox: Sandbox) -> None:
    for headers, status, message in (
        ({}, 401, "Missing Authentication header"),
        (KEY, 403, "Only management keys can perform this operation"),
    ):
        for answer in (
            query(sandbox, headers, **BY_ID),
            requests.get(f"{sandbox.base_url}/activity", headers=headers, timeout=5),
        ):
            assert answer.status_code == status
            assert answer.json()["error"] == {"message": message, "code": status}


def test_sixty_four_queries_a_minute_are_answered(sandbox: Sandbox) -> None:
    with requests.Session() as session:
        answers = [
            session.post(f"{sandbox.base_url}/analytics/query", data=b"{", headers=MANAGEMENT, timeout=5)
            for _ in range(65)
        ]
    assert [answer.status_code for answer in answers] == [400] * 64 + [429]
    assert 50 < int(answers[-1].headers["Retry-After"]) <= 60


def test_the_daily_activity_adds_up_to_the_records(sandbox: Sandbox) -> None:
    answer = requests.get(f"{sandbox.base_url}/activity", headers=MANAGEMENT, timeout=5)
    rows, records = answer.json()["data"], list(sample(60).records.values())
    assert answer.headers["Date"] == "Thu, 01 Oct 2026 12:00:00 GMT"
    assert sum(row["requests"] for row in rows) == len(records)
    assert sum(row["usage"] for row in rows) == pytest.approx(
        sum(float(str(record["total_cost"])) for record in records), abs=1e-4
    )
    day = requests.get(f"{sandbox.base_url}/activity?date={rows[0]['date']}", headers=MANAGEMENT, timeout=5)
    assert day.json()["data"] == [row for row in rows if row["date"] == rows[0]["date"]]
    outside = requests.get(f"{sandbox.base_url}/activity?date=2026-08-31", headers=MANAGEMENT, timeout=5)
    assert outside.status_code == 400


def test_a_generation_appears_after_two_minutes_and_a_day_when_it_is_over() -> None:
    month = sample(60)
    last = datetime.fromisoformat(str(month.records[list(month.records)[-1]]["created_at"]))
    with Sandbox(month, now=last + timedelta(seconds=100)) as sandbox:
        rows = query(sandbox, metrics=["request_count"], time_range=MONTH).json()["data"]["data"]
        days = requests.get(f"{sandbox.base_url}/activity", headers=MANAGEMENT, timeout=5).json()["data"]
    assert int(rows[0]["request_count"]) < len(month.records)
    assert f"{last:%Y-%m-%d}" not in {row["date"] for row in days}
