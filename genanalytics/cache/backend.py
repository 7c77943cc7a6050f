"""The cache as a backend for sessions of requests-cache, which only reads."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NoReturn

from requests_cache.backends.base import BaseCache, BaseStorage
from requests_cache.models.request import CachedRequest
from requests_cache.models.response import CachedResponse

from genanalytics.cache.archive import Archive


class ArchiveBackend(BaseCache):
    """A backend that answers from an archive.

    Use it as `CachedSession(backend=ArchiveBackend(archive), key_fn=..., read_only=True)`.
    """

    def __init__(self, archive: Archive) -> None:
        super().__init__(cache_name=str(archive.path))  # redirects are never followed, so their store stays empty
        self.responses = _Responses(archive)


class _Responses(BaseStorage):  # type: ignore[type-arg]
    """The answers by cache key."""

    def __init__(self, archive: Archive) -> None:
        super().__init__()
        self._archive = archive

    def __getitem__(self, key: str) -> CachedResponse:
        entry = self._archive.look_up([key]).get(key)
        if entry is None:
            raise KeyError(key)
        response = CachedResponse(
            url=entry.url,
            status_code=entry.status,
            request=CachedRequest(method="GET", url=entry.url),
            created_at=datetime.fromtimestamp(entry.fetched_at, UTC),
            expires=None if entry.expires is None else datetime.fromtimestamp(entry.expires, UTC),
            content=entry.body,
        )
        response.cache_key = key
        return response

    def __iter__(self) -> Iterator[str]:
        return (key for key, entry in self._archive.rows() if entry is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __setitem__(self, key: str, value: object) -> NoReturn:
        self._refuse()

    def __delitem__(self, key: str) -> NoReturn:
        self._refuse()

    @staticmethod
    def _refuse() -> NoReturn:
        msg = "only genanalytics writes this cache: open the session with read_only=True"
        raise TypeError(msg)
