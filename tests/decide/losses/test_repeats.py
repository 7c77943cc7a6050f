"""Near-duplicates, next to what chance would give."""

from collections.abc import Callable

import numpy as np
import pytest

from support.repeated import SCENES, Requests, draw_all, draw_chats, find, join, send_twice

DATA_SETS = 200


@pytest.mark.long
def test_of_200_data_sets_without_duplicates_at_most_5_percent_are_suspected() -> None:
    scenes = [*(draw for name, draw in SCENES.items() if name != "health checks"), draw_all]
    alarms = [bool(find(scenes[seed % len(scenes)](np.random.default_rng(seed))).ids) for seed in range(DATA_SETS)]
    assert sum(alarms) <= 0.05 * DATA_SETS


@pytest.mark.parametrize("draw", [draw_chats, draw_all], ids=["chats", "all"])
def test_requests_that_are_sent_twice_are_found(draw: Callable[[np.random.Generator], Requests]) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        requests, is_second = send_twice(draw(rng), rng, 0.03)
        found = find(requests)
        told = int((is_second & np.isin(requests[2], [1, 2, 3, 12])).sum())
        assert {f"gen-{place}" for place in np.flatnonzero(is_second & (requests[2] < 10))} <= set(found.ids)
        assert found.requests - found.chance == pytest.approx(told, abs=0.15 * told + 12)


def test_the_interval_contains_what_was_sent_twice() -> None:
    """Sizes are rounded, so that some prompts are alike by chance."""
    covered = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        moments, sizes, apps = draw_chats(rng, 4_000)
        requests, is_second = send_twice((moments, np.round(sizes / 12) * 12, apps), rng, 0.02)
        found, truth = find(requests), float(requests[1][is_second].sum()) / 1e6
        assert found.chance > 1
        covered.append(found.cost_low - 1e-9 <= truth <= found.cost_high + 1e-9)
    assert sum(covered) >= 35


def test_parallel_calls_of_one_moment_are_no_repetitions() -> None:
    moments = np.repeat(np.arange(1, 40) * 60e6, 5)
    assert find((moments, np.repeat(np.arange(39) + 500.0, 5), np.ones(len(moments)))).requests == 0


def test_few_repetitions_are_not_suspected() -> None:
    moments = np.concatenate([np.arange(1, 7) * 600e6, np.arange(1, 7) * 600e6 + 2e6])
    twice = (moments, np.tile(np.arange(6) + 0.5, 2), np.ones(12))
    found = find(join(draw_chats(np.random.default_rng(1), 300), twice))
    assert (found.requests, found.ids) == (6, [])
