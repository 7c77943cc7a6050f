"""The `by` of a caller, checked against the data, and the groups in a result."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import pandas as pd
import pyarrow as pa

from genanalytics.base.text import list_names, suggest
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.metrics.grouping.calendar import PERIODS, TIME, find_zone
from genanalytics.metrics.grouping.keys import DERIVED, GroupKey, find_key, make_period_key
from genanalytics.records.frame import Values, to_series
from genanalytics.records.schema import BY_NAME


class Groupable(Protocol):
    """Data that has groups: a source of statistics."""

    columns: list[str]

    def is_nested(self, column: str) -> bool:
        """Return whether a column contains lists or structures."""


def resolve_by(
    data: Groupable, by: str | Sequence[str] | None, every: str | None, tz: str, *, others: Sequence[str]
) -> list[GroupKey]:
    """Return the keys to group by: the period, then columns and derived keys.

    No key can have the name of one of `others`, the other columns of the result.

    Raises:
        MissingColumnError: The data lacks the column of a key.
        InputError: There is no such time zone or period, a key cannot be grouped by, or a name occurs twice.
    """
    zone = find_zone(tz)
    names = [by] if isinstance(by, str) else list(by or ())
    columns = [*([TIME] if every is not None else []), *names, *others]
    twice = [name for name, times in Counter(columns).items() if times > 1]
    if twice:
        msg = f"two columns of the result would be named {', '.join(map(repr, twice))}: use each name once"
        raise InputError(msg)
    keys = [find_key(name, zone) for name in names]
    if every is not None:
        keys.insert(0, make_period_key(every, zone))
    for key in keys:
        _check_key(data, key)
    return keys


def label_groups(groups: pa.Table, by: Sequence[GroupKey]) -> pd.DataFrame:
    """Return the values of the groups as a result shows them, as a frame."""
    return pd.DataFrame(read_labels(groups, by), index=range(len(groups)), copy=False)


def read_labels(groups: "pa.Table | Mapping[str, Values]", by: Sequence[GroupKey]) -> dict[str, pd.Series]:
    """Return the values of the groups as a result shows them, by the names of their keys."""
    return {key.name: key.finish(to_series(_fit(key.name, groups[key.group]))) for key in by}


def check_columns(data: Groupable, columns: Iterable[str], name: str, *, hint: str = "") -> None:
    """Check that the data has the columns that a statistic needs; `hint` says where they come from.

    Raises:
        MissingColumnError: It lacks one.
    """
    missing = [column for column in columns if column not in data.columns]
    if missing:
        msg = f"the data has no column {', '.join(map(repr, missing))}, which {name!r} needs{hint}"
        raise MissingColumnError(msg)


def _fit(name: str, values: Values) -> Values:
    """Return values of a known column with its type, unless they are fractions in a column of integers."""
    column = BY_NAME.get(name)
    try:
        return values if column is None else values.cast(column.kind.arrow_type)
    except pa.ArrowException:
        return values


def _check_key(data: Groupable, key: GroupKey) -> None:
    if key.column not in data.columns:
        known = [*data.columns, *DERIVED]
        if key.name in PERIODS:
            msg = f"cannot group by {key.name!r}, which is a period: use every (--every {key.name})"
            raise InputError(msg)
        what, hint = repr(key.name), suggest(key.name, known)
        if key.name in DERIVED:
            what, hint = f"{what}, which needs the column {key.column!r}", ""
        msg = f"cannot group by {what}; {hint}there are {list_names(known, near=key.name)}"
        raise MissingColumnError(msg)
    if data.is_nested(key.column):
        msg = f"cannot group by {key.name!r}: it contains lists"
        raise InputError(msg)
