import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from genanalytics.fetching.watchdog import Watchdog


@pytest.fixture
def watchdog() -> Iterator[Watchdog]:
    with closing(Watchdog()) as watchdog:
        yield watchdog


def overrun(watchdog: Watchdog, after_s: float) -> float:
    """Return after how long a block that would last for ever was ended."""
    ended = threading.Event()
    started = time.monotonic()
    with watchdog.until(started + after_s, ended.set):
        assert ended.wait(10)
    return time.monotonic() - started


def test_what_still_goes_on_at_its_deadline_is_ended(watchdog: Watchdog) -> None:
    assert 0.1 <= overrun(watchdog, 0.1) < 1


def test_what_is_over_in_time_is_left_alone(watchdog: Watchdog) -> None:
    ended = threading.Event()
    with watchdog.until(time.monotonic() + 0.05, ended.set):
        pass
    assert not ended.wait(0.2)


def test_a_sooner_deadline_does_not_wait_for_a_later_one(watchdog: Watchdog) -> None:
    with watchdog.until(time.monotonic() + 60, lambda: None):
        assert overrun(watchdog, 0.1) < 1


@pytest.mark.parametrize("error", [OSError, ValueError, RuntimeError])
def test_what_ended_by_itself_in_that_moment_does_not_end_the_watch(watchdog: Watchdog, error: type[Exception]) -> None:
    called = threading.Event()

    def too_late() -> None:
        called.set()
        raise error

    with watchdog.until(time.monotonic(), too_late):
        assert called.wait(10)
    assert overrun(watchdog, 0.05) < 1


def test_its_thread_ends_when_it_is_closed() -> None:
    before = set(threading.enumerate())
    watchdog = Watchdog()
    overrun(watchdog, 0.01)
    [thread] = set(threading.enumerate()) - before
    watchdog.close()
    thread.join(5)
    assert not thread.is_alive()
