"""The few words of SQL that are said natively, each in the way of its engine.

Sums and counts could be narwhals' too. Percentiles could not: narwhals asks for one at a time, and an engine then holds
all values of a group once for each, where it gives all of them out of one sorted copy if it is asked for a list.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genanalytics.metrics.declare import Count, Quantile, Sum


@dataclass(frozen=True, slots=True)
class Dialect:
    """How an engine says it, in templates that take a column.

    Attributes:
        mark: What stands around a name, and twice for itself inside of one.
        micros: The microseconds since 1970 of a moment.
        reads_naive_as_utc: Whether these are those of a moment without a zone too, or depend on the session's.
        percentiles: All percentiles of a column, of levels between commas, as a list.
        select: Returns expressions over data as its columns.
        group: Returns aggregates of data, after the keys of their groups.
    """

    mark: str
    micros: str
    reads_naive_as_utc: bool
    percentiles: str
    select: Callable[[Any, Sequence[str]], Any]
    group: Callable[[Any, Sequence[str], Sequence[str]], Any]

    def name(self, column: str) -> str:
        """Return the name of a column, whatever it is made of.

        >>> DUCKDB.name('5" disk'), SPARK.name('5" disk')
        ('"5"" disk"', '`5" disk`')
        """
        return self.mark + column.replace(self.mark, 2 * self.mark) + self.mark

    def with_micros(self, data: Any, column: str, name: str) -> Any:  # noqa: ANN401 - what an engine has for it
        """Return data with the microseconds since 1970 of a moment beside its columns."""
        return self.select(data, ["*", f"{self.micros.format(self.name(column))} AS {self.name(name)}"])

    def grouped(
        self,
        data: Any,  # noqa: ANN401
        keys: Sequence[str],
        aggregates: "Mapping[str, Sum | Count | Sequence[Quantile]]",
    ) -> Any:  # noqa: ANN401
        """Return aggregates by group: sums, counts, and lists of the percentiles of one value."""
        steps = [f"{self._aggregate(step)} AS {self.name(name)}" for name, step in aggregates.items()]
        return self.group(data, [self.name(key) for key in keys], steps)

    def _aggregate(self, step: "Sum | Count | Sequence[Quantile]") -> str:
        match step:
            case Sum(value):
                return f"sum({self.name(value)})"
            case Count(""):
                return "count(*)"
            case Count(value):
                return f"count({self.name(value)})"
            case _:
                levels = ", ".join(f"CAST({quantile.level!r} AS DOUBLE)" for quantile in step)
                return self.percentiles.format(self.name(step[0].value), levels)


def _group_in_duckdb(relation: Any, keys: Sequence[str], steps: Sequence[str]) -> Any:  # noqa: ANN401
    return relation.aggregate(", ".join([*keys, *steps]), ", ".join(keys))


def _group_in_spark(frame: Any, keys: Sequence[str], steps: Sequence[str]) -> Any:  # noqa: ANN401
    from pyspark.sql.functions import expr  # noqa: PLC0415 - it is there where its frames come from

    return frame.groupBy(*keys).agg(*map(expr, steps))


DUCKDB = Dialect(
    mark='"',
    micros="epoch_us({})",
    reads_naive_as_utc=True,
    percentiles="quantile_cont(CAST({} AS DOUBLE), [{}])",
    select=lambda relation, columns: relation.project(", ".join(columns)),
    group=_group_in_duckdb,
)
SPARK = Dialect(
    mark="`",
    micros="unix_micros({})",
    reads_naive_as_utc=False,
    percentiles="percentile(CAST({} AS DOUBLE), array({}))",
    select=lambda frame, columns: frame.selectExpr(*columns),
    group=_group_in_spark,
)
