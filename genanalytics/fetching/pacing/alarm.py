"""When refusals are more than noise."""

import math

NOISE = 0.01
"""A share of refusals that is never taken for a limit."""

_HEIGHT, _HEIGHT_SLOW, _HEIGHT_UNLIMITED = 3.2, 2.2, 8.2
"""The height of the cumulative sum that raises the alarm: in general, at low rates, and at an unlimited rate.

A limit below an unlimited rate refuses many at once, which the second sum notices; few are noise, most of the time.
"""
_SLOW = 20.0
"""A low rate, in requests per second: here each refusal is a large share."""
_HEIGHT_PER_NOISE, _HEIGHT_OF_NOISE = 150.0, 10.0
"""What known noise adds to the height: per share, and at most."""
_BURST = 0.25
"""How much faster than the first sum the second one falls."""
_CALM = 30
"""So many requests show that there were no refusals before."""


class Alarm:
    """The refusals since the last change of the rate.

    Two cumulative sums (Page, 1954) grow with refusals and fall with accepted requests: one finds a small share of
    refusals in the long run, the other one a large share at once.

    Attributes:
        noise: The share of refusals that is taken for noise.
        accepted, refused: The numbers of requests.
    """

    def __init__(self) -> None:
        self.noise = NOISE
        self.reset()

    def reset(self) -> None:
        """Begin anew after a change of the rate."""
        self.accepted = self.refused = 0
        self._sum = self._burst_sum = 0.0
        self._calm = (0, 0)

    @property
    def answers(self) -> int:
        """The number of requests since the change."""
        return self.accepted + self.refused

    @property
    def share(self) -> float:
        """The share of refusals since the change."""
        return self.refused / self.answers

    @property
    def was_calm(self) -> bool:
        """Whether the refusals came all together, after a time with next to none; noise is spread."""
        accepted, refused = self._calm
        return accepted >= _CALM and refused <= 2 * NOISE * accepted

    def note_accepted(self) -> None:
        """Count an accepted request."""
        self.accepted += 1
        self._sum = max(0.0, self._sum - self._find_drift())
        self._burst_sum = max(0.0, self._burst_sum - self._find_drift() - _BURST)
        if self._sum == 0:
            self._calm = (self.accepted, self.refused)

    def note_refused(self) -> None:
        """Count a refusal."""
        self.refused += 1
        self._sum += 1 - self._find_drift()
        self._burst_sum += 1 - self._find_drift() - _BURST

    def is_raised(self, rate: float) -> bool:
        """Return whether there are more refusals at this rate than noise explains."""
        of_noise = min(_HEIGHT_OF_NOISE, _HEIGHT_PER_NOISE * (self.noise - NOISE))
        height = _HEIGHT_SLOW if rate <= _SLOW else _HEIGHT if rate < math.inf else _HEIGHT_UNLIMITED
        return self._sum > height + of_noise or self._burst_sum > min(height, _HEIGHT) + of_noise

    def _find_drift(self) -> float:
        """Return the share of refusals from which the first sum grows."""
        return 1.5 * self.noise + 0.02
