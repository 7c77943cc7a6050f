"""The server of the stand-in, over real HTTP on this machine: generations of a sample, models, and the account."""

import json
import os
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from math import ceil
from socketserver import ThreadingTCPServer
from threading import Lock, Thread
from types import MappingProxyType
from typing import Any, Self
from urllib.parse import parse_qs
from weakref import WeakSet

from genanalytics.errors import InputError
from genanalytics.sandbox.account import Account, RefusalError, find_now
from genanalytics.sandbox.models import list_models
from genanalytics.sandbox.records import Sample

_HOST = "127.0.0.1"
_BASE_PATH = "/api/v1"
_POLL_S = 0.02
_MANAGEMENT = "management"
"""A token with this word is a management key."""
_QUERIES_PER_MINUTE = 64
_MINUTE_S = 60.0
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_NO_PAGE = b"<!doctype html><title>404</title><h1>Not Found</h1>"


class Sandbox:
    """The API on loopback while the context lasts; it accepts any bearer token, and lists models without one.

    The constructor binds the port, so `base_url` is known before the first request. The endpoints of the account, which
    are `POST /analytics/query` and `GET /activity`, accept tokens that contain "management" and answer others with 403.

    Args:
        sample: The records to serve.
        port: The port to listen on; 0 for any free port.
        now: The moment on the clock of the account; None for noon of the day after the month of the sample. The daily
            activity has the 30 days before.

    Raises:
        InputError: The port cannot be used.

    >>> from genanalytics.sandbox import sample
    >>> with Sandbox(sample(3)) as sandbox:
    ...     sandbox.requests
    0
    """

    def __init__(self, sample: Sample, *, port: int = 0, now: datetime | None = None) -> None:
        try:
            self._server = _Server(sample, port, now)
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else "ports go from 0 to 65535"
            msg = f"port {port} of {_HOST} cannot be used ({reason}): give another port, or 0 for any free one"
            raise InputError(msg) from error
        self._thread = Thread(target=self._server.serve_forever, args=[_POLL_S], name="sandbox", daemon=True)

    @property
    def base_url(self) -> str:
        """The URL for a client, on this machine only."""
        return f"http://{_HOST}:{self._server.server_address[1]}{_BASE_PATH}"

    @property
    def requests(self) -> int:
        """The number of answered requests for a generation."""
        return self._server.requests

    def serve_forever(self) -> None:
        """Serve in this thread, without a `with`, until an exception such as KeyboardInterrupt; then close."""
        try:
            self._server.serve_forever(_POLL_S)
        finally:
            self._server.server_close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingTCPServer):
    """A server with one thread per connection; closing it ends idle connections too.

    The class of `http.server` looks up the host's name, and may share a port that is in use.
    """

    request_queue_size = 256
    allow_reuse_address = os.name != "nt"  # else the port of a server that just ended cannot be used for a minute

    def __init__(self, sample: Sample, port: int, now: datetime | None) -> None:
        self.sample = sample
        self.now = now
        self.requests = 0
        self._queries: deque[float] = deque()
        self._lock = Lock()
        self._connections: WeakSet[socket.socket] = WeakSet()
        super().__init__((_HOST, port), _Handler)

    def count(self) -> None:
        with self._lock:
            self.requests += 1

    @cached_property
    def account(self) -> Account:
        """The account, which few clients ask for."""
        return Account(self.sample, self.now or find_now(self.sample))

    def take_query(self) -> float:
        """Return how long to wait before a query is answered, in seconds; 0 counts as a query."""
        with self._lock:
            now = time.monotonic()
            while self._queries and self._queries[0] <= now - _MINUTE_S:
                self._queries.popleft()
            if len(self._queries) >= _QUERIES_PER_MINUTE:
                return self._queries[0] + _MINUTE_S - now
            self._queries.append(now)
            return 0.0

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def server_close(self) -> None:
        for connection in list(self._connections):
            with suppress(OSError):  # closed already
                connection.shutdown(socket.SHUT_RDWR)
        super().server_close()

    def handle_error(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: tuple[str, int]
    ) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that hangs up is not an error
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "genanalytics-sandbox"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = 1 << 16  # headers and body are sent in one piece
    server: _Server
    _clock_s: float | None = None
    """The time that an answer of the account shows (Unix time in seconds)."""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == f"{_BASE_PATH}/models":
            self._answer_models(parse_qs(query))
            return
        if path == f"{_BASE_PATH}/activity":
            if self._check_management_key():
                self._answer_account(lambda account: account.list_activity(parse_qs(query).get("date", [""])[0]))
            return
        if path != f"{_BASE_PATH}/generation":
            self._send(HTTPStatus.NOT_FOUND, "text/html", _NO_PAGE)  # as the web site does
            return
        self.server.count()
        self._answer_generation(parse_qs(query).get("id", [""])[0])

    def do_POST(self) -> None:
        if self.path != f"{_BASE_PATH}/analytics/query":
            self._method_not_allowed()
            return
        body = self._read_body()
        if not self._check_management_key():
            return
        wait_s = self.server.take_query()
        if wait_s:
            self._refuse(HTTPStatus.TOO_MANY_REQUESTS, "Rate limit exceeded", {"Retry-After": str(ceil(wait_s))})
            return
        try:
            document: Any = json.loads(body)
        except (ValueError, RecursionError):
            document = None
        self._answer_account(lambda account: account.query(document))

    def _method_not_allowed(self) -> None:
        self._read_body()
        self.close_connection = True
        self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "Method Not Allowed")

    def _read_body(self) -> bytes:
        """Return the body; unread, closing would reset the connection before the client reads the answer."""
        length = self.headers.get("Content-Length", "0")
        return self.rfile.read(int(length)) if length.isdecimal() else b""

    do_HEAD = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _method_not_allowed  # noqa: N815 - http.server's names

    def _read_token(self) -> str:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    def _check_management_key(self) -> bool:
        """Return whether the request has a management key; refuse it if it has none."""
        token = self._read_token()
        if not token:
            self._refuse(HTTPStatus.UNAUTHORIZED, "Missing Authentication header")
        elif _MANAGEMENT not in token:
            self._refuse(HTTPStatus.FORBIDDEN, "Only management keys can perform this operation")
        return _MANAGEMENT in token

    def _answer_account(self, answer: Callable[[Account], Mapping[str, object]]) -> None:
        account = self.server.account
        self._clock_s = account.now.timestamp()
        try:
            self._answer(HTTPStatus.OK, answer(account))
        except RefusalError as error:
            self._refuse(error.status, str(error))

    def _answer_generation(self, generation_id: str) -> None:
        if not self._read_token():
            self._refuse(HTTPStatus.UNAUTHORIZED, "No cookie auth credentials found")
        elif not generation_id:
            self._refuse(HTTPStatus.BAD_REQUEST, "The parameter id is missing")
        elif (record := self.server.sample.records.get(generation_id)) is None:
            self._refuse(HTTPStatus.NOT_FOUND, f"Generation {generation_id} not found")
        else:
            self._answer(HTTPStatus.OK, {"data": record})

    def _answer_models(self, query: Mapping[str, list[str]]) -> None:
        models = list_models()
        first, count = (query.get(name, [""])[0] for name in ("offset", "limit"))
        start = int(first) if first.isdecimal() else 0
        end = start + int(count) if count.isdecimal() else len(models)
        self._answer(HTTPStatus.OK, {"data": models[start:end], "total_count": len(models)})

    def _refuse(self, status: HTTPStatus, message: str, headers: Mapping[str, str] = _NO_HEADERS) -> None:
        self._answer(status, {"error": {"message": message, "code": status.value}}, headers)

    def _answer(
        self, status: HTTPStatus, document: Mapping[str, object], headers: Mapping[str, str] = _NO_HEADERS
    ) -> None:
        self._send(status, "application/json", json.dumps(document, separators=(",", ":")).encode(), headers)

    def _send(self, status: HTTPStatus, kind: str, body: bytes, headers: Mapping[str, str] = _NO_HEADERS) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "private, no-store")
        if self.close_connection:
            self.send_header("Connection", "close")
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the value of the header `Date`: the account has a clock of its own."""
        clock_s, self._clock_s = self._clock_s, None
        return super().date_time_string(clock_s if timestamp is None else timestamp)

    def log_message(self, *_args: object) -> None:
        """Write no log: it would fill the terminal, and could show a token."""
