"""A cache that version 0.1.0 wrote is read by every later version, and one of a later version is left alone."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import genanalytics as ga
from genanalytics import Client
from genanalytics.cache.archive import FILE_NAME, Archive
from genanalytics.cache.contents import clear_entries, count_contents, export_bodies
from genanalytics.cache.entry import make_cache_key
from genanalytics.errors import CacheError
from genanalytics.files import read
from support.kept import ACCOUNT, BASE_URL, BODIES, IDS, MISSING, assert_is_sample, open_offline, unpack


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return unpack(tmp_path)


def test_every_entry_is_read_as_it_was_written(kept: Path) -> None:
    keys = {make_cache_key(BASE_URL, ACCOUNT, generation_id): generation_id for generation_id in IDS}
    with Archive(kept / "cache") as archive:
        entries = {keys[key]: entry for key, entry in archive.look_up(list(keys)).items()}
        assert archive.take_notices() == []
        assert archive.refusal == ""
    assert {name: entry.body for name, entry in entries.items()} == BODIES | {MISSING: b""}
    for name, entry in entries.items():
        assert (entry.requested_id, entry.url, entry.returned_id) == (name, f"{BASE_URL}/generation?id={name}", None)
        assert entry.status == (404 if name == MISSING else 200)
        assert (entry.expires is None) == (name != MISSING)


def test_its_contents_are_counted_and_exported(kept: Path, tmp_path: Path) -> None:
    with Archive(kept / "cache") as archive:
        contents = count_contents(archive)
        assert (contents.entries, contents.final, contents.young, contents.missing, contents.damaged) == (
            40,
            39,
            0,
            1,
            0,
        )
        assert contents.set_aside == ()
        assert export_bodies(archive, tmp_path / "bodies.jsonl") == 39
    assert sorted((tmp_path / "bodies.jsonl").read_bytes().splitlines()) == sorted(BODIES.values())


def test_a_fetch_is_answered_by_it_offline(kept: Path) -> None:
    with open_offline(kept) as client:
        fetched = ga.fetch(IDS, client=client)
    assert_is_sample(fetched.frame)
    assert fetched.frame["requested_id"].tolist() == list(BODIES)
    assert fetched.frame.equals(read(kept / "records.arrow"))
    assert fetched.stats.outcomes == {"ok": 39, "not_found": 1}
    assert (fetched.stats.from_cache, fetched.stats.requests, fetched.stats.notices) == (40, 0, ())
    [failure] = fetched.failures.to_dict("records")
    assert failure["requested_id"] == MISSING
    assert failure["message"] == "the service had no record of it on 2026-11-28"


def test_a_fetch_online_asks_for_none_of_its_records_again(kept: Path) -> None:
    with Client("any-key-will-do", base_url=BASE_URL, account=ACCOUNT, cache_dir=kept / "cache") as client:
        fetched = ga.fetch(list(BODIES), client=client)
    assert (fetched.stats.from_cache, fetched.stats.requests) == (39, 0)
    assert_is_sample(fetched.frame)


def test_new_entries_are_added_to_it(kept: Path) -> None:
    with Archive(kept / "cache") as archive:
        [old] = archive.look_up([make_cache_key(BASE_URL, ACCOUNT, IDS[0])]).values()
        archive.store({make_cache_key(BASE_URL, ACCOUNT, "gen-new"): old})
    shutil.copytree(kept / "cache", kept / "copy")
    with Archive(kept / "copy") as archive:
        assert count_contents(archive).entries == 41


def test_the_account_of_a_key_and_the_cache_key_of_an_answer_stay(tmp_path: Path) -> None:
    with Client("any-key-will-do", cache_dir=tmp_path) as client:
        assert client.account == "2d91a43edb22cee0"
        assert client.make_cache_key("gen-1") == "c18621154f667ca486dd10356a39c4fd"


NEWER = "a newer version of genanalytics wrote it (layout 2); update genanalytics, or give another cache_dir"


def change_layout(directory: Path) -> None:
    """Do what a later version may do to the file."""
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection, connection:
        connection.execute("ALTER TABLE responses RENAME COLUMN value TO content")
        connection.execute(f"PRAGMA user_version = {0x6761 << 16 | 2}")


def count_rows(directory: Path) -> int:
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        [(rows,)] = connection.execute("SELECT count(content) FROM responses")
    return int(rows)


def test_a_cache_of_a_later_version_is_refused_and_left_alone(kept: Path) -> None:
    change_layout(kept / "cache")
    with pytest.raises(CacheError) as caught:
        Archive(kept / "cache")
    assert NEWER in str(caught.value)
    assert str(kept / "cache" / FILE_NAME) in str(caught.value)
    assert count_rows(kept / "cache") == 40
    assert not list((kept / "cache").glob("*.damaged-*"))


def test_a_cache_that_a_later_version_takes_over_meanwhile_is_left_alone(kept: Path) -> None:
    key = make_cache_key(BASE_URL, ACCOUNT, IDS[0])
    with Archive(kept / "cache") as archive:
        [old] = archive.look_up([key]).values()
        change_layout(kept / "cache")
        for work in (lambda: archive.look_up([key]), lambda: archive.store({key: old}), lambda: clear_entries(archive)):
            with pytest.raises(CacheError) as caught:
                work()
            assert NEWER in str(caught.value)
    assert count_rows(kept / "cache") == 40
    assert not list((kept / "cache").glob("*.damaged-*"))


def test_other_values_in_the_header_do_not_make_a_later_version(kept: Path) -> None:
    for version in (1, 2, -1, 0x6760 << 16, 1 << 30):
        with closing(sqlite3.connect(kept / "cache" / FILE_NAME)) as connection:
            connection.execute(f"PRAGMA user_version = {version}")
        with Archive(kept / "cache") as archive:
            assert count_contents(archive).entries == 40
