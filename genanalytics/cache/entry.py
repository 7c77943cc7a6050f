"""One stored answer, and its form in the database: a checksum, a line of JSON and the body as it came.

Nothing is ever unpickled. The checksum covers the cache key too, so that a damaged or moved row is a miss.
"""

import json
from dataclasses import dataclass
from hashlib import blake2b

_DIGEST_BYTES = 16
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored answer.

    Attributes:
        requested_id: The id that was asked for.
        url: The request's URL, without any credential.
        status: 200 with a record, or 404.
        fetched_at: When the answer came (Unix time in seconds).
        expires: When to ask again (Unix time in seconds); None for a final record.
        returned_id: The id in the record, if it differs from the requested one.
        body: The answer as it came.
    """

    requested_id: str
    url: str
    status: int
    fetched_at: float
    expires: int | None
    returned_id: str | None
    body: bytes

    def is_current(self, now: float) -> bool:
        """Return whether the entry answers without asking again."""
        return self.expires is None or now < self.expires


def make_cache_key(base_url: str, account: str, generation_id: str) -> str:
    """Return the cache key of an answer: a hex digest.

    >>> make_cache_key("https://gateway/v1", "team-a", "gen-1") == make_cache_key("https://gateway/v1", "b", "gen-1")
    False
    """
    parts = f"{base_url}\0{account}\0{generation_id}"  # none of the three can contain a NUL
    return blake2b(parts.encode(), digest_size=_DIGEST_BYTES).hexdigest()


def pack(cache_key: str, entry: Entry) -> bytes:
    """Return the bytes of an entry."""
    head = [_VERSION, entry.requested_id, entry.url, entry.status, entry.fetched_at, entry.expires, entry.returned_id]
    content = json.dumps(head).encode() + b"\n" + entry.body
    return _checksum(cache_key, content) + content


def unpack(cache_key: str, value: object) -> Entry | None:
    """Return the entry in bytes; None if they are damaged or belong to another cache key."""
    if not isinstance(value, bytes) or value[:_DIGEST_BYTES] != _checksum(cache_key, value[_DIGEST_BYTES:]):
        return None
    head, _, body = value[_DIGEST_BYTES:].partition(b"\n")
    version, *fields = json.loads(head.decode())  # of bytes, it would guess the encoding
    if version != _VERSION:
        return None
    requested_id, url, status, fetched_at, expires, returned_id = fields
    return Entry(requested_id, url, status, fetched_at, expires, returned_id, body)


def _checksum(cache_key: str, content: bytes) -> bytes:
    return blake2b(content, digest_size=_DIGEST_BYTES, salt=bytes.fromhex(cache_key)[:_DIGEST_BYTES]).digest()
