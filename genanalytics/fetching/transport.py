"""HTTP below the cache: the credential is signed in here, and the network's misbehaviour ends here."""

import os
import socket
import time
from base64 import b64encode
from functools import partial
from http.client import HTTPResponse
from ipaddress import ip_address
from typing import Any, NamedTuple, NoReturn
from urllib.parse import quote, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from genanalytics._version import __version__
from genanalytics.base.text import excerpt
from genanalytics.errors import InputError, KeyRefusedError
from genanalytics.fetching.pace import retry_after_s
from genanalytics.fetching.watchdog import Watchdog

KEY_VARIABLE = "OPENROUTER_API_KEY"
MAX_BODY_BYTES = 1 << 20
"""A record has about two thousand bytes; what is longer than this, decompressed, is none."""

_SECRET_LENGTH = 16
"""A shorter key is none that a service gave out, and its letters could be a part of any record."""
_READ_BYTES = 1 << 16
_CONNECT_TIMEOUT_S = 10.0


class Secret:
    """A text that shows itself only to who asks: notebooks and crash reports print what objects and frames hold."""

    __slots__ = ("_text",)

    def __init__(self, text: "str | Secret | None") -> None:
        self._text = text.reveal() if isinstance(text, Secret) else (text or "").strip()

    def reveal(self) -> str:
        """Return the text."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "[key]"

    def __reduce__(self) -> NoReturn:
        msg = "an API key is not pickled: make a client in each process that needs one"
        raise TypeError(msg)


class Reply(NamedTuple):
    """An HTTP answer that came whole: status, the seconds of its `Retry-After`, and the decompressed body."""

    status: int
    retry_after_s: float | None
    body: bytes


class NoReplyError(Exception):
    """No whole answer came; the text says why, and `again` whether asking once more may help."""

    def __init__(self, reason: str, *, again: bool = True) -> None:
        super().__init__(reason)
        self.again = again


class Transport:
    """Pooled keep-alive connections to one service, shared by threads; a forked process gets connections of its own.

    Proxies and CA bundles are taken from the environment as in requests. Requests go to the adapter, not through a
    session: netrc, cookies and redirects are never looked at.

    Args:
        base_url: The service, as `checked_base_url` returned it.
        key: The API key.
        pool_size: How many connections are kept open.
        timeout_s: Time limit for one request in seconds, from the first byte sent to the last byte read.
    """

    def __init__(self, base_url: str, key: Secret, *, pool_size: int, timeout_s: float) -> None:
        self._key = key
        self._pool_size = pool_size
        self._timeout_s = timeout_s
        with requests.Session() as session:
            self._options = session.merge_environment_settings(base_url, {}, stream=True, verify=None, cert=None)
        if base_url.startswith("http:"):  # this machine itself: a proxy might not reach it, and would see the key
            self._options["proxies"] = {}
        headers = {"Accept": "application/json", "User-Agent": f"genanalytics/{__version__}"}
        self._template = requests.Request("GET", base_url, headers=headers).prepare()
        self._lines: dict[int, _Lines] = {}

    def _lines_of_this_process(self) -> "_Lines":
        """Return the connections of this process: two that read one connection would get each other's answers.

        Told by the process id, and put in place in one step, since threads of a new process can come here together.
        """
        pid = os.getpid()
        lines = self._lines.get(pid)
        if lines is None:
            watchdog = Watchdog()
            lines = _Lines(watchdog, _Signer(self._key, watchdog, pool_size=self._pool_size))
            lines = self._lines.setdefault(pid, lines)
        return lines

    def get(self, url: str, *, fresh: bool = False) -> Reply:
        """Return the answer to one GET, read to its end, without the key should the service have sent it back.

        Args:
            url: The URL.
            fresh: Use a connection that is opened for this request alone.

        Raises:
            NoReplyError: No whole answer came in time, or one that is longer than `MAX_BODY_BYTES`.
        """
        lines = self._lines_of_this_process()
        if not fresh:
            return self._get(lines, url)
        adapter = _Signer(self._key, lines.watchdog, pool_size=1)
        try:
            return self._get(lines._replace(adapter=adapter), url)
        finally:
            adapter.close()

    def _get(self, lines: "_Lines", url: str) -> Reply:
        request = self._template.copy()
        request.url = url
        deadline = time.monotonic() + self._timeout_s
        timeout = (min(_CONNECT_TIMEOUT_S, self._timeout_s), self._timeout_s)
        try:
            with lines.adapter.send(request, timeout=timeout, **self._options) as response:
                with lines.watchdog.until(deadline, response.raw.shutdown):
                    body = _read(response.raw, deadline)
                retry_after = retry_after_s(response.headers.get("Retry-After"))
                return Reply(response.status_code, retry_after, self._redacted(body))
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            late = time.monotonic() >= deadline
            reason = f"nothing whole within {self._timeout_s:g} s" if late else self._told(_root_of(error))
        except NoReplyError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug; its frames, which hold the signed request, are dropped
            error.__context__ = None
            raise error.with_traceback(None) from None
        # raised outside the handler: the exceptions of requests hold the signed request
        raise NoReplyError(reason)

    def _told(self, reason: str) -> str:
        """Return the text of an error as it may be shown: the peer had a hand in it."""
        return excerpt(self._redacted(reason.encode("utf-8", "replace")))[1:-1]

    def _redacted(self, body: bytes) -> bytes:
        key = self._key.reveal()
        if len(key) >= _SECRET_LENGTH:
            for form in (key, quote(key, safe=""), b64encode(key.encode()).decode().rstrip("=")):
                body = body.replace(form.encode(), b"[key]")
        return body

    def close(self) -> None:
        """Close the connections of this process."""
        lines = self._lines.pop(os.getpid(), None)
        if lines is not None:
            lines.watchdog.close()
            lines.adapter.close()


class _Signer(HTTPAdapter):
    """Adds the credential to a copy of the request, so that nothing above, the cache included, ever sees it."""

    def __init__(self, key: Secret, watchdog: Watchdog, *, pool_size: int) -> None:
        super().__init__(pool_maxsize=pool_size)
        self._key = key
        self.poolmanager.pool_classes_by_scheme = {
            "http": _pool_class(HTTPConnectionPool, watchdog),
            "https": _pool_class(HTTPSConnectionPool, watchdog),
        }

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        signed = request.copy()
        signed.headers["Authorization"] = f"Bearer {self._key.reveal()}"
        response = super().send(signed, *args, **kwargs)
        response.request = request
        return response

    def close(self) -> None:
        """Close the connections now: urllib3 leaves that to finalizers, where Python swallows Ctrl-C and shows it."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 - a copy: it is no dict, and cannot be iterated
                pool = manager.pools.get(key)
                if pool is not None:
                    pool.close()
        super().close()


class _Lines(NamedTuple):
    """What one process has open to the service."""

    watchdog: Watchdog
    adapter: _Signer


class _QuietResponse(HTTPResponse):
    """An answer whose head is not logged: urllib3 warns of header lines that it cannot parse, and shows them."""

    def begin(self) -> None:
        super().begin()
        self.msg.defects.clear()
        self.msg.set_payload("")


def _pool_class(pool_class: type[HTTPConnectionPool], watchdog: Watchdog) -> type[HTTPConnectionPool]:
    """Return a pool whose connections do not wait for the head of an answer beyond their time limit."""

    class Connection(pool_class.ConnectionCls):  # type: ignore[name-defined,misc]
        response_class = _QuietResponse

        def getresponse(self) -> urllib3.BaseHTTPResponse:
            deadline = time.monotonic() + self.sock.gettimeout()
            with watchdog.until(deadline, partial(self.sock.shutdown, socket.SHUT_RDWR)):
                response: urllib3.BaseHTTPResponse = super().getresponse()
            if time.monotonic() >= deadline:  # a head that was cut off can look like a whole one
                response.close()
                raise TimeoutError
            return response

    class Pool(pool_class):  # type: ignore[valid-type,misc]
        ConnectionCls = Connection

    return Pool


def checked_key(key: Secret, *, offline: bool = False) -> Secret:
    """Return the key.

    Raises:
        KeyRefusedError: There is none, or it cannot stand in a header. The message does not show it.
    """
    if not key:
        msg = f"no API key: set {KEY_VARIABLE}, or name a file that holds it with --api-key-file (api_key in Python)"
        if offline:
            msg += "; or name the account whose answers to read, with --account (account in Python)"
        raise KeyRefusedError(msg)
    if not key.reveal().isascii() or not key.reveal().isprintable() or " " in key.reveal():
        msg = f"the API key holds characters that no key has (white space, control or non-ASCII): check {KEY_VARIABLE}"
        raise KeyRefusedError(msg)
    return key


def checked_base_url(base_url: str) -> str:
    """Return the URL without a trailing slash.

    Raises:
        InputError: It is no plain https URL (or http to the loopback interface): the key would travel in the open.

    >>> checked_base_url("https://openrouter.ai/api/v1/")
    'https://openrouter.ai/api/v1'
    """
    try:
        parts = urlsplit(base_url.strip())
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    plain = host and not (parts.username or parts.password or parts.query or parts.fragment)
    if plain and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))):
        try:
            requests.Request("GET", parts.geturl()).prepare()
        except (requests.RequestException, ValueError):
            pass  # a host that no request can go to; the sentence below says so
        else:
            return parts.geturl().rstrip("/")
    msg = (
        f"base URL {_without_password(base_url)!r} cannot be used: give https://host/path without user, query or"
        " fragment (http only for this machine itself)"
    )
    raise InputError(msg)


def _without_password(url: str) -> str:
    before, at, after = url.rpartition("@")
    return f"{before.partition('//')[0]}//...@{after}" if at else url


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _read(raw: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    parts: list[bytes] = []
    left = MAX_BODY_BYTES
    while data := raw.read1(_READ_BYTES, decode_content=True):
        parts.append(data)
        left -= len(data)
        if left < 0:
            msg = f"the answer is longer than {MAX_BODY_BYTES:,} bytes"
            raise NoReplyError(msg, again=False)
    if time.monotonic() >= deadline:  # a body without a length ends wherever its connection does
        raise TimeoutError
    return b"".join(parts)


def _root_of(error: BaseException) -> str:
    """Return the name and the text of the error at the bottom: what happened on the wire, without the wrappings."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
