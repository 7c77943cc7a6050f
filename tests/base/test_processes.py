"""Each process makes its own object; a forked process neither uses nor finalizes those of its parent."""

import gc
import os
import threading
import time
import warnings
import weakref
from collections.abc import Callable
from itertools import count

import pytest

from genanalytics.base.processes import PerProcess

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


class Connection:
    """An object with a number."""

    def __init__(self, number: int) -> None:
        self.number = number


def numbered() -> PerProcess[Connection]:
    numbers = count(1)
    return PerProcess(lambda: Connection(next(numbers)))


def is_so_in_a_fork(is_so: Callable[[], bool]) -> bool:
    """Return whether something is so in a forked process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a process with threads
        child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if is_so() else 2
        finally:
            os._exit(code)
    deadline = time.monotonic() + 20
    while (done := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
        time.sleep(0.01)
    if done == (0, 0):
        os.kill(child, 9)
        done = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(done[1]) == 0


def test_the_object_is_made_at_its_first_use_and_once() -> None:
    made: list[Connection] = []

    def make() -> Connection:
        made.append(Connection(1))
        return made[-1]

    one = PerProcess(make)
    assert made == []
    assert one.get() is one.get()
    assert made == [one.get()]


def test_threads_that_come_together_get_one_object() -> None:
    barrier, found = threading.Barrier(8), list[Connection]()
    numbers = count(1)

    def make() -> Connection:
        time.sleep(0.05)
        return Connection(next(numbers))

    one = PerProcess(make)

    def use() -> None:
        barrier.wait()
        found.append(one.get())

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.number for each in found] == [1] * 8


def test_an_object_that_was_taken_is_made_anew() -> None:
    one = numbered()
    assert one.take() is None
    first = one.get()
    assert one.take() is first
    assert one.take() is None
    assert one.get().number == 2


def test_a_failure_to_make_it_is_tried_again() -> None:
    numbers = count()
    one = PerProcess(lambda: 1 / next(numbers))
    with pytest.raises(ZeroDivisionError):
        one.get()
    assert one.get() == 1


@needs_fork
def test_a_forked_process_makes_its_own_object_and_its_parent_keeps_the_first() -> None:
    one = numbered()
    first = one.get()
    assert is_so_in_a_fork(lambda: one.get().number == 2 and one.get() is one.get() and first.number == 1)
    assert one.get() is first


@needs_fork
@pytest.mark.parametrize("act", [PerProcess.get, PerProcess.take])
def test_a_forked_process_does_not_finalize_the_object_of_its_parent(
    act: Callable[[PerProcess[Connection]], object],
) -> None:
    one = numbered()
    is_alive = weakref.ref(one.get())

    def keep_alive() -> bool:
        act(one)
        gc.collect()
        return is_alive() is not None

    assert is_so_in_a_fork(keep_alive)


@needs_fork
def test_a_forked_process_has_nothing_to_take() -> None:
    one = numbered()
    one.get()
    assert is_so_in_a_fork(lambda: one.take() is None and one.get().number == 2)


@needs_fork
def test_a_forked_process_does_not_wait_for_a_thread_of_its_parent() -> None:
    making, go_on = threading.Event(), threading.Event()

    def make_slowly() -> int:
        making.set()
        go_on.wait(30)
        return 1

    slow, quick = PerProcess(make_slowly), PerProcess(lambda: 1)
    thread = threading.Thread(target=slow.get)
    thread.start()
    assert making.wait(10)
    assert is_so_in_a_fork(lambda: quick.get() == 1)
    go_on.set()
    thread.join()
