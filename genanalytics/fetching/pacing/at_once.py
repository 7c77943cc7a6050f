"""Limits on the number of requests at once."""

from collections import Counter

_LEAST_REFUSED, _LEAST_ACCEPTED = 6, 20
"""So many requests are needed to tell a limit on their number."""
_ABOVE, _BELOW = 0.1, 0.02
"""The most accepted requests per refused one above such a limit, and refused ones per accepted one below it."""
_REMEMBERED = 2_000


class AtOnce:
    """Accepted and refused requests, by the number under way when each was sent."""

    def __init__(self) -> None:
        self._accepted, self._refused = Counter[int](), Counter[int]()

    def note(self, number: int, *, accepted: bool) -> None:
        """Count a request that was sent as the `number`-th under way."""
        (self._accepted if accepted else self._refused)[number] += 1

    def find_most(self) -> int | None:
        """Return the number up to which requests are accepted and above which they are refused, if there is one."""
        accepted, refused = self._accepted.total(), self._refused.total()
        above_accepted, above_refused = accepted, refused
        for number in sorted({*self._accepted, *self._refused}):
            above_accepted -= self._accepted[number]
            above_refused -= self._refused[number]
            if above_refused < _LEAST_REFUSED:
                break
            below_accepted, below_refused = accepted - above_accepted, refused - above_refused
            is_limit = above_accepted <= _ABOVE * above_refused and below_refused <= _BELOW * below_accepted
            if is_limit and below_accepted >= _LEAST_ACCEPTED:
                return number
        self._forget(accepted + refused)
        return None

    def reset(self) -> None:
        """Forget everything."""
        self._accepted.clear()
        self._refused.clear()

    def _forget(self, answers: int) -> None:
        """Halve the counts if there are many: limits change."""
        if answers > _REMEMBERED:
            for counts in (self._accepted, self._refused):
                for number in counts:
                    counts[number] //= 2
