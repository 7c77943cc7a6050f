"""Two programs on one cache."""

import time
from pathlib import Path

from genanalytics.cache.archive import Archive
from genanalytics.cache.contents import clear_entries, count_contents, export_bodies
from genanalytics.cache.entry import Entry, make_cache_key

NOW = time.time()
LONG_AGO = NOW - 100 * 86_400


def make_entries(numbers: range, fetched_at: float) -> dict[str, Entry]:
    """Return entries by cache key."""
    entries = {}
    for number in numbers:
        generation_id = f"gen-1756000000-{number:020d}"
        body = b'{"data": {"id": "%s"}}' % generation_id.encode()
        entry = Entry(generation_id, "https://localhost/", 200, fetched_at, None, None, body)
        entries[make_cache_key("https://localhost", "a", generation_id)] = entry
    return entries


def test_what_came_while_old_answers_were_looked_for_stays(tmp_path: Path) -> None:
    """The numbers of deleted rows are used again, here for fresh answers."""
    with Archive(tmp_path) as first, Archive(tmp_path) as second:
        first.store(make_entries(range(3_000), LONG_AGO))
        old = [(key, entry) for key, entry in first.rows() if entry]
        assert clear_entries(second, before=NOW - 86_400) == 3_000
        second.store(make_entries(range(3_000, 6_000), NOW))
        assert first.remove(old) == 0
        assert count_contents(first).final == 3_000


def test_an_answer_that_was_fetched_again_meanwhile_stays(tmp_path: Path) -> None:
    with Archive(tmp_path) as first, Archive(tmp_path) as second:
        first.store(make_entries(range(10), LONG_AGO))
        old = [(key, entry) for key, entry in first.rows() if entry]
        second.store(make_entries(range(5), NOW))
        assert first.remove(old) == 5
        assert count_contents(second).entries == 5


def test_each_answer_is_read_once_while_others_are_deleted_and_stored(tmp_path: Path) -> None:
    with Archive(tmp_path) as first, Archive(tmp_path) as second:
        first.store(make_entries(range(2_000), LONG_AGO))
        rows = first.rows()
        read = [next(rows)]
        second.store(make_entries(range(1_000, 2_500), NOW))
        clear_entries(second, before=NOW - 86_400)
        read += rows
        assert len(read) == len({key for key, _ in read}) == 2_000


def test_a_backup_is_that_of_its_beginning(tmp_path: Path) -> None:
    with Archive(tmp_path / "cache") as archive:
        archive.store(make_entries(range(700), LONG_AGO))
        assert export_bodies(archive, tmp_path / "answers.jsonl") == 700
        assert clear_entries(archive, before=NOW) == 700
        assert count_contents(archive).entries == 0
