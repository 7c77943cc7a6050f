"""A fast server that answers any id with a record, so that a benchmark measures the client.

It runs in its own process, speaks only the necessary HTTP/1.1 (GET, keep-alive), and prints its port on stdout. `/log`
returns its answers as pairs: seconds since the first request, and status.
"""

import argparse
import asyncio
import json
import re
import time
import zlib

from genanalytics.sandbox import sample

_ID = re.compile(rb"[?&]id=([^ &]+)")
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
_BUSY = b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Limit:
    """A token bucket that holds the requests of one second, as services use it."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self.tokens = per_second
        self.at = time.monotonic()

    def allow(self) -> bool:
        """Return whether one more request is within the limit; if so, count it."""
        now = time.monotonic()
        self.tokens = min(self.per_second, self.tokens + (now - self.at) * self.per_second)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(
        self, bodies: list[tuple[bytes, bytes]], delay_s: float, limit: Limit | None, log: list[tuple[float, int]]
    ) -> None:
        self.bodies = bodies
        self.log = log
        self.delay_s = delay_s
        self.limit = limit
        self.buffer = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport for the answers."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each complete request head."""
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            asyncio.get_running_loop().call_later(self.delay_s, self.answer, head)

    def answer(self, head: bytes) -> None:
        """Send the record of the id in the request line, or 429 above the limit."""
        assert self.transport is not None
        found = _ID.search(head)
        if found is None:
            body = json.dumps([(at - self.log[0][0], status) for at, status in self.log]).encode()
        elif self.limit is not None and not self.limit.allow():
            self.log.append((time.monotonic(), 429))
            self.transport.write(_BUSY)
            return
        else:
            self.log.append((time.monotonic(), 200))
            body = make_body(self.bodies, found[1])
        self.transport.write(_OK % (len(body), body))


def make_bodies() -> list[tuple[bytes, bytes]]:
    """Return sample answers, each as the parts before and after its id."""
    cut = []
    for generation_id, record in sample(500).records.items():
        before, _, after = (
            json.dumps({"data": record}, separators=(",", ":")).encode().partition(generation_id.encode())
        )
        cut.append((before, after))
    return cut


def make_body(cut: list[tuple[bytes, bytes]], generation_id: bytes) -> bytes:
    """Return the answer for an id, which is escaped as in JSON; the same id always gets the same answer."""
    before, after = cut[zlib.crc32(generation_id) % len(cut)]
    return before + generation_id + after


async def serve(delay_s: float, limit: Limit | None) -> None:
    """Serve until the process is terminated."""
    bodies, log = make_bodies(), list[tuple[float, int]]()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(bodies, delay_s, limit, log), "127.0.0.1", 0, backlog=512
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--limit", type=float, default=0.0, help="requests per second before 429; 0 for none")
    options = parser.parse_args()
    asyncio.run(serve(options.delay, Limit(options.limit) if options.limit else None))
