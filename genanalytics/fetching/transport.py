"""HTTP below the cache: requests get their API key here, and network failures become one kind of error here."""

import re
import socket
import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from functools import partial
from http.client import HTTPResponse
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import create_urllib3_context

from genanalytics._version import __version__
from genanalytics.base.processes import PerProcess
from genanalytics.base.text import explain, to_one_line
from genanalytics.errors import InputError
from genanalytics.fetching.pacing.pace import parse_retry_after_s
from genanalytics.fetching.secret import Secret
from genanalytics.fetching.watchdog import Watchdog

MAX_BODY_BYTES = 1 << 20
"""A record has about two thousand bytes; an answer that is longer than this, decompressed, is not one."""

_READ_BYTES = 1 << 16
_CONNECT_TIMEOUT_S = 10.0
_SETUP_FAULTS = (
    ssl.SSLCertVerificationError,
    socket.gaierror,
    requests.exceptions.ProxyError,
    urllib3.exceptions.ProxyError,
)
RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504, *range(520, 530)})
"""The statuses after which a request is sent again."""

_INTERIM = frozenset(range(102, 200))
"""The statuses that precede the answer; not 101, after which the connection speaks another protocol."""


class Reply(NamedTuple):
    """A complete HTTP answer.

    Attributes:
        status: The status.
        retry_after_s: The seconds of its `Retry-After`.
        date: The time on the service's clock (Unix time in seconds); None if it does not say.
        body: The decompressed body.
    """

    status: int
    retry_after_s: float | None
    date: float | None
    body: bytes


class NoReplyError(Exception):
    """There was no complete answer; the text says why.

    Attributes:
        again: Whether the next request may get an answer; not after one that is longer than `MAX_BODY_BYTES`.
        is_setup: Whether the set-up is at fault: certificate, proxy or host name.
    """

    def __init__(self, reason: str, *, again: bool = True, is_setup: bool = False) -> None:
        super().__init__(reason)
        self.again = again
        self.is_setup = is_setup


class Transport:
    """Pooled keep-alive connections to one service, shared by threads; a forked process gets new ones.

    Proxies and CA bundles come from the environment, as in requests. Requests go to the adapter, not through a session:
    netrc, cookies and redirects are ignored.

    Args:
        base_url: The URL of the service, as `check_base_url` returned it.
        api_key: The API key; an empty one is not sent.
        pool_size: The number of connections that are kept open.
        timeout_s: The time limit for one request in seconds, from the first byte sent to the last byte read.
    """

    def __init__(self, base_url: str, api_key: Secret, *, pool_size: int, timeout_s: float) -> None:
        self._api_key = api_key
        self._timeout_s = timeout_s
        with requests.Session() as session:
            self._options = session.merge_environment_settings(base_url, {}, stream=True, verify=None, cert=None)
        if base_url.startswith("http:"):  # this machine itself: a proxy might not reach it, and would see the API key
            self._options["proxies"] = {}
        headers = {"Accept": "application/json", "User-Agent": f"genanalytics/{__version__}"}
        self._template = requests.Request("GET", base_url, headers=headers).prepare()
        context = _make_context(self._options["verify"]) if base_url.startswith("https:") else None
        self._adapters = PerProcess(lambda: _Signer(api_key, Watchdog(), context, pool_size=pool_size))

    def get(self, url: str, *, fresh: bool = False) -> Reply:
        """Return the complete answer to one GET; if the service repeats the API key, it is removed.

        A `fresh` request uses a new connection for itself alone.

        Raises:
            NoReplyError: There was no complete answer in time, or one that is longer than `MAX_BODY_BYTES`.
        """
        adapter, request = self._adapters.get(), self._make_request(url)
        if not fresh:
            return self._send(adapter, request)
        adapter = _Signer(self._api_key, adapter.watchdog, adapter.context, pool_size=1)
        try:
            return self._send(adapter, request)
        finally:
            adapter.close()

    def post(self, url: str, document: Mapping[str, object]) -> Reply:
        """Return the complete answer to one POST of a JSON document, as `get` does.

        Raises:
            NoReplyError: There was no complete answer in time, or one that is longer than `MAX_BODY_BYTES`.
        """
        request = self._make_request(url)
        request.method = "POST"
        request.prepare_body(None, None, json=document)
        return self._send(self._adapters.get(), request)

    def _make_request(self, url: str) -> requests.PreparedRequest:
        request = self._template.copy()
        request.url = url
        return request

    def _send(self, adapter: "_Signer", request: requests.PreparedRequest) -> Reply:
        deadline = time.monotonic() + self._timeout_s
        timeout = (min(_CONNECT_TIMEOUT_S, self._timeout_s), self._timeout_s)
        try:
            with adapter.send(request, timeout=timeout, **self._options) as response:
                with adapter.watchdog.until(deadline, response.raw.shutdown):
                    body = _read(response.raw, deadline)
                retry_after = parse_retry_after_s(response.headers.get("Retry-After"))
                date = _parse_date(response.headers.get("Date"))
                return Reply(response.status_code, retry_after, date, self._api_key.hide(body))
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            late = time.monotonic() >= deadline
            reason = f"not complete within {self._timeout_s:g} s" if late else self._describe(error)
            is_setup = not late and any(isinstance(cause, _SETUP_FAULTS) for cause in _list_causes(error))
        except NoReplyError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug; its frames, which hold the signed request, are dropped
            error.__context__ = None
            raise error.with_traceback(None) from None
        # raised outside the handler: the exceptions of requests hold the signed request
        raise NoReplyError(reason, is_setup=is_setup)

    def _describe(self, error: BaseException) -> str:
        """Return the name and the text of the innermost error, which the peer may have influenced."""
        error = _list_causes(error)[-1]
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return to_one_line(self._api_key.hide_text(reason))

    def close(self) -> None:
        """Close the connections of this process."""
        adapter = self._adapters.take()
        if adapter is not None:
            adapter.watchdog.close()
            adapter.close()


class _Signer(HTTPAdapter):
    """Adds the API key to a copy of the request, so that no other code, not even the cache, ever sees it."""

    def __init__(self, api_key: Secret, watchdog: Watchdog, context: ssl.SSLContext | None, *, pool_size: int) -> None:
        self.context = context
        super().__init__(pool_maxsize=pool_size)
        self.watchdog = watchdog
        self._api_key = api_key
        self.poolmanager.pool_classes_by_scheme = {
            "http": _make_pool_class(HTTPConnectionPool, watchdog),
            "https": _make_pool_class(HTTPSConnectionPool, watchdog),
        }

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        signed = request.copy()
        if self._api_key:  # lists are public
            signed.headers["Authorization"] = f"Bearer {self._api_key.reveal()}"
        response = super().send(signed, *args, **kwargs)
        response.request = request
        return response

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Give all connections one TLS context: to load the certificates takes longer than a request."""
        super().init_poolmanager(*args, **kwargs, ssl_context=self.context)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:  # noqa: ANN401
        """Return a manager of connections through a proxy, which share the TLS context too."""
        return super().proxy_manager_for(proxy, **kwargs, ssl_context=self.context, proxy_ssl_context=self.context)

    def build_connection_pool_key_attributes(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Return the host, and nothing that would load certificates again: they are in the context."""
        host, _ = super().build_connection_pool_key_attributes(*args, **kwargs)
        return host, {}

    def cert_verify(self, *args: Any) -> None:  # noqa: ANN401
        """Leave the verification to the context."""

    def close(self) -> None:
        """Close the connections now: urllib3 leaves it to finalizers, where Python swallows and prints Ctrl-C."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 - a copy: the manager is not iterable
                pool = manager.pools.get(key)
                if pool is not None:
                    pool.close()
        super().close()


class _QuietResponse(HTTPResponse):
    """An answer whose headers are not logged: urllib3 warns about headers that it cannot parse, and prints them.

    Interim answers, such as 103 Early Hints, are skipped: Python skips 100 alone. The deadline of the request ends an
    endless row of them.
    """

    def begin(self) -> None:
        super().begin()
        while self.status in _INTERIM:
            self.headers = None  # type: ignore[assignment] # `begin` does nothing once there are headers
            super().begin()
        self.msg.defects.clear()
        self.msg.set_payload("")


def _make_pool_class(pool_class: type[HTTPConnectionPool], watchdog: Watchdog) -> type[HTTPConnectionPool]:
    """Return a pool whose connections have a time limit for the headers of an answer too."""

    class Connection(pool_class.ConnectionCls):  # type: ignore[name-defined,misc]
        response_class = _QuietResponse

        def getresponse(self) -> urllib3.BaseHTTPResponse:
            deadline = time.monotonic() + self.sock.gettimeout()
            with watchdog.until(deadline, partial(self.sock.shutdown, socket.SHUT_RDWR)):
                response: urllib3.BaseHTTPResponse = super().getresponse()
            if time.monotonic() >= deadline:  # headers that were cut off can look complete
                response.close()
                raise TimeoutError
            return response

    class Pool(pool_class):  # type: ignore[valid-type,misc]
        ConnectionCls = Connection

    return Pool


def _parse_date(header: str | None) -> float | None:
    """Return the Unix time of a `Date` header, or None without a readable one."""
    try:
        return parsedate_to_datetime(header or "").timestamp()
    except (ValueError, OverflowError):
        return None


def _make_context(verify: bool | str | None) -> ssl.SSLContext:  # noqa: FBT001 - as requests has it
    """Return a context that verifies certificates: with those of the environment, or those that requests brings along.

    Raises:
        InputError: The certificates cannot be read.
    """
    location = verify if isinstance(verify, str) else requests.utils.DEFAULT_CA_BUNDLE_PATH
    context = create_urllib3_context()  # verifies certificates and host names
    try:
        if Path(location).is_dir():
            context.load_verify_locations(capath=location)
        else:
            context.load_verify_locations(cafile=location)
    except OSError as error:
        msg = f"the certificates {location!r} cannot be read ({explain(error)}): check REQUESTS_CA_BUNDLE"
        raise InputError(msg) from error
    return context


def _list_causes(error: BaseException) -> list[BaseException]:
    """Return an error and what caused it, the innermost last."""
    causes = [error]
    while (inner := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(inner)
    return causes


def check_base_url(base_url: str) -> str:
    """Return the URL without a trailing slash.

    Raises:
        InputError: It is neither https nor http to the loopback interface: the API key would be sent in the open.

    >>> check_base_url("https://openrouter.ai/api/v1/")
    'https://openrouter.ai/api/v1'
    """
    if url := _read_url(base_url):
        return url
    msg = (
        f"base URL {_hide_secrets(base_url)!r} cannot be used: give https://host/path without user, query or"
        " fragment (http only for this machine itself)"
    )
    del base_url  # a traceback may print the variables of this frame
    raise InputError(msg)


def _read_url(base_url: str) -> str:
    """Return the URL without a trailing slash; empty if it cannot be used."""
    try:
        parts = urlsplit(base_url.strip())
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return ""
    plain = host and not (parts.username or parts.password or parts.query or parts.fragment)
    if not plain or not (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))):
        return ""
    try:
        requests.Request("GET", parts.geturl()).prepare()
    except (requests.RequestException, ValueError):  # a host that no request can reach
        return ""
    return parts.geturl().rstrip("/")


def _hide_secrets(url: str) -> str:
    """Return a URL without its user, query and fragment, which may be an API key."""
    before, at, after = url.rpartition("@")
    shown = f"{before.partition('//')[0]}//...@{after}" if at else url
    return re.sub(r"[?#].*", "?...", shown, flags=re.DOTALL)


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
