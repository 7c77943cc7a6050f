"""The pace at services with limits, on real HTTP: `python3 dev.py bench pace [NAME ...]`.

Each cell is the goodput in % of what the service would have accepted from this client, and the share of refused
requests. A client that sends without a limit on this machine is measured first; its rate is the achievable one where
the service refuses at random or not at all. The limits are those of `tests/support/pacing.py`, which the tests use on a
virtual clock.
"""

import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests

from benchmarks.server import make_bodies, make_body

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "tests"))

from support import pacing  # noqa: E402 - found only now

OURS = """
import sys, genanalytics as ga
base_url, directory = sys.argv[1:]
with ga.Client("sk-bench-0123456789", base_url=base_url, cache_dir=directory, max_workers=16) as client:
    ga.fetch((f"gen-1756000000-{number:020d}" for number in range(10**7)), client=client, progress=False)
"""
PEER = """
import sys
from concurrent.futures import ThreadPoolExecutor
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry
session = requests.Session()
retry = Retry(total=50, backoff_factor=0.1, status_forcelist=[429])
session.mount("http://", HTTPAdapter(pool_maxsize=16, max_retries=retry))
def get(number):
    session.get(f"{sys.argv[1]}/generation", params={"id": f"gen-1756000000-{number:020d}"}).json()
def work(first):
    for number in range(first, 10**7, 16):
        try:
            get(number)
        except requests.RequestException:
            pass
with ThreadPoolExecutor(16) as pool:
    list(pool.map(work, range(16)))
"""


@dataclass(frozen=True)
class Scenario:
    """A service.

    Attributes:
        make: Makes the object that accepts or refuses.
        duration_s: How long the client runs.
        accepted: How many requests the service accepts in this time; None if that depends on the client.
        share: The share of a client's requests that is accepted if nothing else limits them.
        retry_after: The header of each refusal, if any.
        clients: The number of processes.
        congests: Whether the latency grows with the square of the requests under way.
    """

    make: Callable[[], pacing.Accepts]
    duration_s: float
    accepted: float | None = None
    share: float = 1.0
    retry_after: str = ""
    clients: int = 1
    congests: bool = False


def find_changing_limit(now: float) -> float:
    """Return a limit that falls and rises."""
    return 100 if now < 15 else 20 if now < 30 else 200


def find_latency_s(under_way: int, *, congests: bool) -> float:
    """Return how long an answer takes."""
    return pacing.LATENCY_S * (1 + (under_way / 4) ** 2) if congests else pacing.LATENCY_S


CONGESTED = max(number / find_latency_s(number, congests=True) for number in range(1, pacing.WORKERS + 1))
SCENARIOS = {
    "no limit": Scenario(lambda: pacing.accept_everything, 8),
    "random 1 %": Scenario(lambda: pacing.refuse_at_random(0.01), 12, share=0.99),
    "random 5 %": Scenario(lambda: pacing.refuse_at_random(0.05), 12, share=0.95),
    "random 5 %, Retry-After 1": Scenario(lambda: pacing.refuse_at_random(0.05), 12, share=0.95, retry_after="1"),
    "random 20 %": Scenario(lambda: pacing.refuse_at_random(0.2), 12, share=0.8),
    "10 a second": Scenario(lambda: pacing.Bucket(lambda _: 10), 60, 610),
    "50 a second": Scenario(lambda: pacing.Bucket(lambda _: 50), 15, 800),
    "150 a second": Scenario(lambda: pacing.Bucket(lambda _: 150), 15, 2_400),
    "50 a second, burst 1": Scenario(lambda: pacing.Bucket(lambda _: 50, burst=1), 30, 1_500),
    "500 a second, burst 10": Scenario(lambda: pacing.Bucket(lambda _: 500, burst=10), 15, 7_510),
    "1,000 a minute": Scenario(lambda: pacing.FixedWindow(1_000, 60), 70, 2_000),
    "100 in any 10 s": Scenario(lambda: pacing.SlidingWindow(100, 10), 60, 600),
    "refused from 10 to 40 s": Scenario(lambda: pacing.accept_outside(10, 40), 60, share=0.5),
    "100, 20, 200 a second": Scenario(lambda: pacing.Bucket(find_changing_limit), 45, 100 + 15 * 320),
    "at most 4 at once": Scenario(lambda: pacing.accept_at_once(4), 30, 30 * 4 / pacing.LATENCY_S),
    "two processes, 50 a second": Scenario(lambda: pacing.Bucket(lambda _: 50), 15, 800, clients=2),
    "congestion": Scenario(lambda: pacing.accept_everything, 15, 15 * CONGESTED, congests=True),
}


class Connection(asyncio.Protocol):
    """One keep-alive connection to a limited service."""

    bodies = make_bodies()
    scenario: Scenario
    accepts: pacing.Accepts
    began: float | None = None
    under_way = 0
    counts: tuple[list[float], list[float]] = ([], [])
    chance = random.Random(1)  # noqa: S311 - no secret

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport for the answers."""
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        """Judge each complete request as it arrives, and answer after the latency."""
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            if b"/log" in head:
                self.write(b"200 OK", json.dumps([len(times) for times in Connection.counts]).encode())
                continue
            now = time.monotonic()
            Connection.began = began = Connection.began or now
            Connection.under_way += 1
            accepted = Connection.accepts(now - began, Connection.under_way, Connection.chance)
            Connection.counts[accepted].append(now)
            latency_s = find_latency_s(Connection.under_way, congests=self.scenario.congests)
            asyncio.get_running_loop().call_later(latency_s, self.answer, head, accepted)

    def answer(self, head: bytes, accepted: bool) -> None:  # noqa: FBT001 - an argument of call_later
        """Send the record of the id in the request line, or the refusal."""
        Connection.under_way -= 1
        if accepted:
            self.write(b"200 OK", make_body(self.bodies, head.partition(b"id=")[2].partition(b" ")[0]))
        else:
            header = f"Retry-After: {self.scenario.retry_after}\r\n".encode() if self.scenario.retry_after else b""
            self.write(b"429 Too Many Requests", b"{}", header)

    def write(self, status: bytes, body: bytes, header: bytes = b"") -> None:
        """Send an answer."""
        assert isinstance(self.transport, asyncio.Transport)
        length = str(len(body)).encode()
        kind = b"Content-Type: application/json\r\n"
        self.transport.write(
            b"HTTP/1.1 " + status + b"\r\n" + header + kind + b"Content-Length: " + length + b"\r\n\r\n" + body
        )


async def serve(name: str) -> None:
    """Serve until the process is terminated."""
    Connection.scenario = SCENARIOS[name]
    Connection.accepts = staticmethod(SCENARIOS[name].make())
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def run(name: str, script: str) -> tuple[int, int]:
    """Return how many requests of a client the service refused and accepted."""
    scenario = SCENARIOS[name]
    command = [sys.executable, __file__, "--serve", name]
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service,
    ):
        assert service.stdout is not None
        base_url = f"http://127.0.0.1:{int(service.stdout.readline())}/api/v1"
        clients = [
            subprocess.Popen([sys.executable, "-c", script, base_url, f"{directory}/{number}"])
            for number in range(scenario.clients)
        ]
        while sum(requests.get(f"{base_url}/log", timeout=30).json()) == 0:
            time.sleep(0.05)
        time.sleep(scenario.duration_s)
        refused, accepted = requests.get(f"{base_url}/log", timeout=30).json()
        for client in clients:
            client.kill()
            client.wait()
        service.terminate()
    return refused, accepted


def main(names: list[str]) -> None:
    """Print the table."""
    per_second = {}
    for script in (OURS, PEER):
        _, accepted = run("no limit", script)
        per_second[script] = accepted / SCENARIOS["no limit"].duration_s
    print("| Service | genanalytics: goodput | refused | requests with `Retry`: goodput | refused |")
    print("|---|---|---|---|---|")
    for name in names or SCENARIOS:
        scenario = SCENARIOS[name]
        cells = []
        for script in (OURS, PEER):
            refused, accepted = run(name, script)
            achievable = scenario.accepted or per_second[script] * scenario.duration_s * scenario.share
            cells += [f"{100 * accepted / achievable:.0f} %", f"{100 * refused / max(1, refused + accepted):.0f} %"]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(serve(sys.argv[2]))
    else:
        main(sys.argv[1:])
