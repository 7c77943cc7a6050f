"""Engines whose SQL another library writes: expressions of narwhals, and what it has no word for.

Ibis translates one language into that of many engines. What narwhals can say in it is here; `ibis_tables` has the rest.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import pyarrow as pa

from genanalytics.errors import InputError
from genanalytics.metrics.declare import Aggregate, Count, Quantile, RowValue, Sum
from genanalytics.metrics.engines.dialects import explain_engine_errors, name_flag
from genanalytics.metrics.engines.protocol import Window
from genanalytics.metrics.names import make_plain, name_clean
from genanalytics.records.schema import BY_NAME, Kind

_LARGEST = sys.float_info.max
_INFINITY = float("inf")
_TYPES: Mapping[Kind, nw.dtypes.DType] = {
    Kind.INTEGER: nw.Int64(),
    Kind.NUMBER: nw.Float64(),
    Kind.FLAG: nw.Boolean(),
    Kind.TEXT: nw.String(),
    Kind.TIME: nw.Datetime("us", "UTC"),
}
_DRIVERS = {
    "duckdb": "Error",
    "psycopg": "Error",
    "google.api_core.exceptions": "GoogleAPIError",
    "snowflake.connector.errors": "Error",
    "trino.exceptions": "Error",
    "clickhouse_connect.driver.exceptions": "ClickHouseError",
    "pyspark.errors": "PySparkException",
}
"""The exceptions of the packages with which engines are reached, by module."""


@dataclass(frozen=True, slots=True)
class Portable:
    """An engine that is reached through another library; it has the methods of `Dialect`.

    Attributes:
        name: The name of the library and of the engine.
        is_exact: Whether its percentiles are exact.
        library_errors: What the library raises.
        to_utc: Returns data with moments without a zone as moments in UTC.
        add_micros: Returns data with the microseconds since 1970 of a moment as another column.
        add_windows: Returns data with aggregates of the rows around each row.
        join: As `Dialect.join`.
        fence: As `Dialect.fence`.
        hold: As `Dialect.hold`.
        sketches: Whether percentiles are sketched unless exact ones are wanted.
    """

    name: str
    is_exact: bool
    library_errors: tuple[type[Exception], ...]
    to_utc: Callable[[Any, Sequence[str]], Any]
    add_micros: Callable[[Any, str, str], Any]
    add_windows: Callable[[Any, str, Mapping[str, Window]], Any]
    join: Callable[[Any, pa.Table, Sequence[str]], Any]
    fence: Callable[[Any, Iterable[str]], Any]
    hold: Callable[[Any], AbstractContextManager[Any]]
    sketches: bool = True

    def list_errors(self) -> tuple[type[Exception], ...]:
        """Return what the library, its driver, and narwhals (for what the library lacks) raise."""
        loaded = ((sys.modules.get(module), name) for module, name in _DRIVERS.items())
        drivers = (getattr(module, name) for module, name in loaded if module is not None)
        return (*self.library_errors, NotImplementedError, *drivers)

    @contextmanager
    def explain_errors(self) -> Iterator[None]:
        """Raise what the library and the engine raise as `InputError`."""
        with explain_engine_errors(self.name, self.list_errors):
            yield

    def rename(self, data: Any, names: Mapping[str, str]) -> Any:  # noqa: ANN401 - the engine's own types
        """Return data with its columns under other names, in the order of the names."""
        return nw.from_native(data).select(nw.col(old).alias(new) for old, new in names.items()).to_native()

    def group_by(self, data: Any, by: Sequence[str], aggregates: Iterable[Aggregate]) -> Any:  # noqa: ANN401
        """Return aggregates by group, under their names.

        Raises:
            InputError: A percentile is wanted, and those of the engine are approximate.
        """
        steps = [self._express(step).alias(step.name) for step in aggregates]
        frame = nw.from_native(data)
        return (frame.group_by(*by).agg(*steps) if by else frame.select(*steps)).to_native()

    @staticmethod
    def read_quantile(groups: pa.Table, step: Quantile, _: Iterable[Aggregate]) -> pa.ChunkedArray:
        """Return a percentile by group, out of the result of `group_by`."""
        return groups[step.name]

    def clean(self, data: Any, names: Sequence[str], *, trusted: bool = False) -> Any:  # noqa: ANN401
        """Return columns of data as `Dialect.clean` does."""
        frame = self._read_utc(nw.from_native(data).select(*names).to_native())
        steps: list[nw.Expr] = []
        for name, dtype in frame.collect_schema().items():
            number = nw.col(name).cast(nw.Float64)
            cleaned = number + 0.0 if trusted and dtype.is_float() else _clean(name, dtype)
            flag = cleaned if trusted else nw.when(number.abs() == _INFINITY).then(nw.lit(1))
            steps.append(cleaned.alias(make_plain(name)))
            if dtype.is_float():
                steps.append(flag.alias(name_flag(name)))
        return frame.select(*steps).to_native()

    def add_clean(self, data: Any, names: Iterable[str]) -> Any:  # noqa: ANN401
        """Return data under plain names (`make_plain`), and some columns as `clean` has them under `name_clean`."""
        schema = nw.from_native(data).collect_schema()
        kept = [nw.col(name).alias(make_plain(name)) for name in schema]
        frame, cleaned = nw.from_native(data), self._read_utc(data)
        found = [_clean(name, cleaned.collect_schema()[name]).alias(name_clean(name)) for name in names]
        return frame.select(*kept, *found).to_native()

    def _read_utc(self, data: Any) -> "nw.LazyFrame[Any]":  # noqa: ANN401
        """Return data whose columns of moments have a zone."""
        schema = nw.from_native(data).collect_schema()
        naive = [name for name, dtype in schema.items() if _is_naive(name, dtype)]
        rows: nw.LazyFrame[Any] = nw.from_native(self.to_utc(data, naive) if naive else data)
        return rows

    def _express(self, step: Aggregate) -> nw.Expr:
        match step:
            case Sum(value):
                return value.column.cast(nw.Float64).sum()
            case Count(RowValue() as value):
                return value.column.count()
            case Count():
                return nw.len()
        if not self.is_exact:
            msg = f"{self.name} cannot compute exact percentiles: use percentiles='sketch'"
            raise InputError(msg)
        return step.value.column.cast(nw.Float64).quantile(step.level, "linear")


def _is_naive(name: str, dtype: nw.dtypes.DType) -> bool:
    """Return whether a column contains moments of the record without a zone."""
    is_time = name in BY_NAME and BY_NAME[name].kind is Kind.TIME
    return is_time and isinstance(dtype, nw.Datetime) and dtype.time_zone is None


def _clean(name: str, dtype: nw.dtypes.DType) -> nw.Expr:
    column, kind = nw.col(name), BY_NAME[name].kind if name in BY_NAME else None
    number = column.cast(nw.Float64)
    if dtype.is_float():  # NaN is above every number on some engines, and below none on the others
        return nw.when(number.abs() <= _LARGEST).then(number + 0.0)
    if dtype.is_decimal() or dtype in {nw.Int128, nw.UInt128} or (kind is Kind.NUMBER and dtype.is_numeric()):
        return number
    if dtype == nw.Unknown and kind in {None, *_TYPES}:  # no values, or a type of the engine such as UUID
        return column.cast(nw.String() if kind is None else _TYPES[kind])
    return column.cast(nw.String) if isinstance(dtype, nw.Categorical | nw.Enum) else column
