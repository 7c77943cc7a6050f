"""Time limits for calls that block.

The limit of a socket counts from byte to byte, so one byte per second would never exceed it.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


class Watchdog:
    """A thread that ends calls at their deadline. It starts when there is something to watch."""

    def __init__(self) -> None:
        self._watched: dict[object, tuple[float, Callable[[], object]]] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    @contextmanager
    def until(self, deadline: float, end: Callable[[], object]) -> Iterator[None]:
        """Call `end` from another thread if the block still runs at `deadline` (of `time.monotonic`).

        Without a thread, only the time limits of the socket count, from byte to byte.
        """
        token = object()
        with self._changed:
            sooner = deadline < min((other for other, _ in self._watched.values()), default=float("inf"))
            self._watched[token] = (deadline, end)
            if self._thread is None:
                self._start()
            elif sooner:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._watched.pop(token, None)

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _start(self) -> None:
        thread = threading.Thread(target=self._watch, name="genanalytics watchdog", daemon=True)
        with suppress(RuntimeError, MemoryError):  # the system allows no more threads; the next call tries again
            thread.start()
            self._thread = thread

    def _watch(self) -> None:
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                for token in [token for token, (deadline, _) in self._watched.items() if deadline <= now]:
                    _, end = self._watched.pop(token)
                    with suppress(OSError, ValueError, RuntimeError):  # it has just ended by itself
                        end()
                next_at = min((deadline for deadline, _ in self._watched.values()), default=None)
                self._changed.wait(None if next_at is None else max(0.0, next_at - now))
