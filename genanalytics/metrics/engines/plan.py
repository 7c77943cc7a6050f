"""Row values compiled once into operations on numpy arrays.

narwhals passes an expression to data operation by operation, which takes longer than to compute a thousand rows. Here
it passes each expression once, and the recorded operations compute any rows. Row values with other operations remain
expressions of narwhals.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from genanalytics.metrics.declare import RowValue
from genanalytics.metrics.engines.arrays import Numbers, Operand, to_numbers
from genanalytics.metrics.engines.protocol import list_columns, order_by_need
from genanalytics.metrics.engines.recording import Node, Notes, record

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
        places: The place of each row value among the results.
        others: The row values that only narwhals can compute.
        needs: The columns of the data that the row values declare.
    """

    columns: tuple[str, ...]
    literals: tuple[Operand, ...]
    steps: tuple[Step, ...]
    places: Mapping[RowValue, int]
    others: tuple[RowValue, ...]
    needs: frozenset[str]

    def run(self, read: Callable[[str], Operand], rows: int) -> dict[RowValue, Numbers]:
        """Return the row values of rows, given a function that reads a column.

        Raises:
            UnsupportedError: Only narwhals can compute them, because of the types of the columns.
        """
        results: list[Any] = [*map(read, self.columns), *self.literals]
        with np.errstate(all="ignore"):
            for operation, operands, done in self.steps:
                results.append(operation(*[results[place] for place in operands]))
                for place in done:  # so that few arrays are in memory, and in the cache
                    results[place] = None
            return {value: to_numbers(results[place], rows) for value, place in self.places.items()}


@lru_cache(maxsize=_KEPT_PLANS)
def make_plan(values: tuple[RowValue, ...]) -> Plan:
    """Return how row values are computed.

    Raises:
        InputError: Two row values have one name.

    >>> import narwhals.stable.v2 as nw
    >>> from genanalytics.metrics.engines.arrays import Column
    >>> from genanalytics.units import Unit
    >>> seconds = RowValue("seconds", "time", Unit.NONE, "Seconds", ("ms",), nw.col("ms") / 1000)
    >>> plan = make_plan((seconds,))
    >>> plan.run({"ms": Column(np.array([500.0]))}.__getitem__, 1)[seconds]
    Numbers(values=array([0.5]), known=None)
    """
    notes, ordered = Notes(), order_by_need(values)
    for step in ordered:
        found = {value.name: record(value.expression, notes) for value in step}
        notes.named.update(found)
    recorded = {value: node for value in values if (node := notes.named[value.name]) is not None}
    others = tuple(value for value in values if value not in recorded)
    return Plan(*_order(recorded), others, frozenset(list_columns(ordered, ())))


def _order(
    recorded: Mapping[RowValue, Node],
) -> tuple[tuple[str, ...], tuple[Operand, ...], tuple[Step, ...], dict[RowValue, int]]:
    """Return the columns, the literals, the steps, and the places of the row values."""
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
