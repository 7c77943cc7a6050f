"""What the messages of an Arrow file or stream unpack to, before any of them is unpacked.

A compressed buffer of a few bytes can announce any size. The format of the messages (FlatBuffers) is described in
https://arrow.apache.org/docs/format/Columnar.html.
"""

import struct
from collections.abc import Iterator

import pyarrow as pa

_KIND, _HEADER = 1, 2
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3
_DICTIONARY_DATA = 1
_BUFFERS, _COMPRESSION = 2, 3
"""Kinds of messages, and fields of their tables, by their numbers in the FlatBuffers definition."""
_BLOCKS = _DICTIONARIES, _RECORD_BATCHES = 2, 3
"""The fields of a footer that say where messages are."""
_BLOCK = struct.Struct("<qi4xq")
"""Where a message starts, the size of its metadata and that of its body."""
_TRAILER = struct.Struct("<I6s")
"""The size of the footer, and a magic number, end each file."""


def measure_messages(stream: pa.NativeFile) -> Iterator[int]:
    """Yield the number of bytes that each message of a stream has to unpack: 0 if it is not compressed.

    Raises:
        pyarrow.ArrowException: A message cannot be read.
    """
    reader = pa.ipc.MessageReader.open_stream(stream)
    while True:
        try:
            message = reader.read_next_message()
        except StopIteration:
            return
        yield _check(message)


def measure_file(file: pa.NativeFile) -> Iterator[int]:
    """Yield the same of each message that the footer of a file names: nothing else in a file has to be a message.

    Raises:
        pyarrow.ArrowException: The footer or a message cannot be read.
    """
    try:
        blocks = [*_read_blocks(file)]
    except (struct.error, IndexError) as error:
        msg = "its footer is damaged"
        raise pa.ArrowInvalid(msg) from error
    if any(min(block) < 0 for block in blocks) or sum(head + body for _, head, body in blocks) > file.size():
        msg = "its footer is damaged: it names more rows than the file has"
        raise pa.ArrowInvalid(msg)
    for start, *_ in blocks:
        file.seek(start)
        try:
            yield _check(pa.ipc.read_message(file))
        except EOFError as error:
            msg = "its footer is damaged: it names rows after the end"
            raise pa.ArrowInvalid(msg) from error


def _read_blocks(file: pa.NativeFile) -> Iterator[tuple[int, int, int]]:
    end = max(0, file.size() - _TRAILER.size)
    file.seek(end)
    size, _ = _TRAILER.unpack(file.read(_TRAILER.size))
    file.seek(max(0, end - size))
    footer = memoryview(file.read(min(size, end)))
    table = _follow(footer, 0)
    for field in _BLOCKS:
        if place := _find(footer, table, field):
            vector = _follow(footer, place)
            (count,) = struct.unpack_from("<I", footer, vector)
            yield from _BLOCK.iter_unpack(footer[vector + 4 : vector + 4 + _BLOCK.size * count])


def _check(message: pa.Message) -> int:
    try:
        return _measure(message)
    except (struct.error, IndexError) as error:
        msg = "a message is damaged"
        raise pa.ArrowInvalid(msg) from error


def _measure(message: pa.Message) -> int:
    metadata, body = memoryview(message.metadata), message.body
    header = _follow(metadata, 0)
    kind, batch = _find(metadata, header, _KIND), _find(metadata, header, _HEADER)
    if not (kind and batch) or metadata[kind] not in {_DICTIONARY_BATCH, _RECORD_BATCH}:
        return 0
    table = _follow(metadata, batch)
    if metadata[kind] == _DICTIONARY_BATCH:
        data = _find(metadata, table, _DICTIONARY_DATA)
        if not data:
            return 0
        table = _follow(metadata, data)
    buffers = _find(metadata, table, _BUFFERS)
    if body is None or not buffers or not _find(metadata, table, _COMPRESSION):
        return 0
    vector = _follow(metadata, buffers)
    (count,) = struct.unpack_from("<I", metadata, vector)
    places = struct.iter_unpack("<qq", metadata[vector + 4 : vector + 4 + 16 * count])
    held = memoryview(body)
    sizes = (struct.unpack_from("<q", held, place)[0] for place, length in places if length)
    return sum(size for size in sizes if size > 0)  # -1: this buffer is not compressed


def _follow(metadata: memoryview, place: int) -> int:
    """Return where the offset at a place leads."""
    return place + int(struct.unpack_from("<I", metadata, place)[0])


def _find(metadata: memoryview, table: int, field: int) -> int:
    """Return the place of a field of a table, 0 if the table lacks it."""
    vtable = table - struct.unpack_from("<i", metadata, table)[0]
    (size,) = struct.unpack_from("<H", metadata, vtable)
    slot = 4 + 2 * field
    offset = struct.unpack_from("<H", metadata, vtable + slot)[0] if slot < size else 0
    return table + int(offset) if offset else 0
