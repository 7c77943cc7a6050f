"""Row values compiled once into operations on numpy arrays.

narwhals passes an expression to data operation by operation, which takes longer than to compute a thousand rows. Here
it passes each expression once, and the recorded operations compute any rows. Row values with other operations remain
expressions of narwhals.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from genanalytics.metrics.declare import RowValue
from genanalytics.metrics.engines.arrays import (
    Column,
    Operand,
    UnsupportedError,
    read_column,
    read_number,
    to_arrow,
)
from genanalytics.metrics.engines.protocol import Steps, list_columns, order_by_need
from genanalytics.metrics.engines.recording import Node, Notes, record
from genanalytics.records.frame import Values

_KEPT_PLANS = 128


class Step(NamedTuple):
    """An operation, the places of its operands among the results, and those that are not read afterwards."""

    operation: Callable[..., Operand]
    operands: tuple[int, ...]
    done: tuple[int, ...]


class Plan(NamedTuple):
    """How row values are computed.

    Attributes:
        columns: The columns of the data, which are the first results.
        literals: The results of operations without operands, which follow.
        steps: The other operations, whose results follow.
        places: The place of each row value, or of each named expression, among the results.
        others: The row values that only narwhals can compute.
        needs: The columns of the data that the row values declare.
    """

    columns: tuple[str, ...]
    literals: tuple[Operand, ...]
    steps: tuple[Step, ...]
    places: Mapping[Any, int]
    others: tuple[RowValue, ...]
    needs: frozenset[str]

    def run(self, read: Callable[[str], Operand]) -> dict[RowValue, Column]:
        """Return the row values of rows, given a function that reads a column.

        Raises:
            UnsupportedError: Only narwhals can compute them, because of the types of the columns.
        """
        return {value: read_number(operand) for value, operand in self.compute(read).items()}

    def compute(self, read: Callable[[str], Operand]) -> dict[Any, Operand]:
        """Return the results of rows, given a function that reads a column.

        Raises:
            UnsupportedError: Only narwhals can compute them, because of the types of the columns.
        """
        results: list[Any] = [*map(read, self.columns), *self.literals]
        with np.errstate(all="ignore"):
            for operation, operands, done in self.steps:
                results.append(operation(*[results[place] for place in operands]))
                for place in done:  # so that few arrays are in memory, and in the cache
                    results[place] = None
        return {name: results[place] for name, place in self.places.items()}


@lru_cache(maxsize=_KEPT_PLANS)
def make_plan(values: tuple[RowValue, ...]) -> Plan:
    """Return how row values are computed.

    Raises:
        InputError: Two row values have one name.

    >>> import narwhals.stable.v2 as nw
    >>> from genanalytics.units import Unit
    >>> seconds = RowValue("seconds", "time", Unit.NONE, "Seconds", ("ms",), nw.col("ms") / 1000)
    >>> plan = make_plan((seconds,))
    >>> plan.run({"ms": Column(np.array([500.0]))}.__getitem__)[seconds]
    Column(values=array([0.5]), known=None)
    """
    notes, ordered = Notes(), order_by_need(values)
    for step in ordered:
        found = {value.name: record(value.expression, notes) for value in step}
        notes.named.update(found)
    recorded = {value: node for value in values if (node := notes.named[value.name]) is not None}
    others = tuple(value for value in values if value not in recorded)
    return Plan(*_order(recorded), others, frozenset(list_columns(ordered, ())))


class Extension(NamedTuple):
    """How further columns are computed.

    Attributes:
        columns: The columns of the data or of its groups that are wanted as they are, by their wanted names.
        plan: How the others are computed.
        whole: The columns of integers among them.
        wanted: The names of all columns, in order.
    """

    columns: Mapping[str, str]
    plan: Plan
    whole: frozenset[str]
    wanted: tuple[str, ...]

    def run(self, read: Callable[[str], Values], rows: int) -> pa.Table:
        """Return the columns of rows, given a function that reads a column.

        Raises:
            UnsupportedError: Only narwhals can compute them, because of the types of the columns.
        """
        computed = self.plan.compute(lambda name: read_column(read(name), lambda values: values))
        found = {name: read(column) for name, column in self.columns.items()}
        found |= {name: to_arrow(each, rows, whole=name in self.whole) for name, each in computed.items()}
        return pa.table({name: found[name] for name in self.wanted})


@lru_cache(maxsize=_KEPT_PLANS)
def plan_steps(steps: Steps, wanted: tuple[str, ...]) -> Extension | None:
    """Return how columns are computed out of named expressions; None if only narwhals can do it.

    What no wanted column is made of is not computed.

    >>> import narwhals.stable.v2 as nw
    >>> steps = Steps(({"seconds": nw.col("ms") / 1000}, {"whole": nw.col("seconds").floor().cast(nw.Int64)}))
    >>> plan_steps(steps, ("whole",)).run({"ms": pa.array([1500.0, None])}.__getitem__, 2)["whole"].to_pylist()
    [1, None]
    """
    notes = Notes()
    for step in steps.each:
        notes.named.update({name: record(expression, notes) for name, expression in step.items()})
    try:
        nodes = {name: notes.read(name) for name in wanted}
    except UnsupportedError:
        return None
    computed = {name: node for name, node in nodes.items() if node.operation is not None}
    columns = {name: node.column for name, node in nodes.items() if node.operation is None}
    whole = frozenset(name for name, node in computed.items() if node.is_whole)
    return Extension(columns, Plan(*_order(computed), (), frozenset()), whole, wanted)


def _order(
    recorded: Mapping[Any, Node],
) -> tuple[tuple[str, ...], tuple[Operand, ...], tuple[Step, ...], dict[Any, int]]:
    """Return the columns, the literals, the steps, and the places of what was recorded."""
    needed: dict[Node, None] = {}
    for node in recorded.values():
        _add_needed(node, needed)
    columns = [node for node in needed if node.operation is None]
    literals = {node: node.operation() for node in needed if node.operation and not node.operands}
    nodes = [node for node in needed if node.operands]
    places = {node: place for place, node in enumerate((*columns, *literals, *nodes))}
    last = {operand: node for node in nodes for operand in node.operands}
    kept = {*recorded.values(), *literals}
    steps = [
        Step(
            node.operation,
            tuple(places[operand] for operand in node.operands),
            tuple({places[operand] for operand in node.operands if last[operand] is node and operand not in kept}),
        )
        for node in nodes
        if node.operation is not None
    ]
    names = tuple(node.column for node in columns)
    return names, tuple(literals.values()), tuple(steps), {value: places[node] for value, node in recorded.items()}


def _add_needed(node: Node, needed: dict[Node, None]) -> None:
    if node not in needed:
        for operand in node.operands:
            _add_needed(operand, needed)
        needed[node] = None
