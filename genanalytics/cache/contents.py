"""What a cache contains: counted, deleted, exported."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from genanalytics.base.atomic import replace_file
from genanalytics.cache.archive import Archive
from genanalytics.cache.entry import Entry


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
    set_aside: tuple[str, ...]


def count_contents(archive: Archive) -> Contents:
    """Return the contents of a cache, each row checked against its checksum.

    Raises:
        CacheError: The file cannot be read.
    """
    final = young = missing = damaged = 0
    oldest: float | None = None
    newest: float | None = None
    for _, entry in archive.rows():
        if entry is None:
            damaged += 1
            continue
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
        set_aside=tuple(sorted(file.name for file in archive.path.parent.glob(f"{archive.path.name}.damaged-*"))),
    )


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
