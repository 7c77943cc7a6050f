"""A service on this machine with the faults that a test plans.

Real sockets. What a test plans for an id is done to the requests for that id, one fault to each, in order; afterwards,
and for every other id, comes the good answer: `record_of(id)`. Every request is written down as it was seen.
"""

import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs

from genanalytics import FetchResult
from support.faults import Fault, Wire, good

_POLL_S = 0.01


@dataclass(frozen=True)
class Request:
    """A request as the service saw it."""

    generation_id: str
    path: str
    headers: tuple[tuple[str, str], ...]
    connection: int
    at: float
    """When it came (Unix time in seconds)."""

    def values(self, name: str) -> list[str]:
        """Return what the header says, once for each time that it stands there."""
        return [value for header, value in self.headers if header.lower() == name.lower()]


@dataclass(frozen=True)
class _Log:
    requests: list[Request] = field(default_factory=list)
    planned: dict[str, deque[Fault]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)


class FaultServer:
    """The service, for as long as the context lasts.

    Leaving it raises what kept it from doing as it was told.

    Attributes:
        otherwise: Makes the answer to an id for which nothing (more) is planned.
    """

    def __init__(self) -> None:
        self.otherwise: Callable[[str], Fault] = good
        self._log = _Log()
        self._server = _Server(self._answer)
        self._thread = Thread(target=self._server.serve_forever, args=[_POLL_S], daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/api/v1"

    def plan(self, generation_id: str, *faults: Fault) -> None:
        """Do these to the next requests for the id, in order."""
        with self._log.lock:
            self._log.planned.setdefault(generation_id, deque()).extend(faults)

    @property
    def undelivered(self) -> dict[str, list[Fault]]:
        """What is planned and was not done yet, by id."""
        with self._log.lock:
            return {generation_id: list(faults) for generation_id, faults in self._log.planned.items() if faults}

    @property
    def requests(self) -> list[Request]:
        """Every request so far, in the order of arrival."""
        with self._log.lock:
            return list(self._log.requests)

    @property
    def asked(self) -> Counter[str]:
        """How often each id was asked for."""
        return Counter(request.generation_id for request in self.requests)

    @property
    def open_connections(self) -> int:
        return len(self._server.connections)

    def _answer(self, request: Request) -> Fault:
        with self._log.lock:
            self._log.requests.append(request)
            planned = self._log.planned.get(request.generation_id)
            if planned:
                return planned.popleft()
        return self.otherwise(request.generation_id)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        if error is None and self._server.errors:
            raise self._server.errors[0]


class _Server(ThreadingTCPServer):
    """One thread for each connection; closing ends those that wait for a request, and those that pause."""

    request_queue_size = 256

    def __init__(self, answer: Callable[[Request], Fault]) -> None:
        self.answer = answer
        self.numbers = count(1)
        self.closing = Event()
        self.connections: set[socket.socket] = set()
        self.errors: list[BaseException] = []
        super().__init__(("127.0.0.1", 0), _Connection)

    def server_close(self) -> None:
        self.closing.set()
        for connection in list(self.connections):
            with suppress(OSError):  # closed already
                connection.shutdown(socket.SHUT_RDWR)
        super().server_close()

    def handle_error(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: tuple[str, int]
    ) -> None:
        error = sys.exception()
        if error and not isinstance(error, ConnectionError):  # a client that hangs up is no error of ours
            self.errors.append(error)
            super().handle_error(request, client_address)


class _Connection(StreamRequestHandler):
    disable_nagle_algorithm = True
    server: _Server
    connection: socket.socket

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def handle(self) -> None:
        number = next(self.server.numbers)
        wire = Wire(self.connection, self.server.closing)
        while wire.is_open and (line := self.rfile.readline()):
            path, _, query = line.split()[1].decode("ascii").partition("?")
            generation_id = parse_qs(query, strict_parsing=True)["id"][0]
            request = Request(generation_id, path, tuple(self._headers()), number, time.time())
            self.server.answer(request).deliver(wire)

    def _headers(self) -> Iterator[tuple[str, str]]:
        while line := self.rfile.readline().decode("latin-1").rstrip("\r\n"):
            name, _, value = line.partition(":")
            yield name, value.strip()


def assert_whole(fetched: FetchResult, server: FaultServer) -> None:
    """Assert what holds after every fetch: each id has one outcome, and the figures agree with one another."""
    stats = fetched.stats
    outcomes = Counter(fetched.failures["outcome"])
    if len(fetched.frame):
        outcomes["ok"] = len(fetched.frame)
    assert stats.outcomes == dict(outcomes)
    seen = [*fetched.frame["requested_id"], *fetched.failures["requested_id"]]
    assert len(set(seen)) == len(seen) == stats.distinct == sum(stats.outcomes.values())
    assert stats.requests == len(server.requests)
