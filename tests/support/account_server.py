"""The account's endpoints on this machine: first the answers that a test plans, then good ones, perhaps altered."""

import json
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

from genanalytics.sandbox.account import Account, RefusalError

Query = dict[str, Any]
Document = dict[str, Any]


class Asked(NamedTuple):
    """A request as the account saw it."""

    path: str
    query: Query
    authorization: str | None


class Planned(NamedTuple):
    """An answer that comes instead of the good one."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}


def refusal(status: int, message: str, **headers: str) -> Planned:
    """Return an error in the service's envelope."""
    body = json.dumps({"error": {"code": status, "message": message}}).encode()
    return Planned(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


class AccountServer:
    """The account, for as long as the context lasts.

    Attributes:
        plans: The answers to the next requests, in order; afterwards come good ones.
        narrow: Changes a query before it is answered.
        alter: Changes a good answer.
        asked: The requests so far.
    """

    def __init__(self, account: Account) -> None:
        self.plans: deque[Planned] = deque()
        self.narrow: Callable[[Query], Query] = lambda query: query
        self.alter: Callable[[Query, Document], Document] = lambda _, document: document
        self.asked: list[Asked] = []
        self._account = account
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.owner = self  # type: ignore[attr-defined]
        self._thread = Thread(target=self._server.serve_forever, args=[0.01], daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/api/v1"

    def answer(self, asked: Asked) -> Planned:
        self.asked.append(asked)
        if self.plans:
            return self.plans.popleft()
        try:
            document = (
                self._account.query(self.narrow(asked.query))
                if asked.path.endswith("/analytics/query")
                else self._account.list_activity(asked.query.get("date", ""))
            )
        except RefusalError as error:
            return refusal(error.status, str(error))
        altered = self.alter(asked.query, json.loads(json.dumps(document)))
        return Planned(200, json.dumps(altered).encode())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        self._answer(path, {name: values[0] for name, values in query.items()})

    def do_POST(self) -> None:
        self._answer(self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, path: str, query: Query) -> None:
        owner: AccountServer = self.server.owner  # type: ignore[attr-defined]
        planned = owner.answer(Asked(path, query, self.headers["Authorization"]))
        self.send_response_only(planned.status)
        for name, value in {"Content-Length": str(len(planned.body)), **planned.headers}.items():
            self.send_header(name, value)
        with suppress(ConnectionError):
            self.end_headers()
            self.wfile.write(planned.body)

    def log_message(self, *_: object) -> None:
        pass
