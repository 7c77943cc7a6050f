"""Services with limits, simulated on a virtual clock: hours of requests in seconds."""

import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

from genanalytics.fetching.pacing.controller import Controller

Accepts = Callable[[float, int, random.Random], bool]
"""Whether a service accepts a request, by the time, the number of requests under way, and chance."""

LATENCY_S = 0.02
WORKERS = 16
FASTEST = WORKERS / LATENCY_S
"""The most requests per second that the workers can send."""

_WAKE_UP_S = 0.0003
"""How late a thread wakes up, on average."""


def refuse_at_random(share: float) -> Accepts:
    return lambda now, under_way, chance: chance.random() >= share  # noqa: ARG005


def accept_outside(begin_s: float, end_s: float) -> Accepts:
    return lambda now, under_way, chance: not begin_s < now < end_s  # noqa: ARG005


def accept_at_once(most: int) -> Accepts:
    return lambda now, under_way, chance: under_way <= most  # noqa: ARG005


def accept_everything(now: float, under_way: int, chance: random.Random) -> bool:  # noqa: ARG001
    return True


@dataclass
class Bucket:
    """A token bucket: `find_rate` tokens per second, at most `burst`; without it, those of a second."""

    find_rate: Callable[[float], float]
    burst: float | None = None
    tokens: float = math.inf
    at: float = 0.0

    def __call__(self, now: float, under_way: int, chance: random.Random) -> bool:  # noqa: ARG002
        rate = self.find_rate(now)
        self.tokens = min(self.burst or rate, self.tokens + (now - self.at) * rate)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass
class FixedWindow:
    """So many requests per window, whose edges are fixed."""

    most: int
    window_s: float
    counted: dict[int, int] = field(default_factory=dict)

    def __call__(self, now: float, under_way: int, chance: random.Random) -> bool:  # noqa: ARG002
        window = int(now // self.window_s)
        self.counted[window] = self.counted.get(window, 0)
        if self.counted[window] >= self.most:
            return False
        self.counted[window] += 1
        return True


@dataclass
class SlidingWindow:
    """So many requests in any window."""

    most: int
    window_s: float
    accepted: deque[float] = field(default_factory=deque)

    def __call__(self, now: float, under_way: int, chance: random.Random) -> bool:  # noqa: ARG002
        while self.accepted and self.accepted[0] <= now - self.window_s:
            self.accepted.popleft()
        if len(self.accepted) >= self.most:
            return False
        self.accepted.append(now)
        return True


@dataclass(frozen=True)
class Result:
    """What became of a run.

    Attributes:
        accepted: The number of accepted requests.
        refused: The number of refused ones.
    """

    accepted: int
    refused: int

    @property
    def refused_share(self) -> float:
        return self.refused / max(1, self.accepted + self.refused)


def simulate(
    accepts: Accepts,
    duration_s: float,
    *,
    seed: int = 0,
    clients: int = 1,
    retry_after_s: float = 0.0,
    find_latency_s: Callable[[int], float] | None = None,
) -> Result:
    """Return how many requests of clients with `WORKERS` workers each are accepted and refused."""
    return _Simulation(accepts, seed, clients, retry_after_s, find_latency_s).run(duration_s)


class _Simulation:
    def __init__(
        self,
        accepts: Accepts,
        seed: int,
        clients: int,
        retry_after_s: float,
        find_latency_s: Callable[[int], float] | None,
    ) -> None:
        self.accepts = accepts
        self.chance = random.Random(seed)  # noqa: S311 - no secret
        self.controllers = [Controller(math.inf) for _ in range(clients)]
        self.busy = [0] * clients
        self.retry_after_s = retry_after_s
        self.find_latency_s = find_latency_s or (lambda _: LATENCY_S * self.chance.uniform(0.8, 1.2))
        self.events: list[tuple[float, int, int, tuple[float, bool] | None]] = []
        self.ties: Iterator[int] = count()
        self.waiting = [False] * clients
        self.counted = {True: 0, False: 0}
        for client in range(clients):
            self.plan(0.37 * client, client)

    def plan(self, at: float, client: int, answer: tuple[float, bool] | None = None) -> None:
        heapq.heappush(self.events, (at, next(self.ties), client, answer))

    def run(self, duration_s: float) -> Result:
        while self.events[0][0] <= duration_s:
            now, _, client, answer = heapq.heappop(self.events)
            if answer is None:
                self.send(now, client)
            else:
                self.take(now, client, *answer)
        return Result(self.counted[True], self.counted[False])

    def send(self, now: float, client: int) -> None:
        if self.busy[client] == WORKERS:
            self.waiting[client] = True
            return
        wait_s = self.controllers[client].take_turn(now)
        if wait_s == 0:
            self.busy[client] += 1
            accepted = self.accepts(now, sum(self.busy), self.chance)
            self.plan(now + self.find_latency_s(sum(self.busy)), client, (now, accepted))
        self.plan(now + wait_s + self.chance.expovariate(1 / _WAKE_UP_S), client)

    def take(self, now: float, client: int, sent_at: float, accepted: bool) -> None:  # noqa: FBT001
        self.busy[client] -= 1
        self.counted[accepted] += 1
        verdict = ("accepted", 0.0) if accepted else ("refused", self.retry_after_s)
        self.controllers[client].note(now, sent_at, *verdict)  # type: ignore[arg-type]
        if self.waiting[client]:
            self.waiting[client] = False
            self.plan(now, client)
