"""What a caller wants rows grouped by, checked against the data, and the groups' names in a result."""

from collections.abc import Iterable, Sequence

import pandas as pd
import pyarrow as pa

from genanalytics.base.text import near
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.metrics.engines.source import GROUP, Source
from genanalytics.metrics.grouping.keys import DERIVED, TIME, Key, bucket, key, zone_of
from genanalytics.records.frame import from_table


def keys_of(
    source: Source, by: str | Sequence[str] | None, every: str | None, tz: str, *, beside: Sequence[str]
) -> list[Key]:
    """Return the keys to group by, time first.

    Args:
        source: The data.
        by: Names of columns and of what is derived from them.
        every: A stretch of time.
        tz: The zone of all times.
        beside: The other columns of the result: no key can have the name of one.

    Raises:
        MissingColumnError: The data lacks a column that a key is made of.
        InputError: There is no such zone or stretch of time, a key cannot be grouped by, or a name would stand twice.
    """
    zone = zone_of(tz)
    names = [by] if isinstance(by, str) else list(by or ())
    columns = [*([TIME] if every is not None else []), *names, *beside]
    twice = [name for name in dict.fromkeys(columns) if columns.count(name) > 1]
    if twice:
        msg = f"{', '.join(map(repr, twice))} would stand in the result twice: name each key and each statistic once"
        raise InputError(msg)
    keys = [key(name, zone) for name in names]
    if every is not None:
        keys.insert(0, bucket(every, zone))
    for wanted in keys:
        _check(source, wanted)
    return keys


def labelled(groups: pa.Table, keys: Sequence[Key]) -> pd.DataFrame:
    """Return the keys of groups, which stand under the names of `GROUP`, as a result shows them."""
    plain = groups.select([GROUP.format(key.name) for key in keys]).rename_columns([key.name for key in keys])
    frame = from_table(plain)
    return pd.DataFrame({key.name: key.finish(frame[key.name]) for key in keys}, index=range(len(groups)))


def check_columns(source: Source, columns: Iterable[str], name: str) -> None:
    """Check that the data has the columns that something is made of.

    Raises:
        MissingColumnError: It lacks one.
    """
    missing = [column for column in columns if column not in source.columns]
    if missing:
        msg = f"the data has no column {', '.join(map(repr, missing))}, which {name!r} is made of"
        raise MissingColumnError(msg)


def _check(source: Source, wanted: Key) -> None:
    name, column = wanted.name, wanted.column
    if column not in source.columns:
        known = [*source.columns, *DERIVED]
        described = repr(name) if name == column else f"{name!r}, which is made of {column!r}"
        msg = f"cannot group by {described}; {near(name, known)}there are {', '.join(known)}"
        raise MissingColumnError(msg)
    if source.is_nested(column):
        msg = f"cannot group by {name!r}: it holds lists"
        raise InputError(msg)
