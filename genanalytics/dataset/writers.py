"""The writer of a data set of either format."""

import os
from typing import Literal, TypeAlias, cast, get_args

from genanalytics.base.stores.address import is_store_url
from genanalytics.dataset.delta.log import open_snapshot
from genanalytics.dataset.delta.places import is_delta
from genanalytics.dataset.delta.state import FOLDER
from genanalytics.dataset.delta.writer import DeltaWriter
from genanalytics.dataset.failures import FAILURES_FILE
from genanalytics.dataset.manifest import is_dataset, read_manifest
from genanalytics.dataset.partitions import Partition
from genanalytics.dataset.redact import Redaction
from genanalytics.dataset.writer import Writer
from genanalytics.errors import InputError

Format = Literal["parquet", "delta"]
"""The format of a data set: Parquet files with a manifest, or a Delta table."""
AnyWriter: TypeAlias = Writer | DeltaWriter


def choose_writer(
    place: str | os.PathLike[str],
    *,
    format: Format | None,  # noqa: A002 - the word of other libraries
    partition: Partition,
    redact: Redaction | None,
) -> AnyWriter:
    """Return the writer of a new or an existing data set.

    Args:
        place: The data set.
        format: Its format; None for that of an existing one, and for Parquet.
        partition: The period of its partitions.
        redact: The redaction of its rows.

    Raises:
        InputError: There is no such format, or the data set has another one.
    """
    if format not in {*get_args(Format), None}:
        msg = f"format={format!r}: give {' or '.join(map(repr, get_args(Format)))}"
        raise InputError(msg)
    description = redact.description if redact else None
    if format == "delta":
        return DeltaWriter(place, partition=partition, redact=description)
    if not is_delta(place):
        return Writer(place, partition=partition, redact=description)
    if format == "parquet":
        msg = f"{os.fspath(place)} is a Delta table, not a Parquet data set: give another place, or the format 'delta'"
        raise InputError(msg)
    return DeltaWriter(place, partition=partition, redact=description)


def read_partition(place: str | os.PathLike[str]) -> Partition:
    """Return the period of the partitions of a data set; `month` for a new one.

    Raises:
        InputError: It cannot be read.
    """
    if is_delta(place):
        found = open_snapshot(place)
        return found.partition if found.is_ours else "month"
    return cast("Partition", read_manifest(place).partition) if is_dataset(place) else "month"


def count_files(place: str | os.PathLike[str]) -> int:
    """Return the number of data files of a data set.

    Raises:
        InputError: It is not a data set, or it cannot be read.
    """
    return len(open_snapshot(place).files if is_delta(place) else read_manifest(place).files)


def name_failures(place: str | os.PathLike[str]) -> str:
    """Return the name of the file or the folder with the ids without a record."""
    if is_delta(place):
        return FOLDER
    return "failures/" if is_store_url(place) else FAILURES_FILE
