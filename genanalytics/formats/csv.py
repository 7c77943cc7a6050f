"""Frames as CSV: exactly, to be read back, or made harmless, for a spreadsheet."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute
import pyarrow.csv

from genanalytics.formats.jsonl import plain
from genanalytics.records.schema import ARROW_SCHEMA, BY_NAME, Kind

_LONGEST_LINE = 1 << 26
"""How long a line of CSV can be: many times as long as the longest answer that is fetched."""

_FORMULA = "^[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
"""What a spreadsheet takes for the beginning of a formula, the wide forms of East Asian keyboards included."""
_ISO = "%Y-%m-%dT%H:%M:%SZ"


def write_csv(table: pa.Table, path: Path) -> None:
    """Write a table so that `read_csv` gives it back: nested values are JSON, an empty text is "", a gap is nothing."""
    pa.csv.write_csv(_flat(table), path)


def read_csv(path: Path) -> pa.Table:
    """Return what `write_csv` wrote, the known columns with their types, in which only nothing is a gap.

    Raises:
        OSError, ValueError, OverflowError, RecursionError: The file cannot be read.
    """
    nested = {column.name for column in BY_NAME.values() if column.kind is Kind.ATTEMPTS}
    types = {field.name: pa.string() if field.name in nested else field.type for field in ARROW_SCHEMA}
    table = pa.csv.read_csv(
        path,
        read_options=pa.csv.ReadOptions(block_size=_LONGEST_LINE),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )
    for index in (place for place, name in enumerate(table.column_names) if name in nested):
        # a fraction stays a text, which Arrow refuses, where it would cut the fraction off
        texts = table.column(index).to_pylist()
        attempts = [None if text is None else json.loads(text, parse_float=str) for text in texts]
        table = table.set_column(index, table.column_names[index], pa.array(attempts, Kind.ATTEMPTS.arrow_type))
    return table


def for_spreadsheets(table: pa.Table) -> tuple[pa.Table, int]:
    """Return a table that is safe and readable as CSV in a spreadsheet, and how many cells had to be made harmless.

    Records hold text of strangers, and a spreadsheet runs a cell that begins with = + - @, a tab or a line break as a
    formula: such a text gets an apostrophe before it. Moments become ISO 8601 text, in UTC.

    >>> harmless, changed = for_spreadsheets(pa.table({"origin": ["=1+1", "a=b"], "total_cost": [-0.5, 1.0]}))
    >>> harmless.to_pydict(), changed
    ({'origin': ["'=1+1", 'a=b'], 'total_cost': [-0.5, 1.0]}, 1)
    """
    table, changed = _flat(table), 0
    for index, field in enumerate(table.schema):
        cells = table.column(index)
        if pa.types.is_timestamp(field.type):
            cells = pa.compute.strftime(cells.cast(pa.timestamp("us", field.type.tz and "UTC")), format=_ISO)
        elif pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            cells = cells.cast(pa.string())
            formulas = pa.compute.fill_null(pa.compute.match_substring_regex(cells, _FORMULA), fill_value=False)
            changed += pa.compute.sum(formulas).as_py() or 0
            cells = pa.compute.if_else(formulas, pa.compute.binary_join_element_wise("'", cells, ""), cells)
        table = table.set_column(index, field.name, cells)
    return table, changed


def _flat(table: pa.Table) -> pa.Table:
    """Return the table with its nested columns as JSON text."""
    for index, field in enumerate(table.schema):
        if pa.types.is_nested(field.type):
            texts = [None if value is None else json.dumps(plain(value)) for value in table.column(index).to_pylist()]
            table = table.set_column(index, field.name, pa.array(texts, pa.string()))
    return table
