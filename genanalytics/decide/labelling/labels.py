"""Labels: facts about records that only the user knows, such as customer, team, revenue or success."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.base.opening import opens_paths
from genanalytics.base.text import list_names, suggest
from genanalytics.decide.labelling.label_notices import Matched, describe_labels
from genanalytics.decide.labelling.label_table import (
    OUTCOMES,
    REVENUE,
    SUCCESS,
    Labels,
    LabelTable,
    convert_keys,
    quote,
    read_labels,
)
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.metrics.declare import Count, RowValue
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.metrics.engines.protocol import Source, Steps
from genanalytics.metrics.engines.source import (
    Covered,
    Records,
    attach,
    open_source,
    rename_columns,
    uncover,
)
from genanalytics.metrics.grouping.keys import GroupKey
from genanalytics.units import Unit, format_count

UNLABELLED = "unlabelled"
"""The name in `attrs` of a frame."""

_OF_ONE_TASK = ("requested_id", "id", "request_id", "session_id")
"""The columns whose values are a task each: intervals take the rows of a session as dependent."""
_NO_STEPS = Steps(())
_PLACE = "place of a label"


@opens_paths("data")
def label(data: Any, mapping: Labels, *, on: str = "external_user", name: str | None = None) -> Any:  # noqa: ANN401
    """Return the data with columns that you know and the service does not: customer, team, revenue, success.

    The columns group (`by="customer"`) and filter. They also make the statistics of the sets `outcomes`
    (`success_rate`, `usd_per_success`) and `margins` (`revenue`, `margin`, `margin_share`).

    Args:
        data: Anything that `summarize` takes.
        mapping: The labels by key: the path of a CSV or Parquet file, a frame (pandas, polars or Arrow), or a dict from
            a key to one label. In a file or a frame, the column with the name `on` has the keys, or else the first one;
            every other column is a label.
        on: The column of the records that contains the keys, such as `external_user`, `app_id` or `requested_id`.
        name: The name of the label of a dict, such as `customer`.

    Returns:
        Data of the same kind. The labels are further columns with text (str), integers (Int64), other numbers
        (Float64), or true and false (boolean). A row without a label has a gap. A frame has in `attrs`: `unlabelled`,
        the number of rows with a gap by label, and `notices`. Coverage is kept.

        - Keys match by value, in full: 17, 17.0 and "17" are one key, while case and spaces count. In a column of text,
          "017" is another key than "17".
        - In CSV, a column is a number or a boolean only if every cell is, and is written like it: `007`, `1.10` and
          integers of 19 digits make a column of text.
        - `revenue` (US$) is the revenue of a key in the time of the data. Each row of the key has an equal part of it:
          sums over the rows of a key are its revenue, and sums over some of its rows are never more.
        - `success` (true, yes, 1; false, no, 0) is an outcome of a generation, request or session (`requested_id`,
          `id`, `request_id`, `session_id`). `outcomes` follows: 1 divided by the number of rows with the same key, so
          that an outcome counts once.

    Raises:
        MissingColumnError: The data has no column `on`.
        InputError: The labels cannot be read, a key occurs twice, a label has the name of a column of the data, or a
            value does not fit.

    >>> frame = pd.DataFrame({"external_user": ["u1", "u1", "u2", None], "total_cost": [1.0, 2.0, 4.0, 8.0]})
    >>> labelled = label(frame, pd.DataFrame({"user": ["u1", "u2"], "customer": ["Acme", "Bit"], "revenue": [9, 5]}))
    >>> labelled[["customer", "revenue"]].to_dict("list")
    {'customer': ['Acme', 'Acme', 'Bit', nan], 'revenue': [4.5, 4.5, 5.0, None]}
    >>> labelled.attrs["unlabelled"]
    {'customer': 1, 'revenue': 1}
    >>> label(frame, {"u1": "A", "u2": "B"}, name="team")["team"].tolist()
    ['A', 'A', 'B', nan]
    """
    found, report = add_labels(data, mapping, on=on, name=name)
    if isinstance(found, pd.DataFrame):
        found.attrs = found.attrs | {
            UNLABELLED: found.attrs.get(UNLABELLED, {}) | report.unlabelled,
            "notices": [*found.attrs.get("notices", ()), *report.notices],
        }
    return found


@dataclass(frozen=True, slots=True)
class LabelReport:
    """What a user should know about labelled data.

    Attributes:
        unlabelled: The number of rows with a gap, by label.
        notices: Sentences.
    """

    unlabelled: dict[str, int]
    notices: list[str]


def add_labels(
    data: Any,  # noqa: ANN401 - of the same kind
    mapping: Labels,
    *,
    on: str | None,
    name: str | None = None,
) -> tuple[Any, LabelReport]:
    """Return the data with labels, and what a user should know about them.

    Arguments and errors are those of `label`. Without `on`, the name of the first column is that of a column of the
    records.
    """
    source, table = open_source(data), read_labels(mapping, on, name)
    if on is None:
        on = _find_on(source, table)
    _check(source, table, on)
    native = uncover(data)
    keys = convert_keys(table.keys, _find_dtype(source, on))
    _check_unique(keys, on)
    matched = _match(native, source, on, keys)
    columns = _spread(table, matched)
    found = _join(native, source, on, keys, columns)
    report = LabelReport(
        {one: matched.count_gaps(values) for one, values in table.columns.items()},
        describe_labels(data, source, table, on, matched),
    )
    return replace(data, data=found) if isinstance(data, Covered) else found, report


def _find_on(source: Source, table: LabelTable) -> str:
    if table.header in source.columns:
        return str(table.header)
    msg = (
        f"the first column of the labels, {table.header!r}, is no column of the records: say which one has its values"
        f" with --labels-on (on=); there are {list_names(source.columns, near=str(table.header))}"
    )
    raise MissingColumnError(msg)


def _check(source: Source, table: LabelTable, on: str) -> None:
    """Check that labels can be added.

    Raises:
        MissingColumnError: The data has no column with the keys.
        InputError: A label has the name of a column, or an outcome belongs to something other than a task.
    """
    if on not in source.columns:
        hint, there = suggest(on, source.columns), list_names(source.columns, near=on)
        msg = f"cannot label by {on!r}: the data has no such column; {hint}there are {there}"
        raise MissingColumnError(msg)
    added = [*table.columns, *([OUTCOMES] if SUCCESS in table.columns else [])]
    lowered = {one.lower(): one for one in source.columns}  # engines ignore case
    for one in added:
        if one.lower() in lowered:
            msg = f"the data already has a column {lowered[one.lower()]!r}: rename the label {one!r}, or leave it out"
            raise InputError(msg)
        lowered[one.lower()] = one
    if SUCCESS in table.columns and on not in _OF_ONE_TASK:
        msg = (
            f"'success' by {on!r}: an outcome belongs to a generation, request or session, so label it on"
            f" {', '.join(_OF_ONE_TASK)}; if each {on!r} is one task, make it the session_id of the data first"
        )
        raise InputError(msg)


def _find_dtype(source: Source, on: str) -> nw.dtypes.DType:
    dtype = source.select([on]).collect_schema()[on]
    if not (dtype.is_numeric() or dtype in {nw.String, nw.Categorical, nw.Enum, nw.Unknown}):
        msg = f"cannot label by {on!r}, which holds {dtype}: keys are text or numbers"
        raise InputError(msg)
    return dtype


def _check_unique(keys: Sequence[Any], on: str) -> None:
    counts = Counter(key for key in keys if key is not None)
    twice = [key for key, count in counts.items() if count > 1]
    if twice:
        others = f", and {format_count(len(twice) - 1, 'other key')}" if len(twice) > 1 else ""
        msg = (
            f"the key {quote(twice[0])} occurs {counts[twice[0]]} times in the labels{others}: keep one row for each"
            f" {on!r}"
        )
        raise InputError(msg)


def _match(native: Records, source: Source, on: str, keys: Sequence[Any]) -> Matched:
    """Return how many rows each label has: of any data, as many groups as labels are read."""
    places = {_PLACE: pa.chunked_array([pa.array(range(len(keys)), pa.int64())])}
    placed = open_source(_join(native, source, on, keys, places))
    has_key = RowValue("has a key", "", Unit.NONE, "", (on,), nw.when(~nw.col(on).is_null()).then(nw.lit(1)))
    counted = placed.aggregate([_make_key(_PLACE)], [Count(), Count(has_key)], {}, ()).to_table()
    place = to_floats(counted[_make_key(_PLACE).group])
    counts, with_key = (to_floats(counted[step.name]).astype(np.int64) for step in (Count(), Count(has_key)))
    is_other = np.isnan(place)
    rows = np.zeros(len(keys), dtype=np.int64)
    rows[place[~is_other].astype(np.int64)] = counts[~is_other]
    others = int(counts[is_other].sum())
    return Matched(rows, others, others - int(with_key[is_other].sum()))


def _spread(table: LabelTable, matched: Matched) -> dict[str, pa.ChunkedArray]:
    """Return the labels as the rows of a key have them: of an amount or an outcome, an equal part."""
    columns = dict(table.columns)
    with np.errstate(divide="ignore"):
        part = np.where(matched.rows > 0, 1.0 / matched.rows, 0.0)
    if REVENUE in columns:
        amounts = to_floats(columns[REVENUE]) * part
        columns[REVENUE] = pa.chunked_array([pa.array(amounts, from_pandas=True)])
    if SUCCESS in columns:
        columns[OUTCOMES] = pa.chunked_array([pa.array(part, mask=columns[SUCCESS].is_null().to_numpy())])
    return columns


def _join(
    native: Records,
    source: Source,
    on: str,
    keys: Sequence[Any],
    columns: "dict[str, pa.ChunkedArray]",
) -> Any:  # noqa: ANN401 - of the same kind
    """Return the data with the columns of the row that has its key."""
    key, numbered = _make_key(on), {f"label {place}": one for place, one in enumerate(columns)}
    kind = pa.string() if source.select([on]).collect_schema()[on] in {nw.String, nw.Categorical, nw.Enum} else None
    table = pa.table({key.group: pa.array(keys, kind)} | {new: columns[old] for new, old in numbered.items()})
    found = source.extend([key], table.filter(table[key.group].is_valid()), (), _NO_STEPS, list(numbered))
    if isinstance(found, pa.Table):
        return attach(native, found.rename_columns(list(columns)), list(columns))
    return rename_columns(found, {one: one for one in source.columns} | numbered)


def _make_key(column: str) -> GroupKey:
    return GroupKey(column, column, _keep, {}, _keep)


def _keep(values: pd.Series) -> pd.Series:
    return values
