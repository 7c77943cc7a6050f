"""When to give up on a service. Callers pass the time and the failures: there is no clock here."""

PATIENCE_S = 20.0
"""A service that lets nothing through for this long is not there."""
SETUP_TRIES = 2
"""A fault of the set-up, such as a wrong certificate or host name, is not worth more tries than this."""

SHORTEST_S = 2.0
"""A silence that was shorter than this is no outage."""

_LEAST_IDS = 2
"""A silence in which fewer ids fail is no outage."""
_LEAST_FAILURES, _ENOUGH_IDS = 6, 3
"""Fewer failures in a row, of fewer ids, say something about these ids and not about the service."""


class Outage:
    """The failures since a request got through.

    Their number needs no bound of its own: in an outage, requests are probes, one at a time (`Controller`).

    Attributes:
        silence: The number of times that something got through after a failure: which silence this is.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._since: float | None = None
        self._noted_at: float | None = None
        self._was_probed = False
        self._was_through = False
        self._failed_ids: set[str] = set()
        self.silence = 0

    def note_through(self) -> None:
        """Note that a request got through, even if its answer is no record."""
        self._was_through = True
        self.silence += self._failures > 0
        self._failed_ids.clear()
        self._failures = 0
        self._since = self._noted_at = None
        self._was_probed = False

    def is_on(self, now: float) -> bool:
        """Return whether several ids failed, and nothing got through, for so long that the ids are not at fault."""
        return self._since is not None and now - self._since >= SHORTEST_S and len(self._failed_ids) >= _LEAST_IDS

    def note_failure(self, now: float, *, generation_id: str, sent_at: float, reason: str, is_setup: bool) -> str:
        """Note a failure; return why the run should end, or nothing as long as it may go on."""
        self._failures += 1
        if len(self._failed_ids) < _ENOUGH_IDS:
            self._failed_ids.add(generation_id)
        self._since = sent_at if self._since is None else min(self._since, sent_at)
        self._noted_at = now if self._noted_at is None else self._noted_at
        self._was_probed |= sent_at >= self._noted_at  # requests that hung together are one sign, not many
        if is_setup and not self._was_through:
            is_over = self._failures >= SETUP_TRIES
        else:
            is_enough = self._failures >= _LEAST_FAILURES or len(self._failed_ids) >= _ENOUGH_IDS
            is_over = self._was_probed and is_enough and now - self._since >= PATIENCE_S
        if not is_over:
            return ""
        seconds = f"{now - self._since:.0f} s" if now - self._since >= 1 else "less than a second"
        return (
            f"nothing got through in {self._failures} requests and {seconds} ({reason}): check the connection with"
            " `genanalytics doctor`, then fetch again; fetched records are kept"
        )
