import gc
import gzip
import os
import socket
import time
import tracemalloc
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests
from urllib3.connectionpool import HTTPConnectionPool

from genanalytics import __version__
from genanalytics.errors import InputError, KeyRefusedError
from genanalytics.fetching.secret import Secret, check_api_key
from genanalytics.fetching.transport import MAX_BODY_BYTES, NoReplyError, Reply, Transport, _Signer, check_base_url
from genanalytics.fetching.watchdog import Watchdog
from support.fault_server import FaultServer
from support.faults import KEY, Cuts, Drips, Fault, Garbles, HangsUp, Says, Wire, good, head, refusal

BODY = b'{"data": {"id": "gen-1"}}' * 10
GZIPPED = ("Content-Encoding", "gzip")


@pytest.fixture
def transport(server: FaultServer) -> Iterator[Transport]:
    with closing(Transport(server.base_url, Secret(KEY), pool_size=2, timeout_s=30)) as transport:
        yield transport


@pytest.fixture
def get(server: FaultServer, transport: Transport) -> Callable[..., bytes]:
    """Return a function that gets the body of what is delivered to a request."""

    def get(fault: Fault) -> bytes:
        server.plan("gen-1", fault)
        return transport.get(f"{server.base_url}/generation?id=gen-1").body

    return get


def test_a_reply_holds_status_pause_date_and_body(server: FaultServer, transport: Transport) -> None:
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    server.plan("gen-1", Says(429, BODY, (("Retry-After", "2.5"), ("Date", date))))
    assert transport.get(f"{server.base_url}/generation?id=gen-1") == Reply(429, 2.5, 1_445_412_480.0, BODY)
    assert transport.get(f"{server.base_url}/generation?id=gen-1") == Reply(200, None, None, good("gen-1").body)


def test_the_key_and_our_name_go_with_every_request_once(server: FaultServer, transport: Transport) -> None:
    for _ in range(3):
        transport.get(f"{server.base_url}/generation?id=gen-1")
    assert [request.values("Authorization") for request in server.requests] == [[f"Bearer {KEY}"]] * 3
    assert [request.values("User-Agent") for request in server.requests] == [[f"genanalytics/{__version__}"]] * 3
    assert [request.values("Accept") for request in server.requests] == [["application/json"]] * 3


def test_nothing_above_the_adapter_sees_the_key(server: FaultServer) -> None:
    with requests.Session() as session:
        session.mount(server.base_url, _Signer(Secret(KEY), Watchdog(), None, pool_size=1))
        response = session.get(f"{server.base_url}/generation?id=gen-1", timeout=5)
    assert server.requests[0].values("Authorization") == [f"Bearer {KEY}"]
    assert "Authorization" not in response.request.headers


def test_connections_are_kept(server: FaultServer, transport: Transport) -> None:
    for number in range(10):
        server.plan(f"gen-{number}", Drips(BODY, chunked=True, size=100) if number % 2 else refusal(500 + number))
        transport.get(f"{server.base_url}/generation?id=gen-{number}")
    assert {request.connection for request in server.requests} == {1}


def test_a_fresh_connection_is_one_that_nobody_used_before(server: FaultServer, transport: Transport) -> None:
    for fresh in (False, False, True, False, True):
        transport.get(f"{server.base_url}/generation?id=gen-1", fresh=fresh)
    assert [request.connection for request in server.requests] == [1, 1, 2, 1, 3]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_uses_connections_of_its_own(server: FaultServer, transport: Transport) -> None:
    url = f"{server.base_url}/generation?id=gen-1"
    transport.get(url)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's word on forking with threads, which is the point
        child = os.fork()
    if child == 0:
        os._exit(0 if transport.get(url).body == good("gen-1").body else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0
    transport.get(url)
    assert [request.connection for request in server.requests] == [1, 2, 1]


def test_an_error_shows_neither_the_key_nor_control_characters(server: FaultServer, transport: Transport) -> None:
    server.plan("gen-1", Garbles(f"\x1b[31mBAD Authorization: Bearer {KEY}\r\n".encode()))
    with pytest.raises(NoReplyError) as caught:
        transport.get(f"{server.base_url}/generation?id=gen-1")
    assert KEY not in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_connection_that_the_service_closed_is_replaced(server: FaultServer, get: Callable[[Fault], bytes]) -> None:
    get(good("gen-1"))
    with pytest.raises(NoReplyError):
        get(HangsUp())
    assert get(Cuts(BODY, sent=len(BODY))) == BODY
    time.sleep(0.05)  # until the close has come
    assert get(good("gen-1")) == good("gen-1").body
    assert [request.connection for request in server.requests] == [1, 1, 2, 3]


def pools_of(server: FaultServer) -> list[HTTPConnectionPool]:
    """Return the open pools of connections to a service."""
    pools = [each for each in gc.get_objects() if issubclass(type(each), HTTPConnectionPool)]
    return [pool for pool in pools if pool.pool is not None and f":{pool.port}/" in server.base_url]


def test_closing_closes_the_connections(
    server: FaultServer, get: Callable[[Fault], bytes], transport: Transport
) -> None:
    get(good("gen-1"))
    assert server.open_connections == 1
    kept = pools_of(server)  # a pool that is referenced runs no finalizer
    transport.close()
    deadline = time.monotonic() + 2
    while server.open_connections and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.open_connections == 0
    assert len(kept) == 1
    assert pools_of(server) == []


@pytest.mark.parametrize(
    "fault",
    [
        Says(200, BODY),
        Drips(BODY, size=7),
        Drips(BODY, size=7, chunked=True),
        Says(200, gzip.compress(BODY), (GZIPPED,)),
        Says(200, zlib.compress(BODY), (("Content-Encoding", "deflate"),)),
        Drips(gzip.compress(BODY), (GZIPPED,), size=3, pause_s=0.001),
        Drips(gzip.compress(BODY), (GZIPPED,), size=3, pause_s=0.001, chunked=True),
    ],
)
def test_a_body_is_read_to_its_end_however_it_comes(fault: Fault, get: Callable[[Fault], bytes]) -> None:
    assert get(fault) == BODY


@pytest.mark.parametrize(
    "fault",
    [
        HangsUp(),
        Cuts(BODY, sent=0),
        Cuts(BODY, sent=len(BODY) // 2),
        Cuts(BODY, sent=len(BODY) - 1),
        Cuts(BODY, sent=len(BODY) // 2, chunked=True),
        Cuts(BODY, sent=len(BODY), chunked=True),
        Says(200, b"no gzip", (GZIPPED,)),
    ],
)
def test_half_an_answer_is_none(fault: Fault, get: Callable[[Fault], bytes]) -> None:
    with pytest.raises(NoReplyError) as caught:
        get(fault)
    assert caught.value.again
    assert caught.value.__context__ is None, "what requests raises holds the signed request"


def test_a_body_as_long_as_allowed_is_read(get: Callable[[Fault], bytes]) -> None:
    longest = bytes(MAX_BODY_BYTES)
    assert get(Says(200, longest)) == longest
    assert get(Says(200, gzip.compress(longest), (GZIPPED,))) == longest


@pytest.mark.parametrize(
    "fault",
    [
        Says(200, bytes(MAX_BODY_BYTES + 1)),
        Says(302, bytes(MAX_BODY_BYTES + 1), (("Location", "https://example.org/"),)),
        Says(200, gzip.compress(bytes(MAX_BODY_BYTES + 1)), (GZIPPED,)),
        Drips(bytes(4 * MAX_BODY_BYTES), size=50_000, chunked=True),
    ],
)
def test_a_longer_body_is_refused_for_good(fault: Fault, get: Callable[[Fault], bytes]) -> None:
    with pytest.raises(NoReplyError, match="the answer is longer than 1,048,576 bytes") as caught:
        get(fault)
    assert not caught.value.again


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_bomb_is_refused_before_it_takes_memory(layers: int, get: Callable[[Fault], bytes]) -> None:
    bomb = bytes(64 * MAX_BODY_BYTES)
    for _ in range(layers):
        bomb = gzip.compress(bomb)
    tracemalloc.start()
    try:
        with pytest.raises(NoReplyError, match="the answer is longer than"):
            get(Says(200, bomb, (("Content-Encoding", ", ".join(["gzip"] * layers)),)))
        assert tracemalloc.get_traced_memory()[1] < 8 * MAX_BODY_BYTES
    finally:
        tracemalloc.stop()


def test_a_service_that_is_not_there_is_no_reply() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        base_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with closing(Transport(base_url, Secret(KEY), pool_size=1, timeout_s=5)) as transport:
        with pytest.raises(NoReplyError, match=r"ConnectionRefusedError: .*refused") as caught:
            transport.get(f"{base_url}/generation?id=gen-1")
        assert caught.value.again


@pytest.mark.parametrize("location", ["/elsewhere", "https://example.org/", "ftp://[", "http://[::1", "\xff\x00", ""])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int, location: str, server: FaultServer, transport: Transport) -> None:
    server.plan("gen-1", Says(status, b"Moved", (("Location", location),)))
    assert transport.get(f"{server.base_url}/generation?id=gen-1") == Reply(status, None, None, b"Moved")
    assert len(server.requests) == 1


def test_cookies_are_not_sent_back(server: FaultServer, get: Callable[[Fault], bytes]) -> None:
    for _ in range(2):
        get(Says(200, BODY, (("Set-Cookie", "session=1; Path=/"), ("Set-Cookie", "other=2"))))
    assert [request.values("Cookie") for request in server.requests] == [[], []]


def test_netrc_does_not_replace_the_key(server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login someone password else\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with closing(Transport(server.base_url, Secret(KEY), pool_size=1, timeout_s=5)) as transport:
        transport.get(f"{server.base_url}/generation?id=gen-1")
    assert server.requests[0].values("Authorization") == [f"Bearer {KEY}"]


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_no_proxy_stands_between_us_and_this_machine(
    variable: str, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:9")  # where nobody listens
    with closing(Transport(server.base_url, Secret(KEY), pool_size=1, timeout_s=5)) as transport:
        assert transport.get(f"{server.base_url}/generation?id=gen-1").status == 200


def test_the_key_is_taken_out_of_what_a_service_said(get: Callable[[Fault], bytes]) -> None:
    assert get(Says(200, f"a {KEY} b {KEY}".encode())) == b"a [key] b [key]"


@pytest.mark.parametrize("key", [KEY, f" {KEY}\n", f"\t{KEY}\r\n"])
def test_a_key_is_taken_without_the_space_around_it(key: str) -> None:
    assert check_api_key(Secret(key)).reveal() == KEY


@pytest.mark.parametrize("key", [None, "", "  \n"])
def test_a_missing_key_is_refused_with_the_name_of_the_variable(key: str | None) -> None:
    with pytest.raises(KeyRefusedError, match="no API key: set OPENROUTER_API_KEY") as caught:
        check_api_key(Secret(key))
    assert isinstance(caught.value, PermissionError)


@pytest.mark.parametrize("inside", ["\n", "\r\nX-Evil: 1", " ", "\0", "ä", "\u2028", "\x7f"])
def test_a_key_that_no_header_can_hold_is_refused_without_showing_it(inside: str) -> None:
    with pytest.raises(KeyRefusedError, match="OPENROUTER_API_KEY") as caught:
        check_api_key(Secret(f"sk-secret{inside}secret"))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1"),
        (" https://openrouter.ai/api/v1/ ", "https://openrouter.ai/api/v1"),
        ("HTTPS://gateway.example:8443", "https://gateway.example:8443"),
        ("http://localhost:8000/v1", "http://localhost:8000/v1"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
    ],
)
def test_https_and_this_machine_are_taken(given: str, taken: str) -> None:
    assert check_base_url(given) == taken


@pytest.mark.parametrize(
    "given",
    [
        "",
        "openrouter.ai/api/v1",
        "https://",
        "https:///api/v1",
        "ftp://openrouter.ai",
        "file:///etc/passwd",
        "http://openrouter.ai/api/v1",
        "http://localhost.example.org",
        "http://127.0.0.1.example.org",
        "http://0.0.0.0:8000",
        "http://[::2]:8000",
        "http://[::1:8000",
        "https://openrouter.ai:99999",
        "https://openrouter.ai:port",
    ],
)
def test_any_other_base_url_is_refused_by_name(given: str) -> None:
    with pytest.raises(InputError) as caught:
        check_base_url(given)
    assert str(caught.value).startswith(f"base URL {given!r} cannot be used: give https://host/path")


@pytest.mark.parametrize("given", ["https://openrouter.ai?key=1", "https://openrouter.ai#part"])
def test_a_base_url_with_a_query_or_a_fragment_is_refused_without_showing_it(given: str) -> None:
    with pytest.raises(
        InputError, match=r"^base URL 'https://openrouter\.ai\?\.\.\.' cannot be used: give https://host"
    ):
        check_base_url(given)


@pytest.mark.parametrize("given", ["https://me:secret@host", "https://secret@host", "http://secret@127.0.0.1"])
def test_a_base_url_with_a_user_is_refused_without_showing_it(given: str) -> None:
    with pytest.raises(InputError, match=r"//\.\.\.@") as caught:
        check_base_url(given)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("key", ["1", "a", "gen", "test"])
def test_a_key_too_short_to_be_a_secret_spoils_no_record(key: str, server: FaultServer) -> None:
    with closing(Transport(server.base_url, Secret(key), pool_size=1, timeout_s=5)) as transport:
        assert transport.get(f"{server.base_url}/generation?id=gen-1").body == good("gen-1").body


class Preludes(Fault):
    """Interim answers, and then the good one."""

    def __init__(self, number: int) -> None:
        self._number = number

    def deliver(self, wire: Wire) -> None:
        for _ in range(self._number):
            wire.send(head(100) + head(102) + head(103, ("Link", "</style.css>; rel=preload")))
        Says(200, BODY).deliver(wire)


@pytest.mark.parametrize("number", [1, 5])
def test_interim_answers_are_skipped(get: Callable[..., bytes], number: int) -> None:
    assert get(Preludes(number)) == BODY
    assert get(Says(200, b"the same connection")) == b"the same connection"
