"""The bytes of any file or stream: found in directories, unpacked, and read only as far as needed."""

import codecs
import glob
import gzip
import io
import os
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from genanalytics.base.text import explain
from genanalytics.errors import InputError

HEAD_BYTES = 1 << 16
"""The size of the head, which decides what kind of file it is."""

_CHUNK_BYTES = 1 << 20
_MAX_LAYERS = 4
"""How often a file may be packed: some archives contain themselves."""

_GZIP = b"\x1f\x8b\x08"
_ZSTD = (b"\x28\xb5\x2f\xfd", *(bytes([first]) + b"\x2a\x4d\x18" for first in range(0x50, 0x60)))
"""A frame, or one to skip: parallel and seekable writers begin with such a frame."""


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes with a name. The head is in memory, the rest is read once.

    Attributes:
        name: The name for messages.
        head: The first `HEAD_BYTES` bytes, or all of them if there are fewer.
        rest: The bytes after the head.
        path: The file with exactly these bytes, if there is one.
    """

    name: str
    head: bytes
    rest: BinaryIO
    path: Path | None = None

    def chunks(self) -> Iterator[bytes]:
        """Yield all bytes from the start, one chunk at a time."""
        yield self.head
        while chunk := self.rest.read(_CHUNK_BYTES):
            yield chunk

    def stream(self) -> BinaryIO:
        """Return all bytes from the start as a stream; closing it closes nothing else."""
        return _to_stream(self.chunks())

    @contextmanager
    def file(self, limit: int | None = None) -> Iterator[Path]:
        """Yield a file with all bytes: the original, or else a temporary copy.

        Raises:
            InputError: The copy has more bytes than the limit.
        """
        if self.path is not None:
            yield self.path
            return
        with tempfile.TemporaryDirectory(prefix="genanalytics-") as directory:
            path = Path(directory) / "content"
            with path.open("wb") as copy:
                for chunk in self.chunks():
                    copy.write(chunk)
                    if limit is not None and copy.tell() > limit:
                        msg = (
                            f"cannot read {self.name}: it unpacks to more than {limit:,} bytes, the limit for a file of"
                            " its size; check where it comes from"
                        )
                        raise InputError(msg)
            yield path


@contextmanager
def open_content(path: Path) -> Iterator[Content]:
    """Yield the unpacked content of a file.

    Raises:
        InputError: The file cannot be opened.
    """
    try:
        stream = path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from error
    with stream:
        yield unpack(_read_head(stream, str(path), path if path.is_file() else None))


def read_stream(stream: TextIO | BinaryIO) -> Content:
    """Return the unpacked content of an open stream, which stays open."""
    name = str(getattr(stream, "name", "the stream"))
    if isinstance(stream.read(0), str):
        text = cast("TextIO", stream)
        pieces = (piece.encode("utf-8", "surrogatepass") for piece in iter(lambda: text.read(_CHUNK_BYTES), ""))
        return _read_head(_to_stream(pieces), name)
    return unpack(_read_head(cast("BinaryIO", stream), name))


def unpack(content: Content) -> Content:
    """Return content without any layers of gzip and zstd; UTF-16 becomes UTF-8.

    Raises:
        InputError: There are too many layers.
    """
    for _ in range(_MAX_LAYERS):
        if content.head.startswith(_GZIP):
            inner = cast("BinaryIO", gzip.GzipFile(fileobj=content.stream()))
        elif content.head.startswith(_ZSTD):
            import pyarrow as pa  # noqa: PLC0415 - the standard library has zstd only from Python 3.14 on

            packed = pa.PythonFile(content.stream(), mode="r")
            inner = cast("BinaryIO", pa.CompressedInputStream(packed, "zstd"))
        elif content.head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            inner = _to_stream(piece.encode() for piece in codecs.iterdecode(content.chunks(), "utf-16"))
        else:
            return content
        content = _read_head(inner, content.name)
    msg = f"{content.name} is packed {_MAX_LAYERS} times or more: unpack it first"
    raise InputError(msg)


def find_files(directory: Path) -> Iterator[Path]:
    """Yield the regular files below a directory, sorted by name within each folder.

    Names that begin with a dot or an underscore are left out (`.git`, `_SUCCESS`, `_delta_log`).

    Raises:
        InputError: A directory cannot be read.
    """
    for folder, folders, names in os.walk(directory, onerror=_refuse_directory):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "_")))
        paths = (Path(folder, name) for name in sorted(names) if not name.startswith((".", "_")))
        yield from filter(Path.is_file, paths)


def expand_glob(path: str) -> list[str]:
    """Return the paths that a glob matches, sorted; of a path that exists, and of one that is no glob, itself.

    Names that begin with a dot or an underscore are left out, as by `find_files`, unless the glob has them.
    """
    if os.path.lexists(path) or not glob.has_magic(path):
        return [path]
    given = Path(path).parts
    found = sorted(glob.glob(path, recursive=True))  # noqa: PTH207 - which accepts absolute patterns
    return [one for one in found if not is_hidden(Path(one).parts, given)]


def is_hidden(parts: Iterable[str], given: Collection[str]) -> bool:
    """Return whether a part of a path begins with a dot or an underscore, and is not among those that were given.

    >>> is_hidden(["calls", "_delta_log", "1.json"], ["calls"]), is_hidden(["_logs", "1.txt"], ["_logs"])
    (True, False)
    """
    return any(part.startswith((".", "_")) and part not in given for part in parts)


def unreadable(name: str | os.PathLike[str], error: Exception) -> InputError:
    """Return the error to raise if a file cannot be read."""
    return InputError(f"cannot read {os.fspath(name)}: {explain(error)}")


@contextmanager
def translate_errors(name: str | os.PathLike[str], *errors: type[Exception]) -> Iterator[None]:
    """Raise these errors as one `InputError` that names the file."""
    try:
        yield
    except InputError:
        raise
    except errors as error:
        raise unreadable(name, error) from error


def _refuse_directory(error: OSError) -> None:
    raise unreadable(error.filename, error) from error


def _read_head(stream: BinaryIO, name: str, path: Path | None = None) -> Content:
    head = b""
    while len(head) < HEAD_BYTES and (piece := stream.read(HEAD_BYTES - len(head))):  # a pipe returns fewer bytes
        head += piece
    return Content(name, head, stream, path)


def _to_stream(pieces: Iterable[bytes]) -> BinaryIO:
    return io.BufferedReader(_Pieces(pieces), _CHUNK_BYTES)


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
