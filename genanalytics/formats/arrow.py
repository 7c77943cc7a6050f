"""Arrow files (IPC, also called Feather)."""

from pathlib import Path

import pyarrow as pa


def write_arrow(table: pa.Table, path: Path) -> None:
    """Write a table, compressed with zstd."""
    with pa.ipc.new_file(path, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)


def read_arrow(path: Path) -> pa.Table:
    """Return the table of a file."""
    with pa.ipc.open_file(path) as reader:
        return reader.read_all()
