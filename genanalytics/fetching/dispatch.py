"""Many ids at once: cache lookups, the order of requests, and retries."""

import heapq
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count, islice
from threading import Event

from genanalytics.cache.entry import Entry, make_cache_key
from genanalytics.fetching.answers import Answer, Outcome
from genanalytics.fetching.client import LONGEST_WAIT_S, TOO_MANY, Client
from genanalytics.fetching.halts import explain_failures
from genanalytics.fetching.held_back import HeldBack
from genanalytics.fetching.outage import Outage
from genanalytics.fetching.pacing.pace import Quota
from genanalytics.fetching.store import Store
from genanalytics.fetching.task import Task
from genanalytics.fetching.workers import Workers
from genanalytics.ids.form import find_problem
from genanalytics.units import format_count

MAX_FAILURES = 6
"""After this many failures an id is not asked for again."""

_LOOKED_UP_AT_ONCE = 2_000
_POLL_S = 0.1
PROBE_S = 1.0
"""How often a service is probed when nothing but failed ids is left."""


class Dispatch:
    """One pass over a list of ids.

    Requests are sent by worker threads. Everything else, including writing to the cache, happens in the thread that
    iterates over `answers`: nothing needs a lock, and Ctrl-C arrives in one place.

    Args:
        client: The client.
        refresh: Ask for every id again; a cached record stays if the new answer contains none.
        wait_s: How long to keep asking for records that are too young to exist yet, in seconds.
        accept_mismatch: Accept records that carry another id than the requested one.
        ids_repeat: Whether an id can occur twice; if not, ids are not remembered.

    Attributes:
        requested: The number of ids that were read, with duplicates.
        distinct: The number of distinct ids that were read.
        requests: The number of HTTP requests that were sent.
        from_cache: The number of ids that the cache answered.
    """

    def __init__(
        self, client: Client, *, refresh: bool, wait_s: float, accept_mismatch: bool, ids_repeat: bool = True
    ) -> None:
        self._client = client
        self._refresh = refresh
        self._wait_s = wait_s
        self._accept_mismatch = accept_mismatch
        self._ids_repeat = ids_repeat

        self.requested = 0
        self.distinct = 0
        self.requests = 0
        self.from_cache = 0
        self._stale = 0
        self._halted = ""
        self._is_paused = False
        self._error: BaseException | None = None
        self._notices: dict[str, None] = {}
        self._quota = Quota()
        self._outage = Outage()

        self._seen: set[str] = set()
        self._todo: deque[Task] = deque()
        self._waiting: list[tuple[float, int, Task]] = []  # a heap: when to ask again, a tie-breaker, the task
        self._ties = count()
        self._held = HeldBack()
        self._settled: list[tuple[int, Answer]] = []
        self._store = Store(client.archive)
        self._workers: Workers[Task, Answer] = Workers(client.max_workers, self._ask)

    @property
    def not_stored(self) -> int:
        """The number of answers that could not be written to the cache."""
        return self._store.lost

    @property
    def notices(self) -> tuple[str, ...]:
        """Everything that the user should know, each in one sentence."""
        stale = f"used {format_count(self._stale, 'cached record')}: the service did not answer with a record"
        return (
            *self._notices,
            *([stale] if self._stale else []),
            *([self._held.notice] if self._held.notice and not self._is_paused else []),
            *self._store.notices,
            *filter(None, [self._workers.notice, self._client.clock_notice]),
        )

    def answers(self, ids: Iterator[str]) -> Generator[tuple[int, Answer], None, None]:
        """Yield the position among the distinct ids, and the answer, of every distinct id, as they come.

        However the iteration ends, every answer so far is in the cache afterwards, except for one that is being handled
        when a signal arrives.

        Raises:
            KeyRefusedError: The service refused the API key (401).
            CacheError: The cache cannot be read.
        """
        try:
            while self._error is None and (some := list(islice(ids, _LOOKED_UP_AT_ONCE))):
                yield from self._look_up(self._choose_new(some))
                while len(self._todo) > _LOOKED_UP_AT_ONCE:
                    self._turn()
                    yield from self._take_settled()
                yield from self._take_settled()
            while self._todo or self._waiting or self._workers.under_way or self._held:
                if not (self._todo or self._waiting or self._workers.under_way):
                    self._end_held()
                self._turn()
                yield from self._take_settled()
            yield from self._take_settled()
            if self._error is not None:
                raise self._error
        finally:
            self._finish()

    def _take_settled(self) -> list[tuple[int, Answer]]:
        settled, self._settled = self._settled, []
        return settled

    def _choose_new(self, ids: Sequence[str]) -> list[tuple[int, str]]:
        """Return the new ids that are possible, each with its position; settle the impossible ones."""
        self.requested += len(ids)
        ids = self._client.hide_in_all(ids)  # before anything remembers one
        if self._ids_repeat:
            ids = [each for each in dict.fromkeys(ids) if each not in self._seen]
            self._seen.update(ids)
        possible = []
        for position, generation_id in enumerate(ids, start=self.distinct):
            problem = find_problem(generation_id)
            if problem is None:
                possible.append((position, generation_id))
            else:
                answer = Answer(generation_id, Outcome.INVALID, message=problem)
                self._settle(Task(position, generation_id), answer)
        self.distinct += len(ids)
        return possible

    def _look_up(self, ids: Sequence[tuple[int, str]]) -> Iterator[tuple[int, Answer]]:
        """Yield the answers of the cache, and queue the ids that it does not answer.

        Each entry becomes an answer when it is due: fewer objects at a time are less work for the garbage collector.
        """
        client = self._client
        cache_keys = [make_cache_key(client.base_url, client.account, generation_id) for _, generation_id in ids]
        entries = client.archive.look_up(cache_keys)
        now = time.time()
        for cache_key, (position, generation_id) in zip(cache_keys, ids, strict=True):
            entry = entries.pop(cache_key, None)
            if entry is not None and self._is_answer(entry, now):
                self.from_cache += 1
                yield position, _to_answer(entry)
            else:
                self._queue(position, generation_id, entry)

    def _is_answer(self, entry: Entry, now: float) -> bool:
        """Return whether an entry of the cache answers without asking the service."""
        if entry.returned_id and not self._accept_mismatch:
            return False
        return self._client.offline or (not self._refresh and entry.is_current(now))

    def _queue(self, position: int, generation_id: str, entry: Entry | None) -> None:
        """Queue an id that the cache does not answer; in a run that sends nothing, settle it."""
        task = Task(position, generation_id)
        if entry is not None and entry.body:
            task.holds_record = True
            task.kept = entry if self._accept_mismatch or not entry.returned_id else None
        if self._client.offline:
            message = "offline, and not in the cache"
            self._settle(task, Answer(generation_id, Outcome.UNAVAILABLE, message=message))
        elif self._halted:
            self._settle(task, Answer(generation_id, Outcome.SKIPPED, message=self._halted))
        else:
            self._todo.append(task)

    def _turn(self) -> None:
        """Hand out the tasks that are due, and take one answer, or wait until something is due."""
        now = time.monotonic()
        while self._waiting and self._waiting[0][0] <= now:
            self._todo.appendleft(heapq.heappop(self._waiting)[2])
        while self._todo and self._workers.has_room:
            self._workers.submit(self._todo.popleft())
        due_s = self._waiting[0][0] - now if self._waiting else _POLL_S
        taken = self._workers.take(min(due_s, _POLL_S))
        if taken is not None:
            self._take(*taken)
        self._store.write_if_due()

    def _ask(self, task: Task, stopped: Event) -> Answer:
        """Ask for one id: the work of each worker."""
        task.attempt += 1
        return self._client.ask(
            task.generation_id,
            attempt=task.attempt,
            accept_mismatch=self._accept_mismatch,
            stopped=stopped,
            fresh=task.fresh,
        )

    def _take(self, task: Task, answer: Answer | BaseException) -> None:
        """Settle an answer, or let its id be asked for again."""
        if isinstance(answer, BaseException):
            self.requests += 1
            self._give_up(answer)
            return
        self.requests += answer.sent_at is not None
        again_in_s = self._find_delay_s(task, answer)
        if again_in_s is None and answer.retry_in_s is not None and not self._halted and self._error is None:
            self._held.add_failed(task, answer)
        elif again_in_s is None or self._error is not None:
            self._settle(task, answer)
        elif self._halted:
            self._settle(task, answer._replace(outcome=Outcome.SKIPPED, message=self._halted))
        elif again_in_s > LONGEST_WAIT_S:
            self._hold_for_pause(task, answer, again_in_s)
        else:
            heapq.heappush(self._waiting, (time.monotonic() + again_in_s, next(self._ties), task))

    def _find_delay_s(self, task: Task, answer: Answer) -> float | None:
        """Return the seconds to wait before asking again, or None if the answer is final."""
        if answer.retry_in_s is not None:
            return self._find_retry_s(task, answer, answer.retry_in_s)
        if answer.sent_at is not None:
            now = time.monotonic()
            self._release_held(was_outage=self._outage.is_on(now))
            self._outage.note_through(now)
        self._quota.earn(retried=task.failures > 0)
        if answer.outcome is Outcome.MISMATCH and not task.fresh:
            task.fresh = True
            return 0.0
        return self._find_patience_s(task) if answer.outcome is Outcome.PENDING else None

    def _find_retry_s(self, task: Task, answer: Answer, retry_in_s: float) -> float | None:
        """Return when to try again after a failure that may pass."""
        if retry_in_s > LONGEST_WAIT_S:
            return retry_in_s
        if answer.status in TOO_MANY:  # the service's limit, not a fault of the id: it costs neither tries nor quota
            if reason := self._outage.note_refusal(time.monotonic(), reason=answer.message):
                self._halt(reason)
            return retry_in_s
        task.count_failure(self._outage.silence)
        is_retried = task.failures < MAX_FAILURES
        if answer.sent_at is not None:  # not the failure of another thread's request
            self._halt_if_dead(answer, answer.sent_at, is_retried=is_retried)
        return retry_in_s if is_retried else None

    def _halt_if_dead(self, answer: Answer, sent_at: float, *, is_retried: bool) -> None:
        """End the run if a failure shows that the service is not there, or that too much fails."""
        reason = self._outage.note_failure(
            time.monotonic(),
            generation_id=answer.requested_id,
            sent_at=sent_at,
            reason=answer.message,
            is_setup=answer.is_setup,
        )
        if is_retried and not self._quota.take():
            reason = reason or explain_failures(answer.message)
        if reason:
            self._halt(reason)

    def _find_patience_s(self, task: Task) -> float | None:
        """Return when to look again for a record that does not exist yet: ever later, and once more at the very end."""
        now = time.monotonic()
        task.missing_since = task.missing_since or now
        left_s = task.missing_since + self._wait_s - now
        return task.draw_patience_s(left_s) if left_s > 0 else None

    def _hold_for_pause(self, task: Task, answer: Answer, pause_s: float) -> None:
        """Leave out one id for which the service wants a long pause."""
        self._held.add_paused(task, answer, time.time() + pause_s)
        if self._held.is_pause_for_all:
            self._halt_for_pause()

    def _release_held(self, *, was_outage: bool) -> None:
        """Settle what was held back; what an outage alone had failed is asked for again."""
        final, again = self._held.release(self._outage.silence if was_outage else None)
        self._todo.extend(again)
        for task, answer in final:
            self._settle(task, answer)

    def _end_held(self) -> None:
        """Settle what was held back, since nothing else is left; in an outage, go on with one id until it ends."""
        if self._held.is_paused:
            self._halt_for_pause()
        elif self._outage.is_on(time.monotonic()):
            heapq.heappush(self._waiting, (time.monotonic() + PROBE_S, next(self._ties), self._held.take_probe()))
        else:
            self._release_held(was_outage=False)

    def _halt_for_pause(self) -> None:
        self._is_paused = True
        self._halt(self._held.pause)

    def _halt(self, reason: str) -> None:
        """Ask for nothing more."""
        if not self._halted:
            self._halted = reason
            self._notices[self._halted] = None
            self._workers.stop()
        for task in (*self._todo, *(task for _, _, task in self._waiting)):
            self._settle(task, Answer(task.generation_id, Outcome.SKIPPED, attempts=task.attempt, message=self._halted))
        for task, answer in self._held.take_all():
            self._settle(task, answer)
        self._todo.clear()
        self._waiting.clear()

    def _give_up(self, error: BaseException) -> None:
        """Send nothing more; the error is raised once the requests under way have ended."""
        self._error = self._error or error
        self._workers.stop()
        self._todo.clear()
        self._waiting.clear()
        self._held.take_all()

    def _settle(self, task: Task, answer: Answer) -> None:
        """Make an answer the final one of its id."""
        if task.kept is not None and answer.outcome is not Outcome.OK:
            self._stale += 1
            self.from_cache += 1
            answer = _to_answer(task.kept)
        self._settled.append((task.position, answer))
        entry = None if answer.from_cache else self._client.make_entry(answer)
        if entry is not None and (entry.body or not task.holds_record):  # no 404 takes the place of a record
            self._store.add(self._client.make_cache_key(task.generation_id), entry)

    def _finish(self) -> None:
        """Keep every answer so far, and release the workers."""
        for task, answer in self._workers.close():
            if isinstance(answer, Answer) and answer.retry_in_s is None:
                self._settle(task, answer)
        self._store.finish()
        self._notices |= dict.fromkeys(self._client.archive.take_notices())


def _to_answer(entry: Entry) -> Answer:
    outcome, message = Outcome.OK, ""
    if not entry.body:
        day = datetime.fromtimestamp(entry.fetched_at, UTC)
        outcome, message = Outcome.NOT_FOUND, f"the service had no record of it on {day:%Y-%m-%d}"
    return Answer(
        entry.requested_id,
        outcome,
        entry.body,
        entry.status,
        message,
        fetched_at=entry.fetched_at,
        from_cache=True,
        returned_id=entry.returned_id,
    )
