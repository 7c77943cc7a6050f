"""An S3 server on this machine, behind a proxy with the faults that a test plans.

The server is a process of its own (`s3_process`). The proxy passes on requests whose body arrived whole, as S3 does,
counts them, and does what is planned to those that match.
"""

import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

ACCESS_KEY, SECRET_KEY = "AKIAFAKEFAKEFAKEFAKE", "fake/secret/of/the/tests/fake/secret/ofT"
BUCKET = "bucket"

_HOPS = frozenset({"connection", "transfer-encoding", "content-length", "date", "server"})
_MODIFIED = re.compile(r"(?<=<LastModified>)[^<]+")
_REFUSAL = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{}</Code><Message>{}</Message></Error>'


@dataclass(frozen=True)
class StoreRequest:
    """A request as the proxy saw it.

    Attributes:
        method: The HTTP method.
        key: The key of the object, or an empty text for requests to the bucket.
        query: The query of the URL.
        headers: The headers, with names in lower case.
        sent: The number of bytes of the answer's body.
    """

    method: str
    key: str
    query: str
    headers: Mapping[str, str]
    sent: int


@dataclass(frozen=True)
class Refuses:
    """An error instead of an answer; the store does nothing."""

    status: int = 503
    code: str = "SlowDown"
    message: str = "Please reduce your request rate."


@dataclass(frozen=True)
class Slow:
    """The answer comes late."""

    seconds: float


@dataclass(frozen=True)
class Cut:
    """The connection is closed after some bytes of the answer's body."""

    bytes: int = 10


@dataclass(frozen=True)
class Lost:
    """The store acts, and the connection is closed without an answer."""


Fault = Refuses | Slow | Cut | Lost


@dataclass
class _Plan:
    fault: Fault
    method: str
    key: re.Pattern[str]
    times: int


@dataclass
class _State:
    port: int
    lock: Lock = field(default_factory=Lock)
    plans: list[_Plan] = field(default_factory=list)
    requests: list[StoreRequest] = field(default_factory=list)
    skew: timedelta = timedelta()
    aged: timedelta = timedelta()
    aged_before: datetime = datetime(1, 1, 1, tzinfo=UTC)
    dropped: frozenset[str] = frozenset()
    closing: Event = field(default_factory=Event)

    def find_fault(self, method: str, key: str) -> Fault | None:
        with self.lock:
            for plan in self.plans:
                if plan.times and plan.method in {method, "*"} and plan.key.search(key):
                    plan.times -= 1
                    return plan.fault
        return None

    def shift(self, moment: datetime) -> datetime:
        """Return a moment of the server as the proxy reports it."""
        return moment + self.skew - (self.aged if moment < self.aged_before else timedelta())


class S3Server:
    """The proxy, for as long as the context lasts."""

    def __init__(self, port: int) -> None:
        self._state = _State(port)
        self._server = _Server(self._state)
        self._thread = Thread(target=self._server.serve_forever, args=[0.01], daemon=True)

    @property
    def endpoint(self) -> str:
        """The URL of the proxy."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment that leads programs to it."""
        return {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def plan(self, fault: Fault, *, method: str = "*", key: str = "", times: int = 1) -> None:
        """Do this to the next requests of a method whose key contains a pattern."""
        with self._state.lock:
            self._state.plans.append(_Plan(fault, method, re.compile(key), times))

    def forget_plans(self) -> None:
        """Do nothing to further requests."""
        with self._state.lock:
            self._state.plans.clear()

    @property
    def undelivered(self) -> int:
        """The number of planned faults that were not done yet."""
        with self._state.lock:
            return sum(plan.times for plan in self._state.plans)

    @property
    def requests(self) -> list[StoreRequest]:
        """Every request so far, in the order of the answers."""
        with self._state.lock:
            return list(self._state.requests)

    @property
    def counts(self) -> Counter[str]:
        """The number of requests per method."""
        return Counter(request.method for request in self.requests)

    def skew_clock(self, seconds: float) -> None:
        """Report all times of the store this much later."""
        self._state.skew = timedelta(seconds=seconds)

    def age(self, seconds: float) -> None:
        """Report that everything that is stored now was stored this much earlier."""
        time.sleep(1.1)  # some answers contain whole seconds
        self._state.aged, self._state.aged_before = timedelta(seconds=seconds), datetime.now(UTC).replace(microsecond=0)

    def ignore_conditions(self) -> None:
        """Ignore the conditions of writes, as stores without conditional writes do."""
        self._state.dropped = frozenset({"if-none-match", "if-match"})

    def create_bucket(self, name: str = BUCKET) -> None:
        """Create an empty bucket."""
        self._ask("PUT", f"/{name}")

    def reset(self) -> None:
        """Remove all buckets."""
        self._ask("POST", "/moto-api/reset")

    def _ask(self, method: str, path: str) -> None:
        connection = HTTPConnection("127.0.0.1", self._state.port)
        connection.request(method, path, headers={"Content-Length": "0"})
        assert connection.getresponse().status == 200
        connection.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._state.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def start_s3() -> Iterator[int]:
    """Start the server's process, yield its port, and end it."""
    command = [sys.executable, "-P", str(Path(__file__).with_name("s3_process.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, state: _State) -> None:
        self.state = state
        super().__init__(("127.0.0.1", 0), _Exchange)

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), OSError):  # a killed client is no error
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        pass

    def pass_on(self) -> None:
        """Answer a request as the server does, or with a fault."""
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        state, url = self.server.state, urlsplit(self.path)
        key = unquote(url.path).lstrip("/").partition("/")[2]
        fault = state.find_fault(self.command, key)
        if len(body) < length:
            self.close_connection = True
            return
        if isinstance(fault, Refuses):
            content = _REFUSAL.format(fault.code, fault.message).encode()
            status, headers = fault.status, {"Content-Type": "application/xml"}
        else:
            if isinstance(fault, Slow):
                state.closing.wait(fault.seconds)
            status, headers, content = self._ask(body)
        with state.lock:
            given = {name.lower(): value for name, value in self.headers.items()}
            state.requests.append(StoreRequest(self.command, key, url.query, given, len(content)))
        if isinstance(fault, Lost):
            self.close_connection = True
            return
        self._answer(status, headers, content, cut=fault.bytes if isinstance(fault, Cut) else None)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = pass_on  # noqa: N815 - names of the base class

    def _ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        state = self.server.state
        connection = HTTPConnection("127.0.0.1", state.port)
        try:
            hidden = _HOPS | state.dropped
            given = {name: value for name, value in self.headers.items() if name.lower() not in hidden}
            connection.request(self.command, self.path, body, given | {"Content-Length": str(len(body))})
            answer = connection.getresponse()
            content = answer.read()
            headers = {name.title(): value for name, value in answer.getheaders() if name.lower() not in _HOPS}
            if self.command == "HEAD":
                headers["Content-Length"] = answer.getheader("Content-Length") or "0"
        finally:
            connection.close()
        if "Last-Modified" in headers:
            modified = state.shift(parsedate_to_datetime(headers["Last-Modified"]))
            headers["Last-Modified"] = format_datetime(modified, usegmt=True)
        if "xml" in (answer.getheader("Content-Type") or ""):
            content = _MODIFIED.sub(self._shift, content.decode()).encode()
        return answer.status, headers, content

    def _shift(self, found: re.Match[str]) -> str:
        return self.server.state.shift(datetime.fromisoformat(found[0])).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def _answer(self, status: int, headers: Mapping[str, str], content: bytes, *, cut: int | None) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Date", format_datetime(datetime.now(UTC) + self.server.state.skew, usegmt=True))
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if cut is not None:
            content, self.close_connection = content[:cut], True
        self.wfile.write(content)
