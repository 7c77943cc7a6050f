"""A service with faults, for the comparison of two libraries in `faults.py`.

The path of a base URL, `/FAULT/PLACE`, names one of `FAULTS`. A fault meets the first requests for an id at a place, so
each run uses a new place. `/log/FAULT/PLACE` returns the requests to a place.
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

from benchmarks.server import Limit, make_bodies, make_body

KEY = "sk-or-v1-c0ffee5eba5eba11ca11ab1edecade"
"""A unique API key: each place that contains it is a leak."""

ELSEWHERE = "elsewhere"
"""The target of the redirects: a web page for every request."""

_ALWAYS = math.inf
_BOMB_BYTES = 100 << 20


class Asked(NamedTuple):
    """The parts of a request that faults depend on."""

    generation_id: str
    authorization: str
    number: int
    """The number of this request among those for the id at the place, from 1."""
    place: str
    port: int


class Reply(NamedTuple):
    """The content of an answer, sent after `before_s` seconds, with `pause_s` seconds before each byte."""

    content: bytes
    before_s: float = 0.0
    pause_s: float = 0.0
    hangs_up: bool = False


class Fault(NamedTuple):
    """The reply to the first `times` requests for an id."""

    reply: Callable[[Asked], Reply]
    times: float = 1


@cache
def _cut() -> list[tuple[bytes, bytes]]:
    return make_bodies()


def make_good_body(generation_id: str) -> bytes:
    """Return the answer that contains the record of an id."""
    return make_body(_cut(), json.dumps(generation_id)[1:-1].encode())


def make_answer(body: bytes, *headers: str, status: int = 200) -> bytes:
    """Return a complete answer, head and body."""
    lines = [f"HTTP/1.1 {status} -", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def make_reply(*headers: str, body: bytes | None = None, status: int = 200) -> Callable[[Asked], Reply]:
    """Return a fault that answers with these headers, this body (by default the record) and this status."""
    return lambda asked: Reply(
        make_answer(make_good_body(asked.generation_id) if body is None else body, *headers, status=status)
    )


def _refuse(status: int) -> bytes:
    return json.dumps({"error": {"message": "no", "code": status}}).encode()


def _cut_short(*, length: bool) -> Callable[[Asked], Reply]:
    """Return a fault that ends in the middle of the body; the head contains the length of the body, or not."""

    def reply(asked: Asked) -> Reply:
        whole = make_answer(make_good_body(asked.generation_id))
        head, _, body = whole.partition(b"\r\n\r\n")
        if not length:
            head = b"HTTP/1.1 200 -\r\nConnection: close"
        return Reply(head + b"\r\n\r\n" + body[: len(body) // 2], hangs_up=True)

    return reply


def _replace(**fields: object) -> Callable[[Asked], Reply]:
    """Return a fault that answers with the record, with some of its fields replaced."""

    def reply(asked: Asked) -> Reply:
        envelope = json.loads(make_good_body(asked.generation_id))
        return Reply(make_answer(json.dumps({"data": envelope["data"] | fields}).encode()))

    return reply


def _answer_another(asked: Asked) -> Reply:
    return Reply(make_answer(make_good_body(f"{asked.generation_id[:-1]}x")))


@cache
def _bomb() -> bytes:
    return make_answer(gzip.compress(bytes(_BOMB_BYTES)), "Content-Encoding: gzip")


def _redirect(asked: Asked) -> Reply:
    """Redirect every second id to another host name, and the others to another path."""
    host = ("127.0.0.1", "localhost")[int(asked.generation_id[-1]) % 2]
    target = f"http://{host}:{asked.port}/{ELSEWHERE}/{asked.place}/generation?id={asked.generation_id}"
    return Reply(make_answer(b"", f"Location: {target}", status=302))


def _refuse_other_keys(status: int) -> Callable[[Asked], Reply]:
    """Return a fault that returns records only to `KEY`, and this status to others."""

    def reply(asked: Asked) -> Reply:
        if asked.authorization == f"Bearer {KEY}":
            return Reply(make_answer(make_good_body(asked.generation_id)))
        return Reply(make_answer(_refuse(status), status=status))

    return reply


_limits: defaultdict[str, Limit] = defaultdict(lambda: Limit(20))


def _limit_rate(asked: Asked) -> Reply:
    if _limits[asked.place].allow():
        return Reply(make_answer(make_good_body(asked.generation_id)))
    return Reply(make_answer(_refuse(429), status=429))


def _schedule(asked: Asked) -> Reply:
    """Reply with up to four faults for an id, one for each request, in an order that depends only on the id."""
    random = Random(asked.generation_id)  # noqa: S311 - faults, not a secret
    faults = random.choices(SCHEDULED, k=random.randrange(5))
    return FAULTS[faults[asked.number - 1]].reply(asked) if asked.number <= len(faults) else make_reply()(asked)


_PAGE = b"<!doctype html><title>Sign in</title>"

FAULTS = {
    "none": Fault(make_reply(), times=0),
    "html": Fault(make_reply("Content-Type: text/html", body=_PAGE)),
    ELSEWHERE: Fault(make_reply("Content-Type: text/html", body=_PAGE), times=_ALWAYS),
    "cut": Fault(_cut_short(length=True)),
    "cut-without-length": Fault(_cut_short(length=False)),
    "closed": Fault(lambda _: Reply(b"", hangs_up=True)),
    "error-in-200": Fault(make_reply(body=_refuse(500))),
    "nan": Fault(_replace(total_cost=math.nan)),
    "wrong-id": Fault(_answer_another),
    "always-wrong-id": Fault(_answer_another, times=_ALWAYS),
    "schedule": Fault(_schedule, times=_ALWAYS),
    "hangs": Fault(lambda _: Reply(b"", before_s=60, hangs_up=True), times=_ALWAYS),
    "drip": Fault(lambda asked: Reply(make_answer(make_good_body(asked.generation_id)), pause_s=0.1)),
    "bomb": Fault(lambda _: Reply(_bomb())),
    "redirect": Fault(_redirect),
    "day-long-pause": Fault(make_reply("Retry-After: 86400", body=_refuse(429), status=429)),
    "20-per-second": Fault(_limit_rate, times=_ALWAYS),
    "503": Fault(make_reply(body=_refuse(503), status=503)),
    "503-twice": Fault(make_reply(body=_refuse(503), status=503), times=2),
    "500": Fault(make_reply(body=_refuse(500), status=500), times=_ALWAYS),
    "slow": Fault(lambda asked: Reply(make_answer(make_good_body(asked.generation_id)), before_s=0.02), times=_ALWAYS),
    "vary": Fault(make_reply("Vary: Authorization"), times=_ALWAYS),
    "no-store": Fault(make_reply("Cache-Control: no-store"), times=_ALWAYS),
    "echo": Fault(_replace(external_user=f"Bearer {KEY}"), times=_ALWAYS),
    "unknown-to-others": Fault(_refuse_other_keys(403), times=_ALWAYS),
    "refused-to-others": Fault(_refuse_other_keys(401), times=_ALWAYS),
}

SCHEDULED = ["html", "cut", "cut-without-length", "closed", "error-in-200", "nan", "wrong-id", "503"]


class Service:
    """The service: it answers requests, and counts them by place."""

    def __init__(self) -> None:
        self._asked: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._authorizations: defaultdict[str, Counter[str]] = defaultdict(Counter)

    async def serve(self, port_sender: Connection) -> None:
        """Serve until the process is terminated."""
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0, backlog=512)
        port_sender.send(server.sockets[0].getsockname()[1])
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
            return Reply(make_answer(json.dumps(log).encode()))
        authorization = next((line[15:] for line in lines if line.lower().startswith("authorization: ")), "")
        generation_id = parse_qs(query)["id"][0]
        self._authorizations[f"{name}/{place}"][authorization] += 1
        counts = self._asked[f"{name}/{place}"]
        counts[generation_id] += 1
        asked = Asked(generation_id, authorization, counts[generation_id], place, port)
        fault = FAULTS[name]
        return fault.reply(asked) if asked.number <= fault.times else make_reply()(asked)


def run(port_sender: Connection) -> None:
    """Serve in this process; the port is sent first."""
    asyncio.run(Service().serve(port_sender))
