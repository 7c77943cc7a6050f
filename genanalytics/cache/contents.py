"""What a cache contains: counted, deleted, exported."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from genanalytics.base.atomic import replace_file
from genanalytics.base.mask import hide_api_keys
from genanalytics.cache.archive import Archive
from genanalytics.cache.entry import Entry, make_cache_key


@dataclass(frozen=True, slots=True)
class Service:
    """The answers of one service in a cache.

    Attributes:
        url: The base URL of the service.
        answers: The number of its answers.
        accounts: How many of them belong to each of the accounts that were looked for.
    """

    url: str
    answers: int
    accounts: Mapping[str, int]

    @property
    def others(self) -> int:
        """The number of answers of other accounts. The cache contains digests of their names only."""
        return self.answers - sum(self.accounts.values())


@dataclass(frozen=True, slots=True)
class Contents:
    """The contents of a cache.

    Attributes:
        entries: The number of rows.
        final: The number of records that will not be asked for again.
        young: The number of records that may still change.
        missing: The number of ids for which the service has no record.
        damaged: The number of rows that fail their checksum; they are asked for again.
        size: The bytes that the database and its log take on the disk.
        oldest: When the first answer was fetched (Unix time in seconds); None without any.
        newest: When the last answer was fetched.
        services: The services that sent the answers, the one with the most answers first.
        set_aside: The names of damaged files next to the cache, which may still hold records.
    """

    entries: int
    final: int
    young: int
    missing: int
    damaged: int
    size: int
    oldest: float | None
    newest: float | None
    services: tuple[Service, ...]
    set_aside: tuple[str, ...]


def count_contents(archive: Archive, accounts: Iterable[str] = ()) -> Contents:
    """Return the contents of a cache, each row checked against its checksum.

    Args:
        archive: The cache.
        accounts: The accounts to look for.

    Raises:
        CacheError: The file cannot be read.
    """
    final = young = missing = damaged = 0
    oldest: float | None = None
    newest: float | None = None
    owners: Counter[tuple[str, str]] = Counter()
    names = tuple(dict.fromkeys(accounts))
    for cache_key, entry in archive.rows():
        if entry is None:
            damaged += 1
            continue
        owners[_find_owner(cache_key, entry, names)] += 1
        final += bool(entry.body) and entry.expires is None
        young += bool(entry.body) and entry.expires is not None
        missing += not entry.body
        oldest = entry.fetched_at if oldest is None else min(oldest, entry.fetched_at)
        newest = entry.fetched_at if newest is None else max(newest, entry.fetched_at)
    return Contents(
        entries=final + young + missing + damaged,
        final=final,
        young=young,
        missing=missing,
        damaged=damaged,
        size=archive.size(),
        oldest=oldest,
        newest=newest,
        services=_list_services(owners, names),
        set_aside=tuple(sorted(file.name for file in archive.path.parent.glob(f"{archive.path.name}.damaged-*"))),
    )


def _find_owner(cache_key: str, entry: Entry, accounts: Iterable[str]) -> tuple[str, str]:
    """Return the service of an entry and its account; "" if it belongs to none of the accounts."""
    url = entry.url.rpartition("/generation?id=")[0] or entry.url
    owned = (one for one in accounts if make_cache_key(url, one, entry.requested_id) == cache_key)
    return url, next(owned, "")


def _list_services(owners: Mapping[tuple[str, str], int], accounts: Iterable[str]) -> tuple[Service, ...]:
    urls = dict.fromkeys(url for url, _ in owners)
    services = [
        Service(
            hide_api_keys(url),
            sum(number for (of, _), number in owners.items() if of == url),
            {one: owners[url, one] for one in accounts if (url, one) in owners},
        )
        for url in urls
    ]
    return tuple(sorted(services, key=lambda service: (-service.answers, service.url)))


def clear_entries(archive: Archive, *, before: float | None = None) -> int:
    """Delete entries fetched before a moment (Unix time in seconds), or all entries, and return their number.

    Without a moment, damaged entries are deleted too. Files that were set aside as damaged stay.

    Raises:
        CacheError: The file cannot be read or written.
    """
    if before is None:
        return archive.remove(None)
    return archive.remove(
        (cache_key, entry) for cache_key, entry in archive.rows() if entry is not None and entry.fetched_at < before
    )


def list_records(archive: Archive, make_cache_key: Callable[[str], str]) -> Iterator[Entry]:
    """Yield the entries with a record of one account at one service, which `make_cache_key` makes the cache keys of.

    Raises:
        CacheError: The cache cannot be read.
    """
    for cache_key, entry in archive.rows():
        if entry is not None and entry.body and make_cache_key(entry.requested_id) == cache_key:
            yield entry


def export_bodies(archive: Archive, path: Path) -> int:
    """Write the body of every record, one per line, and return their number; line breaks within a body become blanks.

    The file is written whole or not at all, and private, like the cache.

    Raises:
        CacheError: The cache cannot be read.
        OutputError: The file cannot be written.
    """
    written = 0
    with replace_file(path, mode=0o600) as part, part.open("wb") as stream:
        for _, entry in archive.rows():
            if entry is not None and entry.body:
                written += 1
                stream.write(to_line(entry.body))
    return written


def to_line(body: bytes) -> bytes:
    """Return a body as one line; in JSON, a line break is as good as a blank."""
    return body.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"
