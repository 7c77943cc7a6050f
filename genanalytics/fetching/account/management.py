"""The access to the endpoints of the account: management key, pace, retries, and the meaning of refusals."""

import json
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NoReturn, Self

from genanalytics.base.mask import hide_api_keys
from genanalytics.base.text import quote_bytes
from genanalytics.errors import GenAnalyticsError, InputError, KeyRefusedError
from genanalytics.fetching.client import LONGEST_WAIT_S, read_message
from genanalytics.fetching.environment import find_base_url
from genanalytics.fetching.pacing.pace import draw_backoff_s
from genanalytics.fetching.secret import MANAGEMENT_KEY_VARIABLE, Secret, check_management_key
from genanalytics.fetching.transport import RETRIED, NoReplyError, Reply, Transport, check_base_url

QUERIES_PER_MINUTE = 64
TIMEOUT_S = 60.0
"""A query over a month takes longer than a record."""

_ATTEMPTS = 5
_MINUTE_S = 60.0
_PAUSE_S = 15.0
"""The pause after a 429 that asks for none: all attempts together take a minute, after which the limit begins anew."""


class TooMuchError(Exception):
    """The service cannot answer the question at once (408), or its answer is too long: a smaller one may work."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer of the account.

    Attributes:
        document: The parsed JSON object.
        at: The time on the service's clock (Unix time in seconds).
    """

    document: Mapping[str, Any]
    at: float


@dataclass(frozen=True, slots=True)
class _Failure:
    """A request without an answer.

    Attributes:
        reason: The reason, for messages.
        may_pass: Whether the next request may get an answer.
        wait_s: The pause that the service asks for, in seconds.
    """

    reason: str
    may_pass: bool
    wait_s: float = 0.0


class PerMinute:
    """A limit on the number of queries in any sixty seconds.

    Args:
        most: The limit.
        now: The clock in seconds.
        sleep: Waits for a number of seconds.
    """

    def __init__(
        self,
        most: int = QUERIES_PER_MINUTE,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sent: deque[float] = deque(maxlen=most)
        self._now = now
        self._sleep = sleep

    def wait(self) -> None:
        """Wait until one more query is allowed, and count it."""
        if len(self._sent) == self._sent.maxlen:
            self._sleep(max(0.0, self._sent[0] + _MINUTE_S - self._now()))
        self._sent.append(self._now())


class Management:
    """The access to one account with its management key. A context manager: leaving it closes the connections.

    Args:
        management_key: The management key; None for the one in the environment.
        base_url: The URL of the API; None for the one in the environment, or else the service's. It may be a `Secret`,
            since users put keys into URLs.
        timeout_s: The time limit for one request in seconds.

    Raises:
        KeyRefusedError: There is no management key, or one that cannot be sent.
        InputError: The URL cannot be used.
    """

    def __init__(
        self,
        management_key: "str | Secret | None",
        *,
        base_url: "str | Secret | None" = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        secret = Secret(management_key or os.environ.get(MANAGEMENT_KEY_VARIABLE))
        del management_key  # an exception from here on may print the variables of its frames
        url = Secret(base_url).reveal() or find_base_url(None)
        del base_url
        if hide_api_keys(secret.hide_text(url)) != url:
            del url
            msg = f"base_url contains a key: set {MANAGEMENT_KEY_VARIABLE}, or use --management-key-file"
            raise InputError(msg)
        try:
            self.base_url = check_base_url(url)
        except InputError:
            del url  # it may contain a password
            raise
        self.requests = 0
        self._secret = check_management_key(secret)
        self._queries = PerMinute()
        self._transport = Transport(self.base_url, self._secret, pool_size=1, timeout_s=timeout_s)

    def __repr__(self) -> str:
        return f"Management(base_url={getattr(self, 'base_url', '...')!r})"

    def __reduce__(self) -> NoReturn:
        msg = "an access with a management key cannot be pickled or copied: make one in each process"
        raise TypeError(msg)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()

    def get(self, path: str) -> Answered:
        """Return the answer to a GET, such as `activity`.

        Raises:
            TooMuchError: The answer takes too long or is too long.
            KeyRefusedError: The service refused the management key.
            GenAnalyticsError: There is no usable answer.
        """
        return self._ask(path, self._transport.get)

    def query(self, document: Mapping[str, object]) -> Answered:
        """Return the answer to a query of the analytics, of which the service allows 64 a minute.

        Raises:
            TooMuchError: The answer takes too long or is too long.
            KeyRefusedError: The service refused the management key.
            GenAnalyticsError: There is no usable answer.
        """

        def send(url: str) -> Reply:
            self._queries.wait()
            return self._transport.post(url, document)

        return self._ask("analytics/query", send)

    def _ask(self, path: str, send: Callable[[str], Reply]) -> Answered:
        """Return the answer, which is asked for again after a failure that may pass."""
        failure = _Failure("nothing was sent", may_pass=True)
        for attempt in range(1, _ATTEMPTS + 1):
            found = self._ask_once(path, send)
            if isinstance(found, Answered):
                return found
            failure = found
            if not failure.may_pass or attempt == _ATTEMPTS or failure.wait_s > LONGEST_WAIT_S:
                break
            time.sleep(max(failure.wait_s, draw_backoff_s(attempt)))
        pause = f" and asks for a pause of {failure.wait_s:,.0f} s" if failure.wait_s > LONGEST_WAIT_S else ""
        msg = f"no answer from {self.base_url}/{path}: {failure.reason}{pause}; try again later"
        raise GenAnalyticsError(msg)

    def _ask_once(self, path: str, send: Callable[[str], Reply]) -> "Answered | _Failure":
        """Return the answer to one request, or why there is none."""
        self.requests += 1
        try:
            reply = send(f"{self.base_url}/{path}")
        except NoReplyError as error:
            if not error.again:
                raise TooMuchError(str(error)) from None
            return _Failure(str(error), may_pass=not error.is_setup)
        if reply.status == HTTPStatus.OK:
            return self._read(path, reply)
        self._refuse(path, reply)
        return _Failure(f"it answered {reply.status}", may_pass=True, wait_s=_find_pause_s(reply))

    def _refuse(self, path: str, reply: Reply) -> None:
        """Raise the error of an answer that means no, or too much; return for any other."""
        place, said = f"{self.base_url}/{path}", hide_api_keys(read_message(reply.body))
        match reply.status:
            case HTTPStatus.UNAUTHORIZED:
                msg = f"{self.base_url} refused the management key (401): check {MANAGEMENT_KEY_VARIABLE}"
                raise KeyRefusedError(msg)
            case HTTPStatus.FORBIDDEN:
                msg = (
                    f"{place} answered 403: {said}; it needs a management key, which is another one than the API key:"
                    f" create one in the settings of the account, and set {MANAGEMENT_KEY_VARIABLE}"
                )
                raise KeyRefusedError(msg)
            case HTTPStatus.REQUEST_TIMEOUT:
                raise TooMuchError(said)
            case HTTPStatus.NOT_FOUND:
                msg = f"{place} answered 404: {said}; is the base URL right?"
                raise GenAnalyticsError(msg)
            case status if status not in RETRIED:
                msg = f"{place} answered {status}: {said}"
                raise GenAnalyticsError(msg)

    def _read(self, path: str, reply: Reply) -> Answered:
        with suppress(ValueError, RecursionError):
            document = json.loads(reply.body)
            if isinstance(document, dict):
                return Answered(document, time.time() if reply.date is None else reply.date)
        msg = f"{self.base_url}/{path} did not answer with a JSON object but with {quote_bytes(reply.body)}"
        raise GenAnalyticsError(msg)


def _find_pause_s(reply: Reply) -> float:
    """Return the pause that an answer asks for, in seconds."""
    if reply.retry_after_s is not None:
        return reply.retry_after_s
    return _PAUSE_S if reply.status == HTTPStatus.TOO_MANY_REQUESTS else 0.0
