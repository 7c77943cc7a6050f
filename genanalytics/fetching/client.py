"""One id to one answer: what the service's words mean, what is asked again, and what is kept."""

import json
import math
import os
import time
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b
from http import HTTPStatus
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Any, NoReturn, Self
from urllib.parse import quote

import platformdirs

from genanalytics.base.text import excerpt
from genanalytics.cache.archive import Archive, Entry, cache_key
from genanalytics.errors import InputError, KeyRefusedError
from genanalytics.fetching.answers import Answer, Outcome
from genanalytics.fetching.pace import Pace, backoff_s
from genanalytics.fetching.transport import (
    KEY_VARIABLE,
    NoReplyError,
    Reply,
    Secret,
    Transport,
    checked_base_url,
    checked_key,
)
from genanalytics.ids.form import created_s
from genanalytics.records.record import SETTLING_S, NotARecordError, read_record

DEFAULT_BASE_URL = "https://openrouter.ai/api/v1"
BASE_URL_VARIABLE = "GENANALYTICS_BASE_URL"
CACHE_DIR_VARIABLE = "GENANALYTICS_CACHE_DIR"

REMEMBER_MISSING_S = 86_400
"""A 404 on an id older than this is remembered for this long."""
LONGEST_WAIT_S = 120.0
"""A service that asks for a longer pause than this ends the run."""

_GLANCE_S = 0.5
_LEAST = 1e-6
TOO_MANY = frozenset({429, 529})
"""What a service answers that is asked too often."""

_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504, *range(520, 530)})


class Client:
    """The way to one account's records at one service: credential, connections, cache.

    Safe to share between threads. A context manager: leaving it closes connections and cache.

    Args:
        api_key: The key that signs the requests; None only with both `offline` and `account`.
        base_url: Where the API is, without `/generation`; https, or http on the loopback interface.
        account: The name under which answers are cached, so that one key never reads another's records; without it a
            fingerprint of the key.
        cache_dir: The directory of the cache; without it the platform's data directory of the user, since the cache may
            hold the last copy of a record.
        max_workers: How many requests of one fetch may be under way at once.
        rate: At most so many requests per second; None for no limit but the service's own.
        timeout_s: Time limit for one request in seconds.
        offline: Send nothing; answer from the cache alone.

    Raises:
        KeyRefusedError: There is no key, or one that cannot be sent.
        InputError: An argument is out of its range.
        CacheError: The cache cannot be opened.
    """

    def __init__(
        self,
        api_key: str | None,
        *,
        base_url: str = DEFAULT_BASE_URL,
        account: str | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        max_workers: int = 16,
        rate: float | None = None,
        timeout_s: float = 30.0,
        offline: bool = False,
    ) -> None:
        key = Secret(api_key)
        del api_key  # what is raised from here on shows its frames to whoever prints them
        for name, value in (("max_workers", max_workers), ("rate", rate), ("timeout_s", timeout_s)):
            if value is not None and not _LEAST <= value < math.inf:
                msg = f"{name}={value} cannot be used: give a number above 0"
                raise InputError(msg)
        if key or not (offline and account):
            key = checked_key(key, offline=offline)
        self.base_url = checked_base_url(base_url)
        self.account = account or blake2b(key.reveal().encode(), digest_size=8, person=b"genanalytics").hexdigest()
        self.max_workers = max_workers
        self.offline = offline
        self.archive = Archive(cache_directory(cache_dir))
        self._rate = rate
        self._paces: dict[int, Pace] = {}  # this, and the requests under way, by process: a fork inherits neither
        self._flights: dict[tuple[int, str, bool], Future[Answer]] = {}
        self._transport = Transport(self.base_url, key, pool_size=max_workers, timeout_s=timeout_s)

    @classmethod
    def from_env(cls, **overrides: Any) -> Self:  # noqa: ANN401 - the constructor's own arguments
        """Return a client made from the environment.

        `OPENROUTER_API_KEY` holds the key; `GENANALYTICS_BASE_URL` and `GENANALYTICS_CACHE_DIR` count if set.

        Args:
            overrides: Arguments of `Client` by name; one that is not None wins over the environment.
        """
        if overrides.get("api_key") is not None:
            overrides["api_key"] = Secret(overrides["api_key"])
        options: dict[str, Any] = {
            "api_key": Secret(os.environ.get(KEY_VARIABLE)),
            "base_url": os.environ.get(BASE_URL_VARIABLE) or DEFAULT_BASE_URL,
            "cache_dir": os.environ.get(CACHE_DIR_VARIABLE),
        }
        return cls(**(options | {name: value for name, value in overrides.items() if value is not None}))

    def __repr__(self) -> str:
        if not hasattr(self, "archive"):  # a traceback shows what its constructor refused
            return "Client(...)"
        return f"Client(base_url={self.base_url!r}, account={self.account!r}, cache={str(self.archive.path)!r})"

    def __reduce__(self) -> NoReturn:
        msg = "a client is not pickled or copied, for its key would go along: make one in each process that needs one"
        raise TypeError(msg)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and the cache."""
        self._transport.close()
        self.archive.close()  # type: ignore[no-untyped-call]

    @property
    def _pace(self) -> Pace:
        return self._paces.get(os.getpid()) or self._paces.setdefault(os.getpid(), Pace(self._rate))

    def key_of(self, generation_id: str) -> str:
        """Return the key under which the answer of an id is cached."""
        return cache_key(self.base_url, self.account, generation_id)

    def ask(
        self, generation_id: str, *, attempt: int, accept_mismatch: bool, stopped: Event, fresh: bool = False
    ) -> Answer:
        """Return what the service says of one id, asked once.

        Waits for its turn in the common pace. Whatever the network does is an answer, not an exception. While a request
        for the same id is under way, from whichever thread, its answer is waited for instead of sending another.

        Args:
            generation_id: The id to ask for.
            attempt: The number of this attempt, from 1.
            accept_mismatch: Take a record that carries another id.
            stopped: Set when nobody waits for the answer any more.
            fresh: Use a connection of its own, which nobody has used before.

        Raises:
            KeyRefusedError: The service refused the key (401).
        """
        while not stopped.is_set():
            flight: Future[Answer] = Future()
            place = (os.getpid(), generation_id, accept_mismatch)
            under_way = self._flights.setdefault(place, flight)
            if under_way is flight:
                try:
                    answer = self._sent(
                        generation_id, attempt, accept_mismatch=accept_mismatch, stopped=stopped, fresh=fresh
                    )
                except BaseException as error:
                    flight.set_exception(error)
                    raise
                else:
                    flight.set_result(answer)
                    return answer
                finally:
                    del self._flights[place]
            shared = _patiently(under_way, stopped)
            if shared is not None and shared.outcome is not Outcome.SKIPPED:
                return replace(shared, attempts=attempt - 1, sent=False)
        return Answer(generation_id, Outcome.SKIPPED, attempts=attempt - 1, message="stopped before it was asked for")

    def _sent(self, generation_id: str, attempt: int, *, accept_mismatch: bool, stopped: Event, fresh: bool) -> Answer:
        self._pace.wait(stopped)
        if stopped.is_set():
            return Answer(
                generation_id, Outcome.SKIPPED, attempts=attempt - 1, message="stopped before it was asked for"
            )
        answer = Answer(generation_id, Outcome.FAILED, attempts=attempt, sent=True)
        try:
            reply = self._transport.get(self._url_of(generation_id), fresh=fresh)
        except NoReplyError as error:
            return replace(
                answer, message=f"no answer: {error}", retry_in_s=backoff_s(attempt) if error.again else None
            )
        if reply.status == HTTPStatus.UNAUTHORIZED:
            msg = f"{self.base_url} refused the key (401): check {KEY_VARIABLE} or --api-key-file"
            raise KeyRefusedError(msg)
        if reply.status in TOO_MANY:
            self._pace.refused()
        else:
            self._pace.accepted()
        answer = replace(answer, status=reply.status, fetched_at=time.time())
        return self._judged(answer, reply, accept_mismatch=accept_mismatch)

    def _judged(self, answer: Answer, reply: Reply, *, accept_mismatch: bool) -> Answer:
        match reply.status:
            case HTTPStatus.OK:
                return self._read(answer, reply.body, accept_mismatch=accept_mismatch)
            case HTTPStatus.FORBIDDEN if _is_error(reply.body):
                message = f"the generation belongs to another account: {_said(reply.body)}"
                return replace(answer, outcome=Outcome.FORBIDDEN, message=message)
            case HTTPStatus.NOT_FOUND if _is_error(reply.body):
                created = created_s(answer.requested_id)
                if created is not None and answer.fetched_at < created + SETTLING_S:
                    return replace(answer, outcome=Outcome.PENDING, message="the service has no record of it yet")
                return replace(answer, outcome=Outcome.NOT_FOUND, message="the service has no record of it")
            case status:
                delay_s = self._delay_s(reply, answer.attempts) if status in _RETRIED else None
                hint = "; is the base URL right?" if status == HTTPStatus.NOT_FOUND else ""
                message = f"the service answered {status}: {_said(reply.body)}{hint}"
                return replace(answer, message=message, retry_in_s=delay_s)

    def _delay_s(self, reply: Reply, attempt: int) -> float:
        """Return how long to wait before asking again, and hold everybody back for as long as the service asked."""
        asked_s = reply.retry_after_s or 0.0
        if asked_s <= LONGEST_WAIT_S:
            self._pace.hold(asked_s)
        return max(asked_s, backoff_s(attempt))

    @staticmethod
    def _read(answer: Answer, body: bytes, *, accept_mismatch: bool) -> Answer:
        try:
            carried: str = read_record(body)["id"]
        except NotARecordError as error:
            return replace(answer, message=str(error), retry_in_s=backoff_s(answer.attempts))
        if carried == answer.requested_id:
            return replace(answer, outcome=Outcome.OK, body=body)
        answer = replace(answer, body=body, returned_id=carried)
        if accept_mismatch:
            return replace(answer, outcome=Outcome.OK)
        return replace(
            answer,
            outcome=Outcome.MISMATCH,
            message=f"the answer carries another id: {excerpt(carried.encode('utf-8', 'replace'))}",
        )

    def entry_of(self, answer: Answer) -> Entry | None:
        """Return what is to be kept of an answer, or None where nothing is.

        A record that is final is kept for good, a young one until it is final; that an old id has no record is
        remembered for a day. No other failure is kept.
        """
        expires: int | None = None
        created = created_s(answer.requested_id)
        if answer.outcome is Outcome.OK:
            final_at = _created_at(answer, created) + SETTLING_S
            expires = None if answer.fetched_at >= final_at else int(final_at) + 1
        elif answer.outcome is Outcome.NOT_FOUND and created and created + REMEMBER_MISSING_S < answer.fetched_at:
            expires = int(answer.fetched_at) + REMEMBER_MISSING_S
        else:
            return None
        return Entry(
            requested_id=answer.requested_id,
            url=self._url_of(answer.requested_id),
            status=HTTPStatus.OK if answer.outcome is Outcome.OK else HTTPStatus.NOT_FOUND,
            fetched_at=answer.fetched_at,
            expires=expires,
            returned_id=answer.returned_id,
            body=answer.body,
        )

    def _url_of(self, generation_id: str) -> str:
        return f"{self.base_url}/generation?id={quote(generation_id, safe='')}"


def cache_directory(named: str | os.PathLike[str] | None) -> Path:
    """Return the directory of the cache: the one named, or else in the user's data directory of the platform."""
    return Path(named) if named else platformdirs.user_data_path("genanalytics")


def _patiently(flight: "Future[Answer]", stopped: Event) -> Answer | None:
    """Return the answer of a request that another thread has sent, or None when nobody waits for it any more."""
    while not stopped.is_set():
        try:
            return flight.result(timeout=_GLANCE_S)
        except TimeoutError:
            continue
    return None


def _created_at(answer: Answer, created: int | None) -> float:
    """Return when the generation was created (Unix time); without any word of it, the moment of the answer."""
    if created is not None:
        return created
    try:
        moment = datetime.fromisoformat(read_record(answer.body)["created_at"])
    except (KeyError, TypeError, ValueError):
        return answer.fetched_at
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _is_error(body: bytes) -> bool:
    """Return whether a body is the service's own error envelope, not the page of a proxy or of another server."""
    try:
        return isinstance(json.loads(body)["error"], dict)
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _said(body: bytes) -> str:
    """Return the service's own words about a failure: the envelope's message, or the beginning of the body."""
    try:
        message = json.loads(body)["error"]["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return excerpt(body)
    return ascii(message)[:300]
