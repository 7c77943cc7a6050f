"""The columns that statistics read, with the same types and values for any kind of data.

- NaN and infinities are gaps, and -0.0 is 0.0.
- Decimals and short floats are float64, categories are their values, timestamps have microseconds, zoned ones in UTC.
- The columns of `schema.COLUMNS` hold what their kind allows; moments without a zone are in UTC.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from genanalytics.errors import InputError
from genanalytics.metrics.engines.arrays import Column
from genanalytics.records.frame import Values, decode
from genanalytics.records.schema import BY_NAME, Kind
from genanalytics.units import format_count

_KEPT_CHECKS = 1000
_ACCEPTED: Mapping[Kind, Callable[[nw.dtypes.DType], bool]] = MappingProxyType(
    {
        Kind.INTEGER: lambda dtype: dtype.is_numeric(),
        Kind.NUMBER: lambda dtype: dtype.is_numeric(),
        Kind.FLAG: lambda dtype: dtype == nw.Boolean,
        Kind.TEXT: lambda dtype: isinstance(dtype, nw.String | nw.Categorical | nw.Enum),
        Kind.TIME: lambda dtype: isinstance(dtype, nw.Datetime),
        Kind.ATTEMPTS: lambda dtype: isinstance(dtype, nw.List) and isinstance(dtype.inner, nw.Struct | nw.Unknown),
    }
)
_WANTED: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.INTEGER: "numbers: cast it",
        Kind.NUMBER: "numbers: cast it",
        Kind.FLAG: "true and false: cast it to a boolean",
        Kind.TEXT: "text: cast it to a string",
        Kind.TIME: "timestamps: convert it, with pandas.to_datetime(values, unit='s', utc=True) for seconds since 1970",
        Kind.ATTEMPTS: "lists of attempts as the service reports them: drop the column if you do not need it",
    }
)


def check_names(names: Iterable[str], *, ignore_case: bool = False) -> None:
    """Check that each column has a name of its own.

    Raises:
        InputError: Two have the same one.

    >>> check_names(["model", "Model"], ignore_case=True)
    Traceback (most recent call last):
    genanalytics.errors.InputError: two columns of the data are named 'model' and 'Model': rename or drop one of them
    """
    seen: dict[str, str] = {}
    for name in names:
        key = name.lower() if ignore_case else name
        if key in seen:
            named = " and ".join(map(repr, dict.fromkeys((seen[key], name))))
            msg = f"two columns of the data are named {named}: rename or drop one of them"
            raise InputError(msg)
        seen[key] = name


def check_type(name: str, dtype: nw.dtypes.DType) -> None:
    """Check that a column can be read: a known one holds what its kind allows.

    Raises:
        InputError: It does not.

    >>> check_type("created_at", nw.Int64())
    Traceback (most recent call last):
    genanalytics.errors.InputError: column 'created_at' holds Int64, it should hold timestamps: convert it, ...
    """
    column = BY_NAME.get(name)
    if column is not None and not (dtype == nw.Unknown or _ACCEPTED[column.kind](dtype)):
        msg = f"column {name!r} holds {dtype}, it should hold {_WANTED[column.kind]}"
        raise InputError(msg)


def clean(name: str, values: Values) -> Values:
    """Return a column as statistics read it.

    Raises:
        InputError: Its type cannot be read.

    >>> clean("total_cost", pa.array([1.5, float("nan"), float("inf"), -0.0, None])).to_pylist()
    [1.5, None, None, 0.0, None]
    """
    column = BY_NAME.get(name)
    if column is not None and values.type == column.kind.arrow_type:
        return drop_infinite(values) if column.kind is Kind.NUMBER else values
    if isinstance(values.type, pa.BaseExtensionType):
        msg = f"column {name!r} holds {values.type}, which statistics cannot read: convert it to text or to numbers"
        raise InputError(msg)
    if pa.types.is_dictionary(values.type):
        values = decode(values)
    if column is not None:
        _check_arrow_type(name, values.type)
    wanted = _choose_type(values.type, None if column is None else column.kind)
    if values.type != wanted:
        values = values.cast(wanted, safe=False)
    return drop_infinite(values) if pa.types.is_floating(wanted) else values


@lru_cache(maxsize=_KEPT_CHECKS)
def _check_arrow_type(name: str, found: pa.DataType) -> None:
    """Check that a column can be read, once for each of its types."""
    check_type(name, nw.from_native(pa.table({name: pa.array([], found)}), eager_only=True).schema[name])


def to_number(name: str, values: Values) -> Values:
    """Return a clean column as row values read it: integers of the record as float64, which never overflow."""
    column = BY_NAME.get(name)
    if column is None or column.kind is not Kind.INTEGER or pa.types.is_floating(values.type):
        return values
    return values.cast(pa.float64(), safe=False)


def drop_infinite(numbers: Values) -> Values:
    """Return floats with gaps instead of NaN and infinities, and 0.0 instead of -0.0."""
    finite = pc.is_finite(numbers)
    if pc.all(finite).as_py() is False:
        numbers = pc.if_else(finite, numbers, None)
    return pc.add(numbers, 0.0)


def read_masked(values: pd.api.extensions.ExtensionArray, arrange: Callable[[Any], Any]) -> Column | None:
    """Return an array of `Int64`, `Float64` or `boolean`; None if a number is not finite.

    >>> read_masked(pd.array([1, None, 3], dtype="Int64"), lambda values: values)
    Column(values=array([1., 0., 3.]), known=array([ True, False,  True]))
    """
    kind = values.dtype.kind
    cells = values.to_numpy(np.bool_ if kind == "b" else np.float64, na_value=False)
    if kind == "f":
        if not np.isfinite(cells).all():
            return None
        cells = cells + 0.0  # not -0.0, and not in place: these can be the numbers of the frame
    gaps = values.isna()
    return Column(arrange(cells), arrange(~gaps) if gaps.any() else None)


def count_infinite(values: Values) -> int:
    """Return the number of infinities in a column of any type."""
    if pa.types.is_dictionary(values.type):
        values = decode(values)
    return int(pc.sum(pc.is_inf(values)).as_py() or 0) if pa.types.is_floating(values.type) else 0


def describe_infinite(counts: Mapping[str, int]) -> list[str]:
    """Return the notices about infinities, given their number by column.

    >>> describe_infinite({"total_cost": 2, "usage": 0})
    ["2 infinite values in column 'total_cost' count as missing"]
    """
    return [
        f"{format_count(n, 'infinite value')} in column {name!r} {'counts' if n == 1 else 'count'} as missing"
        for name, n in counts.items()
        if n
    ]


def _choose_type(found: pa.DataType, kind: Kind | None) -> pa.DataType:
    if kind is not None and (pa.types.is_null(found) or kind not in {Kind.INTEGER, Kind.FLAG}):
        return kind.arrow_type
    if pa.types.is_decimal(found) or pa.types.is_floating(found):
        return pa.float64()
    if pa.types.is_large_string(found) or pa.types.is_string_view(found):
        return pa.string()
    if pa.types.is_timestamp(found):
        return pa.timestamp("us", None if found.tz is None else "UTC")
    return found
