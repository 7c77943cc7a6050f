"""The list of models: over real HTTP, without an API key, and kept in the cache."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from genanalytics.errors import CacheError, GenAnalyticsError, InputError
from genanalytics.fetching.models import fetch_models
from genanalytics.sandbox import Sandbox, sample
from genanalytics.sandbox.models import list_models


class Lists(BaseHTTPRequestHandler):
    """Answers with pages of `count` models, or with a status."""

    count: ClassVar[int] = 0
    statuses: ClassVar[list[int]] = []
    asked: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers.get("Authorization")))
        status = self.statuses.pop(0) if self.statuses else 200
        query = parse_qs(urlsplit(self.path).query)
        start, limit = (int(query[name][0]) for name in ("offset", "limit"))
        models = [{"id": f"m-{place}"} for place in range(self.count)][start : start + limit]
        body = json.dumps({"data": models}).encode() if self.count else b"<html>"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def base_url() -> Iterator[str]:
    Lists.count, Lists.statuses, Lists.asked = 230, [], []
    with HTTPServer(("127.0.0.1", 0), Lists) as server:
        Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_all_pages_are_read_and_no_key_is_sent(base_url: str, tmp_path: Path) -> None:
    found = fetch_models(base_url, tmp_path)
    assert [model["id"] for model in found.models] == [f"m-{place}" for place in range(230)]
    assert [path for path, _ in Lists.asked] == [f"/models?limit=100&offset={start}" for start in (0, 100, 200)]
    assert {key for _, key in Lists.asked} == {None}


def test_a_fresh_list_is_not_asked_for_again_and_an_old_one_is(base_url: str, tmp_path: Path) -> None:
    first = fetch_models(base_url, tmp_path)
    assert fetch_models(base_url, tmp_path) == first
    assert fetch_models(base_url, tmp_path, offline=True, fresh_s=0) == first
    assert len(Lists.asked) == 3
    fetch_models(base_url, tmp_path, fresh_s=0)
    assert len(Lists.asked) == 6
    (stored,) = tmp_path.iterdir()
    assert stored.stat().st_mode & 0o077 == 0


def test_an_old_list_is_used_with_a_notice_if_the_service_fails(base_url: str, tmp_path: Path) -> None:
    first = fetch_models(base_url, tmp_path)
    Lists.statuses = [403]
    again = fetch_models(base_url, tmp_path, fresh_s=0)
    assert again.models == first.models
    assert "it answered 403" in again.notice


def test_a_failure_that_passes_is_no_failure(base_url: str, tmp_path: Path) -> None:
    Lists.statuses = [503]
    assert len(fetch_models(base_url, tmp_path).models) == 230


def test_other_answers_and_urls_are_refused(base_url: str, tmp_path: Path) -> None:
    Lists.count = 0
    with pytest.raises(GenAnalyticsError, match="is the base URL right"):
        fetch_models(base_url, tmp_path)
    Lists.statuses = [404]
    with pytest.raises(GenAnalyticsError, match="it answered 404; give prices in a file"):
        fetch_models(base_url, tmp_path)
    with pytest.raises(CacheError, match="run once without --offline"):
        fetch_models(base_url, tmp_path, offline=True)
    with pytest.raises(InputError, match="cannot be used"):
        fetch_models("ftp://x", tmp_path)


def test_a_damaged_list_is_fetched_again(base_url: str, tmp_path: Path) -> None:
    fetch_models(base_url, tmp_path)
    (stored,) = tmp_path.iterdir()
    stored.write_text("{", encoding="utf-8")
    assert len(fetch_models(base_url, tmp_path).models) == 230


def test_the_sandbox_lists_its_models(tmp_path: Path) -> None:
    with Sandbox(sample(3)) as sandbox:
        assert fetch_models(sandbox.base_url, tmp_path).models == list_models()
        assert sandbox.requests == 0
