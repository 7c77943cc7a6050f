"""When a request may be sent. Callers pass the time and the answers: there is no clock and no thread here."""

import math
from typing import Literal

from genanalytics.fetching.pacing.alarm import NOISE, Alarm
from genanalytics.fetching.pacing.crowd import Crowd
from genanalytics.fetching.pacing.throughput import Throughput
from genanalytics.fetching.pacing.trial import Trial
from genanalytics.fetching.pacing.windows import SHORT_PAUSE_S, Windows

Verdict = Literal["accepted", "refused", "failed"]
"""The service answered; it refused with "too many requests"; or there was no usable answer."""

FASTEST_PROBE_S, SLOWEST_PROBE_S, SLOWEST_PROBE_OF_FAULTS_S = 0.05, 4.0, 0.25
"""The first and the longest wait between probes of a service that lets nothing through.

One that fails is probed more often than one that refuses: ids can fail again and again at a service that is well.
"""
SLOWEST = 0.25
"""The lowest rate, in requests per second."""

_IN_A_ROW, _FAULTS_IN_A_ROW = 4, 64
_CHANCE = 1e-6
"""So rarely may noise look as if nothing got through."""
_HALF, _TRIAL_SHARE, _DROPPED_SHARE = 0.5, 0.3, 0.4
"""Shares of refusals: most; the most that can be noise; during a trial, the sign that a limit dropped."""
_KEPT, _DEEP, _CEILING = 0.85, 0.7, 0.96
"""Shares of the limit: after a cut, in the second part of a trial, and of a limit that is sure."""
_ENOUGH = 50
"""Requests that suffice to measure a limit for the first time."""
_LEAST_OF_RECENT, _ALIKE = 0.75, 0.25
"""An average is at least such a share of the recent rate; two limits that differ by less are one."""
_RECENT_S = 3.0
"""A sudden fall is not cut below half of what got through in this time."""
_FIRST_STEP, _RESUMED_STEP, _STEP_GROWTH, _LARGEST_STEP = 0.025, 0.25, 1.8, 1.0
"""How much a rate grows at a step: first, after a short pause; the growth of the step, and its end."""
_GROWTH_EVERY_S, _UNKNOWN_GROWTH_EVERY_S, _TRIAL_S = 1.0, 0.5, 5.0
_RESUMED = 4.0
"""The lowest rate after a pause, in requests per second."""
_ANSWERS_PER_STEP = 20
"""The least number of requests at a rate before it grows."""
_RETEST_S, _RETEST_ANSWERS = 10.0, 20
_CATCH_UP_S = 0.002
"""How late a request may be without delaying the next ones: threads wake up late."""
_POLL_S = 0.002


class Controller:
    """The rate of requests to a service whose limits are unknown, from its answers.

    - Requests are unlimited until refusals are more than noise explains (`Alarm`). Then the rate is cut to what was
      accepted, and grows again: slowly at first, then ever faster.
    - A cut after few refusals is a trial. If it does not end them, they were noise: the old rate returns, and such a
      share of refusals is tolerated, and tried again after ten seconds. A limit that is known needs no trial.
    - If nothing gets through, single requests probe, ever more rarely, until one is accepted. After two such pauses,
      the rate may spread what gets through in between (`Windows`).
    - If only the requests above a number at once are refused, this number is the limit (`Crowd`).
    - Only answers to requests since the last change of the rate count.

    Args:
        cap: The maximum rate in requests per second; infinity for none.
    """

    def __init__(self, cap: float) -> None:
        self._cap = cap
        self._crowd = Crowd()
        self._through = Throughput()
        self._windows = Windows()
        self._alarm = Alarm()
        self._trial: Trial | None = None
        self._rate = math.inf
        self._limit: float | None = None
        self._sure_limit = 0.0
        self._step = _FIRST_STEP
        self._best = 0.0
        self._started_at = math.inf
        self._sent_at = self._held_until = -math.inf
        self._changed_at = self._grown_at = self._tested_at = -math.inf
        self._seen_noise = NOISE
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
        is_accepted, is_unlimited = verdict == "accepted", self._rate == math.inf
        is_one_too_many = self._crowd.leave(now, sent_at, accepted=is_accepted, unlimited=is_unlimited)
        if is_accepted:
            self._note_accepted(now, sent_at)
            return
        self._in_a_row += 1
        if self._in_a_row >= self._find_patience():  # one bad id alone holds only itself back
            self._held_until = max(self._held_until, now + retry_after_s)
        if sent_at < self._changed_at or is_one_too_many:
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
            return max(self._held_until, self._find_next_probe()) - now
        if self._crowd.is_full(now):
            return _POLL_S
        return max(self._held_until, self._sent_at + 1 / self.rate) - now

    def _find_next_probe(self) -> float:
        at = self._sent_at + max(self._probe_s, 1 / self._cap)
        return self._windows.next_at if self._sent_at < self._windows.next_at < at else at

    def _note_accepted(self, now: float, sent_at: float) -> None:
        if self._in_a_row < self._find_patience():  # refusals between accepted requests
            self._seen_noise += 0.02 * (min(1, self._in_a_row) - self._seen_noise)
        self._in_a_row = 0
        if self._probe_s:
            self._resume(now)
        elif sent_at >= self._changed_at:
            self._alarm.note_accepted()
            self._judge_trial(now, refused=False)
        self._through.note(now)

    def _note_refused(self, now: float) -> None:
        self._alarm.note_refused()
        if self._trial is not None:
            self._judge_trial(now, refused=True)
        elif self._alarm.is_raised(self._rate):
            self._cut(now)

    def _find_patience(self) -> int:
        """Return after how many requests in a row, which noise cannot explain, nothing gets through."""
        noise = min(0.7, max(self._alarm.noise, self._seen_noise))
        return max(_IN_A_ROW, math.ceil(math.log(_CHANCE) / math.log(noise)))

    # nothing gets through

    def _start_probes(self, now: float) -> None:
        if self._bound_crowd(now):
            return
        self._remember_best(now)
        self._trial = None
        # a service that was silent for long last time is not probed at once
        self._probe_s = min(SLOWEST_PROBE_S, max(FASTEST_PROBE_S, 1 / self._rate, self._gap_s / 8))
        self._mark_change(now)

    def _resume(self, now: float) -> None:
        self._gap_s = now - self._through.last_at
        self._rate = max(1 / max(self._gap_s, 1e-3), self._best / 2, 1 / self._probe_s, _RESUMED)
        self._limit = max(self._rate, self._best) if self._best and now - self._started_at > 1 else None
        self._step = _FIRST_STEP
        self._probe_s = 0.0
        if self._gap_s < SHORT_PAUSE_S:
            self._step = _RESUMED_STEP
        elif limit := self._windows.end(now, self._through.total, started_at=self._started_at):
            self._limit = self._sure_limit = limit
            self._rate = _CEILING * limit
        self._through.begin_average(now)
        self._mark_change(now)

    # more than the service accepts

    def _cut(self, now: float) -> None:
        if self._bound_crowd(now):
            return
        share, before = self._alarm.share, self._rate
        sent = min(before, self._alarm.answers / max(now - self._changed_at, 1e-3))
        self._limit = self._find_limit(now, sent)
        self._trial = None
        if self._limit and self._alarm.was_calm and abs(self._limit - self._sure_limit) < _ALIKE * self._sure_limit:
            self._sure_limit = self._limit
            self._rate = _CEILING * self._limit
        else:
            if self._limit:
                self._rate = _KEPT * min(self._limit, before)
            else:
                self._rate = sent / 4 if share > _HALF else _KEPT * sent * (1 - share)
            if share <= _TRIAL_SHARE:
                self._trial = Trial(before, share, is_deep=False)
        self._rate = max(SLOWEST, self._rate)
        self._through.begin_average(now)
        self._step = _FIRST_STEP
        self._remember_best(now)
        self._mark_change(now)

    def _find_limit(self, now: float, sent: float) -> float | None:
        """Return the limit in requests per second, or None if too little was seen to tell."""
        is_enough = self._limit is not None or self._alarm.answers >= _ENOUGH or now - self._changed_at >= 1
        if now - self._started_at < 1 or not is_enough:
            return None
        recent = self._through.measure(now, now - self._started_at)
        # what accepts bursts, and refuses at the beginning and at the end of a time, lets its limit through in between
        limit = min(recent, max(self._through.find_average(now), _LEAST_OF_RECENT * recent)) / (1 - self._alarm.noise)
        if self._alarm.share > _TRIAL_SHARE:
            accepted = self._through.count(now, _RECENT_S) / _RECENT_S
            limit = min(limit, max(sent * (1 - self._alarm.share), _HALF * accepted))
        return limit

    def _bound_crowd(self, now: float) -> bool:
        """Bound the number under way instead of the rate, if that is what the service limits."""
        if not self._crowd.take_bound():
            return False
        self._rate, self._limit, self._trial = math.inf, None, None
        self._in_a_row = 0
        self._mark_change(now)
        return True

    def _judge_trial(self, now: float, *, refused: bool) -> None:
        if self._trial is None:
            return
        result = self._trial.note(refused=refused)
        if result == "limit":
            self._confirm_limit(now, self._trial)
        elif result == "noise":
            self._deny_limit(now, self._trial)

    def _confirm_limit(self, now: float, trial: Trial) -> None:
        self._trial = None
        if self._limit is not None:
            self._rate = max(SLOWEST, (_KEPT if trial.is_deep else _CEILING) * self._limit)
            self._sure_limit = self._limit
            self._alarm.noise = NOISE
            self._mark_change(now)

    def _deny_limit(self, now: float, trial: Trial) -> None:
        """Go on after refusals that a lower rate did not end."""
        share = trial.share_now
        if share > min(_DROPPED_SHARE, 2.5 * trial.share + 0.1):  # far more of them: the limit dropped
            self._cut(now)
        elif not trial.is_deep:
            self._try_less(now, trial.rate, trial.share, limit=self._rate * (1 - share))
        else:
            self._trial = None
            self._alarm.noise = max(self._alarm.noise, (share + trial.share) / 2)
            self._rate, self._limit = trial.rate, None
            self._mark_change(now)

    def _try_less(self, now: float, rate: float, share: float, *, limit: float) -> None:
        """Start the second part of a trial."""
        self._limit = max(SLOWEST, limit)
        self._rate = max(SLOWEST, _DEEP * min(self._rate, self._limit))
        self._trial = Trial(rate, share, is_deep=True)
        self._mark_change(now)

    def _remember_best(self, now: float) -> None:
        self._best = max(0.8 * self._best, self._through.count(now, 1))

    # less than the service accepts

    def _grow(self, now: float) -> None:
        if self._probe_s:
            return
        if self._alarm.noise > NOISE and self._trial is None and now - self._tested_at > _RETEST_S:
            self._retest(now)
        is_deciding = self._trial is not None and now - self._changed_at < _TRIAL_S
        if self._rate == math.inf or is_deciding or now - self._grown_at < self._find_growth_s():
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

    def _find_growth_s(self) -> float:
        if self._limit is None:
            return _UNKNOWN_GROWTH_EVERY_S
        return max(_GROWTH_EVERY_S, _ANSWERS_PER_STEP / self._rate, self._windows.growth_s)

    def _retest(self, now: float) -> None:
        """Try whether tolerated refusals come from a limit after all."""
        self._tested_at = now
        if self._alarm.answers < _RETEST_ANSWERS or not self._alarm.refused:
            self._alarm.noise = NOISE
            return
        self._alarm.noise = max(NOISE, self._alarm.share)
        limit = self._through.measure(now, now - self._started_at)
        self._try_less(now, self._rate, self._alarm.share, limit=limit)

    def _mark_change(self, now: float) -> None:
        self._changed_at = self._grown_at = now
        self._alarm.reset()
        if self._trial is None:
            self._tested_at = now
