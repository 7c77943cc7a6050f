"""Requests without near-duplicates, and some that are sent twice: what the truth about repetitions is known of."""

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa

from genanalytics.decide.losses.ledger import COST, ID, MOMENT, SAME, SIZES
from genanalytics.decide.losses.repeats import Repeats, find_repeats
from genanalytics.metrics.names import name_clean

DAY_US = 86_400_000_000
Requests = tuple["np.ndarray", "np.ndarray", "np.ndarray"]
"""Moments in microseconds, sizes of prompts, and apps."""


def draw_chats(rng: np.random.Generator, number: int = 1_500) -> Requests:
    """Return chats of three apps: more by day than by night, prompts of many sizes."""
    hours = rng.choice(24, number, p=np.array([1] * 8 + [4] * 12 + [2] * 4) / 64)
    moments = (hours + rng.random(number)) * DAY_US / 24
    return moments, np.round(rng.lognormal(7, 1, number)), rng.integers(1, 4, number)


def draw_health_checks(rng: np.random.Generator) -> Requests:
    """Return a check of one size every 20 s, a little late at times."""
    moments = np.arange(0, DAY_US, 20e6) + rng.exponential(1e6, 4_320)
    return moments, np.full(4_320, 21.0), np.full(4_320, 10)


def draw_bursts(rng: np.random.Generator) -> Requests:
    """Return 40 bursts of up to 60 classifications, whose prompts have one of 30 sizes."""
    starts, sizes = rng.uniform(0, DAY_US, 40), rng.integers(5, 60, 40)
    moments = np.concatenate([start + rng.uniform(0, 30e6, size) for start, size in zip(starts, sizes, strict=True)])
    return moments, rng.integers(100, 130, len(moments)).astype(float), np.full(len(moments), 11)


def draw_fan_outs(rng: np.random.Generator) -> Requests:
    """Return 150 fan-outs of six different parallel prompts, of about 300 sizes that each have a typical frequency."""
    starts = np.repeat(rng.uniform(0, DAY_US, 150), 6)
    sizes = 1_000 + np.round(rng.gamma(2, 60, len(starts)))
    return starts + rng.uniform(0, 2e6, len(starts)), sizes, np.full(len(starts), 12)


def draw_job(rng: np.random.Generator) -> Requests:
    """Return a job that sends prompts of one size, one after the other, for half an hour."""
    moments = rng.uniform(0, DAY_US) + np.cumsum(rng.exponential(4e6, 450))
    return moments, np.full(450, 512.0), np.full(450, 13)


SCENES: Mapping[str, Callable[[np.random.Generator], Requests]] = {
    "chats": draw_chats,
    "health checks": draw_health_checks,
    "bursts": draw_bursts,
    "fan-outs": draw_fan_outs,
    "one size": draw_job,
}
"""Traffic in which nothing is sent twice."""


def join(*parts: Requests) -> Requests:
    moments, sizes, apps = (np.concatenate(values) for values in zip(*parts, strict=True))
    return moments, sizes, apps


def send_twice(requests: Requests, rng: np.random.Generator, share: float) -> tuple[Requests, "np.ndarray"]:
    """Return requests, some of them a second time after 1 to 9 seconds, and which ones are those second ones."""
    chosen = np.flatnonzero(rng.random(len(requests[0])) < share)
    again = (requests[0][chosen] + rng.uniform(1e6, 9e6, len(chosen)), requests[1][chosen], requests[2][chosen])
    joined = join(requests, again)
    return joined, np.arange(len(joined[0])) >= len(requests[0])


def make_rows(requests: Requests) -> pa.Table:
    """Return requests as `ledger.read_rows` does; each costs a millionth of a dollar per token of its prompt."""
    moments, sizes, apps = requests
    number = len(moments)
    columns = {name_clean(name): pa.nulls(number, pa.string()) for name in SAME}
    columns |= {name_clean(name): pa.nulls(number, pa.float64()) for name in SIZES}
    columns |= {
        ID: pa.array([f"gen-{place}" for place in range(number)]),
        MOMENT: pa.array(1 + moments.astype(np.int64)),
        COST: pa.array(sizes / 1e6),
        "ending": pa.nulls(number, pa.float64()),
        "replayed": pa.array(np.zeros(number, dtype=bool)),
        name_clean("app_id"): pa.array(apps.astype(float)),
        name_clean("native_tokens_prompt"): pa.array(sizes),
    }
    return pa.table(columns)


def draw_all(rng: np.random.Generator) -> Requests:
    return join(*(draw(rng) for draw in SCENES.values()))


def find(requests: Requests) -> Repeats:
    return find_repeats(make_rows(requests), 10.0)
