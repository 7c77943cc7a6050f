import threading
import time
from contextlib import closing

import pytest

from genanalytics.errors import GenAnalyticsError
from genanalytics.fetching.watchdog import Watchdog
from genanalytics.fetching.workers import Workers, limit_connections


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Return the threads that may still start, one element each."""
    start, left = threading.Thread.start, [None] * 3

    def start_if_allowed(thread: threading.Thread) -> None:
        if not left:
            msg = "can't start new thread"
            raise RuntimeError(msg)
        left.pop()
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_if_allowed)
    return left


@pytest.mark.usefixtures("allowed")
def test_the_threads_that_start_do_the_work() -> None:
    workers: Workers[int, int] = Workers(16, lambda task, _: 2 * task)
    for task in range(20):
        workers.submit(task)
    taken = sorted(workers.take(10) or (-1, -1) for _ in range(20))
    workers.close()
    assert taken == [(task, 2 * task) for task in range(20)]
    assert workers.notice.startswith("3 instead of 16 requests at a time, because no more threads can start")


def test_without_any_thread_there_is_an_error(allowed: list[None]) -> None:
    allowed.clear()
    workers: Workers[int, int] = Workers(16, lambda task, _: task)
    with pytest.raises(GenAnalyticsError, match="no thread can start"):
        workers.submit(1)
    assert workers.under_way == 0


def test_a_watchdog_without_a_thread_lets_the_call_run(allowed: list[None]) -> None:
    allowed.clear()
    ended: list[bool] = []
    with closing(Watchdog()) as watchdog, watchdog.until(0.0, lambda: ended.append(True)):
        pass
    assert ended == []


def test_an_ample_limit_on_open_files_allows_every_connection() -> None:
    resource = pytest.importorskip("resource")
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 1_000:
        pytest.skip("this system allows few open files")
    assert limit_connections(16) == 16


@pytest.mark.timeout(60)
def test_a_wait_of_a_microsecond_ends() -> None:
    """Plain `SimpleQueue.get` now and then waits for ever, if the last result was there already."""
    workers: Workers[int, int] = Workers(1, lambda task, _: task)
    for task in range(5_000):
        workers.submit(task)
        while (taken := workers.take(0)) is None:
            time.sleep(1e-5)  # lets the worker go on
        assert taken == (task, task)
        assert workers.take(1e-6) is None
    workers.close()
