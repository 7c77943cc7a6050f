import os
import pickle
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from stat import S_IMODE
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from requests_cache import CachedSession

from genanalytics.cache import database
from genanalytics.cache.archive import FILE_NAME, Archive
from genanalytics.cache.backend import ArchiveBackend
from genanalytics.cache.entry import Entry, make_cache_key
from genanalytics.errors import CacheError
from support.fault_server import FaultServer
from support.faults import envelope, make_ids, record_of

SERVICE = "https://gateway.example/v1"
GENERATION = make_ids(1)[0]
EXPIRES = 4_102_444_800  # in 2100


def key_of(generation_id: str) -> str:
    return make_cache_key(SERVICE, "team-a", generation_id)


def an_entry(generation_id: str = GENERATION, *, expires: int | None = EXPIRES) -> Entry:
    return Entry(
        requested_id=generation_id,
        url=f"{SERVICE}/generation?id={generation_id}",
        status=200,
        fetched_at=1_756_003_600.25,
        expires=expires,
        returned_id="gen-other",
        body=envelope(record_of(generation_id)),
    )


def entries(*generation_ids: str) -> dict[str, Entry]:
    return {key_of(generation_id): an_entry(generation_id) for generation_id in generation_ids}


def execute(archive: Archive, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Return what a stranger's connection to the file gets."""
    with closing(sqlite3.connect(archive.path)) as connection, connection:
        return connection.execute(statement, values).fetchall()


def cached_session(archive: Archive, **options: Any) -> CachedSession:  # noqa: ANN401 - the session's own
    backend = ArchiveBackend(archive)
    return CachedSession(backend=backend, key_fn=lambda request, **_: key_of(request.url.partition("=")[2]), **options)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive(tmp_path / "cache") as archive:
        yield archive


def test_what_was_stored_is_found_as_it_was(archive: Archive) -> None:
    final = an_entry("gen-2", expires=None)._replace(status=404, returned_id=None, body=b"")
    stored = {key_of(GENERATION): an_entry(), key_of("gen-2"): final}
    archive.store(stored)
    assert archive.look_up([key_of(GENERATION), key_of("gen-2"), key_of("gen-3")]) == stored


def test_what_was_stored_is_found_by_the_next_process(archive: Archive) -> None:
    archive.store(entries(GENERATION))
    with Archive(archive.path.parent) as other:
        assert other.look_up([key_of(GENERATION)]) == entries(GENERATION)


def test_a_new_answer_takes_the_place_of_the_old_one(archive: Archive) -> None:
    archive.store({key_of(GENERATION): an_entry()})
    archive.store({key_of(GENERATION): an_entry(expires=None)})
    assert archive.look_up([key_of(GENERATION)])[key_of(GENERATION)].expires is None


def test_thousands_are_found_at_once(archive: Archive) -> None:
    known, unknown = make_ids(2_501), make_ids(2_501, created=1_757_000_000)
    archive.store(entries(*known))
    assert archive.look_up([key_of(generation_id) for generation_id in known + unknown]) == entries(*known)
    assert archive.look_up([]) == {}


def test_an_entry_answers_until_it_expires() -> None:
    assert an_entry(expires=100).is_current(99.9)
    assert not an_entry(expires=100).is_current(100)
    assert an_entry(expires=None).is_current(1e12)


def test_the_key_tells_service_account_and_id_apart() -> None:
    keys = {
        make_cache_key("https://a", "b", "c"),
        make_cache_key("https://a", "c", "b"),
        make_cache_key("https://ab", "", "c"),
        make_cache_key("https://a", "bc", ""),
        make_cache_key("https://a", "", "bc"),
    }
    assert len(keys) == 5
    assert all(len(bytes.fromhex(key)) == 16 for key in keys)


def test_all_entries_are_stored_or_none(archive: Archive) -> None:
    ids = make_ids(5)
    refused = f"CREATE TRIGGER t BEFORE INSERT ON responses WHEN NEW.key = '{key_of(ids[3])}'"
    execute(archive, f"{refused} BEGIN SELECT RAISE(ABORT, 'no such luck'); END")
    with pytest.raises(CacheError, match=f"the cache {archive.path} failed: no such luck"):
        archive.store(entries(*ids))
    assert archive.look_up([key_of(generation_id) for generation_id in ids]) == {}
    archive.store(entries(*ids[:3]))
    assert len(archive.look_up([key_of(generation_id) for generation_id in ids])) == 3


def test_a_full_disk_is_an_error_and_earlier_entries_stay(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect

    def connect_to_full_disk(*arguments: Any, **options: Any) -> sqlite3.Connection:  # noqa: ANN401 - SQLite's own
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.execute("PRAGMA max_page_count = 1")  # means: no more pages than there are
        return connection

    archive.store(entries(GENERATION))
    archive.close()
    monkeypatch.setattr(sqlite3, "connect", connect_to_full_disk)
    with pytest.raises(CacheError, match=f"the cache {archive.path} failed: database or disk is full"):
        archive.store(entries(*make_ids(100)))
    assert archive.look_up(list(entries(*make_ids(100)))) == entries(GENERATION)


def test_the_wait_for_a_lock_has_a_limit(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.close()
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 50)
    with closing(sqlite3.connect(archive.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(CacheError, match="database is locked"):
            archive.store(entries(GENERATION))
        assert archive.look_up([key_of(GENERATION)]) == {}
        other.execute("ROLLBACK")
    archive.store(entries(GENERATION))
    assert archive.look_up([key_of(GENERATION)]) == entries(GENERATION)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_bit_anywhere_is_a_miss(archive: Archive, data: st.DataObject) -> None:
    archive.store(entries(GENERATION))
    [(value,)] = execute(archive, "SELECT value FROM responses")
    position = data.draw(st.integers(0, len(value) - 1))
    damaged = bytearray(value)
    damaged[position] ^= 1 << data.draw(st.integers(0, 7))
    execute(archive, "UPDATE responses SET value = ?", bytes(damaged))
    assert archive.look_up([key_of(GENERATION)]) == {}


@pytest.mark.parametrize("damaged", [b"", b"\n", b"[]", b"x" * 40, "text", 1.5, 7, None])
def test_a_value_that_is_no_entry_is_a_miss(archive: Archive, damaged: object) -> None:
    archive.store(entries(GENERATION))
    execute(archive, "UPDATE responses SET value = ?", damaged)
    assert archive.look_up([key_of(GENERATION)]) == {}
    assert cached_session(archive).cache.get_response(key_of(GENERATION)) is None


def test_a_value_that_became_text_is_read_all_the_same(archive: Archive) -> None:
    archive.store(entries(GENERATION))
    execute(archive, "UPDATE responses SET value = CAST(value AS TEXT)")
    assert archive.look_up([key_of(GENERATION)]) == entries(GENERATION)


@pytest.mark.parametrize("expires", [None, 0, "tomorrow", b"\xff", -1.5])
def test_when_an_entry_expires_is_under_the_checksum_too(archive: Archive, expires: object) -> None:
    archive.store(entries(GENERATION))
    execute(archive, "UPDATE responses SET expires = ?", expires)
    assert archive.look_up([key_of(GENERATION)]) == entries(GENERATION)


def test_a_row_under_another_key_is_a_miss(archive: Archive) -> None:
    archive.store(entries("gen-1"))
    execute(archive, "UPDATE responses SET key = ?", key_of("gen-2"))
    assert archive.look_up([key_of("gen-1"), key_of("gen-2")]) == {}


def test_nothing_is_unpickled(archive: Archive, tmp_path: Path) -> None:
    class Malice:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "executed"),)

    archive.store(entries(GENERATION))
    execute(archive, "UPDATE responses SET value = ?", pickle.dumps(Malice()))
    assert archive.look_up([key_of(GENERATION)]) == {}
    assert cached_session(archive).cache.get_response(key_of(GENERATION)) is None
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("umask", [0, 0o077, 0o777])
def test_the_files_are_private_whatever_the_umask(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        archive = Archive(tmp_path / "cache")
        archive.store(entries(GENERATION))
    finally:
        os.umask(before)
    assert S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700
    modes = {file.name: S_IMODE(file.stat().st_mode) for file in (tmp_path / "cache").iterdir()}
    assert modes == {FILE_NAME: 0o600, f"{FILE_NAME}-wal": 0o600, f"{FILE_NAME}-shm": 0o600}


def test_readers_do_not_wait_for_writers(archive: Archive) -> None:
    assert execute(archive, "PRAGMA journal_mode") == [("wal",)]


def test_closing_leaves_one_file_and_opens_again_when_asked(archive: Archive) -> None:
    archive.store(entries(GENERATION))
    archive.close()
    assert [file.name for file in archive.path.parent.iterdir()] == [FILE_NAME]
    assert archive.look_up([key_of(GENERATION)]) == entries(GENERATION)


def test_the_home_directory_can_be_written_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    archive = Archive(Path("~/cache"))
    assert archive.path == tmp_path / "home" / "cache" / FILE_NAME
    assert S_IMODE(archive.path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["home"]


@pytest.mark.parametrize("place", ["file", "file/below", "no-file"])
def test_a_directory_that_cannot_be_used_is_refused_in_one_sentence(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "no-file" / FILE_NAME).mkdir(parents=True)
    with pytest.raises(CacheError) as caught:
        Archive(tmp_path / place)
    message = str(caught.value)
    assert message.startswith(f"cannot use the cache {tmp_path / place / FILE_NAME}: ")
    assert message.endswith("; give another cache_dir (--cache-dir)")
    assert "\n" not in message
    assert isinstance(caught.value, OSError)


def test_the_stock_session_reads_it_offline(archive: Archive) -> None:
    archive.store({key_of(GENERATION): an_entry(), key_of("gen-2"): an_entry("gen-2", expires=1)})
    with cached_session(archive, read_only=True) as session:
        response = session.get(an_entry().url, only_if_cached=True)
        assert response.from_cache
        assert response.status_code == 200
        assert response.json() == {"data": record_of(GENERATION)}
        assert response.created_at == datetime.fromtimestamp(1_756_003_600.25, UTC)
        assert response.expires == datetime(2100, 1, 1, tzinfo=UTC)
        assert not session.get(an_entry("gen-2").url, only_if_cached=True).ok  # it has expired
        assert not session.get(an_entry("gen-3").url, only_if_cached=True).ok


def test_a_session_of_requests_cache_cannot_write_it(archive: Archive, server: FaultServer) -> None:
    with cached_session(archive) as session, pytest.raises(TypeError, match="only genanalytics writes this cache"):
        session.get(f"{server.base_url}/generation?id={GENERATION}", timeout=5)
    assert execute(archive, "SELECT * FROM responses") == []
