"""The cache as an archive: what is in it, whether it is sound, what is taken out of it."""

from dataclasses import dataclass
from pathlib import Path

from genanalytics.base.atomic import replacing
from genanalytics.cache.archive import Archive


@dataclass(frozen=True, slots=True)
class Contents:
    """What a cache holds.

    Attributes:
        entries: How many rows there are.
        final: How many of them are records that will not be asked for again.
        young: How many are records that may still change.
        missing: How many say that the service has no record.
        damaged: How many fail their checksum; they are asked for again.
        size: How many bytes the database and its log take on the disk.
        oldest: When the first answer was fetched (Unix time in seconds); None without any.
        newest: When the last answer was fetched.
        set_aside: The names of damaged files beside the cache, which may still hold records.
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


def contents(archive: Archive) -> Contents:
    """Return what a cache holds, each row checked against its checksum.

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


def clear(archive: Archive, *, before: float | None = None) -> int:
    """Delete what was fetched before a moment, or everything, and return how many entries that were.

    Files that were set aside as damaged stay.

    Args:
        archive: The cache.
        before: Unix time in seconds; without it all entries go, damaged ones included.

    Raises:
        CacheError: The file cannot be read or written.
    """
    if before is None:
        return archive.remove(None)
    return archive.remove([row for row, entry in archive.rows() if entry is not None and entry.fetched_at < before])


def export(archive: Archive, path: Path) -> int:
    """Write the body of every record verbatim, one a line, and return how many; line breaks in it become blanks.

    The file is whole or not there, and private, as the cache is.

    Raises:
        CacheError: The cache cannot be read.
        OutputError: The file cannot be written.
    """
    written = 0
    rows = archive.rows()
    with replacing(path, mode=0o600) as part, part.open("wb") as stream:
        for _, entry in rows:
            if entry is not None and entry.body:
                written += 1
                stream.write(entry.body.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n")
    return written
