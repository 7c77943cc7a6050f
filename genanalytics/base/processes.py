"""Objects that a forked process must not share with its parent, such as connections."""

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_ABANDONED: list[object] = []
"""Objects of parent processes: never released, since finalizing them here would interfere with the parent."""
_making = threading.Lock()


def _renew_lock() -> None:
    global _making  # noqa: PLW0603 - a lock that another thread held at the fork is never released in the child
    _making = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


class PerProcess(Generic[T]):
    """One object per process, made when a process first uses it.

    Args:
        make: Returns a new object.

    >>> numbers = PerProcess(lambda: [1])
    >>> numbers.get() is numbers.get()
    True
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: tuple[int, T] | None = None

    def get(self) -> T:
        """Return the object of this process."""
        made, pid = self._made, os.getpid()
        if made is not None and made[0] == pid:
            return made[1]
        with _making:
            if self._made is None or self._made[0] != pid:
                _ABANDONED.extend([] if self._made is None else [self._made[1]])
                self._made = (pid, self._make())
            return self._made[1]

    def take(self) -> T | None:
        """Return the object of this process and forget it; None if there is none."""
        made, self._made = self._made, None
        if made is None or made[0] == os.getpid():
            return None if made is None else made[1]
        _ABANDONED.append(made[1])
        return None
