"""The garbage collector while a lot of small objects come and go."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_NEW_OBJECTS = 20_000
"""The number of new objects between two collections; one figure has about as many."""


@contextmanager
def look_at_new_objects() -> Iterator[None]:
    """Let the garbage collector look only at objects that are made until the block ends.

    Those of imported packages are half a million. Full collections, which figures cause, would visit all of them.
    Collections are rarer than usual, too. A program that has frozen objects itself keeps its own settings.

    >>> with look_at_new_objects():
    ...     gc.get_freeze_count() > 0
    True
    >>> gc.get_freeze_count()
    0
    """
    if gc.get_freeze_count():
        yield
        return
    usual = gc.get_threshold()
    gc.freeze()
    if usual[0]:  # 0 means no collections
        gc.set_threshold(max(usual[0], _NEW_OBJECTS), *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()
