"""The rows that conditions and a range of time choose, and what a user should know of this choice."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import narwhals.stable.v2 as nw

from genanalytics.metrics.engines.source import Covered
from genanalytics.metrics.grouping.calendar import find_zone
from genanalytics.metrics.where.rows import filter_rows, find_unknown_values
from genanalytics.metrics.where.time_range import TimeRange


def choose_rows(data: Any, where: Sequence[str], within: TimeRange, *, tz: str = "UTC") -> tuple[Any, list[str]]:  # noqa: ANN401 - of the same kind
    """Return the rows that meet all conditions within a range of time, and notices about them.

    Args:
        data: Anything that `filter_rows` takes, or `Covered` data.
        where: The conditions.
        within: The range of time.
        tz: The time zone of moments without one, by its IANA name.

    Raises:
        MissingColumnError: There is no such column.
        InputError: A condition cannot be read, or a value does not fit its column.

    >>> from genanalytics.metrics.where.time_range import find_time_range
    >>> frame = nw.from_dict({"model": ["a", "b"]}, backend="pandas").to_native()
    >>> choose_rows(frame, ["model=A"], find_time_range())[1]
    ["no record has model 'A'; the nearest is 'a'"]
    """
    if isinstance(data, Covered):
        found, notices = choose_rows(data.data, where, within, tz=tz)
        is_part = bool(where) or within.is_limited
        coverage = replace(data.coverage, part=True) if data.coverage and is_part else data.coverage
        return Covered(found, coverage), notices
    notices = [f"records {within.phrase} ({tz})"] if within.is_limited else []
    kept = within.keep(data)
    found = filter_rows(kept, where, tz=tz)
    if is_empty(kept):
        if within.is_limited:
            notices.append(f"no record was created in this period; {describe_times(data, tz)}")
        return found, notices
    unknown = find_unknown_values(kept, where) if where else []
    if unknown:
        notices += unknown
    elif where and is_empty(found):
        notices.append("no record matches the conditions")
    return found, notices


def is_empty(data: Any) -> bool:  # noqa: ANN401 - of any engine
    """Return whether data has no rows."""
    return not len(nw.from_native(data).lazy().head(1).collect())


def describe_times(data: Any, tz: str) -> str:  # noqa: ANN401 - of any engine
    """Return the times of records in words."""
    created = nw.col("created_at")
    found = nw.from_native(data).lazy().select(first=created.min(), last=created.max()).collect(backend="pyarrow")
    ends = [found.item(0, name) for name in ("first", "last")]
    if None in ends:
        return "the records have no times"
    first, last = (end.astimezone(find_zone(tz)) if end.tzinfo else end for end in ends)
    return f"the records are from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"
