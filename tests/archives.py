"""Archives with answers in them, as tests of the cache need them."""

from pathlib import Path

from faults import envelope, make_ids, record_of
from genanalytics.cache.archive import Archive, Entry, cache_key

IDS = make_ids(300)
OTHERS = make_ids(20, created=1_757_000_000)


def key_of(generation_id: str) -> str:
    return cache_key("https://gateway.example/v1", "team-a", generation_id)


def entries(ids: list[str]) -> dict[str, Entry]:
    return {
        key_of(name): Entry(name, f"https://x/{name}", 200, 1.5, None, None, envelope(record_of(name))) for name in ids
    }


def closed(archive: Archive) -> None:
    archive.close()  # type: ignore[no-untyped-call]


def filled(directory: Path) -> Path:
    """Return the path of a healthy cache file that holds `IDS`."""
    archive = Archive(directory)
    archive.store(entries(IDS))
    closed(archive)
    return archive.path


def set_aside(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if ".damaged-" in path.name)
