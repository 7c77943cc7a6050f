"""The server of the stand-in: generations of a sample and the list of models, over real HTTP on this machine."""

import json
import os
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Lock, Thread
from typing import Self
from urllib.parse import parse_qs
from weakref import WeakSet

from genanalytics.errors import InputError
from genanalytics.sandbox.models import list_models
from genanalytics.sandbox.records import Sample

_HOST = "127.0.0.1"
_BASE_PATH = "/api/v1"
_POLL_S = 0.02
_NO_PAGE = b"<!doctype html><title>404</title><h1>Not Found</h1>"


class Sandbox:
    """The API on loopback while the context lasts; it accepts any bearer token, and lists models without one.

    The constructor binds the port, so `base_url` is known before the first request.

    Args:
        sample: The records to serve.
        port: The port to listen on; 0 for any free port.

    Raises:
        InputError: The port cannot be used.

    >>> from genanalytics.sandbox import sample
    >>> with Sandbox(sample(3)) as sandbox:
    ...     sandbox.requests
    0
    """

    def __init__(self, sample: Sample, *, port: int = 0) -> None:
        try:
            self._server = _Server(sample, port)
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

    def __init__(self, sample: Sample, port: int) -> None:
        self.sample = sample
        self.requests = 0
        self._lock = Lock()
        self._connections: WeakSet[socket.socket] = WeakSet()
        super().__init__((_HOST, port), _Handler)

    def count(self) -> None:
        with self._lock:
            self.requests += 1

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

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == f"{_BASE_PATH}/models":
            self._answer_models(parse_qs(query))
            return
        if path != f"{_BASE_PATH}/generation":
            self._send(HTTPStatus.NOT_FOUND, "text/html", _NO_PAGE)  # as the web site does
            return
        self.server.count()
        self._answer_generation(parse_qs(query).get("id", [""])[0])

    def _method_not_allowed(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if length.isdecimal():
            # otherwise closing would reset the connection before the client reads the answer
            self.rfile.read(int(length))
        self.close_connection = True
        self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "Method Not Allowed")

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _method_not_allowed  # noqa: N815 - http.server's names

    def _answer_generation(self, generation_id: str) -> None:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
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

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        self._answer(status, {"error": {"message": message, "code": status.value}})

    def _answer(self, status: HTTPStatus, document: Mapping[str, object]) -> None:
        self._send(status, "application/json", json.dumps(document, separators=(",", ":")).encode())

    def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "private, no-store")
        if self.close_connection:
            self.send_header("Connection", "close")
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Write no log: it would fill the terminal, and could show a token."""
