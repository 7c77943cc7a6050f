"""What becomes of a cache that is damaged, cannot be written, belongs to somebody else, or is used by many at once."""

import multiprocessing
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import pytest

from genanalytics import Client, fetch
from genanalytics.cache.archive import FILE_NAME, Archive
from genanalytics.errors import CacheError
from support.archives import IDS, OTHERS, entries, filled, set_aside
from support.fault_server import FaultServer
from support.faults import assert_true, make_ids


def truncated(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(len(content))]


def flipped(content: bytes, random: Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(random.choice([1, 10, 1_000])):
        damaged[random.randrange(min(len(damaged), random.choice([200, 8_192, 1 << 30])))] = random.randrange(256)
    return bytes(damaged)


def garbage(content: bytes, random: Random) -> bytes:
    return random.randbytes(random.randrange(1, len(content)))


def zeroed(content: bytes, random: Random) -> bytes:
    start = random.randrange(len(content))
    length = random.randrange(1, len(content) - start + 1)
    return content[:start] + bytes(length) + content[start + length :]


DAMAGES = [truncated, flipped, garbage, zeroed]


@pytest.mark.parametrize("content", [b"no database " * 100, b"SQLite format 3\0" + bytes(5_000)])
def test_a_garbage_file_is_set_aside_and_the_run_goes_on(
    content: bytes, tmp_path: Path, make_client: Callable[..., Client], server: FaultServer
) -> None:
    path = tmp_path / "cache" / FILE_NAME
    path.parent.mkdir()
    path.write_bytes(content)
    client = make_client()
    fetched = fetch(OTHERS, client=client)
    assert_true(fetched.frame)
    [aside] = set_aside(path.parent)
    assert aside.read_bytes() == content
    [notice] = fetched.stats.notices
    assert notice.startswith("the cache was damaged (")
    assert str(aside) in notice
    assert fetched.stats.not_stored == 0
    again = fetch(OTHERS, client=client)
    assert (again.stats.from_cache, again.stats.notices) == (len(OTHERS), ())
    assert len(server.requests) == len(OTHERS)


def test_a_file_cut_short_is_set_aside_with_its_name_and_its_moment(tmp_path: Path) -> None:
    path = filled(tmp_path)
    os.truncate(path, path.stat().st_size // 2)
    kept = path.read_bytes()
    archive = Archive(tmp_path)
    found = archive.look_up(list(entries(IDS)))
    assert found.items() <= entries(IDS).items()
    archive.store(entries(OTHERS))
    assert archive.look_up(list(entries(OTHERS))) == entries(OTHERS)
    [aside] = [file for file in set_aside(tmp_path) if file.suffix.startswith(".damaged-2")]
    assert aside.name.startswith(f"{FILE_NAME}.damaged-20")
    assert len(aside.read_bytes()) >= len(kept)
    archive.close()


@pytest.mark.parametrize("does", ["look_up", "store"])
def test_damage_in_the_middle_of_a_run_is_no_end_of_it(does: str, tmp_path: Path) -> None:
    filled(tmp_path)
    archive = Archive(tmp_path)
    size = archive.path.stat().st_size
    with archive.path.open("r+b") as file:  # behind the back of the open connection
        file.seek(4_096)
        file.write(b"\xee" * (size - 4_096))
    if does == "look_up":
        assert archive.look_up(list(entries(IDS))) == {}
    archive.store(entries(OTHERS))
    [notice] = archive.take_notices()
    assert "malformed" in notice
    assert archive.take_notices() == []
    assert archive.look_up(list(entries(OTHERS))) == entries(OTHERS)
    archive.close()
    assert set_aside(tmp_path)


def test_a_database_of_another_layout_is_set_aside(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute("CREATE TABLE responses (other)")
    archive = Archive(tmp_path)
    archive.store(entries(OTHERS))
    assert "no such column" in archive.take_notices()[0]
    archive.close()


def test_two_that_meet_the_damage_set_it_aside_once_and_share_the_new_file(tmp_path: Path) -> None:
    filled(tmp_path)
    one, other = Archive(tmp_path), Archive(tmp_path)
    one.look_up(list(entries(IDS)))
    with one.path.open("r+b") as file:
        file.seek(4_096)
        file.write(b"\xee" * (one.path.stat().st_size - 4_096))
    one.store(entries(OTHERS[:10]))
    other.store(entries(OTHERS[10:]))
    for archive in (one, other):
        assert archive.look_up(list(entries(OTHERS))) == entries(OTHERS)
    assert len(one.take_notices() + other.take_notices()) == 1
    one.close()
    other.close()
    last = Archive(tmp_path)
    assert last.look_up(list(entries(OTHERS))) == entries(OTHERS)
    last.close()


def test_a_file_that_was_moved_away_is_not_written_any_more(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "cache")
    archive.store(entries(IDS))
    (tmp_path / "cache").rename(tmp_path / "archived")
    archive.store(entries(OTHERS))
    assert archive.look_up(list(entries(IDS + OTHERS))) == entries(OTHERS)
    archive.close()


def check_corrupted(tmp_path: Path, seeds: range) -> None:
    healthy = filled(tmp_path / "healthy").read_bytes()
    for seed in seeds:
        random = Random(seed)  # noqa: S311
        directory = tmp_path / str(seed)
        directory.mkdir()
        (directory / FILE_NAME).write_bytes(DAMAGES[seed % len(DAMAGES)](healthy, random))
        archive = Archive(directory)
        found = archive.look_up(list(entries(IDS)))
        assert found.items() <= entries(IDS).items(), seed
        try:
            archive.store(entries(OTHERS))
        except CacheError:
            assert archive.refusal, seed  # a header that asks for a newer SQLite is read, and never written
        else:
            assert archive.look_up(list(entries(OTHERS))) == entries(OTHERS), seed
        archive.close()
        shutil.rmtree(directory)


def test_a_corrupted_file_gives_no_wrong_row_and_stops_nothing(tmp_path: Path) -> None:
    check_corrupted(tmp_path, range(40))


@pytest.mark.long
def test_500_corrupted_files_give_no_wrong_row_and_stop_nothing(tmp_path: Path) -> None:
    check_corrupted(tmp_path, range(40, 540))


def check_mutated(tmp_path: Path, rounds: int, ids: list[str]) -> None:
    path = filled(tmp_path, ids)
    random = Random(11)  # noqa: S311
    with closing(sqlite3.connect(path)) as connection, connection:
        rows = dict(connection.execute("SELECT key, value FROM responses"))
        hit = random.sample(sorted(rows), rounds)
        for key in hit:
            damaged = random.choice(DAMAGES)(rows[key], random)
            connection.execute("UPDATE responses SET value = ? WHERE key = ?", (damaged, key))
    archive = Archive(tmp_path)
    found = archive.look_up(list(entries(ids)))
    assert found.items() <= entries(ids).items()
    assert len(found) >= len(ids) - rounds
    assert archive.take_notices() == []  # a bad row in a sound file is a miss, no more
    archive.close()


def test_mutated_rows_are_misses(tmp_path: Path) -> None:
    check_mutated(tmp_path, 100, IDS)


@pytest.mark.long
def test_1000_mutated_rows_are_misses(tmp_path: Path) -> None:
    check_mutated(tmp_path, 1_000, make_ids(1_200))


@pytest.mark.parametrize("damage", [b"\xff", b"~", b"0"], ids=["no Unicode", "no digit", "another key"])
def test_a_damaged_key_is_a_miss_in_the_row_and_in_the_index(damage: bytes, tmp_path: Path) -> None:
    path = filled(tmp_path / "healthy")
    healthy, key = path.read_bytes(), next(key for key in entries(IDS) if key[0] != "0").encode()
    for place in (healthy.index(key), healthy.rindex(key)):
        directory = tmp_path / str(place)
        directory.mkdir()
        (directory / FILE_NAME).write_bytes(healthy[:place] + damage + healthy[place + 1 :])
        archive = Archive(directory)
        found = archive.look_up(list(entries(IDS)))
        assert found.items() <= entries(IDS).items()
        assert len(found) >= len(IDS) / 2  # of an index out of order, not every key is found
        archive.close()


def test_a_key_that_turned_into_bytes_is_a_miss(tmp_path: Path) -> None:
    content = bytearray(filled(tmp_path).read_bytes())
    key = next(iter(entries(IDS)))
    type_of_key = b"\x4d"  # text of 32 bytes; one bit less makes it bytes (sqlite.org/fileformat.html, 2.1)
    for place in (content.index(key.encode()), content.rindex(key.encode())):
        at = content.rindex(type_of_key, place - 6, place)
        content[at] ^= 1
    (tmp_path / FILE_NAME).write_bytes(content)
    archive = Archive(tmp_path)
    assert archive.look_up([key]) == {}
    assert archive.look_up(list(entries(IDS))).items() <= entries(IDS).items()
    archive.close()


def test_the_first_row_does_not_decide_whether_the_file_is_read(tmp_path: Path) -> None:
    path = filled(tmp_path)
    with closing(sqlite3.connect(path)) as connection, connection:
        for column in ("key", "value", "expires"):  # bytes that are no Unicode, said to be text
            connection.execute(f"UPDATE responses SET {column} = CAST(x'ff' AS TEXT) WHERE rowid = 1")  # noqa: S608
    archive = Archive(tmp_path)
    assert len(archive.look_up(list(entries(IDS)))) == len(IDS) - 1
    assert archive.take_notices() == []
    archive.close()


def test_a_file_of_a_format_that_nobody_knows_is_set_aside(tmp_path: Path) -> None:
    content = bytearray(filled(tmp_path).read_bytes())
    content[47] = 5  # the schema's format number is 1 to 4 (sqlite.org/fileformat.html, 1.3.11)
    (tmp_path / FILE_NAME).write_bytes(content)
    archive = Archive(tmp_path)
    assert "unsupported file format" in archive.take_notices()[0]
    archive.store(entries(OTHERS))
    assert archive.look_up(list(entries(OTHERS))) == entries(OTHERS)
    archive.close()


def count_handles(path: Path) -> int:
    """Return how often this process has a file open."""
    status, opened = path.stat(), 0
    for handle in range(1_024):
        with suppress(OSError):
            opened += os.path.samestat(os.fstat(handle), status)
    return opened


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_opens_its_own_connection_and_leaves_its_parents_open(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.store(entries(IDS))
    inherited = count_handles(archive.path)
    assert inherited > 0
    child = os.fork()
    if child == 0:
        code = 1
        try:
            archive.store(entries(OTHERS))
            is_own = count_handles(archive.path) == 2 * inherited
            good = is_own and archive.look_up(list(entries(IDS))) == entries(IDS)
            archive.close()
            code = 0 if good and count_handles(archive.path) >= inherited else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert count_handles(archive.path) == inherited
    archive.store(entries(IDS))
    assert archive.look_up(list(entries(IDS + OTHERS))) == entries(IDS + OTHERS)
    archive.close()


def worker(directory: str, number: int, *, opens: int = 3) -> None:
    """Store and look up from four threads of a process of its own; what was stored must be there."""
    failures: list[BaseException] = []

    def work(thread: int) -> None:
        try:
            for opened in range(opens):
                archive = Archive(Path(directory))
                for batch in range(4):
                    own = make_ids(5, created=1_000_000_000 + number * 1_000 + thread * 100 + opened * 10 + batch)
                    archive.store(entries(own))
                    assert archive.look_up(list(entries(own))) == entries(own)
                archive.close()
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("number_of_processes", [2, pytest.param(8, marks=pytest.mark.long)])
@pytest.mark.parametrize("damaged", [False, True])
def test_processes_with_four_threads_each_lose_nothing(
    *, damaged: bool, number_of_processes: int, tmp_path: Path
) -> None:
    if damaged:
        (tmp_path / FILE_NAME).write_bytes(b"no database " * 1_000)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=worker, args=(str(tmp_path), number)) for number in range(number_of_processes)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(100)
    assert [process.exitcode for process in processes] == [0] * number_of_processes
    archive = Archive(tmp_path)
    everything = [
        name
        for number in range(number_of_processes)
        for thread in range(4)
        for opened in range(3)
        for batch in range(4)
        for name in make_ids(5, created=1_000_000_000 + number * 1_000 + thread * 100 + opened * 10 + batch)
    ]
    assert archive.look_up(list(entries(everything))) == entries(everything)
    archive.close()
    assert len(set_aside(tmp_path)) == damaged
