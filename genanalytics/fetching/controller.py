"""When a request may be sent. Callers pass the time and the answers: there is no clock and no thread here."""

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal

from genanalytics.fetching.crowd import Crowd

Verdict = Literal["accepted", "refused", "failed"]
"""The service answered; it refused with "too many requests"; or there was no usable answer."""

FASTEST_PROBE_S, SLOWEST_PROBE_S, SLOWEST_PROBE_OF_FAULTS_S = 0.05, 4.0, 0.25
"""The first and the longest wait between probes of a service that lets nothing through.

One that fails is probed more often than one that refuses: ids can fail again and again at a service that is well.
"""
SLOWEST = 0.25
"""The lowest rate, in requests per second."""

_NOISE = 0.01
"""A share of refusals that is never taken for a limit."""
_ALARM, _ALARM_SLOW, _ALARM_PER_NOISE = 3.0, 2.0, 20.0
"""The height of the cumulative sum of refusals that counts as a limit: in general, at low rates, and with noise."""
_SLOW = 20.0
"""A low rate, in requests per second: here each refusal is a large share."""
_IN_A_ROW, _FAULTS_IN_A_ROW = 4, 64
_CHANCE = 1e-6
"""So rarely may noise look as if nothing got through."""
_HALF, _TRIAL_SHARE, _DROPPED_SHARE = 0.5, 0.3, 0.4
"""Shares of refusals: most; the most that can be noise; during a trial, the sign that a limit dropped."""
_KEPT, _DEEP, _CEILING = 0.85, 0.7, 0.96
"""Shares of the limit: after a cut, in the second part of a trial, and after a trial that confirmed it."""
_ODDS = 3.0
"""The logarithm of the odds that end a trial, for noise or for a limit."""
_SETTLING, _LEAST_ANSWERS = 10, 20
"""The answers of a trial that do not count yet, and the fewest that can prove noise."""
_WINDOW_S, _FULL_SECOND = 4.0, 50
"""Accepted requests are counted over a second if there are so many of them, otherwise over this time."""
_FIRST_STEP, _RESUMED_STEP, _STEP_GROWTH, _LARGEST_STEP = 0.025, 0.25, 1.9, 1.0
_GROWTH_EVERY_S, _UNKNOWN_GROWTH_EVERY_S, _TRIAL_S = 1.0, 0.5, 5.0
_RETEST_S = 10.0
_SHORT_GAP_S = 2.0
_CATCH_UP_S = 0.002
"""How late a request may be without delaying the next ones: threads wake up late."""
_POLL_S = 0.002


@dataclass(slots=True)
class _Trial:
    """A lower rate on trial: a limit ends the refusals, noise does not care.

    A sequential probability ratio test (Wald, 1945) of two shares of refusals: half of the share before, and almost
    none. The first part tries a little less than what was accepted. That may be too much where a burst was accepted, so
    a second part tries less than what is accepted now.

    Attributes:
        rate: The rate before, which noise gives back.
        share: The share of refusals before.
        is_deep: Whether this is the second part.
        odds: The logarithm of the odds for noise.
        is_settled: Whether the first answers, which still belong to the rate before, are through.
    """

    rate: float
    share: float
    is_deep: bool
    odds: float = 0.0
    is_settled: bool = False

    def count(self, *, refused: bool) -> None:
        """Weigh an answer."""
        noise = max(5 * _NOISE, self.share / 2)
        self.odds += math.log(noise / _NOISE) if refused else math.log((1 - noise) / (1 - _NOISE))


class Controller:
    """The rate of requests to a service whose limits are unknown, from its answers.

    - Requests are unlimited until refusals add up to more than noise explains: a cumulative sum (Page, 1954). Then the
      rate is cut to what was accepted, and grows again: slowly at first, then ever faster.
    - A cut after few refusals is a trial. If it does not end them, they were noise: the old rate returns, and such a
      share of refusals is tolerated, and tried again after ten seconds.
    - If nothing gets through, single requests probe, ever more rarely, until one is accepted.
    - Only answers to requests since the last change of the rate count.

    Args:
        cap: The maximum rate in requests per second; infinity for none.
    """

    def __init__(self, cap: float) -> None:
        self._cap = cap
        self._crowd = Crowd()
        self._rate = math.inf
        self._limit: float | None = None
        self._step = _FIRST_STEP
        self._noise = self._seen_noise = _NOISE
        self._cusum = 0.0
        self._trial: _Trial | None = None
        self._best = 0.0
        self._started_at = math.inf
        self._sent_at = self._held_until = -math.inf
        self._changed_at = self._grown_at = self._tested_at = -math.inf
        self._through_at: deque[float] = deque()
        self._last_through_at = -math.inf
        self._accepted = self._refused = 0  # of the requests since the rate changed
        self._in_a_row = 0
        self._probe_s = 0.0
        self._gap_s = 0.0

    @property
    def rate(self) -> float:
        """The present rate in requests per second."""
        return min(self._cap, self._rate)

    def take_turn(self, now: float) -> float:
        """Return the seconds until a request may be sent; 0 means that it counts as sent now."""
        if self._started_at == math.inf:
            self._started_at = self._changed_at = self._grown_at = now
        self._grow(now)
        wait_s = self._find_wait_s(now)
        if wait_s > 0:
            return wait_s
        self._sent_at = max(self._sent_at + 1 / self.rate, now - _CATCH_UP_S)
        self._crowd.enter(now)
        return 0.0

    def note(self, now: float, sent_at: float, verdict: Verdict, retry_after_s: float = 0.0) -> None:
        """Take the verdict on a request that was sent at `sent_at`, and the pause that the service asked for."""
        self._crowd.leave(now, sent_at, accepted=verdict == "accepted", unlimited=self._rate == math.inf)
        if verdict == "accepted":
            self._note_accepted(now, sent_at)
            return
        self._in_a_row += 1
        if self._in_a_row >= self._find_patience():  # one bad id alone holds only itself back
            self._held_until = max(self._held_until, now + retry_after_s)
        if sent_at < self._changed_at:
            return
        if self._probe_s:
            slowest_s = SLOWEST_PROBE_S if verdict == "refused" else SLOWEST_PROBE_OF_FAULTS_S
            self._probe_s = max(self._probe_s, min(slowest_s, 2 * self._probe_s))
        elif self._in_a_row >= (self._find_patience() if verdict == "refused" else _FAULTS_IN_A_ROW):
            self._start_probes(now)
        elif verdict == "refused":
            self._note_refused(now)

    def _find_wait_s(self, now: float) -> float:
        if self._probe_s:
            if self._crowd.under_way and now < self._sent_at + SLOWEST_PROBE_S:  # a probe that hangs holds no other
                return _POLL_S
            return max(self._held_until, self._sent_at + max(self._probe_s, 1 / self._cap)) - now
        if self._crowd.is_full(now):
            return _POLL_S
        return max(self._held_until, self._sent_at + 1 / self.rate) - now

    def _note_accepted(self, now: float, sent_at: float) -> None:
        if self._in_a_row < self._find_patience():  # refusals between accepted requests
            self._seen_noise += 0.02 * (min(1, self._in_a_row) - self._seen_noise)
        self._in_a_row = 0
        if self._probe_s:
            self._resume(now)
        elif sent_at >= self._changed_at:
            self._accepted += 1
            self._cusum = max(0.0, self._cusum - self._find_drift())
            self._judge_trial(now, refused=False)
        self._last_through_at = now
        self._through_at.append(now)
        while self._through_at[0] < now - _WINDOW_S:
            self._through_at.popleft()

    def _note_refused(self, now: float) -> None:
        self._refused += 1
        self._cusum += 1 - self._find_drift()
        alarm = (_ALARM if self._rate > _SLOW else _ALARM_SLOW) + _ALARM_PER_NOISE * self._noise
        if self._trial is not None:
            self._judge_trial(now, refused=True)
        elif self._cusum > alarm:
            self._cut(now)

    def _find_patience(self) -> int:
        """Return after how many requests in a row, which noise cannot explain, nothing gets through."""
        noise = min(0.7, max(self._noise, self._seen_noise))
        return max(_IN_A_ROW, math.ceil(math.log(_CHANCE) / math.log(noise)))

    def _find_drift(self) -> float:
        """Return the share of refusals from which the cumulative sum grows."""
        return 1.5 * self._noise + 0.02

    # nothing gets through

    def _start_probes(self, now: float) -> None:
        self._remember_best(now)
        self._trial = None
        # a service that was silent for long last time is not probed at once
        self._probe_s = min(SLOWEST_PROBE_S, max(FASTEST_PROBE_S, 1 / self._rate, self._gap_s / 8))
        self._mark_change(now)

    def _resume(self, now: float) -> None:
        self._gap_s = now - self._last_through_at
        self._rate = max(1 / max(self._gap_s, 1e-3), self._best / 2, 1 / self._probe_s)
        self._probe_s = 0.0
        self._limit = max(self._rate, self._best) if self._best else None
        self._step = _RESUMED_STEP if self._gap_s < _SHORT_GAP_S else _FIRST_STEP
        self._mark_change(now)

    # more than the service accepts

    def _cut(self, now: float) -> None:
        answers = self._accepted + self._refused
        share, before = self._refused / answers, self._rate
        sent = min(before, answers / max(now - self._changed_at, 1e-3))
        self._limit = self._find_limit(now, sent, share)
        if self._limit is not None:
            self._rate = _KEPT * min(self._limit, before)
        else:
            self._rate = sent / 4 if share > _HALF else _KEPT * sent * (1 - share)
        self._rate = max(SLOWEST, self._rate)
        self._trial = _Trial(before, share, is_deep=False) if share <= _TRIAL_SHARE else None
        self._step = _FIRST_STEP
        self._remember_best(now)
        self._mark_change(now)

    def _find_limit(self, now: float, sent: float, share: float) -> float | None:
        """Return the limit in requests per second, or None if too little was seen to tell."""
        if now - self._started_at < 1 or (self._limit is None and now - self._changed_at < 1):
            return None
        limit = self._measure(now) / (1 - self._noise)
        return min(limit, sent * (1 - share)) if share > _TRIAL_SHARE else limit

    def _judge_trial(self, now: float, *, refused: bool) -> None:
        trial, answers = self._trial, self._accepted + self._refused
        if trial is None:
            return
        if not trial.is_settled:
            if answers >= _SETTLING:
                trial.is_settled, self._accepted, self._refused = True, 0, 0
            return
        trial.count(refused=refused)
        if trial.odds < -_ODDS:
            self._confirm_limit(now, trial)
        elif trial.odds > _ODDS and answers >= _LEAST_ANSWERS:
            self._deny_limit(now, trial, self._refused / answers)

    def _confirm_limit(self, now: float, trial: _Trial) -> None:
        self._trial = None
        if self._limit is not None:
            self._rate = max(SLOWEST, (_KEPT if trial.is_deep else _CEILING) * self._limit)
            self._mark_change(now)

    def _deny_limit(self, now: float, trial: _Trial, share: float) -> None:
        """Go on after refusals that a lower rate did not end."""
        if share > min(_DROPPED_SHARE, 2.5 * trial.share + 0.1):  # far more of them: the limit dropped
            self._cut(now)
        elif not trial.is_deep:
            self._try_less(now, trial.rate, trial.share, limit=self._rate * (1 - share))
        else:
            self._trial = None
            self._noise = max(self._noise, (share + trial.share) / 2)
            self._rate, self._limit = trial.rate, None
            self._mark_change(now)

    def _try_less(self, now: float, rate: float, share: float, *, limit: float) -> None:
        """Start the second part of a trial."""
        self._limit = max(SLOWEST, limit)
        self._rate = max(SLOWEST, _DEEP * min(self._rate, self._limit))
        self._trial = _Trial(rate, share, is_deep=True)
        self._mark_change(now)

    def _measure(self, now: float) -> float:
        """Return the accepted requests per second of the last seconds."""
        age_s = now - self._started_at
        recent = sum(at > now - 1 for at in self._through_at)
        if recent >= _FULL_SECOND or age_s < 1:
            return recent / min(1, age_s)
        return len(self._through_at) / min(_WINDOW_S, age_s)

    def _remember_best(self, now: float) -> None:
        self._best = max(0.8 * self._best, sum(at > now - 1 for at in self._through_at))

    # less than the service accepts

    def _grow(self, now: float) -> None:
        if self._probe_s:
            return
        if self._noise > _NOISE and self._trial is None and now - self._tested_at > _RETEST_S:
            self._retest(now)
        every_s = _UNKNOWN_GROWTH_EVERY_S if self._limit is None else _GROWTH_EVERY_S
        is_deciding = self._trial is not None and now - self._changed_at < _TRIAL_S
        if self._rate == math.inf or is_deciding or now - self._grown_at < every_s:
            return
        self._grown_at = now
        ceiling = math.inf if self._limit is None else _CEILING * self._limit
        if self._limit is None:
            self._rate *= 2
        elif self._rate < 0.98 * ceiling:
            self._rate += (ceiling - self._rate) / 2
        else:
            self._rate *= 1 + self._step
            self._step = min(_LARGEST_STEP, self._step * _STEP_GROWTH)
        if self._rate > self._crowd.find_highest_rate():
            self._rate, self._limit = math.inf, None

    def _retest(self, now: float) -> None:
        """Try whether tolerated refusals come from a limit after all."""
        self._tested_at = now
        answers = self._accepted + self._refused
        if answers < _LEAST_ANSWERS or not self._refused:
            self._noise = _NOISE
            return
        share = self._refused / answers
        self._noise = max(_NOISE, share)
        self._try_less(now, self._rate, share, limit=self._measure(now))

    def _mark_change(self, now: float) -> None:
        self._changed_at = self._grown_at = now
        self._accepted = self._refused = 0
        self._cusum = 0.0
        if self._trial is None:
            self._tested_at = now
