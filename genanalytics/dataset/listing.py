"""The Parquet files of a path on this machine."""

from pathlib import Path

from genanalytics.dataset.delta import log
from genanalytics.dataset.delta.places import is_delta
from genanalytics.dataset.manifest import is_dataset, list_files


def list_parquet(path: Path) -> list[Path]:
    """Return the Parquet files of a data set, a Delta table or a directory; of a file itself, unless it is another one.

    Raises:
        InputError: The data set or the table cannot be read.
    """
    if is_dataset(path):
        return list_files(path)
    if is_delta(path):
        return log.list_files(path)
    found = path.rglob("*") if path.is_dir() else [path]
    return [file for file in found if file.suffix.lower() == ".parquet" and file.is_file()]
