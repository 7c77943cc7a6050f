"""Arrow files (IPC, also called Feather)."""

from pathlib import Path

import pyarrow as pa

from genanalytics.formats.limits import check_size, check_table
from genanalytics.ids.messages import measure_file


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
        check_size(sum(measure_file(mapped)), packed)
        with pa.ipc.open_file(mapped) as reader:
            table = reader.read_all()
    table.validate(full=True)  # checks untrusted offsets before anything follows them
    check_table(table, packed)
    return table
