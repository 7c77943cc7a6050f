"""One typed pandas frame, and the report of values that did not fit into it."""

import json
import os
from collections.abc import Sequence
from typing import TypeAlias
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa

from genanalytics.base.frames import TEXT, Dtypes
from genanalytics.base.opening import open_path
from genanalytics.base.text import to_one_line
from genanalytics.errors import InputError
from genanalytics.records.coverage import COVERAGE, Coverage, read_metadata, set_coverage
from genanalytics.records.exported import describe_field
from genanalytics.records.parse import FIELD_NAMES, Row, parse_rows
from genanalytics.records.schema import ARROW_SCHEMA, BY_NAME, Kind

_NULLABLE = ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32", "Float64")
_DTYPES = {
    **{pa.type_for_alias(name.lower()): pd.api.types.pandas_dtype(name) for name in _NULLABLE},
    pa.bool_(): pd.BooleanDtype(),
    pa.string(): TEXT,
    pa.large_string(): TEXT,
    Kind.ATTEMPTS.arrow_type: pd.ArrowDtype(Kind.ATTEMPTS.arrow_type),
}
_UTC = ZoneInfo("UTC")  # cached from here on: pyarrow reports Ctrl-C while it loads a zone as a missing package


FrameOrPath: TypeAlias = pd.DataFrame | str | os.PathLike[str]
"""A frame of records, or the path of a file or a data set with records."""
Values: TypeAlias = "pa.Array | pa.ChunkedArray"
"""A column of Arrow."""


def open_frame(frame: FrameOrPath) -> pd.DataFrame:
    """Return the records of a path as a frame; a frame as it is."""
    opened: pd.DataFrame = open_path(frame, "memory")
    return opened


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Return an Arrow table as a frame: known columns with the dtypes of `schema.COLUMNS`, the others nullable.

    The coverage in the metadata of the table is in `attrs["coverage"]`, in the form of `Coverage.to_json`.

    Raises:
        InputError: A known column holds values of another type.
    """
    frame = to_nullable(cast_known(table))
    coverage = read_metadata(table.schema.metadata)
    if coverage is not None:
        frame.attrs[COVERAGE] = coverage.to_json()
    return frame


def to_nullable(table: pa.Table) -> pd.DataFrame:
    """Return an Arrow table as a frame with nullable dtypes, each column with the type that it has."""
    frame: pd.DataFrame = table.to_pandas(types_mapper=_DTYPES.get, ignore_metadata=True)
    return frame


def to_series(values: Values) -> pd.Series:
    """Return a column of Arrow as pandas, with the nullable dtype of its type."""
    series: pd.Series = values.to_pandas(types_mapper=_DTYPES.get)
    return series


def cast_known(table: pa.Table) -> pa.Table:
    """Return an Arrow table, its known columns with the types of `schema.COLUMNS`.

    Raises:
        InputError: A known column holds values of another type.
    """
    for index, field in enumerate(table.schema):
        column = BY_NAME.get(field.name)
        if pa.types.is_dictionary(field.type) and (column or pa.types.is_string_view(field.type.value_type)):
            table = table.set_column(index, field.name, decode(table.column(index)))
        if column is not None:
            try:  # equal types too, since pandas distinguishes nested types by the names of their parts
                table = table.set_column(index, field.name, table.column(index).cast(column.kind.arrow_type))
            except pa.ArrowException as error:
                reason = to_one_line(str(error))  # Arrow quotes what the column holds
                msg = f"column {field.name!r} holds {field.type}, it should hold {column.kind.arrow_type}: {reason}"
                raise InputError(msg) from error
    return table


def decode(values: Values) -> Values:
    """Return categories as their values.

    >>> decode(pa.array(["a", None, "a"]).dictionary_encode()).to_pylist()
    ['a', None, 'a']
    """
    kind = values.type.value_type
    if not pa.types.is_string_view(kind):
        return values.cast(kind)
    chunks = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
    plain = [  # Arrow cannot take from the views that polars writes
        pa.DictionaryArray.from_arrays(chunk.indices, chunk.dictionary.cast(pa.string())).dictionary_decode()
        for chunk in chunks
    ]
    return pa.chunked_array(plain, pa.string())


def to_arrow(frame: pd.DataFrame) -> pa.Table:
    """Return a frame as Arrow: known columns with the types of `schema.COLUMNS`, each with its unit and meaning.

    The metadata of the table contains the coverage in `attrs`.

    Raises:
        InputError: A column holds values that its type cannot, or two columns have one name.
    """
    fields, arrays = [], []
    for name, values in frame.items():
        column = BY_NAME.get(str(name))
        try:
            if values.dtype == object:  # in an integer column, Arrow would cut off the fraction of a Python float
                values = values.convert_dtypes()  # noqa: PLW2901
            arrays.append(pa.Array.from_pandas(values, type=column.kind.arrow_type if column else None))
        except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            msg = f"column {name!r} cannot be written: {error}"
            raise InputError(msg) from error
        fields.append(column.field if column else describe_field(str(name), arrays[-1].type))
    schema = pa.schema(fields)
    twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if twice:
        msg = f"two columns with one name cannot be written: {', '.join(twice)}"
        raise InputError(msg)
    return set_coverage(pa.table(arrays, schema=schema), Coverage.from_json(frame.attrs.get(COVERAGE)))


def add_missing_columns(table: pa.Table) -> pa.Table:
    """Return a table with all columns of a record; those that it lacks are gaps."""
    for field in ARROW_SCHEMA:
        if field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(len(table), field.type))
    return table


def parse_frame(rows: Sequence[Row]) -> pd.DataFrame:
    """Return answers as a typed frame, one row each, in order; without answers an empty frame of the full schema.

    >>> frame = parse_frame([Row("gen-1", b'{"data": {"id": "gen-1", "latency": 12.0, "new": [1]}}', 0.0)])
    >>> frame[["requested_id", "latency", "extra"]].to_dict("records")
    [{'requested_id': 'gen-1', 'latency': 12, 'extra': '{"new":[1]}'}]
    """
    return to_frame(parse_rows(rows))


def drift(frame: FrameOrPath) -> pd.DataFrame:
    """Return the fields that did not fit, one row each, as the column `extra` holds them.

    Returns:
        Columns `field` (str), `what` (str: `unknown` for a field without a column, `misfit` for a value of another type
        than its column), `rows` (Int64, the number of records), `example` (str, the first such value as JSON). The
        field with the most rows is first.

    >>> frame = parse_frame([Row("gen-1", b'{"data": {"id": "gen-1", "latency": 74512.5, "new": 1}}', 0.0)])
    >>> drift(frame).to_dict("records")[0]
    {'field': 'latency', 'what': 'misfit', 'rows': 1, 'example': '74512.5'}
    """
    values: dict[str, list[object]] = {}
    for text in open_frame(frame)["extra"].dropna():
        for name, value in json.loads(text).items():
            values.setdefault(name, []).append(value)
    report = [
        (name, "misfit" if name in FIELD_NAMES else "unknown", len(found), json.dumps(found[0]))
        for name, found in sorted(values.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    dtypes: Dtypes = {"field": TEXT, "what": TEXT, "rows": "Int64", "example": TEXT}
    return pd.DataFrame(report, columns=list(dtypes)).astype(dtypes)
