"""When a request may be sent: a pure object, which is told the time and the answers, and has no clock and no threads."""

import math
import statistics
from collections import deque
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["accepted", "refused", "failed"]
"""The service answered; it refused with "too many requests"; or there was no usable answer."""

FASTEST_PROBE_S, SLOWEST_PROBE_S = 0.05, 4.0
"""The waits between probes of a service that lets nothing through; each is twice as long as the one before."""

_LEAST_NOISE = 0.01
"""The share of refusals that is never taken for a limit."""
_ALARM = 3.0
_RATE_WINDOW_S = 4.0
_TRIAL_ANSWERS = 30
_TRIAL_SHARE = 0.3
_ODDS, _CLEAN_ODDS = 3.0, 2.0
_SETTLING_ANSWERS = 10
_LEAST_ANSWERS = 20
_KEPT_SHARE = 0.85
_DEEP_SHARE = 0.7
_CEILING = 0.96
_FIRST_STEP, _STEP_GROWTH, _LARGEST_STEP = 0.025, 1.9, 1.0
_GROWTH_EVERY_S = 1.0
_RETEST_S = 10.0
_SLOWEST = 0.25
_IN_A_ROW = 4
_PATIENCE_S = 2.0
_CROWDED_S = 0.002
_CATCH_UP_S = 0.002


@dataclass(slots=True)
class _Trial:
    """A lower rate on trial: whether the refusals become fewer.

    Attributes:
        rate: The rate to go back to if they do not.
        share: The share of refusals before.
        answers: How many answers decide.
    """

    rate: float
    share: float
    noise: float
    deep: bool
    odds: float = 0.0
    settled: bool = False


class Controller:
    """The rate of requests, and how many may be under way, from the answers of a service with unknown limits.

    Args:
        cap: The maximum rate in requests per second; infinity for none.
        workers: The maximum number of requests under way.
    """

    def __init__(self, cap: float, workers: int) -> None:
        self._cap = cap
        self.crowd = Crowd(workers)
        self._workers = workers
        self._rate = math.inf
        self._limit: float | None = None
        self._step = _FIRST_STEP
        self._noise = _LEAST_NOISE
        self._cusum = 0.0
        self._trial: _Trial | None = None
        self._best = 0.0
        self._taken_at = -math.inf
        self._held_until = -math.inf
        self._started_at: float | None = None
        self._changed_at = -math.inf
        self._grown_at = -math.inf
        self._tested_at = -math.inf
        self._accepted_at: deque[float] = deque()
        self._accepted = self._refused = 0  # of the requests sent since the rate changed
        self._in_a_row = 0
        self._through_at = -math.inf
        self._gap_s = 0.0
        self._seen = _LEAST_NOISE
        self._probe_s = 0.0

    @property
    def rate(self) -> float:
        """The present rate in requests per second."""
        return min(self._cap, self._rate)

    def take_turn(self, now: float) -> float:
        """Return the seconds until the next request may be sent; 0 takes the turn."""
        if self._started_at is None:
            self._started_at = self._changed_at = self._grown_at = now
        self._grow(now)
        wait_s = self._find_wait_s(now)
        if wait_s <= 0:
            self._taken_at = max(self._taken_at + 1 / self.rate, now - _CATCH_UP_S)
            self.crowd.enter(now)
        return max(0.0, wait_s)

    def _find_wait_s(self, now: float) -> float:
        if self._probe_s:
            if self.crowd.under_way and now < self._taken_at + _PATIENCE_S:
                return _CROWDED_S
            return max(self._held_until, self._taken_at + self._probe_s) - now
        if self.crowd.is_full(now):
            return _CROWDED_S
        return max(self._held_until, self._taken_at + 1 / self.rate) - now

    def note(self, now: float, sent_at: float, verdict: Verdict, retry_after_s: float = 0.0) -> None:
        """Take the verdict on a request."""
        self.crowd.leave(now, sent_at, accepted=verdict == "accepted", free=self._rate == math.inf)
        if verdict == "accepted":
            self._note_accepted(now, sent_at)
        else:
            self._note_blocked(now, sent_at, verdict, retry_after_s)

    def _note_accepted(self, now: float, sent_at: float) -> None:
        # the refusals so far count as noise only now that something got through between them
        self._seen += 0.02 * (min(1, self._in_a_row) - self._seen) if self._in_a_row < self._patience() else 0
        self._in_a_row = 0
        if self._probe_s:
            self._resume(now)
            resumed = True
        else:
            resumed = False
        self._through_at = now
        self._accepted_at.append(now)
        while self._accepted_at[0] < now - _RATE_WINDOW_S:
            self._accepted_at.popleft()
        if not resumed and sent_at >= self._changed_at:
            self._accepted += 1
            self._cusum = max(0.0, self._cusum - self._drift())
            self._judge_trial(now, refused=False)

    def _note_blocked(self, now: float, sent_at: float, verdict: Verdict, retry_after_s: float) -> None:
        self._in_a_row += 1
        if self._in_a_row >= self._patience():
            self._held_until = max(self._held_until, now + retry_after_s)
        if self._probe_s:
            if sent_at >= self._changed_at:
                self._probe_s = min(SLOWEST_PROBE_S, 2 * self._probe_s)
            return
        if self._in_a_row >= self._patience() and (verdict == "failed" or sent_at >= self._changed_at):
            self._start_probes(now)
        elif verdict == "refused" and sent_at >= self._changed_at:
            self._refused += 1
            self._cusum += 1 - self._drift()
            if self._trial is not None:
                self._judge_trial(now, refused=True)
            elif self._cusum > (_ALARM if self._rate > 20 else 2.0) + 20 * self._noise:
                self._cut(now)

    def _patience(self) -> int:
        """Return after how many blocked requests in a row, which noise cannot explain, nothing gets through."""
        noise = min(0.7, max(self._noise, self._seen))
        return max(_IN_A_ROW, math.ceil(math.log(1e-6) / math.log(noise)))

    def _drift(self) -> float:
        return 1.5 * self._noise + 0.02

    # -- nothing gets through

    def _start_probes(self, now: float) -> None:
        self._measure_best(now)
        self._trial = None
        least_s = max(FASTEST_PROBE_S, 1 / self._rate, self._gap_s / 8)
        self._probe_s = min(least_s, SLOWEST_PROBE_S)
        self._mark_change(now)

    def _resume(self, now: float) -> None:
        """Go on: a probe was accepted."""
        self._gap_s = now - self._through_at
        self._rate = max(1 / max(self._gap_s, 1e-3), self._best / 2)
        self._probe_s = 0.0
        self._limit = max(self._rate, self._best)
        self._step = 0.25 if self._gap_s < 2 else _FIRST_STEP
        self._mark_change(now)

    # -- more than the service accepts

    def _cut(self, now: float) -> None:
        answers = self._accepted + self._refused
        share = self._refused / answers
        before = self._rate
        early = now - self._started_at < 1 or self._limit is None and now - self._changed_at < 1
        span_s = max(now - self._changed_at, 1e-3)
        sent = min(self._rate, answers / span_s)
        if early:
            self._rate = max(_SLOWEST, sent / 4 if share > 0.5 else sent * (1 - share) * _KEPT_SHARE)
        else:
            self._limit = self._measure(now) / (1 - self._noise)
            if share > _TRIAL_SHARE:
                self._limit = min(self._limit, sent * (1 - share))
            self._rate = max(_SLOWEST, _KEPT_SHARE * min(self._limit, self._rate))
        if share <= _TRIAL_SHARE:
            self._start_trial(now, before, share, deep=False)
        else:
            self._trial = None
        self._step = _FIRST_STEP
        self._measure_best(now)
        self._mark_change(now)

    def _judge_trial(self, now: float, *, refused: bool) -> None:
        """Take an answer at the lower rate, and decide between a limit and noise once the odds are 20 to 1."""
        trial = self._trial
        if trial is None:
            return
        if self._accepted + self._refused <= _SETTLING_ANSWERS and not trial.settled:
            if self._accepted + self._refused == _SETTLING_ANSWERS:
                trial.settled, self._accepted, self._refused = True, 0, 0
            return
        likely, rare = trial.noise, _LEAST_NOISE
        trial.odds += math.log(likely / rare) if refused else math.log((1 - likely) / (1 - rare))
        answers = self._accepted + self._refused
        share = self._refused / answers
        if trial.odds < -_CLEAN_ODDS:
            self._trial = None
            if self._limit:
                self._rate = max(_SLOWEST, (_KEPT_SHARE if trial.deep else _CEILING) * self._limit)
                self._mark_change(now)
        elif trial.odds > _ODDS and answers >= _LEAST_ANSWERS:
            if share > min(0.4, 2.5 * trial.share + 0.1):
                self._cut(now)
            elif not trial.deep:
                self._limit = max(_SLOWEST, self._rate * (1 - share))
                self._start_trial(now, trial.rate, trial.share, deep=True)
            else:
                self._trial = None
                self._noise = max(self._noise, min(share, trial.share), (share + trial.share) / 2)
                self._rate, self._limit = trial.rate, None
                self._mark_change(now)

    def _start_trial(self, now: float, rate: float, share: float, *, deep: bool) -> None:
        self._trial = _Trial(rate, share, max(5 * _LEAST_NOISE, share / 2), deep)
        if deep:
            self._rate = _DEEP_SHARE * min(self._rate, self._limit)
        self._mark_change(now)

    def _measure(self, now: float) -> float:
        """Return the accepted requests per second of the last seconds."""
        age_s = now - self._started_at
        recent = [at for at in self._accepted_at if at > now - 1]
        if len(recent) >= 50 or age_s < 1:
            return len(recent) / min(1, age_s)
        span_s = min(_RATE_WINDOW_S, age_s)
        return len(self._accepted_at) / span_s

    def _measure_best(self, now: float) -> None:
        self._best = max(0.8 * self._best, sum(at > now - 1 for at in self._accepted_at))

    # -- less than the service accepts

    def _grow(self, now: float) -> None:
        if self._noise > _LEAST_NOISE and now - self._tested_at > _RETEST_S and self._trial is None and not self._probe_s:
            self._retest(now)
        if self._rate == math.inf or self._probe_s or now - self._grown_at < (_GROWTH_EVERY_S if self._limit else 0.5):
            return
        if self._trial is not None and now - self._changed_at < 5:
            return
        self._grown_at = now
        ceiling = _CEILING * self._limit if self._limit else math.inf
        if self._limit is None:
            self._rate *= 2
        elif self._rate < 0.98 * ceiling:
            self._rate += (ceiling - self._rate) / 2
        else:
            self._rate *= 1 + self._step
            self._step = min(_LARGEST_STEP, self._step * _STEP_GROWTH)
        # a rate that workers do not use is none
        if self._rate > 4 * self._workers / self.crowd.latency_s:
            self._rate, self._limit = math.inf, None

    def _retest(self, now: float) -> None:
        """Try whether what counts as noise is a limit after all."""
        self._tested_at = now
        answers = self._accepted + self._refused
        if answers < _TRIAL_ANSWERS or not self._refused:
            self._noise = _LEAST_NOISE
            return
        share = self._refused / answers
        before = self._rate
        self._limit = self._measure(now)
        self._rate = min(self._rate, self._limit / (1 - share))
        self._noise = max(_LEAST_NOISE, share)
        self._start_trial(now, before, share, deep=True)

    def _mark_change(self, now: float) -> None:
        self._changed_at = self._grown_at = now
        self._accepted = self._refused = 0
        self._cusum = 0.0
        if self._trial is None and self._tested_at < now:
            self._tested_at = now


class Crowd:
    """How many requests may be under way."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.bound = most
        self.under_way = 0
        self.latency_s = 1.0
        self._lowest_s = math.inf
        self._first_at: float | None = None
        self._started = 1
        self._changed_at = -math.inf
        self._since: float | None = None
        self._through = 0
        self._latencies: list[float] = []
        self._before: tuple[int, float] | None = None
        self._tried_at = -math.inf
        self._again_s = _RETEST_S

    def is_full(self, now: float) -> bool:
        if self._started < self._most and self._first_at is not None and now - self._first_at < _PATIENCE_S:
            return self.under_way >= self._started
        return self.under_way >= self.bound

    def enter(self, now: float) -> None:
        if self._first_at is None:
            self._first_at = now
        self.under_way += 1

    def leave(self, now: float, sent_at: float, *, accepted: bool, free: bool) -> None:
        self.under_way -= 1
        if not accepted:
            return
        self._started += 1
        self._lowest_s = min(self._lowest_s, now - sent_at) if self._started < 4 else self._lowest_s
        if not free:  # the rate decides, not the number under way
            self._before, self._since = None, None
            self.latency_s += 0.1 * (now - sent_at - self.latency_s)
            return
        if sent_at < self._changed_at:
            return
        if self._since is None:
            self._since, self._through, self._latencies = now, 0, []
            return
        self._through += 1
        self._latencies.append(now - sent_at)
        if self._through >= max(16, 2 * self.bound):
            self._judge(now)

    def _judge(self, now: float) -> None:
        assert self._since is not None
        through = self._through / max(now - self._since, 1e-6)
        self.latency_s = statistics.median(self._latencies)
        self._lowest_s = min(self._lowest_s, self.latency_s)
        self._since = None
        if self._before is not None:
            bound, before = self._before
            self._before = None
            if through > 1.05 * before:
                self._again_s = _RETEST_S
                self._tried_at = -math.inf
            else:
                self._set(now, bound)
                self._again_s = min(60.0, 2 * self._again_s)
                self._tried_at = now
                return
        if now - self._tried_at < self._again_s:
            return
        if self.latency_s > 2.5 * self._lowest_s and self.bound > 1:
            self._before = (self.bound, through)
            self._set(now, max(1, self.bound // 2))
        elif self.bound < self._most:
            self._before = (self.bound, through)
            self._set(now, min(self._most, self.bound + max(1, self.bound // 2)))

    def _set(self, now: float, bound: int) -> None:
        self.bound, self._changed_at = bound, now
