"""Which records a command reads, what computes, and how rows are printed: the same for all commands that read any."""

import json
import math
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from genanalytics.cli.types import FILE
from genanalytics.errors import GenAnalyticsError, InputError
from genanalytics.units import counted

if TYPE_CHECKING:
    import pandas as pd

ENGINES = ("auto", "pandas", "duckdb", "spark")
LARGE_BYTES = 200_000_000
"""More Parquet than this is DuckDB's work, where it is installed: unpacked it may be larger than memory."""

_FAILURES = {"duckdb": ("duckdb", "Error"), "spark": ("pyspark.errors", "PySparkException")}
"""Where what each engine raises is: it is imported once the engine has been."""

_Command = TypeVar("_Command", bound=Callable[..., None])


def _one_form(context: click.Context, _: click.Parameter, value: bool) -> bool:
    if value and (context.params.get("as_json") or context.params.get("as_csv")):
        msg = "--json and --csv are two forms of one output: give one of them"
        raise click.UsageError(msg)
    return value


_READING = (
    click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=FILE),
    click.option(
        "--where",
        multiple=True,
        metavar="CONDITION",
        help="Only rows of which this holds: model=openai/gpt-5, 'total_cost>=0.1', 'created_at<2026-03-01'. Can be"
        " given several times.",
    ),
    click.option("--tz", default="UTC", show_default=True, metavar="ZONE", help="The zone of times: Europe/Berlin."),
    click.option(
        "--engine",
        type=click.Choice(ENGINES),
        default="auto",
        show_default=True,
        help="What computes; auto is pandas, and DuckDB for more than 200 MB of Parquet.",
    ),
)
_PRINTING = (
    click.option("--json", "as_json", is_flag=True, callback=_one_form, help="Print a list of objects, one per row."),
    click.option("--csv", "as_csv", is_flag=True, callback=_one_form, help="Print comma-separated values."),
)


def reads_paths(command: _Command) -> _Command:
    """Give a command the arguments that say which records it reads."""
    for option in reversed(_READING):
        command = option(command)
    return command


def reads_records(command: _Command) -> _Command:
    """Give a command the arguments that say which records it reads and how it prints rows."""
    for option in reversed(_PRINTING):
        command = option(command)
    return reads_paths(command)


@contextmanager
def opened(paths: Sequence[str], where: Sequence[str], tz: str, engine: str) -> "Iterator[Any]":
    """Yield the records of files, those of which all conditions hold, as what computes takes them.

    In memory each generation is there once. An engine reads Parquet alone, and takes the rows as they are.

    Raises:
        InputError: A file or a condition cannot be read, or the engine is not there.
        GenAnalyticsError: The engine could not compute what the block asked for.
    """
    from genanalytics.metrics.grouping.where import filtered

    chosen = _engine_for(paths) if engine == "auto" else engine
    if chosen == "pandas":
        frame = _frame_of(paths)
        met = filtered(frame, where, tz=tz)
        if len(frame) and not len(met):
            click.echo("Note: no record meets the conditions of --where.", err=True)
        yield met
        return
    from genanalytics.metrics.engines.scan import scan

    data = scan(paths, engine=chosen, session=_spark() if chosen == "spark" else None)
    module, name = _FAILURES[chosen]
    try:
        yield filtered(data, where, tz=tz)
    except getattr(import_module(module), name) as error:
        reason = str(error).partition("\n")[0]
        msg = f"{chosen} could not compute it: {reason}"
        raise GenAnalyticsError(msg) from error


def printed(rows: "pd.DataFrame", *, as_json: bool, as_csv: bool) -> bool:
    """Print rows as JSON or CSV, and return whether either was asked for."""
    if as_csv:
        click.echo(rows.to_csv(index=False), nl=False)
    elif as_json:
        click.echo(json.dumps(_objects(rows), allow_nan=False))
    return as_json or as_csv


def names_in(text: str) -> list[str]:
    """Return the names between the commas of an option.

    >>> names_in("model, day,")
    ['model', 'day']
    """
    return [name.strip() for name in text.split(",") if name.strip()]


def terminal_width() -> int:
    """Return how wide a table may be: as the terminal is, and without a terminal as it wants to be."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 1_000


def _engine_for(paths: Sequence[str]) -> str:
    """Return what computes: pandas, unless there is much Parquet, nothing else, and DuckDB to read it."""
    files = [
        file for path in map(Path, paths) for file in (sorted(path.rglob("*.parquet")) if path.is_dir() else [path])
    ]
    known = all(file.suffix.lower() == ".parquet" and file.is_file() for file in files)
    large = known and sum(file.stat().st_size for file in files) > LARGE_BYTES
    return "duckdb" if large and find_spec("duckdb") else "pandas"


def _spark() -> Any:
    """Return the session that there is, such as that of spark-submit, or a new one."""
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        msg = "--engine spark needs the package pyspark: pip install 'genanalytics[spark]'"
        raise InputError(msg) from error
    return SparkSession.builder.getOrCreate()


def _frame_of(paths: Sequence[str]) -> "pd.DataFrame":
    """Return the records of all files as one frame, each generation once."""
    from genanalytics.reading import joined, open_frame

    frames = [open_frame(path) for path in paths]
    frame = joined(frames)
    repeated = sum(map(len, frames)) - len(frame)
    if repeated:
        click.echo(
            f"Note: {counted(repeated, 'record')} more than once in the files; the one fetched last counts.", err=True
        )
    return frame


def _objects(rows: "pd.DataFrame") -> "list[dict[str, Any]]":
    """Return rows as plain Python values, gaps and what is no number as None."""
    plain = rows.astype("object").where(rows.notna(), None).to_dict("records")
    return [{str(name): _plain(value) for name, value in row.items()} for row in plain]


def _plain(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value
