"""What a service has of an id, and the ways in which it can fail to say it.

Each fault is what is done to one request, on a real socket.
"""

import json
import math
import socket
import struct
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from email.utils import formatdate
from threading import Event
from typing import Any
from zlib import crc32

import pandas as pd

KEY = "sk-or-v1-c0ffee5eba5eba11ca11ab1edecade"
"""A key that nothing else looks like: wherever it turns up, it leaked."""

LONG_AGO = 1_756_000_000
"""A second in August 2025: whatever was made then is final."""


def make_ids(number: int, *, created: int = LONG_AGO) -> list[str]:
    """Return ids of generations that were made in the second `created`."""
    return [f"gen-{created}-{index:020d}" for index in range(number)]


def record_of(generation_id: str) -> dict[str, Any]:
    """Return the record that the service has of an id: no two of its figures are equal, and no two records."""
    number = crc32(generation_id.encode())
    return {
        "id": generation_id,
        "upstream_id": f"chatcmpl-{number}",
        "total_cost": (number % 9_973) / 1e6,
        "cache_discount": -(1 + number % 89) / 1e7,
        "upstream_inference_cost": None,
        "created_at": "2025-08-24T01:46:40.123456+00:00",
        "model": f"maker/model-{number % 7}",
        "app_id": 60_000 + number % 1_009,
        "streamed": True,
        "cancelled": number % 31 == 0,
        "provider_name": f"Provider {number % 5}",
        "latency": 100 + number % 701,
        "moderation_latency": None,
        "generation_time": 1_000 + number % 4_001,
        "finish_reason": "stop",
        "native_finish_reason": "end_turn",
        "tokens_prompt": 10_000 + number % 503,
        "tokens_completion": 20_000 + number % 509,
        "native_tokens_prompt": 30_000 + number % 521,
        "native_tokens_completion": 40_000 + number % 523,
        "native_tokens_reasoning": 50_000 + number % 541,
        "num_media_prompt": 3,
        "num_media_completion": 4,
        "num_search_results": 5,
        "origin": f"https://example.org/{number}",
        "usage": (10_000 + number % 9_967) / 1e6,
        "is_byok": False,
    }


def assert_true(frame: pd.DataFrame) -> None:
    """Assert that the frame says of every id what the service says, to the last field."""
    for row in frame.to_dict("records"):
        truth = record_of(row["requested_id"])
        truth["created_at"] = pd.Timestamp(truth["created_at"])
        assert {name: None if pd.isna(row[name]) else row[name] for name in truth} == truth


def envelope(record: object) -> bytes:
    """Return the body of a good answer."""
    return json.dumps({"data": record}).encode()


def head(status: int, *headers: tuple[str, str]) -> bytes:
    """Return the status line and the headers of an answer."""
    lines = [f"HTTP/1.1 {status} -", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


class Wire:
    """The server's end of a connection while one request is answered."""

    def __init__(self, connection: socket.socket, closing: Event) -> None:
        self.is_open = True
        self._connection = connection
        self._closing = closing

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def pause(self, seconds: float) -> None:
        self._closing.wait(seconds)

    def hang_up(self) -> None:
        self.is_open = False

    def reset(self) -> None:
        """Close at once and without the usual farewell: what the client gets is a RST."""
        self.is_open = False
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self._connection.detach())


class Fault(ABC):
    """What is done to one request."""

    @abstractmethod
    def deliver(self, wire: Wire) -> None: ...


@dataclass(frozen=True)
class Says(Fault):
    """A whole answer."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    after_s: float = 0.0

    def deliver(self, wire: Wire) -> None:
        wire.pause(self.after_s)
        wire.send(head(self.status, ("Content-Length", str(len(self.body))), *self.headers) + self.body)


@dataclass(frozen=True)
class Drips(Fault):
    """An answer that comes in pieces; without a length it comes in chunks."""

    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    size: int = 1
    pause_s: float = 0.0
    chunked: bool = False

    def deliver(self, wire: Wire) -> None:
        length = ("Transfer-Encoding", "chunked") if self.chunked else ("Content-Length", str(len(self.body)))
        wire.send(head(200, length, *self.headers))
        for start in range(0, len(self.body), self.size):
            wire.pause(self.pause_s)
            piece = self.body[start : start + self.size]
            wire.send(b"%x\r\n%b\r\n" % (len(piece), piece) if self.chunked else piece)
        if self.chunked:
            wire.send(b"0\r\n\r\n")


@dataclass(frozen=True)
class DripsHead(Fault):
    """An answer whose head comes a byte at a time."""

    pause_s: float

    def deliver(self, wire: Wire) -> None:
        for byte in head(200, ("Content-Length", "0"), ("X-Padding", "x" * 1000)):
            wire.pause(self.pause_s)
            wire.send(bytes([byte]))


@dataclass(frozen=True)
class Garbles(Fault):
    """Bytes that are no HTTP, and the end of the connection."""

    content: bytes

    def deliver(self, wire: Wire) -> None:
        wire.send(self.content)
        wire.hang_up()


@dataclass(frozen=True)
class Cuts(Fault):
    """An answer that ends early: its head promises `body`, of which `sent` bytes come before the connection closes."""

    body: bytes
    sent: int
    chunked: bool = False

    def deliver(self, wire: Wire) -> None:
        wire.hang_up()
        if self.chunked:
            promise = head(200, ("Transfer-Encoding", "chunked")) + b"%x\r\n" % len(self.body)
        else:
            promise = head(200, ("Content-Length", str(len(self.body))))
        wire.send(promise + self.body[: self.sent])


@dataclass(frozen=True)
class HangsUp(Fault):
    """No answer at all: the connection is closed."""

    def deliver(self, wire: Wire) -> None:
        wire.hang_up()


@dataclass(frozen=True)
class Hangs(Fault):
    """No answer at all: the connection stays open, and nothing comes."""

    def deliver(self, wire: Wire) -> None:
        wire.pause(3_600)
        wire.hang_up()


@dataclass(frozen=True)
class Resets(Fault):
    """A connection that is reset: before any byte, or after the head that promises `body`, and `sent` bytes of it."""

    body: bytes = b""
    sent: int | None = None

    def deliver(self, wire: Wire) -> None:
        if self.sent is not None:
            wire.send(head(200, ("Content-Length", str(len(self.body)))) + self.body[: self.sent])
        wire.reset()


@dataclass(frozen=True)
class Overflows(Fault):
    """An answer whose head promises fewer bytes than come."""

    body: bytes
    promised: int

    def deliver(self, wire: Wire) -> None:
        wire.send(head(200, ("Content-Length", str(self.promised))) + self.body)


@dataclass(frozen=True)
class NamesTheMoment(Fault):
    """A refusal that names the second in which to come back, `least_s` to `least_s + 1` from now."""

    least_s: float

    def deliver(self, wire: Wire) -> None:
        moment = formatdate(math.ceil(time.time() + self.least_s), usegmt=True)
        refusal(429, Retry_After=moment).deliver(wire)


def good(generation_id: str, *, after_s: float = 0.0) -> Says:
    """Return the answer of a service that is well."""
    return Says(200, envelope(record_of(generation_id)), after_s=after_s)


def refusal(status: int, message: str = "no", **headers: str) -> Says:
    """Return an error as the service words it; `Retry_After="2"` becomes a header."""
    body = json.dumps({"error": {"message": message, "code": status}}).encode()
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Says(status, b"" if status in {204, 304} else body, named)
