"""Arrow files (IPC, also called Feather)."""

from pathlib import Path

import pyarrow as pa

from genanalytics.formats.limits import check_size, check_table
from genanalytics.ids.messages import measure_messages

_START = b"ARROW1\x00\x00"
"""A file is a stream between this and its list of batches."""


def write_arrow(table: pa.Table, path: Path) -> None:
    """Write a table, compressed with zstd."""
    with pa.ipc.new_file(path, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)


def read_arrow(path: Path) -> pa.Table:
    """Return the table of a file.

    Raises:
        ValueError: It unpacks to too much for a file of its size.
        OSError, pyarrow.ArrowException: It cannot be read.
    """
    packed = path.stat().st_size
    with pa.memory_map(str(path)) as mapped:
        mapped.seek(len(_START))
        check_size(sum(measure_messages(mapped)), packed)
        mapped.seek(len(_START))  # as a stream: the list at the end of a file can name other batches
        with pa.ipc.open_stream(mapped) as reader:
            table = reader.read_all()
    table.validate(full=True)  # checks untrusted offsets before anything follows them
    check_table(table, packed)
    return table
