"""From one id to one answer: the meaning of the service's answers, retries, and what the cache keeps."""

import math
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from http import HTTPStatus
from threading import Event
from typing import NoReturn, Self, TypedDict, Unpack
from urllib.parse import quote

from genanalytics.base.mask import hide_api_keys, hide_in_all
from genanalytics.base.moments import to_utc
from genanalytics.base.processes import PerProcess
from genanalytics.base.text import quote_bytes
from genanalytics.cache.archive import Archive
from genanalytics.cache.entry import Entry, make_cache_key
from genanalytics.errors import InputError, KeyRefusedError
from genanalytics.fetching.answers import Answer, Outcome
from genanalytics.fetching.clock import Clock
from genanalytics.fetching.environment import find_base_url, find_cache_directory
from genanalytics.fetching.flights import Flights
from genanalytics.fetching.pacing.controller import Verdict
from genanalytics.fetching.pacing.pace import Pace, draw_backoff_s
from genanalytics.fetching.secret import KEY_VARIABLE, Secret, check_api_key
from genanalytics.fetching.transport import RETRIED, NoReplyError, Reply, Transport, check_base_url
from genanalytics.ids.form import read_created_s
from genanalytics.records.record import SETTLING_S, NotARecordError, parse_json, read_record

REMEMBER_MISSING_S = 86_400
"""A 404 for an id older than this is remembered for this long."""
LONGEST_WAIT_S = 120.0
"""If the service asks for a longer pause for an id, this run does not ask for it again."""
TOO_MANY = frozenset({429, 529})
"""The statuses of a service that is asked too often."""

_LEAST = 1e-6


class ClientOptions(TypedDict, total=False):
    """The arguments of `Client`; None means the value of the environment, or else the default."""

    api_key: "str | Secret | None"
    base_url: str | None
    account: str | None
    cache_dir: str | os.PathLike[str] | None
    max_workers: int | None
    rate: float | None
    timeout_s: float | None
    offline: bool | None


class Client:
    """The access to one account's records at one service: API key, connections, cache.

    Safe to share between threads. A context manager: leaving it closes connections and cache.

    Args:
        api_key: The API key; None only with both `offline` and `account`.
        base_url: The URL of the API, without `/generation`; https, or http on the loopback interface. Without it,
            `GENANALYTICS_BASE_URL` or OpenRouter's.
        account: The name of the account in the cache, which keeps the records of accounts apart; without it a
            fingerprint of the API key.
        cache_dir: The directory of the cache; without it `GENANALYTICS_CACHE_DIR` or the user's data directory of the
            platform, since the cache may hold the last copy of a record.
        max_workers: The maximum number of concurrent requests of one fetch.
        rate: The maximum number of requests per second; None for no limit but the service's own.
        timeout_s: The time limit for one request in seconds.
        offline: Send nothing; answer from the cache alone.

    Raises:
        KeyRefusedError: There is no API key, or one that cannot be sent.
        InputError: An argument is out of its range.
        CacheError: The cache cannot be opened.
    """

    def __init__(
        self,
        api_key: "str | Secret | None",
        *,
        base_url: str | None = None,
        account: str | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        max_workers: int = 16,
        rate: float | None = None,
        timeout_s: float = 30.0,
        offline: bool = False,
    ) -> None:
        secret = Secret(api_key)
        del api_key  # an exception from here on may print the variables of its frames
        if misplaced := _find_misplaced_key(secret, base_url=base_url, account=account):
            del base_url, account
            msg = f"{misplaced} contains an API key: set {KEY_VARIABLE}, or use --api-key-file (api_key in Python)"
            raise InputError(msg)
        try:
            self.base_url = check_base_url(find_base_url(base_url))
        except InputError:
            del base_url  # it may contain a password
            raise
        for name, value in (("max_workers", max_workers), ("rate", rate), ("timeout_s", timeout_s)):
            if value is not None and not _LEAST <= value < math.inf:
                msg = f"{name}={value} cannot be used: give a number above 0"
                raise InputError(msg)
        if secret or not (offline and account):
            secret = check_api_key(secret, offline=offline)
        self._api_key = secret
        self.account = account or secret.fingerprint
        self.max_workers = max_workers
        self.offline = offline
        self.archive = Archive(find_cache_directory(cache_dir))
        self._paces = PerProcess(lambda: Pace(rate))
        self._flights = PerProcess(Flights)
        self._clock = Clock()
        self._transport = Transport(self.base_url, secret, pool_size=max_workers, timeout_s=timeout_s)

    @classmethod
    def from_env(cls, **options: Unpack[ClientOptions]) -> Self:
        """Return a client made from the environment.

        `OPENROUTER_API_KEY` holds the API key. The URL and the cache are those of `Client` without arguments.

        Args:
            options: Arguments of `Client` by name; one that is not None wins over the environment.
        """
        return cls(**_take_options(options))  # type: ignore[arg-type] # the types are those of ClientOptions

    def __repr__(self) -> str:
        if not hasattr(self, "archive"):  # a traceback can show a half-made client
            return "Client(...)"
        return f"Client(base_url={self.base_url!r}, account={self.account!r}, cache={str(self.archive.path)!r})"

    def __reduce__(self) -> NoReturn:
        msg = "a client cannot be pickled or copied, since it holds an API key: make one in each process"
        raise TypeError(msg)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and the cache."""
        self._transport.close()
        self.archive.close()

    @property
    def clock_notice(self) -> str:
        """A notice about a clock that differs from the service's; empty if it does not."""
        return self._clock.notice

    def make_cache_key(self, generation_id: str) -> str:
        """Return the cache key of the answer for an id."""
        return make_cache_key(self.base_url, self.account, generation_id)

    def hide_api_key(self, text: str) -> str:
        """Return a text with `[key]` in the place of the API key, in any encoding, and of any key of OpenRouter."""
        return _hide_every_key(self._api_key, text)

    def hide_in_all(self, texts: Sequence[str]) -> Sequence[str]:
        """Return each text as `hide_api_key` does."""
        return hide_in_all(self._api_key.hide_in_all(texts))

    def ask(
        self, generation_id: str, *, attempt: int, accept_mismatch: bool, stopped: Event, fresh: bool = False
    ) -> Answer:
        """Return the service's answer for one id, asked once.

        Waits for its turn in the common pace. A network failure is an answer, not an exception. While a request for the
        same id is under way in another thread, its answer is awaited instead.

        Args:
            generation_id: The id to ask for.
            attempt: The number of this attempt, from 1.
            accept_mismatch: Accept a record that carries another id.
            stopped: Set when no one waits for the answer any more.
            fresh: Use a new connection for this request alone.

        Raises:
            KeyRefusedError: The service refused the API key (401).
        """
        generation_id = self.hide_api_key(generation_id)

        def send() -> Answer:
            return self._send(generation_id, attempt, accept_mismatch=accept_mismatch, stopped=stopped, fresh=fresh)

        shared = self._flights.get().share((generation_id, accept_mismatch), send, stopped)
        if shared is None:
            return _skip(generation_id, attempt)
        answer, is_own = shared
        return answer if is_own else answer._replace(attempts=attempt - 1, sent_at=None)

    def _send(self, generation_id: str, attempt: int, *, accept_mismatch: bool, stopped: Event, fresh: bool) -> Answer:
        pace = self._paces.get()
        sent_at = pace.wait(stopped)
        if sent_at is None:
            return _skip(generation_id, attempt)
        verdict: Verdict = "failed"
        asked_s = 0.0
        answer = Answer(generation_id, Outcome.FAILED, attempts=attempt, sent_at=sent_at)
        try:
            reply = self._transport.get(self._make_url(generation_id), fresh=fresh)
            asked_s = reply.retry_after_s or 0.0
            answer = answer._replace(status=reply.status, fetched_at=self._clock.find_time(time.time(), reply.date))
            answer = self._judge(answer, reply, accept_mismatch=accept_mismatch)
            verdict = _find_verdict(answer)
        except NoReplyError as error:
            retry_in_s = draw_backoff_s(attempt) if error.again else None
            return answer._replace(message=f"no answer: {error}", retry_in_s=retry_in_s, is_setup=error.is_setup)
        finally:
            pace.note(sent_at, verdict, retry_after_s=asked_s if asked_s <= LONGEST_WAIT_S else 0.0)
        return answer

    def _judge(self, answer: Answer, reply: Reply, *, accept_mismatch: bool) -> Answer:
        match reply.status:
            case HTTPStatus.UNAUTHORIZED:
                msg = f"{self.base_url} refused the API key (401): check {KEY_VARIABLE} or --api-key-file"
                raise KeyRefusedError(msg)
            case HTTPStatus.OK:
                return _judge_record(answer, reply.body, accept_mismatch=accept_mismatch)
            case HTTPStatus.FORBIDDEN if _is_error(reply.body):
                message = f"the generation belongs to another account: {read_message(reply.body)}"
                return answer._replace(outcome=Outcome.FORBIDDEN, message=message)
            case HTTPStatus.NOT_FOUND if _is_error(reply.body):
                created = read_created_s(answer.requested_id)
                if created is not None and answer.fetched_at < created + SETTLING_S:
                    return answer._replace(outcome=Outcome.PENDING, message="the service has no record of it yet")
                return answer._replace(outcome=Outcome.NOT_FOUND, message="the service has no record of it")
            case status:
                delay_s = max(reply.retry_after_s or 0.0, draw_backoff_s(answer.attempts))
                hint = "; is the base URL right?" if status == HTTPStatus.NOT_FOUND else ""
                message = f"the service answered {status}: {read_message(reply.body)}{hint}"
                return answer._replace(message=message, retry_in_s=delay_s if status in RETRIED else None)

    def make_entry(self, answer: Answer) -> Entry | None:
        """Return the cache entry of an answer, or None if it is not kept.

        A final record is kept for good, a young one until it is final. That an old id has no record is kept for a day.
        No other failure is kept.
        """
        expires: int | None = None
        created = read_created_s(answer.requested_id)
        if answer.outcome is Outcome.OK:
            final_at = _find_created_at(answer, created) + SETTLING_S
            expires = None if answer.fetched_at >= final_at else int(final_at) + 1
        elif answer.outcome is Outcome.NOT_FOUND and created and created + REMEMBER_MISSING_S < answer.fetched_at:
            expires = int(answer.fetched_at) + REMEMBER_MISSING_S
        else:
            return None
        return Entry(
            requested_id=answer.requested_id,
            url=self._make_url(answer.requested_id),
            status=HTTPStatus.OK if answer.outcome is Outcome.OK else HTTPStatus.NOT_FOUND,
            fetched_at=answer.fetched_at,
            expires=expires,
            returned_id=answer.returned_id,
            body=answer.body,
        )

    def _make_url(self, generation_id: str) -> str:
        return f"{self.base_url}/generation?id={quote(generation_id, safe='')}"


def _take_options(options: ClientOptions) -> dict[str, object]:
    """Return the arguments of a client, from the options and the environment; leave none for a traceback to print."""
    found = {
        "api_key": os.environ.get(KEY_VARIABLE),
    } | {name: value for name, value in options.items() if value is not None}
    options.clear()  # type: ignore[attr-defined] # it is a dict
    return found


def _find_misplaced_key(secret: Secret, **texts: str | None) -> str:
    """Return the name of the first text that contains an API key; empty if none does."""
    return next((name for name, text in texts.items() if text and _hide_every_key(secret, text) != text), "")


def _hide_every_key(secret: Secret, text: str) -> str:
    return hide_api_keys(secret.hide_text(text))


@contextmanager
def use_client(client: Client | None) -> Iterator[Client]:
    """Yield the client given, or one made from the environment, which is closed at the end of the block."""
    if client is not None:
        yield client
        return
    with Client.from_env() as own:
        yield own


def _find_verdict(answer: Answer) -> Verdict:
    """Return what an answer says about the service."""
    if answer.status in TOO_MANY:
        return "refused"
    return "accepted" if answer.retry_in_s is None else "failed"


def _skip(generation_id: str, attempt: int) -> Answer:
    message = "the run ended before it was answered"
    return Answer(generation_id, Outcome.SKIPPED, attempts=attempt - 1, message=message)


def _judge_record(answer: Answer, body: bytes, *, accept_mismatch: bool) -> Answer:
    try:
        carried: str = read_record(body)["id"]
    except NotARecordError as error:
        return answer._replace(message=str(error), retry_in_s=draw_backoff_s(answer.attempts))
    if carried == answer.requested_id:
        return answer._replace(outcome=Outcome.OK, body=body)
    answer = answer._replace(body=body, returned_id=carried)
    if accept_mismatch:
        return answer._replace(outcome=Outcome.OK)
    message = f"the answer carries another id: {quote_bytes(carried.encode('utf-8', 'replace'))}"
    return answer._replace(outcome=Outcome.MISMATCH, message=message)


def _find_created_at(answer: Answer, created: int | None) -> float:
    """Return when the generation was created (Unix time); if neither id nor record contain it, when the answer came."""
    if created is not None:
        return created
    try:
        return to_utc(datetime.fromisoformat(read_record(answer.body)["created_at"])).timestamp()
    except (KeyError, OverflowError, TypeError, ValueError):
        return answer.fetched_at


def _is_error(body: bytes) -> bool:
    """Return whether a body is the service's own error, not the page of a proxy or of another server."""
    try:
        return isinstance(parse_json(body)["error"], dict)
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def read_message(body: bytes) -> str:
    """Return the service's own message about a failure, or the start of the body."""
    try:
        message = parse_json(body)["error"]["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return quote_bytes(body)
    return ascii(message)[:300]
