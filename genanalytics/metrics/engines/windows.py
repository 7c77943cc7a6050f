"""Aggregates over the rows around each row: those with the same values of some columns, within a range of time."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from genanalytics.metrics.engines.kernels import group_rows, to_floats
from genanalytics.metrics.engines.protocol import Window
from genanalytics.metrics.engines.source import find_dialect
from genanalytics.records.frame import to_nullable


class _Ordered(NamedTuple):
    """Rows in the order of their groups, then of their moments.

    Attributes:
        places: Their places in the data.
        codes: The numbers of their groups.
        moments: Their moments.
    """

    places: "np.ndarray"
    codes: "np.ndarray"
    moments: "np.ndarray"


def add_windows(rows: Any, moment: str, windows: Mapping[str, Window]) -> Any:  # noqa: ANN401 - of the same kind
    """Return rows with an aggregate of the window of each row: a number of rows (int64), or a largest value (float64).

    Args:
        rows: An Arrow table, or data on an engine. Its columns have plain names.
        moment: The column of moments, which are whole numbers in any unit, without gaps.
        windows: The windows, by the names of the columns with their aggregates.

    >>> rows = pa.table({"moment": [0, 5, 9], "key": ["a", "b", "a"], "size": [7.0, 8.0, 9.0]})
    >>> found = add_windows(rows, "moment", {"n": Window(("key",)), "next": Window(("key",), 1, 9, "size")})
    >>> found["n"].to_pylist(), found["next"].to_pylist()
    ([2, 1, 2], [9.0, None, None])
    """
    dialect = find_dialect(rows)
    if dialect is not None:
        return dialect.add_windows(rows, moment, windows)
    ordered = {by: _order(rows, moment, by) for by in {window.by for window in windows.values()}}
    found = {name: _aggregate(rows, ordered[window.by], window) for name, window in windows.items()}
    for name, values in found.items():
        rows = rows.append_column(name, values)
    return rows


def _order(rows: pa.Table, moment: str, by: Sequence[str]) -> _Ordered:
    groups, _ = group_rows([to_nullable(rows.select([name]))[name] for name in by], len(rows))
    moments = rows[moment].to_numpy()
    places = np.lexsort((moments, groups.codes))
    return _Ordered(places, groups.codes[places], moments[places])


def _aggregate(rows: pa.Table, ordered: _Ordered, window: Window) -> pa.Array:
    places, codes, moments = ordered
    first = np.searchsorted(codes, codes, side="left")
    last = np.searchsorted(codes, codes, side="right")
    if window.start is not None:
        first = _find_places(codes, moments, window.start, side="left")
    if window.end is not None:
        last = _find_places(codes, moments, window.end, side="right")
    if window.largest is None:
        found: np.ndarray = np.maximum(last - first, 0)
    else:
        found = _find_largest(to_floats(rows[window.largest])[places], first, last)
    values = np.empty_like(found)
    values[places] = found
    return pa.array(values, from_pandas=True)


def _find_places(codes: "np.ndarray", moments: "np.ndarray", distance: int, side: str) -> "np.ndarray":
    """Return where a row of the same group with a moment at a distance from that of each row would be put."""
    n = len(codes)
    # at equal moments, a row that is looked for comes before all others of its group, or after them
    tie = np.repeat([0, -1 if side == "left" else 1], n)
    order = np.lexsort((tie, np.concatenate([moments, moments + distance]), np.tile(codes, 2)))
    is_row = order < n
    passed = np.cumsum(is_row)
    places = np.empty(n, dtype=np.int64)
    places[order[~is_row] - n] = passed[~is_row]
    return places


def _find_largest(values: "np.ndarray", first: "np.ndarray", last: "np.ndarray") -> "np.ndarray":
    """Return the largest known value of each range of places, from a table of those of all powers of two."""
    longest = int((last - first).max(initial=0))
    found = np.full(len(values), np.nan)
    table, size = values, 1
    while size <= longest:
        inside = (last - first >= size) & (last - first < 2 * size)
        found[inside] = np.fmax(table[first[inside]], table[last[inside] - size])
        table, size = np.fmax(table[:-size], table[size:]) if size < len(table) else table[:0], 2 * size
    return found
