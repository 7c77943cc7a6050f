"""What the messages of an Arrow stream unpack to, before any of them is unpacked.

A compressed buffer of a few bytes can announce any size. The format of the messages (FlatBuffers) is described in
https://arrow.apache.org/docs/format/Columnar.html.
"""

import struct
from collections.abc import Iterator

import pyarrow as pa

from genanalytics.errors import InputError

_KIND, _HEADER = 1, 2
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3
_DICTIONARY_DATA = 1
_BUFFERS, _COMPRESSION = 2, 3
"""Kinds of messages, and fields of their tables, by their numbers in the FlatBuffers definition."""


def measure_messages(stream: pa.NativeFile) -> Iterator[int]:
    """Yield the number of bytes that each message of a stream has to unpack: 0 if it is not compressed.

    Raises:
        InputError: A message cannot be read.
    """
    reader = pa.ipc.MessageReader.open_stream(stream)
    while True:
        try:
            message = reader.read_next_message()
        except StopIteration:
            return
        try:
            yield _measure(message)
        except (struct.error, IndexError) as error:
            msg = "a message is damaged"
            raise InputError(msg) from error


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
