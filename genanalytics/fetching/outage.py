"""When to give up on a service. Callers pass the time and the failures: there is no clock here."""

import math

from genanalytics.fetching.halts import explain_refusals, explain_silence

PATIENCE_S = 20.0
"""A service that lets nothing through for this long is not there."""
PATIENCE_WITH_REFUSALS_S = 120.0
"""A service that refuses everything (429) has longer: its limits may count by the minute."""
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
        self._refused_since: float | None = None
        self._through_at = -math.inf
        self._was_probed = False
        self._failed_ids: set[str] = set()
        self.silence = 0

    def note_through(self, now: float) -> None:
        """Note that a request got through, even if its answer is no record."""
        self._through_at = now
        self.silence += self._failures > 0
        self._failed_ids.clear()
        self._failures = 0
        self._since = self._noted_at = self._refused_since = None
        self._was_probed = False

    def is_on(self, now: float) -> bool:
        """Return whether several ids failed, and nothing got through, for so long that the ids are not at fault."""
        return self._since is not None and now - self._since >= SHORTEST_S and len(self._failed_ids) >= _LEAST_IDS

    def note_failure(self, now: float, *, generation_id: str, sent_at: float, reason: str, is_setup: bool) -> str:
        """Note a failure; return why the run should end, or nothing as long as it may go on."""
        self._failures += 1
        if len(self._failed_ids) < _ENOUGH_IDS:
            self._failed_ids.add(generation_id)
        self._refused_since = None
        self._since = max(self._through_at, sent_at if self._since is None else min(self._since, sent_at))
        self._noted_at = now if self._noted_at is None else self._noted_at
        self._was_probed |= sent_at >= self._noted_at  # requests that hung together are one sign, not many
        if is_setup and self._through_at == -math.inf:
            is_over = self._failures >= SETUP_TRIES
        else:
            is_enough = self._failures >= _LEAST_FAILURES or len(self._failed_ids) >= _ENOUGH_IDS
            is_over = self._was_probed and is_enough and now - self._since >= PATIENCE_S
        if not is_over:
            return ""
        return explain_silence(self._failures, now - self._since, reason)

    def note_refusal(self, now: float, *, reason: str) -> str:
        """Note that the service was asked too often; return why the run should end, or nothing."""
        self._refused_since = now if self._refused_since is None else self._refused_since
        if now - self._refused_since < PATIENCE_WITH_REFUSALS_S:
            return ""
        return explain_refusals(now - self._refused_since, reason)
