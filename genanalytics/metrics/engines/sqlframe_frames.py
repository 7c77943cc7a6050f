"""Data frames of SQLFrame, which writes the SQL of many engines in the words of Spark."""

from typing import Any

from genanalytics.errors import InputError


def to_relation(frame: Any) -> Any:  # noqa: ANN401 - of packages that may not be installed
    """Return a frame on DuckDB as a relation of its connection.

    SQLFrame copies the whole statement with each further column, which takes it minutes for a summary. Its statement is
    taken once instead.

    Raises:
        InputError: The frame is on another engine.
    """
    engine = frame.session.execution_dialect_name
    if engine != "duckdb":
        msg = (
            f"a frame of SQLFrame on {engine} cannot be used as it is: give its statement to Ibis,"
            f" ibis.{engine}.connect(...).sql(frame.sql())"
        )
        raise InputError(msg)
    statement = frame.sql(dialect="duckdb", optimize=False)
    return frame.session._conn.sql(statement)  # noqa: SLF001 - the connection that the user gave, if any
