"""The threads that send requests.

They are daemon threads, not a `ThreadPoolExecutor`, whose threads Python joins at exit: an interrupted run would wait
for every request that hangs.
"""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from genanalytics.errors import GenAnalyticsError

Task = TypeVar("Task")
Result = TypeVar("Result")


class Workers(Generic[Task, Result]):
    """Threads that take tasks from one queue and put results into another.

    Args:
        number: How many threads; they start with the first task. If the system allows only some, those do the work.
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
        self.missing = 0
        """The number of threads that could not start."""

    @property
    def has_room(self) -> bool:
        """Whether more tasks would not wait long."""
        return self.under_way < 2 * (self._number - self.missing)

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
            taken = self._results.get(timeout=timeout_s)
        except Empty:
            return None
        self.under_way -= 1
        return taken

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
        for started in range(self._number):
            thread = threading.Thread(target=self._run, name="genanalytics worker", daemon=True)
            try:
                thread.start()
            except (RuntimeError, MemoryError) as error:
                self.missing = self._number - started
                if not started:
                    msg = (
                        f"cannot fetch: no thread can start ({error}); raise the limit on processes or memory (ulimit)"
                    )
                    raise GenAnalyticsError(msg) from error
                return
            self._threads.append(thread)

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            try:
                result: Result | BaseException = self._work(task, self._stopped)
            except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                result = error
            self._results.put((task, result))
