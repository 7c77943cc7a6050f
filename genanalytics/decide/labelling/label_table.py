"""A table of labels: a key and its labels per row, from a file, a frame or a dict."""

import csv
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from genanalytics.base.content import Content, open_content, translate_errors
from genanalytics.base.stores.address import is_store_url, to_local
from genanalytics.base.stores.hold import hold_object
from genanalytics.base.text import shorten, to_one_line
from genanalytics.errors import InputError
from genanalytics.metrics.grouping.keys import DERIVED
from genanalytics.records.schema import BY_NAME

if TYPE_CHECKING:
    from genanalytics.metrics.engines.source import HasColumns

Labels: TypeAlias = "str | os.PathLike[str] | pd.DataFrame | HasColumns | Mapping[Any, Any]"
"""A table of labels: the path of a CSV or Parquet file, a frame in memory, or a dict from a key to its label."""

SUCCESS = "success"
REVENUE = "revenue"
OUTCOMES = "outcomes"
"""The columns with a special meaning; `outcomes` is computed from `success`."""

_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_INTEGER = "0|-?[1-9][0-9]{0,17}"
_DECIMAL = rf"{_INTEGER}|-?(0|[1-9][0-9]{{0,17}})\.([0-9]*[1-9]|0)"
"""Text that is a number: `007`, `1e5` and integers of 19 digits may be ids, `1.10` a version."""
_AMOUNT = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?"
_HIGHEST_AMOUNT = 1e15
"""Above, cents are lost, and sums can overflow."""

_WHOLE = re.compile(r"[+-]?[0-9]+(\.0*)?")
_KEY = "key"
_LONGEST = 60
_MOST_BYTES = 1 << 30
"""A compressed file of more bytes is refused."""


@dataclass(frozen=True, slots=True)
class LabelTable:
    """Labels by key.

    Attributes:
        header: The name of the column with the keys; None in a dict.
        keys: The keys as they were given.
        columns: The labels by name: text, integers, floats or booleans.
    """

    header: str | None
    keys: pa.ChunkedArray
    columns: Mapping[str, pa.ChunkedArray]


def read_labels(labels: Labels, on: str | None, name: str | None) -> LabelTable:
    """Return labels with their types.

    The keys are in the column with the name `on`, or else in the first one.

    Raises:
        InputError: They cannot be read, two columns have one name, there is no label, or a value does not fit.
    """
    if isinstance(labels, Mapping):
        return _read_dict(labels, name)
    if name is not None:
        msg = f"name={name!r} names the label of a dict: in a file or a frame, rename the column"
        raise InputError(msg)
    table, is_text = _read_place(labels) if isinstance(labels, str | os.PathLike) else (_to_table(labels), False)
    names = table.column_names
    twice = sorted({one for one in names if names.count(one) > 1})
    if twice:
        msg = f"two columns of the labels are named {twice[0]!r}: rename one of them"
        raise InputError(msg)
    if len(names) < len(("key", "label")):
        found = f"only the column {names[0]!r}" if names else "no column"
        msg = f"the labels have {found}: give a column of keys and one or more columns of labels"
        raise InputError(msg)
    place = names.index(on) if on in names else 0
    others = [one for one in names if one != names[place]]
    columns = {one: _to_label(one, table.column(one), is_text=is_text) for one in others}
    return LabelTable(names[place], _simplify(names[place], table.column(place)), columns)


def convert_keys(keys: pa.ChunkedArray, dtype: nw.dtypes.DType) -> list[Any]:
    """Return keys with the type of the column that they are matched with; None for a key that does not fit.

    A number and its text are one key: 17, 17.0 and "17". In a column of text, "017" is another one.

    >>> convert_keys(pa.chunked_array([["17", "17.0", "a", None]]), nw.Int64())
    [17, 17, None, None]
    >>> convert_keys(pa.chunked_array([[17.0, 2.5]]), nw.String())
    ['17', '2.5']
    """
    convert: Callable[[Any], Any] = _to_text
    if dtype.is_numeric():
        convert = _to_whole_float if dtype.is_float() else _to_whole
    return [None if key is None else convert(key) for key in keys.to_pylist()]


def quote(value: object) -> str:
    r"""Return a value of a user in a message.

    >>> quote("a\nb"), quote(17)
    ("'a\\nb'", '17')
    """
    return ascii(shorten(value, _LONGEST)) if isinstance(value, str) else str(value)


def _read_dict(labels: Mapping[Any, Any], name: str | None) -> LabelTable:
    if name is None:
        msg = "a dict needs the name of its label, such as name='customer'; for several labels, give a frame"
        raise InputError(msg)
    if not isinstance(name, str):
        msg = f"name={name!r} is no text: give the name of the label, such as name='customer'"
        raise InputError(msg)
    keys, values = (_to_array(one, values) for one, values in ((_KEY, labels), (name, labels.values())))
    return LabelTable(None, _simplify(_KEY, keys), {name: _to_label(name, values, is_text=False)})


def _to_array(name: str, values: Iterable[object]) -> pa.ChunkedArray:
    try:
        series = values if isinstance(values, pd.Series) else pd.Series(list(values), dtype=object)
        return pa.chunked_array([pa.array(series)])
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        msg = f"the labels {name!r} hold values of several types: {to_one_line(str(error))}; convert them to one"
        raise InputError(msg) from error


def _to_table(labels: Any) -> pa.Table:  # noqa: ANN401 - of any package
    if isinstance(labels, pd.DataFrame):
        names = [str(name) for name in labels.columns]
        return pa.Table.from_arrays([_to_array(one, labels.iloc[:, at]) for at, one in enumerate(names)], names=names)
    try:
        table: pa.Table = nw.from_native(labels, eager_only=True).to_arrow()
    except TypeError as error:
        msg = (
            f"labels are a {type(labels).__module__}.{type(labels).__qualname__}: give the path of a CSV or Parquet"
            " file, a pandas or polars frame, an Arrow table, or a dict"
        )
        raise InputError(msg) from error
    return table


def _read_place(path: str | os.PathLike[str]) -> tuple[pa.Table, bool]:
    """Return the table of a file or an object of a store, and whether all of its values are text."""
    if not is_store_url(path):
        return _read_file(Path(to_local(path)))
    with hold_object(path) as held:
        return _read_file(held)


def _read_file(path: Path) -> tuple[pa.Table, bool]:
    """Return the table of a file, and whether all of its values are text."""
    with translate_errors(path, OSError, OverflowError, ValueError, pa.ArrowException), open_content(path) as content:
        is_parquet = content.head.startswith(b"PAR1")
        if not is_parquet and b"\0" in content.head:
            msg = "it is neither CSV nor Parquet"
            raise ValueError(msg)
        with content.file(_MOST_BYTES) as file:
            return (pa.parquet.read_table(file), False) if is_parquet else (_read_csv(file, content), True)


def _read_csv(file: Path, content: Content) -> pa.Table:
    """Return all cells as text; only an empty cell without quotes is a gap."""
    header = content.head.decode("utf-8-sig", "replace")
    if not header.strip():
        msg = "it is empty"
        raise ValueError(msg)
    delimiter = max(",;\t", key=header.splitlines()[0].count)
    names = next(csv.reader(header.splitlines(keepends=True), delimiter=delimiter))
    return pa.csv.read_csv(
        file,
        read_options=pa.csv.ReadOptions(block_size=1 << 26),
        parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _to_label(name: str, values: pa.ChunkedArray, *, is_text: bool) -> pa.ChunkedArray:
    """Return a column of labels with its type."""
    if not name or name in DERIVED or name == OUTCOMES:
        what = (
            "is made of 'success'" if name == OUTCOMES else "is computed from other columns" if name else "is no name"
        )
        msg = f"a label cannot be named {name!r}, which {what}: rename the column"
        raise InputError(msg)
    values = _simplify(name, values)
    if name == SUCCESS:
        return _to_flags(name, values)
    if name == REVENUE:
        return _to_amounts(name, values)
    if name in BY_NAME:
        return _cast(name, values, BY_NAME[name].kind.arrow_type)
    return _infer(values) if is_text else values


def _simplify(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return text, integers, floats without NaN, or booleans."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    kind = values.type
    if pa.types.is_null(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return values.cast(pa.string())
    if kind == pa.string_view():
        return values.cast(pa.string())
    if pa.types.is_boolean(kind):
        return values
    if pa.types.is_integer(kind):
        return _cast(name, values, pa.int64())
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        floats = values.cast(pa.float64())
        if pc.any(pc.is_inf(floats)).as_py():
            msg = f"{name!r} is infinite in a row: give a number, or leave the cell empty"
            raise InputError(msg)
        return pc.if_else(pc.is_nan(floats), None, floats)
    msg = f"the labels {name!r} hold {kind}: give text, numbers, or true and false"
    raise InputError(msg)


def _infer(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the cells of a CSV column as integers, floats or booleans if each of them is one, else as text."""
    known = texts.drop_null()
    if not len(known):
        return texts
    if _is_all(known, _INTEGER):
        return texts.cast(pa.int64())
    if _is_all(known, _DECIMAL):
        floats = texts.cast(pa.float64())
        return floats if _is_written(floats.drop_null(), known) else texts
    lowered = pc.utf8_lower(texts)
    if pc.all(pc.is_in(lowered.drop_null(), pa.array(["true", "false"]))).as_py():
        return pc.equal(lowered, "true")
    return texts


def _is_all(texts: pa.ChunkedArray, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, f"^({pattern})$")).as_py())


def _is_written(floats: pa.ChunkedArray, texts: pa.ChunkedArray) -> bool:
    """Return whether each number is written as its text, so that different texts are different numbers."""
    pairs = set(zip(floats.to_pylist(), texts.to_pylist(), strict=True))
    forms = ({np.format_float_positional(number, trim=trim) for trim in ("-", "0")} for number, _ in pairs)
    is_written = all(text in written for written, (_, text) in zip(forms, pairs, strict=True))
    return is_written and len({number for number, _ in pairs}) == len(pairs)


def _to_flags(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_boolean(values.type):
        return values
    flags: list[bool | None] = []
    for value in values.to_pylist():
        text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip().lower()
        if value is not None and text not in _FLAGS:
            msg = f"{name!r} is {quote(value)} in a row: give true or false, yes or no, 1 or 0; name a score otherwise"
            raise InputError(msg)
        flags.append(None if value is None else _FLAGS[text])
    return pa.chunked_array([pa.array(flags, pa.bool_())])


def _to_amounts(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_boolean(values.type):
        msg = f"{name!r} is true or false: give an amount in US$"
        raise InputError(msg)
    if pa.types.is_string(values.type):
        is_amount = pc.match_substring_regex(values, f"^{_AMOUNT}$")
        wrong = values.filter(pc.invert(is_amount))
        if len(wrong):
            msg = f"{name!r} is {quote(wrong[0].as_py())} in a row: give an amount in US$, such as 1250.00"
            raise InputError(msg)
    amounts = values.cast(pa.float64(), safe=False)
    wrong = values.filter(pc.greater(pc.abs(amounts), _HIGHEST_AMOUNT))
    if len(wrong):
        msg = f"{name!r} is {quote(wrong[0].as_py())} in a row: give an amount in US$ of at most {_HIGHEST_AMOUNT:g}"
        raise InputError(msg)
    return amounts


def _cast(name: str, values: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    try:
        return values.cast(wanted)
    except pa.ArrowException as error:
        msg = f"the labels {name!r} hold {values.type}, they should hold {wanted}: {to_one_line(str(error))}"
        raise InputError(msg) from error


def _to_text(key: object) -> str:
    return str(int(key)) if isinstance(key, float) and key.is_integer() else str(key)


def _to_whole(key: object) -> int | None:
    """Return a key as an integer of 64 bits, None if it is none."""
    text = _to_text(key)
    whole = int(text.partition(".")[0]) if _WHOLE.fullmatch(text) else None
    return whole if whole is not None and abs(whole) < 1 << 63 else None


def _to_whole_float(key: object) -> float | None:
    whole = _to_whole(key)
    return None if whole is None else float(whole)
