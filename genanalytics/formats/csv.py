"""CSV: exact, to be read back, or harmless, for a spreadsheet."""

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.csv

from genanalytics.formats.jsonl import to_json_value
from genanalytics.records.schema import ARROW_SCHEMA, BY_NAME, Kind

BLOCK_BYTES = 1 << 26
"""The longest line of CSV that can be read: many times as long as the longest answer."""

_FORMULA = '^([\t\r\n]|[\\s\ufeff\u200b"]*[=+\\-@\uff1d\uff0b\uff0d\uff20])'
"""The start of a formula in a spreadsheet, including the wide forms of East Asian keyboards.

Some spreadsheets ignore blanks, a byte order mark or a quote before it.
"""
_ISO = "%Y-%m-%dT%H:%M:%SZ"


def write_csv(table: pa.Table, path: Path) -> None:
    """Write a table that `read_csv` returns exactly: nested values are JSON, an empty text is "", a gap is nothing."""
    pa.csv.write_csv(_flatten(table), path)


def read_csv(path: Path, *, block_bytes: int = BLOCK_BYTES) -> pa.Table:
    """Return the table that `write_csv` wrote, known columns with their types; only an empty cell is a gap.

    `block_bytes` are parsed at once; no line can be longer.

    Raises:
        OSError, ValueError, OverflowError, RecursionError: The file cannot be read.
    """
    nested = {column.name for column in BY_NAME.values() if column.kind is Kind.ATTEMPTS}
    types = {field.name: pa.string() if field.name in nested else field.type for field in ARROW_SCHEMA}
    table = pa.csv.read_csv(
        path,
        read_options=pa.csv.ReadOptions(block_size=block_bytes),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )
    for index in (place for place, name in enumerate(table.column_names) if name in nested):
        # as text, a fraction is refused by Arrow; as a number, it would lose its fraction
        texts = table.column(index).to_pylist()
        attempts = [None if text is None else json.loads(text, parse_float=str) for text in texts]
        table = table.set_column(index, table.column_names[index], pa.array(attempts, Kind.ATTEMPTS.arrow_type))
    return table


def make_harmless(table: pa.Table) -> tuple[pa.Table, int]:
    """Return a table that is safe as CSV in a spreadsheet, and the number of cells that had to be changed.

    Records contain untrusted text, and a spreadsheet runs a cell that begins with = + - @, a tab or a line break as a
    formula. Such a text, and such a name of a column, gets a leading apostrophe. Times become ISO 8601 text in UTC.

    >>> harmless, changed = make_harmless(pa.table({"origin": ["=1+1", "a=b"], "total_cost": [-0.5, 1.0]}))
    >>> harmless.to_pydict(), changed
    ({'origin': ["'=1+1", 'a=b'], 'total_cost': [-0.5, 1.0]}, 1)
    """
    table, changed = _flatten(table), 0
    for index, field in enumerate(table.schema):
        cells = table.column(index)
        if pa.types.is_timestamp(field.type):
            cells = pa.compute.strftime(cells.cast(pa.timestamp("us", field.type.tz and "UTC")), format=_ISO)
        elif pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            cells = cells.cast(pa.string())
            formulas = pa.compute.fill_null(pa.compute.match_substring_regex(cells, _FORMULA), fill_value=False)
            changed += pa.compute.sum(formulas).as_py() or 0
            cells = pa.compute.if_else(formulas, pa.compute.binary_join_element_wise("'", cells, ""), cells)
        table = table.set_column(index, quote_formula(field.name), cells)
    return table, changed


def quote_formula(value: Any) -> Any:  # noqa: ANN401 - of a cell
    """Return a text with a leading apostrophe if a spreadsheet would run it as a formula; any other value as it is.

    >>> quote_formula("=1+1"), quote_formula("  @SUM(A1)"), quote_formula("gpt-5")
    ("'=1+1", "'  @SUM(A1)", 'gpt-5')
    """
    return f"'{value}" if isinstance(value, str) and re.match(_FORMULA, value) else value


def _flatten(table: pa.Table) -> pa.Table:
    """Return a table whose nested columns are JSON text."""
    for index, field in enumerate(table.schema):
        if pa.types.is_nested(field.type):
            texts = [
                None if value is None else json.dumps(to_json_value(value)) for value in table.column(index).to_pylist()
            ]
            table = table.set_column(index, field.name, pa.array(texts, pa.string()))
    return table
