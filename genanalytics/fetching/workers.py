"""The threads that send requests.

They are daemon threads, not a `ThreadPoolExecutor`, whose threads Python joins at exit: an interrupted run would wait
for every request that hangs.
"""

import os
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from genanalytics.errors import GenAnalyticsError

_AMPLE = 200
"""So many open files are enough for a process, in addition to its connections."""
_SPARE = 8
"""So many open files stay free: the cache, the output, the files of an import."""

Task = TypeVar("Task")
Result = TypeVar("Result")


class Workers(Generic[Task, Result]):
    """Threads that take tasks from one queue and put results into another.

    Args:
        number: How many threads; they start with the first task. If the system allows fewer threads, or fewer open
            files than a connection for each, those that are allowed do the work.
        work: Called with a task, and with an event that is set when no one waits for the result any more.
    """

    def __init__(self, number: int, work: Callable[[Task, threading.Event], Result]) -> None:
        self._number = number
        self._work = work
        self._threads: list[threading.Thread] = []
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._results: SimpleQueue[tuple[Task, Result | BaseException]] = SimpleQueue()
        self._stopped = threading.Event()
        self.under_way = 0
        """The number of tasks without a result."""
        self.notice = ""
        """Why there are fewer threads, in one sentence."""

    @property
    def has_room(self) -> bool:
        """Whether more tasks would not wait long."""
        return self.under_way < 2 * (len(self._threads) or self._number)

    def submit(self, task: Task) -> None:
        """Hand a task to the next free thread.

        Raises:
            GenAnalyticsError: No thread can start.
        """
        if not self._threads:
            self._start()
        self.under_way += 1
        self._tasks.put(task)

    def take(self, timeout_s: float) -> tuple[Task, Result | BaseException] | None:
        """Return the next task with its result, or None if there is none in time."""
        try:
            taken = self._take_now() or self._results.get(timeout=timeout_s)
        except Empty:
            return None
        self.under_way -= 1
        return taken

    def _take_now(self) -> tuple[Task, Result | BaseException] | None:
        """Return the next result, or None if there is none yet.

        This has to precede a wait. Otherwise CPython's `SimpleQueue.get` first takes a lock that the last result left
        open, and then waits forever if its time is already over: always for 1 us, rarely for more.
        """
        try:
            return self._results.get_nowait()
        except Empty:
            return None

    def stop(self) -> None:
        """Start nothing more; tasks under way can see that no one waits for them."""
        self._stopped.set()

    def close(self) -> list[tuple[Task, Result | BaseException]]:
        """Stop, and return the tasks with a result that were not taken; a task under way is not awaited."""
        self.stop()
        for _ in self._threads:
            self._tasks.put(None)
        left = []
        while (taken := self.take(0) if not self._results.empty() else None) is not None:
            left.append(taken)
        return left

    def _start(self) -> None:
        allowed = limit_connections(self._number)
        reason = "of the limit on open files (ulimit -n)"
        for _ in range(allowed):
            thread = threading.Thread(target=self._run, name="genanalytics worker", daemon=True)
            try:
                thread.start()
            except (RuntimeError, MemoryError) as error:
                reason = f"no more threads can start ({error})"
                if not self._threads:
                    msg = f"no thread can start ({error}): raise the limit on processes or memory (ulimit -u, -v)"
                    raise GenAnalyticsError(msg) from error
                break
            self._threads.append(thread)
        if len(self._threads) < self._number:
            self.notice = f"{len(self._threads)} instead of {self._number} requests at a time, because {reason}"

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                result: Result | BaseException = self._work(task, self._stopped)
            except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                result = error
            self._results.put((task, result))


def limit_connections(number: int) -> int:
    """Return how many of `number` connections the limit on open files allows, at least 1; some stay free for files."""
    try:
        import resource  # noqa: PLC0415 - Windows has none, and no such limit
    except ImportError:
        return number
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY or limit > _AMPLE + number:
        return number
    used = len(os.listdir("/dev/fd"))  # noqa: PTH208 - names alone
    return max(1, min(number, limit - used - _SPARE))
