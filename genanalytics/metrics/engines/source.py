"""Any data as a source of statistics."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

import narwhals.stable.v2 as nw
import pandas as pd
import pyarrow as pa

from genanalytics.base.text import to_one_line
from genanalytics.errors import InputError
from genanalytics.metrics.engines.dialects import DUCKDB, SPARK, Dialect
from genanalytics.metrics.engines.ibis_tables import describe_ibis
from genanalytics.metrics.engines.memory import InMemory
from genanalytics.metrics.engines.portable import Portable
from genanalytics.metrics.engines.protocol import Source
from genanalytics.metrics.engines.relational import Relational
from genanalytics.metrics.engines.sqlframe_frames import to_relation
from genanalytics.metrics.names import make_plain
from genanalytics.records.coverage import Coverage, find_coverage
from genanalytics.records.frame import to_frame, to_nullable


class HasColumns(Protocol):
    """A table of an optional package, such as a polars frame or an Ibis table; an Arrow table too."""

    @property
    def columns(self) -> Any: ...  # noqa: ANN401 - of any package


Data: TypeAlias = pd.DataFrame | HasColumns
"""Records: a pandas or polars frame, an Arrow table, a DuckDB relation, a Spark or SQLFrame frame, an Ibis table."""
Records: TypeAlias = Data | str | os.PathLike[str]
"""Records for statistics, or the path of a file or a data set with records, which `opens_paths` opens."""


@dataclass(frozen=True, slots=True)
class Covered:
    """Data of an engine, which cannot carry its coverage itself.

    Attributes:
        data: A DuckDB relation or a Spark data frame.
        coverage: Its coverage; None if it is unknown.
    """

    data: Data
    coverage: Coverage | None

    @property
    def columns(self) -> Any:  # noqa: ANN401 - of any package
        """The columns of the data."""
        return self.data.columns


def uncover(data: Any) -> Any:  # noqa: ANN401 - of any engine
    """Return data without its coverage: what an engine computes on."""
    return data.data if isinstance(data, Covered) else data


def find_coverage_of(data: Records) -> Coverage | None:
    """Return the coverage of data; None if it is unknown, as for all data of engines that is not `Covered`."""
    if isinstance(data, Covered):
        return data.coverage
    if isinstance(data, pa.Table):
        data = to_frame(data.select([name for name in data.column_names if name == "requested_id"][:1]))
    return find_coverage(data) if isinstance(data, pd.DataFrame) else None


def open_source(data: Records) -> Source:
    """Return data as a source.

    Raises:
        InputError: It is not one of `Records`.
    """
    if isinstance(data, Covered):
        return open_source(data.data)
    if isinstance(data, pd.DataFrame | pa.Table):
        return InMemory(data)
    data = _reach(data)
    dialect = find_dialect(data)
    if dialect is not None:
        return Relational(data, dialect)
    if nw.dependencies.is_polars_dataframe(data) or nw.dependencies.is_polars_lazyframe(data):
        return InMemory(_to_table(nw.from_native(data).lazy()))
    msg = (
        f"cannot compute statistics of a {type(data).__module__}.{type(data).__qualname__}: give the path of a file, a"
        " pandas or polars frame, an Arrow table, a DuckDB relation, a Spark data frame or an Ibis table"
    )
    raise InputError(msg)


def open_in_memory(data: Records, what_needs: str, enough: str) -> InMemory:
    """Return data in memory as a source.

    Args:
        data: The data.
        what_needs: What needs it in memory, with a verb, for the message.
        enough: The columns that are enough, as the end of the message.

    Raises:
        InputError: It is on an engine, or not one of `Records`.
    """
    source = open_source(data)
    if not isinstance(source, InMemory):
        msg = (
            f"{what_needs} a frame in memory: convert a relation with .df(), a Spark data frame with .toPandas(), or an"
            f" Ibis table with .to_pandas(); the columns {enough}"
        )
        raise InputError(msg)
    return source


def keep_rows(data: Any, condition: nw.Expr) -> Any:  # noqa: ANN401 - of the same kind
    """Return the rows of data where a condition is true; where it is unknown, a row is left out."""
    if isinstance(data, Covered):
        return Covered(keep_rows(data.data, condition), data.coverage and replace(data.coverage, part=True))
    return nw.from_native(data).filter(condition.fill_null(value=False)).to_native()


def collect(data: Any) -> pd.DataFrame:  # noqa: ANN401 - of any engine
    """Return data in memory with the dtypes of the frame; a frame as it is."""
    if isinstance(data, Covered):
        return collect(data.data)
    if isinstance(data, pd.DataFrame):
        return data
    return to_frame(nw.from_native(data).lazy().collect(backend="pyarrow").to_native())


@contextmanager
def hold(data: Any) -> Iterator[Any]:  # noqa: ANN401 - of the same kind
    """Yield data that an engine computes once, and holds outside of memory as long as it is used here.

    Without this, an engine computes the columns of data again for each result.
    """
    data = _reach(data)
    dialect = find_dialect(data)
    if dialect is None:
        yield data
        return
    with ExitStack() as stack:
        with dialect.explain_errors():
            held = stack.enter_context(dialect.hold(data))
        yield held


def add_previous(data: Any, by: Sequence[str], names: Mapping[str, str]) -> Any:  # noqa: ANN401 - of the same kind
    """Return the data with values of the previous row that has the same values of some columns.

    Args:
        data: The data; it has `created_at` and `requested_id`, the order of its rows.
        by: The columns that both rows have in common. A row with a gap in one of them has no previous row.
        names: The columns to look up, and the names of their values in the previous row.

    >>> frame = pd.DataFrame({"session_id": ["s", "t", "s"], "requested_id": ["a", "b", "c"]})
    >>> frame["created_at"] = pd.date_range("2026-08-20", periods=3, tz="UTC")
    >>> add_previous(frame, ["session_id"], {"requested_id": "previous_id"})["previous_id"].tolist()
    [nan, nan, 'a']
    """
    if isinstance(data, Covered):
        return replace(data, data=add_previous(data.data, by, names))
    return attach(data, open_source(data).add_previous(by, names), list(names.values()))


def add_micros(data: Any, column: str, name: str) -> Any:  # noqa: ANN401 - of the same kind
    """Return the data with the microseconds since 1970 of a moment as another column.

    >>> frame = pd.DataFrame({"created_at": pd.to_datetime(["1970-01-01T00:00:01Z", None], utc=True)})
    >>> add_micros(frame, "created_at", "micros")["micros"].tolist()
    [1000000, <NA>]
    """
    if isinstance(data, Covered):
        return replace(data, data=add_micros(data.data, column, name))
    data = _reach(data)
    dialect = find_dialect(data)
    if dialect is not None:
        return dialect.add_micros(data, column, name)
    if nw.dependencies.is_polars_lazyframe(data):
        return nw.from_native(data).with_columns(nw.col(column).dt.timestamp("us").alias(name)).to_native()
    source = open_source(data)
    moments = source.select([column]).collect(backend="pyarrow").to_native()[column]
    return attach(data, pa.table({name: moments.cast(pa.timestamp("us", "UTC")).cast(pa.int64())}), [name])


def attach(data: Any, found: Any, wanted: Sequence[str]) -> Any:  # noqa: ANN401 - of the same kind
    """Return the data with the further columns that its source has found, after all others.

    Args:
        data: The data.
        found: What a method of its source returned: the columns alone if the data is in memory.
        wanted: The names of the columns.
    """
    if isinstance(data, pd.DataFrame):
        columns = to_nullable(found).set_index(data.index)
        return data.assign(**{name: columns[name] for name in wanted})
    if isinstance(data, pa.Table):
        kept = data.drop_columns([name for name in wanted if name in data.column_names])
        for name in wanted:
            kept = kept.append_column(name, found[name])
        return kept
    if isinstance(found, pa.Table):  # polars
        frame = nw.from_native(data).lazy().collect()
        series = [nw.new_series(name, found[name].to_pandas(), backend=frame.implementation) for name in wanted]
        return frame.with_columns(*series).to_native()
    return found


def select_columns(data: Any, names: Iterable[str]) -> Any:  # noqa: ANN401 - of the same kind
    """Return data with only some of its columns; names that it lacks are left out.

    Choosing rows of a wide frame takes longer than most computations on them.

    >>> select_columns(pd.DataFrame({"a": [1], "b": [2], "c": [3]}), ["c", "a", "d"]).columns.to_list()
    ['c', 'a']
    """
    if isinstance(data, Covered):
        return replace(data, data=select_columns(data.data, names))
    present = open_source(data).columns
    wanted = [name for name in dict.fromkeys(names) if name in present]
    if find_dialect(_reach(data)) is not None:
        return rename_columns(data, {name: name for name in wanted})
    return nw.from_native(data).select(wanted).to_native()


def rename_columns(data: Any, names: Mapping[str, str]) -> Any:  # noqa: ANN401 - of the same kind
    """Return data with all of its columns under other names."""
    data = _reach(data)
    dialect = find_dialect(data)
    if dialect is not None:
        return dialect.rename(data, names)
    return nw.from_native(data).rename(dict(names)).to_native()


def find_dialect(data: object) -> Dialect | Portable | None:
    """Return the engine that holds the data; None if it is in memory."""
    if nw.dependencies.is_duckdb_relation(data):
        return DUCKDB
    if nw.dependencies.is_ibis_table(data):
        return describe_ibis(data)
    is_spark = nw.dependencies.is_pyspark_dataframe(data) or nw.dependencies.is_pyspark_connect_dataframe(data)
    return SPARK if is_spark else None


def _reach(data: Any) -> Any:  # noqa: ANN401
    """Return data where its engine can be reached: a frame of SQLFrame as a relation of DuckDB."""
    return to_relation(data) if nw.dependencies.is_sqlframe_dataframe(data) else data


def _to_table(frame: "nw.LazyFrame[Any]") -> pa.Table:
    """Return a polars frame as Arrow, which has no integers of 128 bits."""
    schema = frame.collect_schema()
    wide = [make_plain(name) for name, dtype in schema.items() if dtype in {nw.Int128, nw.UInt128}]
    if wide:
        frame = frame.rename({name: make_plain(name) for name in schema})
        frame = frame.with_columns(nw.col(name).cast(nw.Float64) for name in wide)
        frame = frame.rename({make_plain(name): name for name in schema})
    try:
        return frame.collect().to_arrow()
    except (pa.ArrowException, ValueError) as error:
        msg = f"the frame has a column that Arrow cannot hold: {to_one_line(str(error))}; drop or convert it"
        raise InputError(msg) from error
