"""What the statistics ask of any data, in memory or on an engine."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import narwhals.stable.v2 as nw
import pandas as pd
import pyarrow as pa

from genanalytics.base.text import to_one_line
from genanalytics.errors import InputError
from genanalytics.metrics.declare import Aggregate, Quantile, RowValue, Statistic, list_needed
from genanalytics.metrics.engines.aggregates import Aggregates
from genanalytics.metrics.grouping.keys import GroupKey

CLUSTERS: Mapping[str, str] = {"session_id": "session of a cluster", "request_id": "request of a cluster"}
"""The columns that identify dependent rows, of which the first known one counts; and their names in clusters."""

HOUR = "hour of a row alone"
"""The column of clusters with the hour, since 1970 in UTC, of a row that has none of `CLUSTERS`."""

PLACE = "place of a group"
"""The column with the number of a group."""

ORDER = ("created_at", "requested_id")
"""The columns by which rows are in the order of time."""

ERRORS = (nw.exceptions.NarwhalsError, pa.ArrowException, AttributeError, KeyError, TypeError, ValueError)
"""What an expression raises that does not fit the data."""
T = TypeVar("T")


KEPT_STEPS = 64
"""How many `Steps` each function that makes them keeps, so that the same ones are compiled once."""


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Expressions that are computed one step after the other. Steps are equal only to themselves.

    Attributes:
        each: The expressions of each step by name, which read the results of earlier steps.
    """

    each: tuple[Mapping[str, nw.Expr], ...]


@dataclass(frozen=True, slots=True)
class Window:
    """The rows around a row, and what is known of them.

    Attributes:
        by: The columns whose values all of them have in common; gaps are equal.
        start: The first moment, counted from that of the row; None for no limit.
        end: The last moment.
        largest: The column whose largest known value is wanted; None for the number of rows.
    """

    by: tuple[str, ...]
    start: int | None = None
    end: int | None = None
    largest: str | None = None


class Source(Protocol):
    """Data for statistics."""

    columns: list[str]
    large: bool
    """Whether there may be more rows than memory holds."""
    sketches: bool
    """Whether percentiles are sketched unless exact ones are wanted."""

    @property
    def notices(self) -> list[str]:
        """What a user should know about the columns that were read so far, each in one sentence."""

    def count(self) -> int:
        """Return the number of rows."""

    def has_room(self, size: int) -> bool:
        """Return whether so many bytes fit into the memory that may be used."""

    def is_nested(self, column: str) -> bool:
        """Return whether a column contains lists or structures."""

    def aggregate(
        self,
        by: Sequence[GroupKey],
        aggregates: Sequence[Aggregate],
        own: Mapping[str, nw.Expr],
        needs: Sequence[str | RowValue],
    ) -> Aggregates:
        """Return aggregates by group.

        Args:
            by: The keys of the groups.
            aggregates: The aggregates.
            own: Other aggregates, as expressions by name.
            needs: Everything that `own` reads.

        Returns:
            The aggregates, with `own` in `others`.
        """

    def count_classes(self, by: Sequence[GroupKey], value: RowValue, steps: Mapping[str, nw.Expr]) -> pa.Table:
        """Return the number of rows of each group in each class of a row value: the keys, the class and `n`.

        The steps make the class out of the value, each over earlier ones. The last one is the class, null for gaps.
        """

    def sketch(self, by: Sequence[GroupKey], values: Sequence[RowValue], groups: pa.Table) -> list[pa.Table]:
        """Return the number of rows of each group in each class of row values.

        Args:
            by: The keys of the groups.
            values: The row values.
            groups: The keys under `GroupKey.group`, a row per group.

        Returns:
            A table per row value: `PLACE`, the row of the group in `groups`, `class` as `classify` makes it, and `n`.
        """

    def sum_clusters(self, by: Sequence[GroupKey], values: Sequence[RowValue], groups: pa.Table) -> "nw.LazyFrame[Any]":
        """Return the sums of row values by group and cluster, without computing them yet.

        A cluster contains rows that depend on each other: those of a session, else of a request, else one row.

        Args:
            by: The keys of the groups.
            values: The row values. They may read the columns of `groups`.
            groups: The keys under `GroupKey.group`, `PLACE`, and further columns of numbers; a row per group.

        Returns:
            `PLACE`, `CLUSTERS` where the data has them (both null for a single row), `HOUR` where the data has
            `created_at` (null for a session or request), and for each row value its `Sum` and `Count` under their names
            as float64, 0 if none is known.
        """

    def extend(
        self,
        by: Sequence[GroupKey],
        groups: pa.Table,
        needs: Sequence[str],
        steps: Steps,
        wanted: Sequence[str],
    ) -> Any:  # noqa: ANN401 - a table in memory, data of the engine elsewhere
        """Return further columns of all rows: on an engine after those of the data, in memory alone.

        Args:
            by: The keys of the groups, all of them columns.
            groups: The keys under `GroupKey.group`, and columns of numbers, text or flags; a row per group, none for
                some groups.
            needs: The columns of the data that the steps read under `name_clean`; a missing one is read as gaps.
            steps: Expressions over earlier steps, `needs` and the numbers of the row's group.
            wanted: The names of the returned columns.
        """

    def add_previous(self, by: Sequence[str], names: Mapping[str, str]) -> Any:  # noqa: ANN401 - as `extend`
        """Return values of the previous row: on an engine after the columns of the data, in memory alone.

        The previous row is the last one before, in the order of `ORDER`, with the same values of `by`. A row with a gap
        in `by` or `created_at` has none and is none.

        Args:
            by: The columns that both rows have in common.
            names: The columns to look up, and the names of their values in the previous row.
        """

    def join(self, lazy: "nw.LazyFrame[Any]", table: pa.Table, on: Sequence[str]) -> "nw.LazyFrame[Any]":
        """Return the rows of `lazy` with the columns of the row of `table` that has the same keys, if there is one."""

    def select(self, names: Sequence[str]) -> "nw.LazyFrame[Any]":
        """Return columns of all rows, without reading them yet."""

    def find_latest(self, column: str) -> pd.Timestamp | None:
        """Return the last moment in a column; None without any."""


def order_by_need(values: Iterable[RowValue]) -> list[list[RowValue]]:
    """Return row values and those that they are made of, in steps: each step needs only earlier ones.

    Raises:
        InputError: Two row values have one name, which would silently change a statistic.
    """
    depths: dict[str, int] = {}
    named: dict[str, RowValue] = {}
    for value in list_needed(values):
        if named.setdefault(value.name, value) is not value:
            msg = f"two row values are named {value.name!r}: give one of them another name"
            raise InputError(msg)
        inner = (depths[need.name] for need in value.needs if isinstance(need, RowValue))
        depths[value.name] = 1 + max(inner, default=-1)
    steps: list[list[RowValue]] = [[] for _ in range(max(depths.values(), default=-1) + 1)]
    for name, depth in depths.items():
        steps[depth].append(named[name])
    return steps


def compute(
    build: "Callable[[list[nw.Expr]], T]", steps: Mapping[str, nw.Expr], errors: tuple[type[Exception], ...] = ERRORS
) -> "T":
    """Return what `build` makes of expressions under their names.

    Raises:
        InputError: An expression fails; the message contains its name.
    """
    try:
        return build([step.alias(name) for name, step in steps.items()])
    except errors as error:
        if len(steps) > 1:
            for name, step in steps.items():
                compute(build, {name: step}, errors)
        names = " and ".join(map(repr, steps))
        msg = f"{names} cannot be computed: {to_one_line(str(error))}; an expression reads only what is in `needs`"
        raise InputError(msg) from error


def check_single(found: "nw.DataFrame[Any]") -> "nw.DataFrame[Any]":
    """Return aggregates of all rows.

    Raises:
        ValueError: They are values of rows.
    """
    if len(found) != 1:
        msg = "it has a value per row, not one per group"
        raise ValueError(msg)
    return found


def check_numbers(values: Iterable[RowValue], schema: Mapping[str, nw.dtypes.DType]) -> None:
    """Check that row values can be added up.

    Raises:
        InputError: One is not a number.
    """
    for value in values:
        dtype = schema[value.name]
        if not (dtype.is_numeric() or dtype in {nw.Boolean, nw.Unknown}):
            msg = f"row value {value.name!r} is {dtype}, it should be a number: change its expression"
            raise InputError(msg)


def list_columns(steps: Sequence[Sequence[RowValue]], needs: Iterable[str | RowValue]) -> list[str]:
    """Return the columns of the data that row values and aggregates read."""
    inner = [need for step in steps for value in step for need in value.needs if isinstance(need, str)]
    return list(dict.fromkeys((*(need for need in needs if isinstance(need, str)), *inner)))


def list_aggregates(statistics: Iterable[Statistic]) -> list[Aggregate]:
    """Return the aggregates that statistics are made of, each once."""
    return list(dict.fromkeys(step for statistic in statistics for step in statistic.aggregates))


def list_values(aggregates: Iterable[Aggregate], needs: Iterable[str | RowValue]) -> list[RowValue]:
    """Return the row values that aggregates read."""
    found = (*(aggregate.value for aggregate in aggregates), *needs)
    return list(dict.fromkeys(value for value in found if isinstance(value, RowValue)))


def list_quantiles(aggregates: Iterable[Aggregate]) -> dict[RowValue, list[Quantile]]:
    """Return the percentiles among aggregates, by row value."""
    found: dict[RowValue, list[Quantile]] = {}
    for step in aggregates:
        if isinstance(step, Quantile):
            found.setdefault(step.value, []).append(step)
    return found
