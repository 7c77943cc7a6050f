"""Any file or stream is read by its content: unpacked, from its start, and only as far as needed."""

import gzip
import io
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

from genanalytics.base.content import HEAD_BYTES, find_files, open_content, read_stream, translate_errors, unreadable
from genanalytics.errors import InputError


def zstd(content: bytes) -> bytes:
    packed: bytes = pa.compress(content, codec="zstd", asbytes=True)
    return packed


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "gzip in two parts": lambda content: gzip.compress(content[:5]) + gzip.compress(content[5:]),
    "zstd": zstd,
    "gzip in zstd in gzip": lambda content: gzip.compress(zstd(gzip.compress(content))),
}


@pytest.mark.parametrize("size", [0, 1, HEAD_BYTES - 1, HEAD_BYTES, HEAD_BYTES + 1, 3 << 20])
@pytest.mark.parametrize("way", PACKERS)
def test_a_file_is_unpacked_and_read_from_its_start(tmp_path: Path, way: str, size: int) -> None:
    content = bytes(number % 251 for number in range(size))
    path = tmp_path / "data"
    path.write_bytes(PACKERS[way](content))
    with open_content(path) as found:
        assert found.head == content[:HEAD_BYTES]
        assert b"".join(found.chunks()) == content
    with open_content(path) as found:
        assert found.stream().read() == content
        assert found.name == str(path)
        assert (found.path == path) == (way == "plain")


@pytest.mark.parametrize("way", PACKERS)
def test_a_reader_that_needs_a_file_gets_one_that_is_removed_afterwards(tmp_path: Path, way: str) -> None:
    path = tmp_path / "data"
    path.write_bytes(PACKERS[way](b"content" * 20_000))
    with open_content(path) as found:
        with found.file() as file:
            assert file.read_bytes() == b"content" * 20_000
            assert (file == path) == (way == "plain")
        assert file.exists() == (way == "plain")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_with_a_mark_becomes_utf_8(tmp_path: Path, encoding: str) -> None:
    mark = "" if encoding == "utf-16" else "\ufeff"
    (tmp_path / "data").write_bytes(f"{mark}größer 🙂\n".encode(encoding))
    with open_content(tmp_path / "data") as found:
        assert found.stream().read().decode() == "größer 🙂\n"


def test_a_file_that_is_packed_too_often_is_refused(tmp_path: Path) -> None:
    content = b"x"
    for _ in range(4):
        content = gzip.compress(content)
    (tmp_path / "data").write_bytes(content)
    with (
        pytest.raises(InputError, match=r"data is packed 4 times or more: unpack it first"),
        open_content(tmp_path / "data"),
    ):
        pass


def test_a_missing_file_and_a_directory_are_refused_by_name(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "missing", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(InputError, match=f"^{re.escape(f'cannot read {path}: {reason}')}$"), open_content(path):
            pass


@contextmanager
def slow_pipe(content: bytes, *, piece: int) -> Iterator[io.FileIO]:
    """Yield the end of a pipe into which another thread writes the content piece by piece."""
    reading, writing = os.pipe()

    def write() -> None:
        with open(writing, "wb", buffering=0) as stream:  # noqa: PTH123 - a descriptor
            stream.writelines(content[start : start + piece] for start in range(0, len(content), piece))

    writer = threading.Thread(target=write)
    with io.FileIO(reading) as stream:
        writer.start()
        yield stream
        writer.join()


@pytest.mark.parametrize("way", PACKERS)
def test_a_pipe_is_read_although_it_returns_few_bytes_at_a_time(way: str) -> None:
    content = os.urandom(HEAD_BYTES + 1_000)
    with slow_pipe(PACKERS[way](content), piece=1_000) as stream:
        found = read_stream(stream)
        assert found.head == content[:HEAD_BYTES]
        assert b"".join(found.chunks()) == content
        assert not stream.closed


def test_a_text_stream_is_read_as_utf_8_and_no_bytes_are_unpacked() -> None:
    text = "\x1f\ufeffgrößer" + "x" * HEAD_BYTES + "\udcff"
    found = read_stream(io.StringIO(text))
    assert found.stream().read() == text.encode("utf-8", "surrogatepass")
    assert (found.name, found.path) == ("the stream", None)


def test_only_the_start_of_an_endless_stream_is_read() -> None:
    class Endless(io.RawIOBase):
        taken = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            buffer[:] = bytes(len(buffer))
            self.taken += len(buffer)
            return len(buffer)

    stream = Endless()
    chunks = read_stream(stream).chunks()  # type: ignore[arg-type] # a raw stream
    assert next(chunks) == bytes(HEAD_BYTES)
    assert stream.taken == HEAD_BYTES
    assert len(next(chunks)) <= 1 << 20


def test_files_are_found_in_order_of_names_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b/2.txt", "b/1.txt", "a/z/3.txt", "c.txt", ".git/HEAD", "_delta_log/0.json", "b/_SUCCESS", "b/.x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "around").symlink_to(tmp_path)
    (tmp_path / "link.txt").symlink_to(tmp_path / "c.txt")
    (tmp_path / "nowhere.txt").symlink_to(tmp_path / "missing")
    found = [str(path.relative_to(tmp_path)) for path in find_files(tmp_path)]
    assert found == ["c.txt", "link.txt", "a/z/3.txt", "b/1.txt", "b/2.txt"]


def test_a_missing_directory_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*missing: No such file or directory"):
        list(find_files(tmp_path / "missing"))


def test_named_errors_become_one_sentence_and_others_pass() -> None:
    named, other, own = OSError("line 1\nline 2"), ValueError("x"), InputError("own")
    with pytest.raises(InputError, match=r"^cannot read a\.csv: line 1$") as raised, translate_errors("a.csv", OSError):
        raise named
    assert raised.value.__cause__ is named
    with pytest.raises(ValueError, match=r"^x$"), translate_errors("a.csv", OSError):
        raise other
    with pytest.raises(InputError, match=r"^own$"), translate_errors("a.csv", ValueError):
        raise own
    assert str(unreadable(Path("a.csv"), EOFError())) == "cannot read a.csv: EOFError"
