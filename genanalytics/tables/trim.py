"""Rows of figures as a reader wants them: sorted, limited, added up, with chosen columns.

Every function returns a new frame with the units, labels and notices of the given one.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from genanalytics.base.text import list_names, suggest
from genanalytics.errors import InputError
from genanalytics.metrics.sets.caching import WITHOUT
from genanalytics.metrics.sets.cost import EFFECTIVE_COST, UNKNOWN
from genanalytics.records.coverage import COVERAGE, Coverage
from genanalytics.tables.figures import SHARES, SUMS, list_groups
from genanalytics.units import Unit, format_count, format_value

TOTAL = "total"
"""The attribute with the figures of all rows, and the name of their row."""
_DIRECTIONS = {"asc": True, "desc": False}


def add_coverage(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with the coverage of their data in a column, which is a gap if it is unknown."""
    coverage = Coverage.from_json(rows.attrs.get(COVERAGE))
    return rows.assign(**{COVERAGE: None if coverage is None else coverage.share_of_rows})


def choose_columns(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return the named columns in this order, each once; `coverage` is one of them if `attrs` contains it.

    Raises:
        InputError: There is no such column.
    """
    if COVERAGE in names and COVERAGE not in rows and COVERAGE in rows.attrs:
        rows = add_coverage(rows)
    for name in names:
        _check_column(rows, name)
    return rows[list(dict.fromkeys(names))]


def sort_rows(rows: pd.DataFrame, sort: str) -> pd.DataFrame:
    """Return rows sorted by one column: figures descending, texts and times ascending; gaps last.

    Args:
        rows: The rows.
        sort: The name of a column, perhaps with `:asc` or `:desc` after it.

    Raises:
        InputError: There is no such column.

    >>> rows = pd.DataFrame({"model": ["a", "b"], "requests": [1, 2]})
    >>> sort_rows(rows, "requests")["model"].to_list(), sort_rows(rows, "requests:asc")["model"].to_list()
    (['b', 'a'], ['a', 'b'])
    """
    name, _, word = sort.rpartition(":")
    if sort in rows.columns or word not in _DIRECTIONS:
        name, word = sort, ""
    _check_column(rows, name)
    values = rows[name]
    is_figure = pd.api.types.is_numeric_dtype(values.dtype)
    key = None if is_figure or values.dtype.kind == "M" else _to_texts
    ascending = _DIRECTIONS.get(word, not is_figure)
    return rows.sort_values(name, ascending=ascending, kind="stable", key=key, ignore_index=True)


def limit_rows(rows: pd.DataFrame, limit: int | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the first rows, and those that the limit leaves out."""
    most = len(rows) if limit is None else limit
    return rows.head(most), rows.iloc[most:]


def describe_left_out(left_out: pd.DataFrame) -> list[str]:
    """Return a line on rows that are not shown, with their requests and their cost if these add up.

    >>> left_out = pd.DataFrame({"requests": [3000, 100], "effective_cost": [12.0, 0.3]})
    >>> left_out.attrs = {"units": {"requests": "count", "effective_cost": "US$"}, "labels": {"requests": "requests"},
    ...                   "sums": ["requests", "effective_cost"]}
    >>> describe_left_out(left_out)
    ['... and 2 more rows: 3,100 requests, $12.30']
    """
    if left_out.empty:
        return []
    amounts = [text for unit in (Unit.COUNT, Unit.USD) for text in _describe_sum(left_out, unit)]
    words = f": {', '.join(amounts)}" if amounts else ""
    return [f"... and {format_count(len(left_out), 'more row')}{words}"]


def _describe_sum(rows: pd.DataFrame, unit: Unit) -> list[str]:
    """Return the sum of the first column of a unit in words, if it is known."""
    units, labels = rows.attrs.get("units", {}), rows.attrs.get("labels", {})
    names = [name for name in rows.attrs.get(SUMS, ()) if name in rows and units.get(name) == unit.value]
    if not names or rows[names[0]].isna().all():
        return []
    amount = format_value(float(rows[names[0]].sum()), unit)
    return [f"{amount} {labels.get(names[0], names[0])}" if unit is Unit.COUNT else amount]


def has_natural_total(rows: pd.DataFrame) -> bool:
    """Return whether a table shows the total of rows unasked: it is given, or several columns add up."""
    return rows.attrs.get(TOTAL) is not None or len(rows.attrs.get(SUMS, ())) > 1


def list_bounds(total: pd.DataFrame | None) -> set[str]:
    """Return the columns of a total that are lower bounds, since the cost of some requests is unknown."""
    if total is None or UNKNOWN.name not in total or not (total[UNKNOWN.name] > 0).any():
        return set()
    return {EFFECTIVE_COST.name, WITHOUT.name}


def find_total(rows: pd.DataFrame) -> pd.DataFrame | None:
    """Return the figures of all rows as one row: those of `attrs`, or sums; None if nothing adds up.

    Columns that do not add up, such as rates and percentiles, are gaps. A sum with a gap in it is the sum of the known
    values.

    >>> rows = pd.DataFrame({"model": ["a", "b"], "requests": [1, 2], "error_rate": [0.5, 0.0]})
    >>> rows.attrs = {"units": {"requests": "count", "error_rate": "share"}, "sums": ["requests"]}
    >>> find_total(rows).to_dict("records")
    [{'requests': 3, 'error_rate': nan}]
    """
    given = rows.attrs.get(TOTAL)
    if given is not None:
        return pd.DataFrame([given])
    names = [name for name in (*rows.attrs.get(SUMS, ()), *rows.attrs.get(SHARES, ())) if name in rows]
    if not names:
        return None
    figures = rows.drop(columns=list_groups(rows))
    total = pd.DataFrame({name: _add_up(values, is_sum=name in names) for name, values in figures.items()})
    total.attrs = rows.attrs
    return total


def add_total(rows: pd.DataFrame, total: pd.DataFrame) -> pd.DataFrame:
    """Return rows with their total as the last one, named `total` in the first column that names groups."""
    last = total.head(1).reindex(columns=rows.columns)
    if COVERAGE in rows and len(rows):
        last[COVERAGE] = rows[COVERAGE].iloc[0]
    both = {name: pd.concat([rows[name], last[name].astype(rows[name].dtype)]) for name in rows.columns}
    texts = [name for name in rows.columns if name != COVERAGE and rows[name].dtype.kind == "O"]
    if named := [*list_groups(rows), *texts][:1]:  # the user can put figures first
        [name] = named
        both[name] = pd.Series([*rows[name].astype("object"), TOTAL], index=both[name].index, dtype="object")
    found = pd.DataFrame(both).reset_index(drop=True)
    found.attrs = rows.attrs
    return found


def _add_up(values: "pd.Series[Any]", *, is_sum: bool) -> "pd.Series[Any]":
    """Return a sum as a column of one row; a gap if nothing is known, or if the column does not add up."""
    if is_sum:
        return pd.Series([values.sum(min_count=1)], dtype=values.dtype)
    return pd.Series([None], dtype="object").astype(values.dtype if values.dtype.kind != "b" else "boolean")


def _check_column(rows: pd.DataFrame, name: str) -> None:
    if name in rows.columns:
        return
    names = list(map(str, rows.columns))
    labels = rows.attrs.get("labels", {})
    shown = next((one for one in names if labels.get(one) == name.lower()), None)  # what the heading says
    hint = f"did you mean {shown!r}? " if shown else suggest(name, names)
    msg = f"no column {name!r}; {hint}there are {list_names(names, near=name)}"
    raise InputError(msg)


def _to_texts(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return values that may be of several types as texts, which can be compared."""
    return values.map(str, na_action="ignore")
