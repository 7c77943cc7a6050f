"""Errors of object stores as errors of the system: what went wrong in a few words, without a key."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from genanalytics.base.stores.address import Address
from genanalytics.base.text import to_one_line

_CODE = re.compile(r"<Code>([^<]+)</Code>")
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")
_STATUS = re.compile(r"non-2xx status code: (\d{3}[^:\n]*)")
_ENDPOINT = re.compile(r"https?://(?:[^/?\s]*@)?([^/?\s)]+)")
_QUERY = re.compile(r"\?\S*")
"""The query of a URL, which can contain a signature."""
_REASONS = (
    (
        "169.254.169.254",
        "there are no credentials (neither in the environment, nor a profile, nor a role of the machine)",
    ),
    ("dns error", "there is no host {endpoint}"),
    ("ConnectionRefused", "nothing answers at {endpoint} (connection refused)"),
    ("TimedOut", "{endpoint} does not answer (timeout)"),
    ("timed out", "{endpoint} does not answer (timeout)"),
    ("UnknownIssuer", "its certificate is not trusted"),
    ("certificate", "its certificate is not trusted"),
    ("redirect without LOCATION", "the bucket is in another region: set AWS_REGION"),
    ("AuthorizationHeaderMalformed", "the bucket is in another region: set AWS_REGION"),
    ("PermanentRedirect", "the bucket is in another region: set AWS_REGION"),
    ("RequestTimeTooSkewed", "the clock of this machine is wrong"),
    ("NoSuchBucket", "there is no such bucket"),
    ("InvalidAccessKeyId", "it does not know the access key"),
    ("SignatureDoesNotMatch", "it refuses the secret key"),
    ("ExpiredToken", "the credentials have expired"),
    ("AccessDenied", "access denied"),
    ("403 Forbidden", "access denied"),
    ("SlowDown", "it is overloaded and refuses requests (503)"),
    ("503 Service Unavailable", "it is overloaded and refuses requests (503)"),
    ("error sending request", "the connection fails"),
    ("error decoding response body", "the connection broke in the middle of an answer"),
    ("HTTP error", "the connection fails"),
)
"""Parts of texts of the library, and what they mean: the first that occurs counts. `{endpoint}` is host and port."""


@contextmanager
def translate_store_errors(address: Address) -> Iterator[None]:
    """Raise errors of obstore as errors of the system that name the object and the reason.

    Raises:
        FileNotFoundError: There is no such object.
        FileExistsError: There is one already.
        PermissionError: The store refuses the credentials, or what they may do.
        OSError: Anything else.
    """
    import obstore.exceptions as known  # noqa: PLC0415 - an extra

    try:
        yield
    except known.AlreadyExistsError:
        msg = f"{address} exists already"
        raise FileExistsError(msg) from None
    except (known.PermissionDeniedError, known.UnauthenticatedError) as error:
        msg = f"{describe(address)}: {find_reason(str(error))}"
        raise PermissionError(msg) from None
    except FileNotFoundError as error:
        if "NoSuchBucket" in str(error) or "ContainerNotFound" in str(error):
            msg = f"{describe(address)}: there is no such bucket"
            raise OSError(msg) from None
        msg = f"there is no object {address}"
        raise FileNotFoundError(msg) from None
    except (known.BaseError, OSError, ValueError) as error:
        msg = f"{describe(address)}: {find_reason(str(error))}"
        raise OSError(msg) from None


def describe(address: Address) -> str:
    """Return the name of the store of an object, for messages."""
    return f"the store {Address(address.kind, address.bucket, '', address.account)}"


def find_reason(text: str) -> str:
    """Return the reason in an error text of obstore, which contains the whole answer of the store.

    >>> find_reason("Generic S3 error: Error performing PUT http://host/b/k in 2ms - HTTP error: error sending request")
    'the connection fails'
    >>> find_reason("Error performing GET https://me:s@cret@host:9/b/k - client error (Connect): ConnectionRefused")
    'nothing answers at host:9 (connection refused)'
    >>> find_reason("... status code: 403: <Error><Code>Odd</Code><Message>That is odd</Message></Error>")
    'That is odd (Odd)'
    """
    endpoint = _ENDPOINT.search(text)
    for part, reason in _REASONS:
        if part in text:
            return reason.replace("{endpoint}", to_one_line(endpoint[1]) if endpoint else "its endpoint")
    code, message, status = _CODE.search(text), _MESSAGE.search(text), _STATUS.search(text)
    if code:
        return to_one_line(f"{message[1]} ({code[1]})" if message and message[1] else code[1])
    if status:
        return f"it answers {status[1]}"
    return to_one_line(_QUERY.sub("", text.partition("\n")[0].partition(" - ")[0]))
