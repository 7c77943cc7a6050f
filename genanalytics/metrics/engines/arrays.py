"""Columns as numpy arrays, and the operations that row values are made of.

They return what Arrow returns for the same expression: a gap makes a gap, and `and` and `or` follow Kleene's logic. NaN
is a number that an operation can return; it is no gap. Where a column has a gap, its array holds any value.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, NamedTuple, TypeAlias

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genanalytics.records.frame import Values

_NUMBER, _FLAG = np.dtype(np.float64), np.dtype(np.bool_)
_EXACT = 2**53
"""Up to this size, every integer is a float64."""


class UnsupportedError(Exception):
    """An operation that only narwhals can compute."""


class Column(NamedTuple):
    """Numbers or flags.

    Attributes:
        values: float64 or booleans; a scalar if all are equal.
        known: Where they are known; None if all are.
    """

    values: Any
    known: Any = None


class Foreign(NamedTuple):
    """Texts, lists and other values, of which an operation makes numbers or flags.

    Attributes:
        values: The values.
        arrange: Brings an array of as many values into the order of the other columns.
    """

    values: Values
    arrange: Callable[[Any], Any]


Operand: TypeAlias = Column | Foreign


class Numbers(NamedTuple):
    """Row values: matrices with a row for each of them, and a column per row of the data.

    Attributes:
        values: The numbers, as float64: finite, 0 where they are unknown.
        known: Where they are known; None if all are.
    """

    values: "np.ndarray"
    known: "np.ndarray | None"


def read_column(values: Values, arrange: Callable[[Any], Any]) -> Operand:
    """Return a column of Arrow.

    Raises:
        UnsupportedError: It has integers that are no float64.

    >>> read_column(pa.array([1, None, 3]), lambda values: values)
    Column(values=array([1., ..., 3.]), known=array([ True, False,  True]))
    """
    if isinstance(values, pa.ChunkedArray):
        values = values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()
    if pa.types.is_integer(values.type):
        largest = pc.min_max(values).as_py()
        if max(abs(largest["min"] or 0), abs(largest["max"] or 0)) > _EXACT:
            raise UnsupportedError
        values = values.cast(pa.float64(), safe=False)
    if not (pa.types.is_boolean(values.type) or pa.types.is_float64(values.type)):
        return Foreign(values, arrange)
    if not values.null_count:
        return Column(arrange(values.to_numpy(zero_copy_only=False)))
    known = values.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_boolean(values.type):
        return Column(arrange(values.fill_null(fill_value=False).to_numpy(zero_copy_only=False)), arrange(known))
    cells = np.frombuffer(values.buffers()[1], dtype=np.float64)[values.offset :][: len(values)]
    return Column(arrange(cells), arrange(known))


def stack(columns: Sequence[Column], rows: int) -> Numbers:
    """Return numbers or flags of rows as row values; what is not finite is unknown.

    >>> numbers, known = stack([Column(np.array([1.5, np.inf])), Column(np.bool_(True))], 2)
    >>> numbers.tolist(), known.tolist()
    ([[1.5, 0.0], [1.0, 1.0]], [[True, False], [True, True]])
    """
    values = np.empty((len(columns), rows))
    known = None if all(column.known is None for column in columns) else np.ones(values.shape, dtype=np.bool_)
    with np.errstate(invalid="ignore"):
        for place, column in enumerate(columns):
            if known is None or column.known is None:
                values[place] = column.values
            else:
                np.multiply(column.values, column.known, out=values[place])
                known[place] = column.known
    finite = np.isfinite(values)
    if finite.all():
        return Numbers(values, known)
    known = finite if known is None else known & finite
    return Numbers(np.where(known, values, 0.0), known)


def to_arrow(found: Operand, rows: int, *, whole: bool) -> Values:
    """Return a result as a column of Arrow: as integers if its numbers are whole."""
    if isinstance(found, Foreign):
        return found.values
    values, known = np.broadcast_to(found.values, rows), found.known
    gaps = None if known is None else np.broadcast_to(~known, rows)
    if not whole:
        return pa.array(values, mask=gaps)
    return pa.array((values if gaps is None else np.where(gaps, 0.0, values)).astype(np.int64), mask=gaps)


def make_literal(value: object) -> Column:
    """Return a number, a flag or a gap as a column.

    Raises:
        UnsupportedError: It is something else.
    """
    if value is None:
        return Column(np.float64(0.0), np.False_)
    if isinstance(value, bool):
        return Column(np.bool_(value))
    if isinstance(value, int | float) and abs(value) <= _EXACT:
        return Column(np.float64(value))
    raise UnsupportedError


def _calculate(operation: Callable[..., Any]) -> Callable[..., Column]:
    """Return an operation of numpy on numbers as one on columns."""

    def apply(*operands: Operand) -> Column:
        columns = [read_number(operand, _NUMBER) for operand in operands]
        return Column(operation(*[column.values for column in columns]), _join_known(columns))

    return apply


ADD, SUBTRACT, MULTIPLY, DIVIDE = map(_calculate, (np.add, np.subtract, np.multiply, np.divide))
SUBTRACT_FROM, DIVIDE_INTO = _calculate(lambda one, other: other - one), _calculate(lambda one, other: other / one)
NEGATE, ABSOLUTE, EQUAL = map(_calculate, (np.negative, np.abs, np.equal))
FLOOR, CEIL = map(_calculate, (np.floor, np.ceil))
LESS, LESS_EQUAL, GREATER, GREATER_EQUAL = map(_calculate, (np.less, np.less_equal, np.greater, np.greater_equal))


def both(*operands: Operand) -> Column:
    """Return where all flags are true."""
    return reduce(_both, (read_number(operand, _FLAG) for operand in operands))


def either(first: Operand, second: Operand) -> Column:
    """Return where one of two flags is true."""
    return invert(_both(invert(first), invert(second)))


def invert(flags: Operand) -> Column:
    """Return where a flag is false."""
    values, known = read_number(flags, _FLAG)
    return Column(~values, known)


def choose(condition: Operand, chosen: Operand, other: Operand | None = None) -> Column:
    """Return one column where a condition is true, and another one, else gaps, where it is not."""
    met = _find_true(read_number(condition, _FLAG))
    first = read_number(chosen)
    if other is None:
        return Column(first.values, met if first.known is None else met & first.known)
    second = read_number(other, first.values.dtype)
    known = None
    if first.known is not None or second.known is not None:
        known = _both_or(met, first.known) | _both_or(~met, second.known)
    return Column(np.where(met, first.values, second.values), known)


def is_null(operand: Operand) -> Column:
    """Return where there are gaps."""
    if isinstance(operand, Foreign):
        return Column(operand.arrange(operand.values.is_null().to_numpy(zero_copy_only=False)))
    return Column(np.False_ if operand.known is None else ~operand.known)


def fill_null(operand: Operand, value: Operand, **options: object) -> Column:
    """Return a column with a value in place of gaps."""
    if any(option is not None for option in options.values()):
        raise UnsupportedError
    column = read_number(operand)
    if column.known is None:
        return column
    return choose(Column(column.known), Column(column.values), read_number(value, column.values.dtype))


def cast(operand: Operand, dtype: object) -> Column:
    """Return flags as numbers; numbers as they are, which are whole if integers are wanted."""
    column = read_number(operand)
    is_flag = column.values.dtype == bool
    if dtype == nw.Float64 or (dtype == nw.Int64 and (is_flag or _are_whole(column))):
        return Column(column.values.astype(np.float64), column.known) if is_flag else column
    raise UnsupportedError


def _are_whole(numbers: Column) -> bool:
    is_whole = (np.floor(numbers.values) == numbers.values) & (np.abs(numbers.values) <= _EXACT)
    return bool(np.all(is_whole if numbers.known is None else is_whole | ~numbers.known))


def count_items(operand: Operand) -> Column:
    """Return the lengths of lists."""
    if isinstance(operand, Foreign) and pa.types.is_list(operand.values.type):
        return read_number(read_column(pc.list_value_length(operand.values).cast(pa.float64()), operand.arrange))
    raise UnsupportedError


def _compare(operation: Callable[..., Any]) -> Callable[..., Column]:
    """Return an operation of Arrow on texts and something to compare them with as one that makes flags."""

    def apply(operand: Operand, *, other: Any) -> Column:  # noqa: ANN401 - a text, or several
        texts = _read_texts(operand)
        try:
            flags = operation(texts.values, other)
        except pa.ArrowException as error:  # such as a pattern that is none; narwhals says what is wrong
            raise UnsupportedError from error
        return read_number(read_column(flags, texts.arrange))

    return apply


EQUALS_TEXT, STARTS_WITH, MATCHES = map(_compare, (pc.equal, pc.starts_with, pc.match_substring_regex))
IS_IN = _compare(lambda values, others: pc.if_else(values.is_valid(), pc.is_in(values, pa.array(others)), None))


def fill_text(operand: Operand, text: str) -> Foreign:
    """Return texts with this one in place of gaps."""
    texts = _read_texts(operand)
    return Foreign(texts.values.fill_null(text), texts.arrange)


def _read_texts(operand: Operand) -> Foreign:
    if isinstance(operand, Foreign) and pa.types.is_string(operand.values.type):
        return operand
    raise UnsupportedError


def _read_moment(part: Callable[..., Any]) -> Callable[[Operand], Column]:
    """Return an operation of Arrow that reads a part of moments as one on columns."""

    def apply(operand: Operand) -> Column:
        if isinstance(operand, Foreign) and pa.types.is_timestamp(operand.values.type):
            return read_number(read_column(part(operand.values), operand.arrange))
        raise UnsupportedError

    return apply


MINUTE, SECOND, MILLISECOND = map(_read_moment, (pc.minute, pc.second, pc.millisecond))


def read_number(operand: Operand, dtype: Any = None) -> Column:  # noqa: ANN401 - of numpy
    """Return a column of numbers or flags, or of the one that is wanted.

    Raises:
        UnsupportedError: It has other values.
    """
    if isinstance(operand, Foreign) or (dtype is not None and operand.values.dtype != dtype):
        raise UnsupportedError
    return operand


def _find_true(flags: Column) -> Any:  # noqa: ANN401 - an array or a scalar
    return flags.values if flags.known is None else flags.values & flags.known


def _both(first: Column, second: Column) -> Column:
    values = first.values & second.values
    if first.known is None and second.known is None:
        return Column(values)
    false = _both_or(~first.values, first.known) | _both_or(~second.values, second.known)
    true = _find_true(first) & _find_true(second)
    return Column(true, true | false)


def _both_or(flags: Any, known: Any) -> Any:  # noqa: ANN401 - arrays or scalars
    """Return where a flag is known to be true."""
    return flags if known is None else flags & known


def _join_known(columns: "list[Column]") -> Any:  # noqa: ANN401 - an array or None
    known = [column.known for column in columns if column.known is not None]
    return reduce(np.logical_and, known) if known else None
