"""Archives with answers in them, as tests of the cache need them."""

from collections.abc import Sequence
from pathlib import Path

from genanalytics.cache.archive import Archive
from genanalytics.cache.entry import Entry, make_cache_key
from support.faults import envelope, make_ids, record_of

IDS = make_ids(300)
OTHERS = make_ids(20, created=1_757_000_000)


def key_of(generation_id: str) -> str:
    return make_cache_key("https://gateway.example/v1", "team-a", generation_id)


def entries(ids: Sequence[str]) -> dict[str, Entry]:
    return {
        key_of(name): Entry(name, f"https://x/{name}", 200, 1.5, None, None, envelope(record_of(name))) for name in ids
    }


def filled(directory: Path, ids: Sequence[str] = IDS) -> Path:
    """Return the path of a healthy cache file with the records of ids."""
    archive = Archive(directory)
    archive.store(entries(ids))
    archive.close()
    return archive.path


def set_aside(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if ".damaged-" in path.name)
