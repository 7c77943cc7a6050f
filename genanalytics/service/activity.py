"""The service's own activity export, a CSV file, as the same typed frame: no request, and no figure changed."""

import csv
import json
import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv

from genanalytics.base.content import Content, opened, reason_of
from genanalytics.errors import InputError
from genanalytics.records.frame import from_table
from genanalytics.records.parse import fit
from genanalytics.records.schema import ARROW_SCHEMA, BY_NAME, Kind

SOURCE = "activity"
"""What the column `source` says of every row that comes from an export."""

COLUMN_OF: Mapping[str, str] = {
    "generation_id": "id",
    "created_at": "created_at",
    "cost_total": "total_cost",
    "cost_cache": "cache_discount",  # with the opposite sign
    "byok_usage_inference": "upstream_inference_cost",
    "tokens_prompt": "native_tokens_prompt",
    "tokens_completion": "native_tokens_completion",
    "tokens_reasoning": "native_tokens_reasoning",
    "tokens_cached": "native_tokens_cached",
    "model_permaslug": "model",
    "provider_name": "provider_name",
    "cancelled": "cancelled",
    "streamed": "streamed",
    "finish_reason_raw": "native_finish_reason",
    "finish_reason_normalized": "finish_reason",
    "generation_time_ms": "generation_time",
    "time_to_first_token_ms": "latency",
}
"""What the export calls a figure, and what the frame calls it; whatever else it holds stands in `extra`."""

_KNOWN_BY = frozenset({"generation_id", "cost_total"})
_BLOCK = 1 << 24
_SURELY_EXACT = 17
"""A number of no more characters, of which 15 can be digits, is the same number once it is a double."""

_PLAIN = {
    Kind.INTEGER: r"^-?(0|[1-9][0-9]{0,17})$",
    Kind.NUMBER: r"^-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?$",
    Kind.FLAG: r"^(true|false)$",
    Kind.TEXT: r"",
    Kind.TIME: r"^[12][0-9]{3}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?$",
}
"""How an export writes the values of each kind; Arrow reads them so, exactly."""

_json = json.JSONEncoder(separators=(",", ":")).encode

_SCHEMA = ARROW_SCHEMA.append(pa.field("source", pa.string()))


def is_activity(path: str | os.PathLike[str]) -> bool:
    """Return whether a file begins as an activity export does, wherever its columns stand.

    Raises:
        InputError: The file cannot be opened.
    """
    with opened(Path(path)) as content:
        return set(_header(content)) >= _KNOWN_BY


def read_activity(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> pd.DataFrame:
    """Return activity exports as one frame with the columns of `schema.COLUMNS`, and `source` (str), all "activity".

    Nothing is fetched. Each figure is exactly the file's: `total_cost`, `cache_discount` (minus the export's
    `cost_cache`) and `upstream_inference_cost` in US$, native tokens, `latency` and `generation_time` in ms,
    `created_at` in UTC. What an export does not say is null, `fetched_at` among it; `is_byok` is true where the user's
    own key was charged, and else not known. A column that the frame does not have, and a value that its column cannot
    hold, stand in `extra` as they stand in the file.

    Args:
        paths: A CSV file, plain or packed by gzip or zstd, or several of them. A generation that stands in several
            files, or twice in one, is one row: the last one.

    Raises:
        InputError: A file cannot be read, or is no activity export.
    """
    files = [Path(paths)] if isinstance(paths, str | os.PathLike) else [Path(path) for path in paths]
    if not files:
        msg = "no activity export: give the path of one, or several paths"
        raise InputError(msg)
    frame = from_table(pa.concat_tables([_table(path) for path in files]))
    once = frame["requested_id"].isna() | ~frame["requested_id"].duplicated(keep="last")
    return frame[once].reset_index(drop=True)


def _table(path: Path) -> pa.Table:
    try:
        with opened(path) as content:
            cells = _cells(content)
    except (EOFError, OSError, UnicodeDecodeError, zlib.error, pa.ArrowException) as error:
        msg = f"cannot read {path}: {reason_of(error)}"
        raise InputError(msg) from error
    extras: list[dict[str, str]] = [{} for _ in range(cells.num_rows)]
    columns: dict[str, pa.ChunkedArray] = {}
    for name, texts in zip(cells.column_names, cells.columns, strict=True):
        column = BY_NAME.get(COLUMN_OF.get(name, ""))
        if column is None:
            _keep(name, texts, extras)
        else:
            columns[column.name] = _typed(name, texts, column.kind, extras)
    columns["requested_id"] = columns["id"]
    if "cache_discount" in columns:
        columns["cache_discount"] = pa.compute.subtract(0.0, columns["cache_discount"])
    if "upstream_inference_cost" in columns:
        is_charged = pa.compute.not_equal(columns["upstream_inference_cost"], 0.0)
        columns["is_byok"] = pa.compute.if_else(is_charged, is_charged, None)
    columns["extra"] = pa.array([_json(extra) if extra else None for extra in extras], pa.string())
    columns["source"] = pa.array([SOURCE] * len(extras), pa.string())
    return pa.table([columns.get(field.name, pa.nulls(len(extras), field.type)) for field in _SCHEMA], schema=_SCHEMA)


def _cells(content: Content) -> pa.Table:
    """Return the cells of an export as texts, the empty ones as gaps."""
    names = _header(content)
    if not set(names) >= _KNOWN_BY:
        there = ", ".join(names)[:200] or "nothing"
        msg = (
            f"{content.name} is no activity export, which has the columns {' and '.join(sorted(_KNOWN_BY))}; it begins"
            f" with {there!a}: download the export of your activity as CSV"
        )
        raise InputError(msg)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = f"{content.name} has two columns of one name: {', '.join(twice)}; take one of them out"
        raise InputError(msg)
    return pa.csv.read_csv(
        content.stream(),
        read_options=pa.csv.ReadOptions(column_names=names, skip_rows=1, block_size=_BLOCK),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
        ),
    )


def _header(content: Content) -> list[str]:
    line = content.head.decode("utf-8", "replace").removeprefix("\ufeff").partition("\n")[0]
    try:
        return [name.strip() for name in next(csv.reader([line.removesuffix("\r")]), [])]
    except csv.Error:
        return []


def _typed(name: str, texts: pa.ChunkedArray, kind: Kind, extras: Sequence[dict[str, str]]) -> pa.ChunkedArray:
    """Return texts as a column of this kind; one that it cannot hold as it is stands in its row's extra.

    Texts of the form that exports have are converted by Arrow all at once, others one by one: to the same values.
    """
    if pa.compute.all(pa.compute.match_substring_regex(texts, _PLAIN[kind])).as_py() is not False:
        with suppress(pa.ArrowInvalid):  # looks like a moment, but there is no such day or hour
            return (
                texts.cast(pa.timestamp("us")).cast(kind.arrow_type)
                if kind is Kind.TIME
                else texts.cast(kind.arrow_type)
            )
    values = []
    for text, extra in zip(texts.to_pylist(), extras, strict=True):
        value, exact = (None, True) if text is None else _fit(text, kind)
        values.append(value)
        if not exact and text is not None:
            extra[name] = text
    return pa.chunked_array([pa.array(values, kind.arrow_type)])


def _fit(text: str, kind: Kind) -> tuple[Any, bool]:
    """Return what a column holds for a text, and whether that is the whole truth.

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


def _keep(name: str, texts: pa.ChunkedArray, extras: Sequence[dict[str, str]]) -> None:
    for text, extra in zip(texts.to_pylist(), extras, strict=True):
        if text is not None:
            extra[name] = text
