"""Files and streams as bytes: found in directories, unpacked, and read as far as they are asked for."""

import codecs
import gzip
import io
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from genanalytics.errors import InputError

HEAD = 1 << 16
"""So many bytes decide what form a file is of."""

_CHUNK = 1 << 20
_DEEPEST = 4
"""How often a file can be packed: there are archives that unpack to themselves for ever."""

_GZIP = b"\x1f\x8b\x08"
_ZSTD = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes with a name; the head is known, the rest is read once.

    Attributes:
        name: What to call them in a sentence.
        head: The first `HEAD` bytes, or all where there are fewer.
        rest: The bytes after the head.
        path: The file that holds just these bytes, where there is one.
    """

    name: str
    head: bytes
    rest: BinaryIO
    path: Path | None = None

    def chunks(self) -> Iterator[bytes]:
        """Yield all bytes from the beginning, some at a time."""
        yield self.head
        while chunk := self.rest.read(_CHUNK):
            yield chunk

    def stream(self) -> BinaryIO:
        """Return all bytes from the beginning as a stream; closing it closes nothing else."""
        return _stream(self.chunks())

    @contextmanager
    def file(self) -> Iterator[Path]:
        """Yield a file that holds all bytes: the one that they come from, or else a temporary one."""
        if self.path is not None:
            yield self.path
            return
        with tempfile.TemporaryDirectory(prefix="genanalytics-") as directory:
            path = Path(directory) / "content"
            with path.open("wb") as copy:
                shutil.copyfileobj(self.stream(), copy, _CHUNK)
            yield path


@contextmanager
def opened(path: Path) -> Iterator[Content]:
    """Yield the content of a file, unpacked.

    Raises:
        InputError: The file cannot be opened.
    """
    try:
        stream = path.open("rb")
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror}"
        raise InputError(msg) from error
    with stream:
        yield unpacked(_content(stream, str(path), path if path.is_file() else None))


def given(stream: TextIO | BinaryIO) -> Content:
    """Return the content of an open stream, unpacked; the stream stays open."""
    name = str(getattr(stream, "name", "the stream"))
    if isinstance(stream.read(0), str):
        text = cast("TextIO", stream)
        pieces = (piece.encode("utf-8", "surrogatepass") for piece in iter(lambda: text.read(_CHUNK), ""))
        return _content(_stream(pieces), name)
    return unpacked(_content(cast("BinaryIO", stream), name))


def unpacked(content: Content) -> Content:
    """Return what gzip or zstd packed, however often; UTF-16 counts as a way of packing UTF-8.

    Raises:
        InputError: It is packed in itself again and again.
    """
    for _ in range(_DEEPEST):
        if content.head.startswith(_GZIP):
            inner = cast("BinaryIO", gzip.GzipFile(fileobj=content.stream()))
        elif content.head.startswith(_ZSTD):
            inner = _zstd(content.stream())
        elif content.head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            inner = _stream(piece.encode() for piece in codecs.iterdecode(content.chunks(), "utf-16"))
        else:
            return content
        content = _content(inner, content.name)
    msg = f"{content.name} is packed more than {_DEEPEST} times: unpack it first"
    raise InputError(msg)


def files_in(directory: Path) -> Iterator[Path]:
    """Yield the files of a directory and of those below it, in order of their names.

    What begins with a dot or an underscore is none of the data (`.git`, `_SUCCESS`, `_delta_log`), and neither is what
    is no regular file.

    Raises:
        InputError: A directory cannot be read.
    """
    for folder, folders, names in os.walk(directory, onerror=_refuse_directory):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "_")))
        paths = (Path(folder, name) for name in sorted(names) if not name.startswith((".", "_")))
        yield from filter(Path.is_file, paths)


def reason_of(error: Exception) -> str:
    """Return why something cannot be read, on one line: a library's reason may quote what a stranger wrote."""
    if isinstance(error, MemoryError | OverflowError):
        return "a size in it is larger than memory"
    return getattr(error, "strerror", None) or ascii(str(error).partition("\n")[0][:200])[1:-1]


def _refuse_directory(error: OSError) -> None:
    msg = f"cannot read {error.filename}: {error.strerror}"
    raise InputError(msg) from error


def _content(stream: BinaryIO, name: str, path: Path | None = None) -> Content:
    head = b""
    while len(head) < HEAD and (piece := stream.read(HEAD - len(head))):  # a pipe gives what it has
        head += piece
    return Content(name, head, stream, path)


def _zstd(stream: BinaryIO) -> BinaryIO:
    import pyarrow as pa  # noqa: PLC0415 - the standard library knows zstd from Python 3.14 on

    return cast("BinaryIO", pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), "zstd"))


def _stream(pieces: Iterable[bytes]) -> BinaryIO:
    return io.BufferedReader(_Pieces(pieces), _CHUNK)


class _Pieces(io.RawIOBase):
    """Pieces of bytes as one stream."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = memoryview(piece)
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size
