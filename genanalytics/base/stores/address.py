"""URLs of objects in stores."""

import os
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

from genanalytics.errors import InputError

Kind = Literal["s3", "gs", "az"]

_KINDS: dict[str, Kind] = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "az": "az", "abfs": "az", "abfss": "az"}
_URL = re.compile(rf"[A-Za-z][A-Za-z0-9+.-]+:/|(?:{'|'.join(_KINDS)}):", re.IGNORECASE)
"""The start of a URL, also of one without slashes, which would become a folder.

One letter is a drive of Windows; one slash remains of two in a `pathlib.Path`.
"""
_SIGNED = re.compile(
    r"[?&](?:sig|signature|awsaccesskeyid|googleaccessid|x-amz-[a-z-]+|x-goog-[a-z-]+)=", re.IGNORECASE
)
"""What the query of a signed URL contains."""


@dataclass(frozen=True, slots=True)
class Address:
    """The place of an object, or of all objects below a prefix.

    Attributes:
        kind: The kind of the store.
        bucket: The bucket, or Azure's container.
        key: The key or the prefix, without slashes at its ends.
        account: Azure's account, if the URL contains it.
    """

    kind: Kind
    bucket: str
    key: str
    account: str | None = None

    def __str__(self) -> str:
        place = f"{self.bucket}@{self.account}.dfs.core.windows.net" if self.account else self.bucket
        scheme = "abfss" if self.account else self.kind
        return f"{scheme}://{place}/{self.key}".rstrip("/")

    def join(self, key: str) -> "Address":
        """Return the address of an object below this prefix."""
        return Address(self.kind, self.bucket, f"{self.key}/{key}".strip("/"), self.account)


def is_url(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is a URL of any scheme.

    >>> [is_url(path) for path in ("s3://bucket/generations", "generations/", "C:/generations", "s3:bucket")]
    [True, False, False, True]
    """
    return _URL.match(os.fspath(path)) is not None


def is_store_url(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is the URL of an object store."""
    return is_url(path) and os.fspath(path).partition(":")[0].lower() in _KINDS


def to_local(path: str | os.PathLike[str]) -> str:
    """Return a path as text: a `file:` URL as the path that it names, anything else as it is.

    >>> to_local("file:///tmp/a%20b.csv"), to_local("s3://bucket/a.csv")
    ('/tmp/a b.csv', 's3://bucket/a.csv')
    """
    text = os.fspath(path)
    return url2pathname(urlsplit(text).path) if text.startswith("file:/") else text


def parse_url(url: str | os.PathLike[str]) -> Address:
    """Return the address that a URL of an object store names.

    Raises:
        InputError: It has another scheme, no bucket, or a key of its owner in it.

    >>> parse_url("s3://bucket/generations/"), str(parse_url("abfss://box@lake.dfs.core.windows.net/a"))
    (Address(kind='s3', bucket='bucket', key='generations', account=None), 'abfss://box@lake.dfs.core.windows.net/a')
    """
    text = os.fspath(url)
    scheme, _, rest = text.partition(":")
    kind = _KINDS.get(scheme.lower())
    if kind is not None and re.match("/[^/]", rest):
        shown = _hide_credentials(text)
        msg = f"the URL {shown} has one slash, as in a pathlib.Path: give {scheme}://BUCKET/PATH as text"
        raise InputError(msg)
    if kind is None or not rest.startswith("//"):
        msg = (
            f"{_hide_credentials(text)} is no URL of an object store: give s3://BUCKET/PATH, gs://BUCKET/PATH,"
            " az://CONTAINER/PATH or abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH"
        )
        raise InputError(msg)
    bucket, _, key = rest[2:].partition("/")
    if ":" in bucket or _SIGNED.search(rest):
        msg = f"a URL with a key in it is refused: give {scheme}://BUCKET/PATH, and keys in the environment"
        raise InputError(msg)
    container, _, host = bucket.partition("@")
    account = host.partition(".")[0] or None
    if not bucket or ("@" in bucket and kind != "az"):
        msg = f"{_hide_credentials(text)} has no valid bucket: give {scheme}://BUCKET/PATH, and keys in the environment"
        raise InputError(msg)
    return Address(kind, container if account else bucket, key.strip("/"), account)


def _hide_credentials(url: str) -> str:
    """Return a URL without a user, a password and a query.

    >>> _hide_credentials("ftp://me:a/b@host/x?sig=c")
    'ftp://host/x'
    """
    scheme, slashes, rest = url.partition("://")
    return f"{scheme}{slashes}{rest.partition('?')[0].rpartition('@')[2]}"
