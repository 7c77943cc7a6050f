"""Many ids to many answers: who is asked for when, by which worker, and when once more."""

import heapq
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from queue import Empty, SimpleQueue

from genanalytics.answers import Answer, Outcome
from genanalytics.cache import Entry
from genanalytics.client import LONGEST_WAIT_S, Client
from genanalytics.errors import CacheError
from genanalytics.ids import problem

MAX_FAILURES = 6
"""How often asking for an id may fail before its failure stands."""

_LOOKED_UP_AT_ONCE = 2_000
_STORE_EVERY_S = 0.5
_FIRST_PATIENCE_S = 1.0


@dataclass(slots=True)
class _Task:
    """One id on its way to an answer."""

    position: int
    generation_id: str
    kept: Entry | None = None
    """A record that stands should the service have none."""
    attempt: int = 0
    failures: int = 0
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

    Attributes:
        requested: How many ids were read, duplicates included.
        distinct: How many different ids were read.
        requests: How many HTTP requests were sent.
        from_cache: How many ids the cache answered.
        not_stored: How many answers could not be written to the cache.
    """

    def __init__(self, client: Client, *, refresh: bool, wait_s: float, accept_mismatch: bool) -> None:
        self._client = client
        self._refresh = refresh
        self._wait_s = wait_s
        self._accept_mismatch = accept_mismatch

        self.requested = 0
        self.distinct = 0
        self.requests = 0
        self.from_cache = 0
        self.not_stored = 0
        self._stale = 0
        self._halted = ""
        self._notices: dict[str, None] = {}

        self._todo: deque[_Task] = deque()
        self._waiting: list[tuple[float, int, _Task]] = []  # a heap: when to ask again, a tie-breaker, what
        self._ties = count()
        self._under_way = 0
        self._settled: list[tuple[int, Answer]] = []
        self._to_store: dict[str, Entry] = {}
        self._stored_at = time.monotonic()

        self._stopped = threading.Event()
        self._asked: SimpleQueue[_Task | None] = SimpleQueue()
        self._answered: SimpleQueue[tuple[_Task, Answer | BaseException]] = SimpleQueue()
        self._workers: list[threading.Thread] = []

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should know, each in one sentence."""
        stale = f"{self._stale:,} kept records stand: asking for them again brought none"
        return (*self._notices, *([stale] if self._stale else []))

    def answers(self, ids: Iterator[str]) -> Iterator[tuple[int, Answer]]:
        """Yield the position among the distinct ids, and the answer, of every distinct id, as they come.

        However the iteration ends, what has come is in the cache afterwards.

        Raises:
            KeyRefusedError: The service refused the key (401).
            CacheError: The cache cannot be read.
        """
        tasks = self._distinct(ids)
        try:
            while some := list(islice(tasks, _LOOKED_UP_AT_ONCE)):
                self._look_up(some)
                while len(self._todo) > _LOOKED_UP_AT_ONCE:
                    self._turn()
                    yield from self._taken()
                yield from self._taken()
            while self._todo or self._waiting or self._under_way:
                self._turn()
                yield from self._taken()
            yield from self._taken()
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
            if entry is not None and entry.mismatched and not self._accept_mismatch:
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
                )
            except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                answer = error
            self._answered.put((task, answer))

    def _take(self, task: _Task, answer: Answer | BaseException) -> None:
        """Settle an answer, or have its id asked for again."""
        self._under_way -= 1
        self.requests += answer.attempts == task.attempt if isinstance(answer, Answer) else 1
        if isinstance(answer, BaseException):
            raise answer
        again_in_s = self._again_in_s(task, answer)
        if again_in_s is None:
            self._settle(task, answer)
        elif self._halted or again_in_s > LONGEST_WAIT_S:
            self._halt(again_in_s)
            self._settle(task, replace(answer, outcome=Outcome.SKIPPED, message=self._halted))
        else:
            heapq.heappush(self._waiting, (time.monotonic() + again_in_s, next(self._ties), task))

    def _again_in_s(self, task: _Task, answer: Answer) -> float | None:
        """Return how long to wait before asking again, or None where the answer stands."""
        if answer.retry_in_s is not None:
            task.failures += 1
            return answer.retry_in_s if task.failures < MAX_FAILURES or answer.retry_in_s > LONGEST_WAIT_S else None
        if answer.outcome is not Outcome.PENDING:
            return None
        now = time.monotonic()
        task.missing_since = task.missing_since or now
        left_s = task.missing_since + self._wait_s - now
        if left_s <= 0:
            return None
        patience_s, task.patience_s = task.patience_s, 2 * task.patience_s
        return min(patience_s, left_s)

    def _halt(self, pause_s: float) -> None:
        """Ask for nothing more: the service wants a pause that nobody waits for."""
        if not self._halted:
            until = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() + pause_s))
            self._halted = f"the service asked for a pause until {until}: run again then, what was fetched is kept"
            self._notices[self._halted] = None
            self._stopped.set()
        for task in (*self._todo, *(task for _, _, task in self._waiting)):
            self._settle(task, Answer(task.generation_id, Outcome.SKIPPED, attempts=task.attempt, message=self._halted))
        self._todo.clear()
        self._waiting.clear()

    def _settle(self, task: _Task, answer: Answer) -> None:
        """Write down what came of an id."""
        if task.kept is not None and answer.outcome is not Outcome.OK:
            self._stale += 1
            self.from_cache += 1
            answer = _answer_of(task.kept)
        self._settled.append((task.position, answer))
        if not answer.from_cache and (entry := self._client.entry_of(answer)) is not None:
            self._to_store[self._client.key_of(task.generation_id)] = entry

    def _store(self) -> None:
        """Write what came since the last time to the cache; a cache that fails costs no answer."""
        if self._to_store:
            try:
                self._client.archive.store(self._to_store)
            except CacheError as error:
                self.not_stored += len(self._to_store)
                self._notices[f"not kept for the next run: {error}"] = None
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


def _answer_of(entry: Entry) -> Answer:
    found = bool(entry.body)
    return Answer(
        entry.requested_id,
        Outcome.OK if found else Outcome.NOT_FOUND,
        body=entry.body,
        status=entry.status,
        message="" if found else "the service had no record of it within the last day",
        fetched_at=entry.fetched_at,
        from_cache=True,
        mismatched=entry.mismatched,
    )
