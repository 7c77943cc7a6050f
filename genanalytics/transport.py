"""HTTP below the cache: the credential is signed in here, and the network's misbehaviour ends here."""

import time
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from genanalytics._version import __version__
from genanalytics.errors import InputError, KeyRefusedError
from genanalytics.pace import retry_after_s

KEY_VARIABLE = "OPENROUTER_API_KEY"
MAX_BODY_BYTES = 1 << 20
"""A record has about two thousand bytes; what is longer than this, decompressed, is none."""

_READ_BYTES = 1 << 16
_CONNECT_TIMEOUT_S = 10.0


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
    """Pooled keep-alive connections to one service, shared by threads.

    Proxies and CA bundles are taken from the environment as in requests. Requests go to the adapter, not through a
    session: netrc, cookies and redirects are never looked at.

    Args:
        base_url: The service, as `checked_base_url` returned it.
        key: The API key.
        pool_size: How many connections are kept open.
        timeout_s: Time limit for one request in seconds.
    """

    def __init__(self, base_url: str, key: str, *, pool_size: int, timeout_s: float) -> None:
        self._key = key
        self._timeout_s = timeout_s
        self._adapter = _Signer(key, pool_maxsize=pool_size)
        with requests.Session() as session:
            self._options = session.merge_environment_settings(base_url, {}, stream=True, verify=None, cert=None)
        if base_url.startswith("http:"):  # this machine itself: a proxy might not reach it, and would see the key
            self._options["proxies"] = {}
        headers = {"Accept": "application/json", "User-Agent": f"genanalytics/{__version__}"}
        self._template = requests.Request("GET", base_url, headers=headers).prepare()

    def get(self, url: str) -> Reply:
        """Return the answer to one GET, read to its end.

        Raises:
            NoReplyError: No whole answer came in time, or one that is longer than `MAX_BODY_BYTES`.
        """
        request = self._template.copy()
        request.url = url
        deadline = time.monotonic() + self._timeout_s
        timeout = (min(_CONNECT_TIMEOUT_S, self._timeout_s), self._timeout_s)
        try:
            with self._adapter.send(request, timeout=timeout, **self._options) as response:
                body = _read(response.raw, deadline)
                return Reply(response.status_code, retry_after_s(response.headers.get("Retry-After")), body)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            reason = _root_of(error)
        # raised outside the handler: the exceptions of requests hold the signed request
        raise NoReplyError(reason)

    def redacted(self, body: bytes) -> bytes:
        """Return `body` without the key, should a service have sent it back."""
        return body.replace(self._key.encode(), b"[key]") if self._key else body

    def close(self) -> None:
        """Close the connections."""
        self._adapter.close()


class _Signer(HTTPAdapter):
    """Adds the credential to a copy of the request, so that nothing above, the cache included, ever sees it."""

    def __init__(self, key: str, *, pool_maxsize: int) -> None:
        super().__init__(pool_maxsize=pool_maxsize)
        self._authorization = f"Bearer {key}"

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        signed = request.copy()
        signed.headers["Authorization"] = self._authorization
        response = super().send(signed, *args, **kwargs)
        response.request = request
        return response


def checked_key(api_key: str | None) -> str:
    """Return the key without surrounding white space.

    Raises:
        KeyRefusedError: There is none, or it cannot stand in a header. The message does not show it.
    """
    key = (api_key or "").strip()
    if not key:
        msg = f"no API key: set {KEY_VARIABLE}, or name a file that holds it with --api-key-file (api_key in Python)"
        raise KeyRefusedError(msg)
    if not key.isascii() or not key.isprintable() or " " in key:
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
        if time.monotonic() > deadline:
            msg = "the answer did not come to its end in time"
            raise NoReplyError(msg)
    return b"".join(parts)


def _root_of(error: BaseException) -> str:
    """Return the name and the text of the error at the bottom: what happened on the wire, without the wrappings."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
