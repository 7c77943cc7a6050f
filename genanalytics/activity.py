"""The service's own activity export, a CSV file, as the same typed frame: no request, and no figure changed."""

import csv
import json
import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv

from genanalytics.errors import InputError
from genanalytics.frame import from_table
from genanalytics.parse import fit
from genanalytics.schema import ARROW_SCHEMA, BY_NAME, Kind
from genanalytics.sources.streams import Content, opened, reason_of

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
    columns: dict[str, list[Any]] = {}
    for name, texts in zip(cells.column_names, cells.columns, strict=True):
        column = BY_NAME.get(COLUMN_OF.get(name, ""))
        if column is None:
            _keep(name, texts.to_pylist(), extras)
        else:
            columns[column.name] = _typed(name, texts.to_pylist(), column.kind, extras)
    columns["requested_id"] = columns["id"]
    if "cache_discount" in columns:
        columns["cache_discount"] = [None if cost is None else 0.0 - cost for cost in columns["cache_discount"]]
    if "upstream_inference_cost" in columns:
        columns["is_byok"] = [True if cost else None for cost in columns["upstream_inference_cost"]]
    columns["extra"] = [json.dumps(extra, separators=(",", ":")) if extra else None for extra in extras]
    columns["source"] = [SOURCE] * len(extras)
    arrays = [pa.array(columns.get(field.name, [None] * len(extras)), field.type) for field in _SCHEMA]
    return pa.table(arrays, schema=_SCHEMA)


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


def _typed(name: str, texts: Sequence[str | None], kind: Kind, extras: Sequence[dict[str, str]]) -> list[Any]:
    """Return what a column of this kind holds for texts; one that it cannot hold as it is stands in its row's extra."""
    values = []
    for text, extra in zip(texts, extras, strict=True):
        value, exact = (None, True) if text is None else _fit(text, kind)
        values.append(value)
        if not exact and text is not None:
            extra[name] = text
    return values


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


def _keep(name: str, texts: Iterable[str | None], extras: Sequence[dict[str, str]]) -> None:
    for text, extra in zip(texts, extras, strict=True):
        if text is not None:
            extra[name] = text
