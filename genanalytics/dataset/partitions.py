"""The partitions of rows: months or days of `created_at` (UTC)."""

from collections.abc import Iterator
from typing import Literal, TypeAlias, get_args

import pyarrow as pa
import pyarrow.compute

from genanalytics.errors import InputError

Interval = Literal["month", "day"]
Partition: TypeAlias = Interval | None
"""The period of the partitions; None for no partitions."""

_UNKNOWN = "__HIVE_DEFAULT_PARTITION__"
"""The partition of rows without a value, in Hive and in all programs that read its layout."""


def check_partition(partition: object) -> None:
    """Check that there are such partitions.

    Raises:
        InputError: There are none.
    """
    if partition not in {*get_args(Interval), None}:
        msg = f"partition={partition!r}: give 'month', 'day' or None"
        raise InputError(msg)


def divide(rows: pa.Table, partition: str | None) -> Iterator[tuple[str | None, pa.Table]]:
    """Yield the rows of each partition, with its value; None for rows without a time, and without partitions.

    Args:
        rows: The rows, sorted by `created_at`, gaps last.
        partition: "month", "day" or None.
    """
    if partition is None or rows.num_rows == 0:
        if rows.num_rows:
            yield None, rows
        return
    moments = rows["created_at"]
    years, months = pa.compute.year(moments), pa.compute.month(moments)
    units = pa.compute.add(pa.compute.multiply(years, 10_000), pa.compute.multiply(months, 100))
    if partition == "day":
        units = pa.compute.add(units, pa.compute.day(moments))
    runs = pa.compute.run_end_encode(units.combine_chunks())
    start = 0
    for unit, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
        yield _name_value(unit, partition), rows.slice(start, end - start)
        start = end


def name_folder(value: str | None, partition: str) -> str:
    """Return the folder of a partition, as Hive names it.

    >>> name_folder("2026-09", "month"), name_folder(None, "day")
    ('month=2026-09', 'day=__HIVE_DEFAULT_PARTITION__')
    """
    return f"{partition}={_UNKNOWN if value is None else value}"


def _name_value(unit: int | None, partition: str) -> str | None:
    """Return the value of a partition.

    >>> _name_value(20260900, "month"), _name_value(20260901, "day")
    ('2026-09', '2026-09-01')
    """
    if unit is None:
        return None
    month = f"{unit // 10_000:04d}-{unit // 100 % 100:02d}"
    return month if partition == "month" else f"{month}-{unit % 100:02d}"
