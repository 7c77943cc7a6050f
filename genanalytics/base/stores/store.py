"""The objects of a store below a URL, with credentials and endpoint from the environment."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from genanalytics.base.stores.address import Address, parse_url
from genanalytics.base.stores.profile import Profile, read_profile
from genanalytics.base.stores.reasons import describe, translate_store_errors
from genanalytics.errors import InputError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

Patience = Literal["short", "long"]
"""How long to wait for a store: "short" gives up within 15 s, "long" after a minute of failed tries."""

_ENDPOINT = re.compile(r"https?://[^\s/?#]+(?:/[^\s?#]*)?", re.IGNORECASE)
_TRUE = frozenset({"1", "true", "yes", "on"})


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object of a listing.

    Attributes:
        key: The key below the URL of the store.
        size: The size in bytes.
        modified: When it was written, by the clock of the store.
    """

    key: str
    size: int
    modified: datetime


class Store:
    """The objects below a URL. All methods raise errors of the system, with one sentence that names the store.

    Args:
        url: The URL; keys are relative to it.
        patience: How long to wait for a store that does not answer.

    Attributes:
        address: The parsed URL.
        native: The obstore store of the bucket, whose keys begin with `address.key`.

    Raises:
        InputError: It is no URL of an object store, obstore is not installed, or a profile cannot be used.
    """

    def __init__(self, url: str | os.PathLike[str] | Address, *, patience: Patience = "short") -> None:
        self.address = url if isinstance(url, Address) else parse_url(url)
        self.native = _open(self.address, patience)

    def __str__(self) -> str:
        return str(self.address)

    def read(self, key: str) -> bytes:
        """Return the content of an object.

        Raises:
            FileNotFoundError: There is no such object.
            OSError: The store does not answer, or refuses.
        """
        with translate_store_errors(self.address.join(key)):
            return bytes(self.native.get(self._join(key)).bytes())

    def write(self, key: str, content: bytes | pa.Buffer) -> None:
        """Write an object whole, in one request; an existing one is replaced.

        Raises:
            OSError: The store does not answer, or refuses.
        """
        with translate_store_errors(self.address.join(key)):
            self.native.put(self._join(key), memoryview(content).cast("B"), use_multipart=False)

    def create(self, key: str, content: bytes) -> None:
        """Write an object that does not exist, in one step of the store (`If-None-Match`).

        If an answer is lost, the request is repeated, and finds the object of the first try.

        Raises:
            FileExistsError: It exists already.
            OSError: The store does not answer, or refuses.
        """
        with translate_store_errors(self.address.join(key)):
            self.native.put(self._join(key), content, mode="create", use_multipart=False)

    def list(self, prefix: str = "", *, after: str | None = None) -> Iterator[StoredObject]:
        """Yield the objects whose keys begin with a prefix that ends at a slash, sorted by key.

        Args:
            prefix: The prefix.
            after: Yield only keys after this one.

        Raises:
            OSError: The store does not answer, or refuses.
        """
        start = len(self._join(""))
        with translate_store_errors(self.address):
            offset = None if after is None else self._join(after)
            for portion in self.native.list(self._join(prefix) or None, offset=offset):
                for found in portion:
                    yield StoredObject(found["path"][start:], found["size"], found["last_modified"])

    def find(self, key: str) -> StoredObject:
        """Return the size and the time of an object.

        Raises:
            FileNotFoundError: There is no such object.
            OSError: The store does not answer, or refuses.
        """
        with translate_store_errors(self.address.join(key)):
            found = self.native.head(self._join(key))
        return StoredObject(key, found["size"], found["last_modified"])

    def remove(self, keys: Iterable[str]) -> None:
        """Remove objects; some may have been removed already.

        S3 gets one request for a thousand of them, or for each with `AWS_DISABLE_BULK_DELETE=true` in the environment.

        Raises:
            OSError: The store does not answer, or refuses.
        """
        if self.address.kind == "s3":
            with translate_store_errors(self.address):
                self.native.delete(list(map(self._join, keys)))
            return
        for key in keys:
            try:
                with translate_store_errors(self.address.join(key)):
                    self.native.delete(self._join(key))
            except FileNotFoundError:  # Google and Azure say so
                continue

    def _join(self, key: str) -> str:
        return f"{self.address.key}/{key}" if self.address.key else key


def find_options(address: Address, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what the libraries of the Rust crate object_store do not find in the environment by themselves.

    These are the credentials, the region and the endpoint of a profile of the AWS command line, the permission to use
    an endpoint without TLS, and the account in a URL of Azure. The names are options of obstore and of deltalake.

    Raises:
        InputError: A profile cannot be used, the endpoint is no URL, or one of two keys is missing.
    """
    if address.kind == "az":
        return {"azure_storage_account_name": address.account} if address.account else {}
    if address.kind == "gs":
        return {}
    profile = read_profile(environment)
    endpoint = (
        environment.get("AWS_ENDPOINT_URL_S3")
        or environment.get("AWS_ENDPOINT_URL")
        or environment.get("AWS_ENDPOINT")
        or profile.endpoint
    )
    _check_endpoint(endpoint)
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or profile.settings.get("region")
    found = {"aws_region": region or "us-east-1", "aws_endpoint": endpoint}
    if environment.get("AWS_ACCESS_KEY_ID"):
        _check_secret(environment)
    elif not _is_true(environment.get("AWS_SKIP_SIGNATURE")):
        found |= _find_keys(profile, environment)
    return {name: value for name, value in found.items() if value}


def allows_http(options: Mapping[str, str], environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether an endpoint has no TLS, or the environment allows such endpoints."""
    names = ("AWS_ALLOW_HTTP", "AZURE_ALLOW_HTTP", "GOOGLE_ALLOW_HTTP")
    endpoint = options.get("aws_endpoint") or environment.get("AZURE_STORAGE_ENDPOINT", "")
    return endpoint.startswith("http://") or any(_is_true(environment.get(name)) for name in names)


def _check_endpoint(endpoint: str | None) -> None:
    """Refuse an endpoint that is no URL, with which obstore would end the process."""
    if endpoint and not _ENDPOINT.fullmatch(endpoint):
        shown = endpoint.rpartition("@")[2]
        msg = f"the endpoint {shown!r} is no URL: set AWS_ENDPOINT_URL to one such as http://127.0.0.1:9000"
        raise InputError(msg)


def _check_secret(environment: Mapping[str, str]) -> None:
    if not environment.get("AWS_SECRET_ACCESS_KEY"):
        msg = "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY: set both, or neither to use a profile"
        raise InputError(msg)


def _find_keys(profile: Profile, environment: Mapping[str, str]) -> dict[str, str | None]:
    if "aws_access_key_id" in profile.settings:
        return {
            "aws_access_key_id": profile.settings["aws_access_key_id"],
            "aws_secret_access_key": profile.settings.get("aws_secret_access_key"),
            "aws_session_token": profile.settings.get("aws_session_token"),
        }
    issued = (
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    )
    if profile.is_indirect:
        msg = (
            f"the credentials of the profile {profile.name!r} come from a role, a login or a program: put them into"
            f' the environment with `eval "$(aws configure export-credentials --profile {profile.name} --format env)"`'
        )
        raise InputError(msg)
    if _is_true(environment.get("AWS_EC2_METADATA_DISABLED")) and not any(environment.get(name) for name in issued):
        msg = (
            "there are no credentials for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or"
            " AWS_SKIP_SIGNATURE=true for a public bucket"
        )
        raise InputError(msg)
    return {}


def _is_true(text: str | None) -> bool:
    return (text or "").lower() in _TRUE


def _open(address: Address, patience: Patience) -> "ObjectStore":
    try:
        from obstore.exceptions import BaseError  # noqa: PLC0415 - an extra
        from obstore.store import AzureStore, GCSStore, S3Store  # noqa: PLC0415
    except ImportError as error:
        msg = f"{describe(address)} needs the package obstore: pip install 'genanalytics[cloud]'"
        raise InputError(msg) from error
    options: Any = find_options(address)
    makers: dict[str, Any] = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}
    limits: dict[str, Any] = {"allow_http": allows_http(options), "connect_timeout": timedelta(seconds=3)}
    limits["timeout"] = timedelta(seconds=10 if patience == "short" else 120)
    retry = {
        "max_retries": 10 if patience == "short" else 20,
        "retry_timeout": timedelta(seconds=4 if patience == "short" else 60),
        "backoff": {
            "init_backoff": timedelta(milliseconds=100),
            "max_backoff": timedelta(seconds=1 if patience == "short" else 4),
            "base": 2,
        },
    }
    try:
        opened: ObjectStore = makers[address.kind](
            address.bucket, config=options, client_options=limits, retry_config=retry
        )
    except (BaseError, OSError, ValueError):
        names = {"s3": "AWS_", "gs": "GOOGLE_", "az": "AZURE_"}[address.kind]
        msg = f"cannot open {describe(address)}: check the environment variables that begin with {names}"
        raise InputError(msg) from None
    return opened
