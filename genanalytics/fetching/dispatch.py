"""Many ids to many answers: who is asked for when, by which worker, and when once more."""

import heapq
import math
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count, islice
from queue import Empty, SimpleQueue

from genanalytics.cache.archive import Entry
from genanalytics.errors import CacheError
from genanalytics.fetching.answers import Answer, Outcome
from genanalytics.fetching.client import LONGEST_WAIT_S, TOO_MANY, Client
from genanalytics.fetching.pace import Quota
from genanalytics.ids.form import problem

MAX_FAILURES = 6
"""How often asking for an id may fail before its failure stands."""

_LOOKED_UP_AT_ONCE = 2_000
_STORE_EVERY_S = 0.1
_STORE_AGAIN_S = 5.0
_FIRST_PATIENCE_S = 1.0


@dataclass(slots=True)
class _Task:
    """One id on its way to an answer."""

    position: int
    generation_id: str
    kept: Entry | None = None
    """A record that stands should the service have none."""
    holds_record: bool = False
    """Whether the cache holds a record, be it one that this run does not take."""
    attempt: int = 0
    failures: int = 0
    fresh: bool = False
    """Whether to ask on a connection of its own: the one before brought another id's record."""
    missing_since: float | None = None
    patience_s: float = _FIRST_PATIENCE_S


class Dispatch:
    """One pass over a list of ids.

    Everything but the requests themselves happens in the thread that iterates over `answers`, writing to the cache
    included: nothing needs a lock, and many answers are stored in one transaction.

    Args:
        client: The way to the service.
        refresh: Ask for every id again; a kept record stays if the new answer is none.
        wait_s: How long to keep asking for records that are too young to be there yet, in seconds.
        accept_mismatch: Take records that carry another id than the one asked for.
        ids_repeat: Whether an id can come twice; where not, none is remembered, however many there are.

    Attributes:
        requested: How many ids were read, duplicates included.
        distinct: How many different ids were read.
        requests: How many HTTP requests were sent.
        from_cache: How many ids the cache answered.
        not_stored: How many answers could not be written to the cache.
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
        self.not_stored = 0
        self._stale = 0
        self._halted = ""
        self._error: BaseException | None = None
        self._notices: dict[str, None] = {}
        self._quota = Quota()
        self._through_at = time.monotonic()

        self._todo: deque[_Task] = deque()
        self._waiting: list[tuple[float, int, _Task]] = []  # a heap: when to ask again, a tie-breaker, what
        self._ties = count()
        self._under_way = 0
        self._settled: list[tuple[int, Answer]] = []
        self._store_error = ""
        self._to_store: dict[str, Entry] = {}
        self._stored_at = time.monotonic()

        self._stopped = threading.Event()
        self._asked: SimpleQueue[_Task | None] = SimpleQueue()
        self._answered: SimpleQueue[tuple[_Task, Answer | BaseException]] = SimpleQueue()
        self._workers: list[threading.Thread] = []

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should know, each in one sentence."""
        told = list(self._notices)
        if self._stale:
            told.append(f"{self._stale:,} records come from the cache although they were to be asked for again")
        if self.not_stored:
            told.append(
                f"{self.not_stored:,} answers could not be cached and will be fetched again: {self._store_error}"
            )
        elif not self._client.archive.is_on_disk and self._client.archive.refusal:
            told.append(self._client.archive.refusal)
        return tuple(told)

    def answers(self, ids: Iterator[str]) -> Generator[tuple[int, Answer], None, None]:
        """Yield the position among the distinct ids, and the answer, of every distinct id, as they come.

        However the iteration ends, what has come is in the cache afterwards, but for the one answer that may be in hand
        when a signal arrives.

        Raises:
            KeyRefusedError: The service refused the key (401).
            CacheError: The cache cannot be read.
        """
        tasks = self._distinct(ids)
        try:
            while self._error is None and (some := list(islice(tasks, _LOOKED_UP_AT_ONCE))):
                self._look_up(some)
                while len(self._todo) > _LOOKED_UP_AT_ONCE:
                    self._turn()
                    yield from self._taken()
                yield from self._taken()
            while self._todo or self._waiting or self._under_way:
                self._turn()
                yield from self._taken()
            yield from self._taken()
            if self._error is not None:
                raise self._error
        finally:
            self._wind_up()

    def _taken(self) -> list[tuple[int, Answer]]:
        settled, self._settled = self._settled, []
        return settled

    def _distinct(self, ids: Iterator[str]) -> Iterator[_Task]:
        """Yield a task for each id that is new and can be one."""
        seen: set[str] = set()
        for generation_id in ids:
            self.requested += 1
            if generation_id in seen:
                continue
            if self._ids_repeat:
                seen.add(generation_id)
            task = _Task(self.distinct, generation_id)
            self.distinct += 1
            refusal = problem(generation_id)
            if refusal is None:
                yield task
            else:
                self._settle(task, Answer(generation_id, Outcome.INVALID, message=refusal))

    def _look_up(self, tasks: Sequence[_Task]) -> None:
        """Settle what the cache knows, and queue the rest."""
        keys = [self._client.key_of(task.generation_id) for task in tasks]
        entries = self._client.archive.look_up(keys)
        now = time.time()
        for key, task in zip(keys, tasks, strict=True):
            entry = entries.get(key)
            task.holds_record = entry is not None and bool(entry.body)
            if entry is not None and entry.returned_id and not self._accept_mismatch:
                entry = None
            task.kept = entry if entry is not None and entry.body else None
            if entry is not None and (self._client.offline or (entry.is_current(now) and not self._refresh)):
                self.from_cache += 1
                self._settle(task, _answer_of(entry))
            elif self._client.offline:
                message = "offline, and not in the cache"
                self._settle(task, Answer(task.generation_id, Outcome.UNAVAILABLE, message=message))
            elif self._halted:
                self._settle(task, Answer(task.generation_id, Outcome.SKIPPED, message=self._halted))
            else:
                self._todo.append(task)

    def _turn(self) -> None:
        """Hand out what can be asked for now, and take one answer, or the next moment at which something is due."""
        now = time.monotonic()
        while self._waiting and self._waiting[0][0] <= now:
            self._todo.appendleft(heapq.heappop(self._waiting)[2])
        if self._todo and not self._workers:
            self._workers = [threading.Thread(target=self._work, daemon=True) for _ in range(self._client.max_workers)]
            for worker in self._workers:
                worker.start()
        while self._todo and self._under_way < 2 * self._client.max_workers:
            self._under_way += 1
            self._asked.put(self._todo.popleft())
        due_s = self._waiting[0][0] - now if self._waiting else _STORE_EVERY_S
        try:
            task, answer = self._answered.get(timeout=min(due_s, _STORE_EVERY_S))
        except Empty:
            pass
        else:
            self._take(task, answer)
        if time.monotonic() - self._stored_at > _STORE_EVERY_S:
            self._store()

    def _work(self) -> None:
        """Ask for one id after the other: what each of the worker threads does."""
        while task := self._asked.get():
            task.attempt += 1
            try:
                answer: Answer | BaseException = self._client.ask(
                    task.generation_id,
                    attempt=task.attempt,
                    accept_mismatch=self._accept_mismatch,
                    stopped=self._stopped,
                    fresh=task.fresh,
                )
            except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                answer = error
            self._answered.put((task, answer))

    def _take(self, task: _Task, answer: Answer | BaseException) -> None:
        """Settle an answer, or have its id asked for again."""
        self._under_way -= 1
        if isinstance(answer, BaseException):
            self.requests += 1
            self._give_up(answer)
            return
        self.requests += answer.sent
        again_in_s = self._again_in_s(task, answer)
        if again_in_s is None or self._error is not None:
            self._settle(task, answer)
        elif self._halted or again_in_s > LONGEST_WAIT_S:
            self._halt(again_in_s)
            self._settle(task, replace(answer, outcome=Outcome.SKIPPED, message=self._halted))
        else:
            heapq.heappush(self._waiting, (time.monotonic() + again_in_s, next(self._ties), task))

    def _again_in_s(self, task: _Task, answer: Answer) -> float | None:
        """Return how long to wait before asking again, or None where the answer stands."""
        if answer.retry_in_s is not None:
            return self._retry_in_s(task, answer, answer.retry_in_s)
        self._through_at = time.monotonic()
        self._quota.earn(retried=task.failures > 0)
        if answer.outcome is Outcome.MISMATCH and not task.fresh:
            task.fresh = True
            return 0.0
        return self._patience_s(task) if answer.outcome is Outcome.PENDING else None

    def _retry_in_s(self, task: _Task, answer: Answer, retry_in_s: float) -> float | None:
        """Return when to try again after a failure that may pass."""
        if answer.status in TOO_MANY:  # the service's limit, no fault of the id's: it costs neither tries nor quota
            return retry_in_s if time.monotonic() - self._through_at < LONGEST_WAIT_S else math.inf
        self._through_at = time.monotonic()
        if retry_in_s > LONGEST_WAIT_S:
            return retry_in_s
        task.failures += 1
        return retry_in_s if task.failures < MAX_FAILURES and self._can_afford() else None

    def _patience_s(self, task: _Task) -> float | None:
        """Return when to look again for a record that is not there yet: ever later, and once more at the very end."""
        now = time.monotonic()
        task.missing_since = task.missing_since or now
        left_s = task.missing_since + self._wait_s - now
        if left_s <= 0:
            return None
        patience_s, task.patience_s = task.patience_s, 2 * task.patience_s
        return min(patience_s, left_s)

    def _can_afford(self) -> bool:
        if self._quota.take():
            return True
        self._notices["so many requests failed that not every id was asked for again: run again later"] = None
        return False

    def _halt(self, pause_s: float) -> None:
        """Ask for nothing more: the service wants a pause that nobody waits for."""
        if not self._halted:
            self._halted = _reason(pause_s)
            self._notices[self._halted] = None
            self._stopped.set()
        for task in (*self._todo, *(task for _, _, task in self._waiting)):
            self._settle(task, Answer(task.generation_id, Outcome.SKIPPED, attempts=task.attempt, message=self._halted))
        self._todo.clear()
        self._waiting.clear()

    def _give_up(self, error: BaseException) -> None:
        """Send nothing more; what is under way is waited for, and then the error is raised."""
        self._error = self._error or error
        self._stopped.set()
        self._todo.clear()
        self._waiting.clear()

    def _settle(self, task: _Task, answer: Answer) -> None:
        """Write down what came of an id."""
        if task.kept is not None and answer.outcome is not Outcome.OK:
            self._stale += 1
            self.from_cache += 1
            answer = _answer_of(task.kept)
        self._settled.append((task.position, answer))
        entry = None if answer.from_cache else self._client.entry_of(answer)
        if entry is not None and (entry.body or not task.holds_record):  # no 404 takes the place of a record
            self._to_store[self._client.key_of(task.generation_id)] = entry

    def _store(self) -> None:
        """Write what came since the last time to the cache; a cache that fails costs no answer, and is tried again."""
        if self._to_store:
            try:
                self._client.archive.store(self._to_store)
            except CacheError as error:
                self._store_error = str(error)
                if self._client.archive.refusal:  # it will take nothing later either
                    self.not_stored += len(self._to_store)
                    self._to_store = {}
                self._stored_at = time.monotonic() + _STORE_AGAIN_S
                return
            self._to_store = {}
        self._stored_at = time.monotonic()

    def _wind_up(self) -> None:
        """Keep every answer that has come, and let the workers go; one in the middle of a request is not waited for."""
        self._stopped.set()
        for _ in self._workers:
            self._asked.put(None)
        while not self._answered.empty():
            task, answer = self._answered.get()
            if isinstance(answer, Answer) and answer.retry_in_s is None:
                self._settle(task, answer)
        self._store()
        self.not_stored += len(self._to_store)
        self._notices |= dict.fromkeys(self._client.archive.take_news())


def _reason(pause_s: float) -> str:
    """Return why a run ends before its last id."""
    if pause_s == math.inf:
        return f"the service refused everything for {LONGEST_WAIT_S:.0f} s: run again later, what was fetched is kept"
    until = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() + pause_s))
    return f"the service asked for a pause until {until}: run again then, what was fetched is kept"


def _answer_of(entry: Entry) -> Answer:
    found = bool(entry.body)
    return Answer(
        entry.requested_id,
        Outcome.OK if found else Outcome.NOT_FOUND,
        body=entry.body,
        status=entry.status,
        message=""
        if found
        else f"the service had no record of it on {datetime.fromtimestamp(entry.fetched_at, UTC):%Y-%m-%d}",
        fetched_at=entry.fetched_at,
        from_cache=True,
        returned_id=entry.returned_id,
    )
