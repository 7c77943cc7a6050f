"""A service that goes wrong in one way: what `faults.py` sets both libraries against.

The path of a base URL says how, `/FAULT/PLACE`; the faults are `FAULTS`, and each is done to the first requests for an
id at a place, so that every run that asks at a place of its own meets the fault anew. `/log/FAULT/PLACE` tells what
was asked there.
"""

import asyncio
import gzip
import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from multiprocessing.connection import Connection
from random import Random
from typing import NamedTuple
from urllib.parse import parse_qs

from benchmarks.server import Limit, bodies, body_of

KEY = "sk-or-v1-c0ffee5eba5eba11ca11ab1edecade"
"""A key that nothing else looks like: wherever it turns up, it leaked."""

ELSEWHERE = "elsewhere"
"""The fault to which the redirects lead: a page for people, whatever is asked for."""

_ALWAYS = math.inf
_BOMB_BYTES = 100 << 20


class Asked(NamedTuple):
    """A request, as far as faults depend on it."""

    generation_id: str
    authorization: str
    number: int
    """Which request for the id at the place it is, from 1."""
    place: str
    port: int


class Reply(NamedTuple):
    """What is sent: the bytes after `before_s` seconds, with `pause_s` seconds before each byte if any."""

    content: bytes
    before_s: float = 0.0
    pause_s: float = 0.0
    hangs_up: bool = False


class Fault(NamedTuple):
    """What is done to the first `times` requests for an id."""

    reply: Callable[[Asked], Reply]
    times: float = 1


@cache
def _cut() -> list[tuple[bytes, bytes]]:
    return bodies()


def good_body(generation_id: str) -> bytes:
    """Return the answer that holds the record of an id."""
    return body_of(_cut(), json.dumps(generation_id)[1:-1].encode())


def answer(body: bytes, *headers: str, status: int = 200) -> bytes:
    """Return a whole answer, head and body."""
    lines = [f"HTTP/1.1 {status} -", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def says(*headers: str, body: bytes | None = None, status: int = 200) -> Callable[[Asked], Reply]:
    """Return a fault that answers in this way; without a body, with the record."""
    return lambda asked: Reply(
        answer(good_body(asked.generation_id) if body is None else body, *headers, status=status)
    )


def _refusal(status: int) -> bytes:
    return json.dumps({"error": {"message": "no", "code": status}}).encode()


def _cut_short(*, length: bool) -> Callable[[Asked], Reply]:
    """Return a fault that ends in the middle of the body, of which the head tells the length or does not."""

    def reply(asked: Asked) -> Reply:
        whole = answer(good_body(asked.generation_id))
        head, _, body = whole.partition(b"\r\n\r\n")
        if not length:
            head = b"HTTP/1.1 200 -\r\nConnection: close"
        return Reply(head + b"\r\n\r\n" + body[: len(body) // 2], hangs_up=True)

    return reply


def _with(**fields: object) -> Callable[[Asked], Reply]:
    """Return a fault that answers with the record after some of its fields were replaced."""

    def reply(asked: Asked) -> Reply:
        envelope = json.loads(good_body(asked.generation_id))
        return Reply(answer(json.dumps({"data": envelope["data"] | fields}).encode()))

    return reply


def _of_another(asked: Asked) -> Reply:
    return Reply(answer(good_body(f"{asked.generation_id[:-1]}x")))


@cache
def _bomb() -> bytes:
    return answer(gzip.compress(bytes(_BOMB_BYTES)), "Content-Encoding: gzip")


def _redirect(asked: Asked) -> Reply:
    """Lead away: every second id to another host name, the others to another path."""
    host = ("127.0.0.1", "localhost")[int(asked.generation_id[-1]) % 2]
    target = f"http://{host}:{asked.port}/{ELSEWHERE}/{asked.place}/generation?id={asked.generation_id}"
    return Reply(answer(b"", f"Location: {target}", status=302))


def _only_for_the_key(status: int) -> Callable[[Asked], Reply]:
    """Return a service that gives records to `KEY` alone."""

    def reply(asked: Asked) -> Reply:
        if asked.authorization == f"Bearer {KEY}":
            return Reply(answer(good_body(asked.generation_id)))
        return Reply(answer(_refusal(status), status=status))

    return reply


_limits: defaultdict[str, Limit] = defaultdict(lambda: Limit(20))


def _above_the_limit(asked: Asked) -> Reply:
    if _limits[asked.place].allows():
        return Reply(answer(good_body(asked.generation_id)))
    return Reply(answer(_refusal(429), status=429))


def _schedule(asked: Asked) -> Reply:
    """Do up to four faults to an id, one to each request, in an order that depends on the id alone."""
    random = Random(asked.generation_id)  # noqa: S311 - faults, no secrets
    faults = random.choices(SCHEDULED, k=random.randrange(5))
    return FAULTS[faults[asked.number - 1]].reply(asked) if asked.number <= len(faults) else says()(asked)


_PAGE = b"<!doctype html><title>Sign in</title>"

FAULTS = {
    "none": Fault(says(), times=0),
    "html": Fault(says("Content-Type: text/html", body=_PAGE)),
    ELSEWHERE: Fault(says("Content-Type: text/html", body=_PAGE), times=_ALWAYS),
    "cut": Fault(_cut_short(length=True)),
    "cut-without-length": Fault(_cut_short(length=False)),
    "closed": Fault(lambda _: Reply(b"", hangs_up=True)),
    "error-in-200": Fault(says(body=_refusal(500))),
    "nan": Fault(_with(total_cost=math.nan)),
    "wrong-id": Fault(_of_another),
    "always-wrong-id": Fault(_of_another, times=_ALWAYS),
    "schedule": Fault(_schedule, times=_ALWAYS),
    "hangs": Fault(lambda _: Reply(b"", before_s=60, hangs_up=True), times=_ALWAYS),
    "drip": Fault(lambda asked: Reply(answer(good_body(asked.generation_id)), pause_s=0.1)),
    "bomb": Fault(lambda _: Reply(_bomb())),
    "redirect": Fault(_redirect),
    "day-long-pause": Fault(says("Retry-After: 86400", body=_refusal(429), status=429)),
    "20-per-second": Fault(_above_the_limit, times=_ALWAYS),
    "503": Fault(says(body=_refusal(503), status=503)),
    "503-twice": Fault(says(body=_refusal(503), status=503), times=2),
    "500": Fault(says(body=_refusal(500), status=500), times=_ALWAYS),
    "slow": Fault(lambda asked: Reply(answer(good_body(asked.generation_id)), before_s=0.02), times=_ALWAYS),
    "vary": Fault(says("Vary: Authorization"), times=_ALWAYS),
    "no-store": Fault(says("Cache-Control: no-store"), times=_ALWAYS),
    "echo": Fault(_with(external_user=f"Bearer {KEY}"), times=_ALWAYS),
    "unknown-to-others": Fault(_only_for_the_key(403), times=_ALWAYS),
    "refused-to-others": Fault(_only_for_the_key(401), times=_ALWAYS),
}

SCHEDULED = ["html", "cut", "cut-without-length", "closed", "error-in-200", "nan", "wrong-id", "503"]


class Service:
    """The service: what was asked where, and how it is answered."""

    def __init__(self) -> None:
        self._asked: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._authorizations: defaultdict[str, Counter[str]] = defaultdict(Counter)

    async def serve(self, tell_port: Connection) -> None:
        """Serve until the process is ended."""
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0, backlog=512)
        tell_port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                reply = self._reply(head.decode("latin-1"), writer.get_extra_info("sockname")[1])
                await asyncio.sleep(reply.before_s)
                if reply.pause_s:
                    for byte in reply.content:
                        await asyncio.sleep(reply.pause_s)
                        writer.write(bytes([byte]))
                        await writer.drain()
                else:
                    writer.write(reply.content)
                    await writer.drain()
                if reply.hangs_up:
                    break
        writer.close()

    def _reply(self, head: str, port: int) -> Reply:
        target, *lines = head.split("\r\n")
        path, _, query = target.split()[1].partition("?")
        _, name, place, *_ = path.split("/")
        if name == "log":
            asked_at = "/".join(path.split("/")[2:4])
            log = {"asked": self._asked[asked_at].total(), "authorizations": self._authorizations[asked_at]}
            return Reply(answer(json.dumps(log).encode()))
        authorization = next((line[15:] for line in lines if line.lower().startswith("authorization: ")), "")
        generation_id = parse_qs(query)["id"][0]
        self._authorizations[f"{name}/{place}"][authorization] += 1
        counts = self._asked[f"{name}/{place}"]
        counts[generation_id] += 1
        asked = Asked(generation_id, authorization, counts[generation_id], place, port)
        fault = FAULTS[name]
        return fault.reply(asked) if asked.number <= fault.times else says()(asked)


def run(tell_port: Connection) -> None:
    """Serve, in a process of its own; its port is the first thing sent."""
    asyncio.run(Service().serve(tell_port))
