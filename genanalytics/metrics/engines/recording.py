"""The operations of an expression of narwhals, recorded instead of computed.

narwhals passes an expression to any data that has the methods of `narwhals.compliant`. The data here has those for
operations on numbers, flags and gaps, and those that make numbers or flags of texts and moments.
"""

import builtins
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import narwhals.stable.v2 as nw

from genanalytics.metrics.engines import arrays
from genanalytics.metrics.engines.arrays import Operand, UnsupportedError

_FAILURES = (nw.exceptions.NarwhalsError, UnsupportedError, AssertionError, AttributeError, TypeError, ValueError)
"""What is raised for an operation that is not recorded, or if the interface of narwhals changes."""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """An operation and its operands; without an operation, a column of the data."""

    operation: Callable[..., Operand] | None
    operands: tuple["Node", ...] = ()
    column: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether narwhals makes integers of the numbers."""
        return isinstance(self.operation, partial) and self.operation.keywords.get("dtype") == nw.Int64


@dataclass(frozen=True, slots=True)
class Notes:
    """What is recorded: equal operations on the same operands once.

    Attributes:
        named: The row values so far; None for those that cannot be recorded.
    """

    named: dict[str, Node | None] = field(default_factory=dict)
    _nodes: dict[Hashable, Node] = field(default_factory=dict)

    def add(self, operation: Callable[..., Operand], operands: Sequence[Node], **options: Any) -> Node:  # noqa: ANN401
        """Return an operation with its options."""
        key = operation, *map(id, operands), repr(options)
        bound = partial(operation, **options) if options else operation
        return self._nodes.setdefault(key, Node(bound, tuple(operands)))

    def read(self, name: str) -> Node:
        """Return a row value, else a column of the data.

        Raises:
            UnsupportedError: The row value cannot be recorded.
        """
        if name not in self.named:
            return self._nodes.setdefault(name, Node(None, column=name))
        if (node := self.named[name]) is None:
            raise UnsupportedError
        return node


def record(expression: nw.Expr, notes: Notes) -> Node | None:
    """Return the operations of an expression; None if they cannot be recorded.

    >>> notes = Notes()
    >>> node = record(nw.col("ms") / 1000, notes)
    >>> [operand.column for operand in node.operands], record(nw.col("ms").max(), notes)
    (['ms', ''], None)
    """
    recorder: Any = _Recorder(notes)
    try:
        nw.from_native(recorder).with_columns(expression)
    except _FAILURES:
        return None
    node: Node | None = recorder.node
    return node


class _Recorder:
    """Data, and its functions, for narwhals."""

    def __init__(self, notes: Notes) -> None:
        self.node: Node | None = None
        self._notes = notes
        self._version: object = None  # read by narwhals

    def __narwhals_lazyframe__(self) -> "_Recorder":
        return self

    def __narwhals_namespace__(self) -> "_Recorder":
        return self

    def _with_version(self, version: object) -> "_Recorder":
        self._version = version
        return self

    def with_columns(self, expression: "_Expression") -> "_Recorder":
        self.node = expression.get_node()
        return self

    def col(self, name: str) -> "_Expression":
        return _Expression(self._notes, self._notes.read(name))

    def lit(self, value: object, dtype: object = None) -> "_Expression":
        if dtype is not None:
            raise UnsupportedError
        if isinstance(value, str):
            return _Expression(self._notes, None, value)
        arrays.make_literal(value)  # raises now for what only narwhals knows
        return _Expression(self._notes, self._notes.add(arrays.make_literal, (), value=value))

    def when_then(self, *given: "_Expression") -> "_Expression":
        return _Expression(self._notes, self._notes.add(arrays.choose, [each.get_node() for each in given]))

    def all_horizontal(self, *given: "_Expression", ignore_nulls: bool) -> "_Expression":
        if ignore_nulls:
            raise UnsupportedError
        nodes = [each.get_node() for each in given]
        return _Expression(self._notes, self._notes.add(arrays.both, nodes) if len(nodes) > 1 else nodes[0])


def _make_method(operation: Callable[..., Operand]) -> "Callable[..., _Expression]":
    def apply(expression: "_Expression", *others: "_Expression", **options: object) -> "_Expression":
        return expression.apply(operation, *others, **options)

    return apply


class _Expression:
    """An expression for narwhals.

    Args:
        notes: What is recorded so far.
        node: The operation; None for a text.
        text: The text.
    """

    def __init__(self, notes: Notes, node: Node | None, text: builtins.str = "") -> None:
        self._opt_metadata: Any = None  # set and read by narwhals
        self._notes = notes
        self._node = node
        self._text = text

    def get_node(self) -> Node:
        if self._node is None:
            raise UnsupportedError
        return self._node

    @property
    def is_text(self) -> bool:
        return self._node is None

    def get_text(self) -> builtins.str:
        if not self.is_text:
            raise UnsupportedError
        return self._text

    def apply(self, operation: Callable[..., Operand], *others: "_Expression", **options: object) -> "_Expression":
        node = self._notes.add(operation, [self.get_node(), *(other.get_node() for other in others)], **options)
        return _Expression(self._notes, node)

    @property
    def _metadata(self) -> Any:  # noqa: ANN401 - of narwhals
        return self._opt_metadata

    @property
    def list(self) -> "_Lists":
        return _Lists(self)

    @property
    def dt(self) -> "_Moments":
        return _Moments(self)

    @property
    def str(self) -> "_Texts":
        return _Texts(self)

    def alias(self, name: builtins.str) -> "_Expression":  # noqa: ARG002 - its name is that of the step
        return _Expression(self._notes, self._node, self._text)

    def broadcast(self) -> "_Expression":
        return self.alias("")

    def __eq__(self, other: "_Expression") -> "_Expression":  # type: ignore[override]
        if other.is_text:
            return self.apply(arrays.EQUALS_TEXT, other=other.get_text())
        return self.apply(arrays.EQUAL, other)

    def __ne__(self, other: "_Expression") -> "_Expression":  # type: ignore[override]
        return (self == other).apply(arrays.invert)

    def fill_null(self, value: "_Expression", **options: object) -> "_Expression":
        if value.is_text:
            return self.apply(arrays.fill_text, text=value.get_text())
        return self.apply(arrays.fill_null, value, **options)

    def is_in(self, other: Iterable[builtins.str]) -> "_Expression":
        return self.apply(arrays.IS_IN, other=tuple(other))

    __hash__ = None  # type: ignore[assignment]
    __add__ = _make_method(arrays.ADD)
    __radd__ = _make_method(arrays.ADD)
    __sub__ = _make_method(arrays.SUBTRACT)
    __rsub__ = _make_method(arrays.SUBTRACT_FROM)
    __mul__ = _make_method(arrays.MULTIPLY)
    __rmul__ = _make_method(arrays.MULTIPLY)
    __truediv__ = _make_method(arrays.DIVIDE)
    __rtruediv__ = _make_method(arrays.DIVIDE_INTO)
    __neg__ = _make_method(arrays.NEGATE)
    __lt__ = _make_method(arrays.LESS)
    __le__ = _make_method(arrays.LESS_EQUAL)
    __gt__ = _make_method(arrays.GREATER)
    __ge__ = _make_method(arrays.GREATER_EQUAL)
    __and__ = _make_method(arrays.both)
    __or__ = _make_method(arrays.either)
    __invert__ = _make_method(arrays.invert)
    abs = _make_method(arrays.ABSOLUTE)
    cast = _make_method(arrays.cast)
    is_null = _make_method(arrays.is_null)
    floor = _make_method(arrays.FLOOR)
    ceil = _make_method(arrays.CEIL)


class _Lists:
    """The functions of lists."""

    def __init__(self, expression: _Expression) -> None:
        self._expression = expression

    def len(self) -> _Expression:
        return self._expression.apply(arrays.count_items)


class _Texts:
    """The functions of texts."""

    def __init__(self, expression: _Expression) -> None:
        self._expression = expression

    def contains(self, pattern: _Expression, *, literal: bool) -> _Expression:
        if literal:
            raise UnsupportedError
        return self._expression.apply(arrays.MATCHES, other=pattern.get_text())

    def starts_with(self, prefix: _Expression) -> _Expression:
        return self._expression.apply(arrays.STARTS_WITH, other=prefix.get_text())


class _Moments:
    """The functions of moments."""

    def __init__(self, expression: _Expression) -> None:
        self._expression = expression

    def minute(self) -> _Expression:
        return self._expression.apply(arrays.MINUTE)

    def second(self) -> _Expression:
        return self._expression.apply(arrays.SECOND)

    def millisecond(self) -> _Expression:
        return self._expression.apply(arrays.MILLISECOND)
