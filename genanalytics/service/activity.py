"""The activity export of the service, a CSV file, as the typed frame: without a request, with every figure exact."""

import csv
import json
import os
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv

from genanalytics.base.content import Content, open_content, translate_errors
from genanalytics.errors import InputError
from genanalytics.records.exported import COLUMN_OF, EXPORTED, ONLY_EXPORTED, SOURCE
from genanalytics.records.frame import to_frame
from genanalytics.records.parse import fit
from genanalytics.records.schema import ARROW_SCHEMA, BY_NAME, Kind

_SIGNS = frozenset({"generation_id", "cost_total"})
_BLOCK = 1 << 24
_SURELY_EXACT = 17
"""A number of at most this many characters, 15 of them digits, is exact as a double."""

_PLAIN = {
    Kind.INTEGER: r"^-?(0|[1-9][0-9]{0,17})$",
    Kind.NUMBER: r"^-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?$",
    Kind.FLAG: r"^(true|false)$",
    Kind.TEXT: r"",
    Kind.TIME: r"^[12][0-9]{3}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?$",
}
"""The format of the values of each kind in an export; Arrow reads them exactly."""

_json = json.JSONEncoder(separators=(",", ":")).encode

_SCHEMA = pa.schema(
    [*ARROW_SCHEMA, *(column.field for column in ONLY_EXPORTED.values()), pa.field(SOURCE, pa.string())]
)


def is_activity(content: Content) -> bool:
    """Return whether a file has the header of an activity export, in any order of columns."""
    return set(_read_header(content)) >= _SIGNS


def read_activity(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> pd.DataFrame:
    """Return activity exports as one frame: the columns of a record, those of exports alone, and `source`.

    Nothing is fetched, and each figure is exactly the one in the file: `total_cost`, `cache_discount` (the export's
    `cost_cache` with the opposite sign) and `upstream_inference_cost` in US$, native tokens, `latency` and
    `generation_time` in ms, `created_at` in UTC. Columns that an export lacks are null, such as `fetched_at`. `is_byok`
    is true if the user's own key was charged, otherwise null. Columns that only exports have follow under their own
    names: `cost_web_search`, `cost_file_processing` (US$), `variant`, `user`, `app_name`, `api_key_name`,
    `api_key_disabled`. `source` is "activity" in each row. Any other column, and values of another type than their
    column, are in `extra`, verbatim.

    Args:
        paths: One or more CSV files, plain or packed with gzip or zstd. Of a generation that occurs several times, only
            the last row is kept.

    Raises:
        InputError: A file cannot be read, or is not an activity export.
    """
    files = [Path(paths)] if isinstance(paths, str | os.PathLike) else [Path(path) for path in paths]
    if not files:
        msg = "no activity export: give one or more paths"
        raise InputError(msg)
    frame = to_frame(pa.concat_tables([_read_table(path) for path in files]))
    once = frame["requested_id"].isna() | ~frame["requested_id"].duplicated(keep="last")
    return frame[once].reset_index(drop=True)


def _read_table(path: Path) -> pa.Table:
    errors = (EOFError, OSError, UnicodeDecodeError, zlib.error, pa.ArrowException)
    with translate_errors(path, *errors), open_content(path) as content:
        cells = _read_cells(content)
    extras: list[dict[str, str]] = [{} for _ in range(cells.num_rows)]
    columns: dict[str, pa.ChunkedArray] = {}
    for name, texts in zip(cells.column_names, cells.columns, strict=True):
        column = ONLY_EXPORTED.get(name) or BY_NAME.get(COLUMN_OF.get(name, ""))
        if column is None:
            for text, extra in zip(texts.to_pylist(), extras, strict=True):
                if text is not None:
                    extra[name] = text
        else:
            columns[column.name] = _convert(name, texts, column.kind, extras)
    columns["requested_id"] = columns["id"]
    if "cache_discount" in columns:
        columns["cache_discount"] = pa.compute.subtract(0.0, columns["cache_discount"])
    if "upstream_inference_cost" in columns:
        is_charged = pa.compute.not_equal(columns["upstream_inference_cost"], 0.0)
        columns["is_byok"] = pa.compute.if_else(is_charged, is_charged, None)
    columns["extra"] = pa.array([_json(extra) if extra else None for extra in extras], pa.string())
    columns[SOURCE] = pa.array([EXPORTED] * len(extras), pa.string())
    return pa.table([columns.get(field.name, pa.nulls(len(extras), field.type)) for field in _SCHEMA], schema=_SCHEMA)


def _read_cells(content: Content) -> pa.Table:
    """Return the cells of an export as texts, empty ones as gaps."""
    names = _read_header(content)
    if not set(names) >= _SIGNS:
        missing = " and ".join(sorted(_SIGNS - set(names)))
        header = f"its header {', '.join(names)[:200]!a} lacks {missing}" if any(names) else "it has no header"
        msg = f"{content.name} is not an activity export: {header}; download the export of your activity as CSV"
        raise InputError(msg)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = f"{content.name} has two columns with the name {', '.join(twice)}: remove one of them"
        raise InputError(msg)
    return pa.csv.read_csv(
        content.stream(),
        read_options=pa.csv.ReadOptions(column_names=names, skip_rows=1, block_size=_BLOCK),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
        ),
    )


def _read_header(content: Content) -> list[str]:
    line = content.head.decode("utf-8", "replace").removeprefix("\ufeff").partition("\n")[0]
    try:
        return [name.strip() for name in next(csv.reader([line.removesuffix("\r")]), [])]
    except csv.Error:
        return []


def _convert(name: str, texts: pa.ChunkedArray, kind: Kind, extras: Sequence[dict[str, str]]) -> pa.ChunkedArray:
    """Return texts as a column of this kind; a text of another type goes into the extra of its row.

    Arrow converts texts in the format of an export all at once; others are converted one by one, to the same values.
    """
    if pa.compute.all(pa.compute.match_substring_regex(texts, _PLAIN[kind])).as_py() is not False:
        with suppress(pa.ArrowInvalid):  # in the format of a moment, but there is no such day or hour
            parsed = texts.cast(pa.timestamp("us")) if kind is Kind.TIME else texts
            return parsed.cast(kind.arrow_type)
    values = []
    for text, extra in zip(texts.to_pylist(), extras, strict=True):
        value, exact = (None, True) if text is None else _fit(text, kind)
        values.append(value)
        if not exact and text is not None:
            extra[name] = text
    return pa.chunked_array([pa.array(values, kind.arrow_type)])


def _fit(text: str, kind: Kind) -> tuple[Any, bool]:
    """Return the value of a text in a column, and whether it is exact.

    >>> _fit("0.000153", Kind.NUMBER), _fit("TRUE", Kind.FLAG), _fit("1,5", Kind.NUMBER)
    ((0.000153, True), (True, True), (None, False))
    """
    if kind in {Kind.TEXT, Kind.TIME}:
        return fit(text, kind)
    try:
        value, exact = fit(json.loads(text.lower()), kind)
    except (ValueError, RecursionError):
        return None, False
    if isinstance(value, float) and len(text) > _SURELY_EXACT:
        exact = exact and Decimal(text) == Decimal(repr(value))
    return value, exact
