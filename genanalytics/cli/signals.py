"""Signals that end the process: one sentence, a fitting exit code, and never a traceback.

This module is loaded before all others, so it imports nothing of ours and little of Python's.
"""

import _thread
import os
import sys
import time

TYPE_CHECKING = False  # as in typing, which takes a while to load
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
    from types import FrameType
else:
    try:
        import _signal as signal  # without the enumerations of `signal`, which take a while to make
    except ImportError:
        import signal

_ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_received: list[int] = []
_PAUSE_S = 0.1
"""Longer than the hook takes: an exception that is raised within it would be lost, too."""


class Interrupted(KeyboardInterrupt):
    """One of the signals that end the process; `exit_code` is the one that a shell expects."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


def leave_at_once() -> None:
    """Let a signal end the process at once: nothing has begun that must be ended in order.

    A signal that the caller ignores, as `nohup` and background jobs do, stays ignored.
    """
    _handle(_leave)


def raise_interrupted() -> None:
    """Let the first signal raise `Interrupted` in the main thread; the second one ends the process at once."""
    sys.unraisablehook = _send_again
    _handle(_interrupt)


def die_quietly() -> None:
    """Let a signal end the process without Python's help: while it ends, Python answers with a traceback."""
    _handle(signal.SIG_DFL)


def find_interruption() -> Interrupted | None:
    """Return the interruption if a signal has arrived, even if a library has turned it into an error of its own."""
    return Interrupted(_received[0]) if _received else None


def _handle(handler: "Callable[[int, FrameType | None], object] | signal.Handlers") -> None:
    for number in _ENDING:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


def _interrupt(number: int, frame: "FrameType | None") -> None:
    if _received:
        _leave(number, frame)
    _received.append(number)
    raise Interrupted(number)


def _leave(number: int, _: "FrameType | None") -> None:
    try:  # noqa: SIM105 - contextlib takes a while to load
        os.write(2, b"\nInterrupted.\n")
    except OSError:
        pass  # stderr is closed: no one can be told
    os._exit(128 + number)


def _send_again(unraisable: "sys.UnraisableHookArgs") -> None:
    """Send a signal again whose exception was lost, in a destructor for example.

    It is sent by a thread, after this hook: what a hook raises is lost, too.
    """
    if isinstance(unraisable.exc_value, Interrupted):
        _thread.start_new_thread(_send, (unraisable.exc_value.args[0], _thread.get_ident()))
    else:
        sys.__unraisablehook__(unraisable)


def _send(number: int, thread: int) -> None:
    time.sleep(_PAUSE_S)
    _received.clear()
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(thread, number)  # also ends what the main thread waits for
    else:
        signal.raise_signal(number)
