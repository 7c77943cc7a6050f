"""The garbage collector while a lot of small objects come and go."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def look_at_new_objects() -> Iterator[None]:
    """Let the garbage collector look only at objects that are made until the block ends.

    Those of imported packages are half a million. Full collections, which figures cause, would visit all of them.
    A program that has frozen objects itself keeps its own setting.

    >>> with look_at_new_objects():
    ...     gc.get_freeze_count() > 0
    True
    >>> gc.get_freeze_count()
    0
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
