"""The time of an answer, from two clocks that may differ: this machine's and the service's."""

from genanalytics.units import format_count

_TOLERATED_S = 300
_CREDIBLE_S = 86_400
"""A service whose clock is more than a day behind is not believed."""


class Clock:
    """The earlier of two clocks: a clock that is fast would take a record for final that may still change.

    Attributes:
        notice: A notice about clocks that differ by more than five minutes, in one sentence; empty if they do not.
    """

    def __init__(self) -> None:
        self.notice = ""

    def find_time(self, here: float, there: float | None) -> float:
        """Return when an answer came (Unix time in seconds).

        Args:
            here: The time on this machine.
            there: The time that the service gave, to the second; None without one.
        """
        if there is None:
            return here
        skew_s = here - there
        if abs(skew_s) > _TOLERATED_S:
            minutes, direction = format_count(round(abs(skew_s) / 60), "minute"), "ahead of" if skew_s > 0 else "behind"
            self.notice = f"the clock of this machine is {minutes} {direction} the service's: correct it"
        return there if 1 < skew_s <= _CREDIBLE_S else here  # the service's time is cut to the second
