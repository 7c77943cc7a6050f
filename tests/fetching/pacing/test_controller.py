"""The pace on a virtual clock: how much of what a service accepts gets through, and how much is refused."""

import math
from collections.abc import Callable
from itertools import pairwise

import pytest

from genanalytics.fetching.pacing.controller import Controller, Verdict
from support.pacing import (
    FASTEST,
    LATENCY_S,
    WORKERS,
    Accepts,
    Bucket,
    FixedWindow,
    SlidingWindow,
    accept_at_once,
    accept_everything,
    accept_outside,
    refuse_at_random,
    simulate,
)

SEEDS = range(3)


def find_limit(now: float) -> float:
    return 100 if now < 15 else 20 if now < 30 else 200


def congest(under_way: int) -> float:
    """Return a latency that grows so fast with the requests under way that four get most through."""
    return LATENCY_S * (1 + (under_way / 4) ** 2)


MOST_IN_CONGESTION = max(number / congest(number) for number in range(1, WORKERS + 1))


@pytest.mark.parametrize(
    ("make", "duration_s", "achievable", "goodput", "refused"),
    [
        pytest.param(lambda: accept_everything, 10, 10 * FASTEST, 0.95, 0.0, id="no limit"),
        pytest.param(lambda: refuse_at_random(0.01), 10, 10 * FASTEST * 0.99, 0.9, 0.03, id="random 1 %"),
        pytest.param(lambda: refuse_at_random(0.05), 20, 20 * FASTEST * 0.95, 0.9, 0.08, id="random 5 %"),
        pytest.param(lambda: refuse_at_random(0.2), 20, 20 * FASTEST * 0.8, 0.75, 0.25, id="random 20 %"),
        pytest.param(lambda: Bucket(lambda _: 10), 60, 610, 0.95, 0.08, id="10 a second"),
        pytest.param(lambda: Bucket(lambda _: 50), 30, 1_550, 0.95, 0.08, id="50 a second"),
        pytest.param(lambda: Bucket(lambda _: 150), 30, 4_650, 0.97, 0.04, id="150 a second"),
        pytest.param(lambda: Bucket(lambda _: 50, burst=1), 30, 1_500, 0.58, 0.08, id="50 a second, burst 1"),
        pytest.param(lambda: Bucket(lambda _: 500, burst=10), 30, 15_000, 0.7, 0.08, id="500 a second, burst 10"),
        pytest.param(lambda: FixedWindow(1_000, 60), 180, 3_000, 0.95, 0.08, id="1,000 a minute"),
        pytest.param(lambda: SlidingWindow(100, 10), 60, 600, 0.9, 0.1, id="100 in any 10 s"),
        pytest.param(lambda: accept_outside(10, 40), 60, 30 * FASTEST, 0.83, 0.01, id="refused from 10 to 40 s"),
        pytest.param(lambda: Bucket(find_limit), 45, 15 * 320, 0.7, 0.08, id="100, 20, 200 a second"),
        pytest.param(lambda: accept_at_once(4), 30, 30 * 4 / LATENCY_S, 0.66, 0.05, id="at most 4 at once"),
    ],
)
def test_most_of_what_a_service_accepts_gets_through(
    make: Callable[[], Accepts], duration_s: float, achievable: float, goodput: float, refused: float
) -> None:
    for seed in SEEDS:
        result = simulate(make(), duration_s, seed=seed)
        assert result.accepted >= goodput * achievable
        assert result.refused_share <= refused


@pytest.mark.parametrize("seed", SEEDS)
def test_a_pause_after_each_random_refusal_holds_few(seed: int) -> None:
    result = simulate(refuse_at_random(0.05), 20, seed=seed, retry_after_s=1)
    assert result.accepted >= 0.6 * 20 * FASTEST * 0.95


@pytest.mark.parametrize("seed", SEEDS)
def test_a_pause_after_each_refusal_at_a_limit_costs_little(seed: int) -> None:
    result = simulate(Bucket(lambda _: 150), 30, seed=seed, retry_after_s=1)
    assert result.accepted >= 0.85 * 4_650
    assert result.refused_share <= 0.08


@pytest.mark.parametrize("seed", SEEDS)
def test_two_clients_share_a_limit(seed: int) -> None:
    result = simulate(Bucket(lambda _: 50), 30, seed=seed, clients=2)
    assert result.accepted >= 0.85 * 1_550
    assert result.refused_share <= 0.2


@pytest.mark.parametrize("seed", SEEDS)
def test_where_more_requests_at_once_slow_each_other_down_fewer_are_sent(seed: int) -> None:
    result = simulate(accept_everything, 30, seed=seed, find_latency_s=congest)
    assert result.accepted >= 0.6 * 30 * MOST_IN_CONGESTION


def test_one_refusal_costs_nothing() -> None:
    refused = iter([False, True])

    def accepts(now: float, *_: object) -> bool:
        return not (now > 0.05 and next(refused, False))

    assert simulate(accepts, 5).accepted >= 0.95 * 5 * FASTEST


def test_a_service_that_first_refuses_everything_is_asked_at_full_speed_soon() -> None:
    result = simulate(accept_outside(-1, 3), 20)
    assert result.accepted >= 0.6 * 17 * FASTEST
    assert result.refused <= 20


def test_the_cap_is_never_exceeded() -> None:
    controller, now, sent = Controller(10.0), 0.0, 0
    while now < 10:
        wait_s = controller.take_turn(now)
        if wait_s == 0:
            sent += 1
            controller.note(now, now, "accepted")
        now += wait_s or 1e-4
    assert sent <= 102


@pytest.mark.parametrize(("verdict", "most", "apart_s"), [("failed", 320, 0.26), ("refused", 25, 4.1)])
def test_a_service_that_lets_nothing_through_is_probed_by_one_request_at_a_time(
    verdict: Verdict, most: int, apart_s: float
) -> None:
    controller, now, sent = Controller(math.inf), 0.0, list[float]()
    while now < 60:
        wait_s = controller.take_turn(now)
        if wait_s == 0:
            sent.append(now)
            controller.note(now + 0.001, now, verdict)
            wait_s = 0.001
        now += wait_s
    assert len(sent) < most
    assert max(after - before for before, after in pairwise(sent)) <= apart_s
