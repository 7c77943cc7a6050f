"""The command line's commands that read records: `summary`, `sessions`, `attempts`, `quality`."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from genanalytics.errors import GenAnalyticsError, InputError
from genanalytics.units import counted, printable

if TYPE_CHECKING:
    import pandas as pd

_LARGE_BYTES = 200_000_000
"""More Parquet than this is DuckDB's work, where it is installed: unpacked it may be larger than memory."""
_ENGINES = ("auto", "pandas", "duckdb", "spark")
_LISTED = 20

_Command = TypeVar("_Command", bound=Callable[..., None])


def _reads_records(command: _Command) -> _Command:
    """Give a command the arguments and options that say which records it reads, and how it prints."""
    options = (
        click.argument("paths", nargs=-1, required=True, metavar="PATH..."),
        click.option(
            "--where",
            multiple=True,
            metavar="CONDITION",
            help="Only rows of which this holds, such as model=openai/gpt-5 or 'total_cost>=0.1'; can be repeated.",
        ),
        click.option("--tz", default="UTC", show_default=True, metavar="ZONE", help="Zone of times: Europe/Berlin."),
        click.option(
            "--engine",
            type=click.Choice(_ENGINES),
            default="auto",
            show_default=True,
            help="What computes; auto is pandas, and DuckDB for more than 200 MB of Parquet.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print a list of objects, one per row."),
        click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command(epilog="Example: genanalytics summary generations.parquet --by model --metrics latency")
@click.option(
    "--by", default="", metavar="COLUMN[,COLUMN]", help="Group by these; also by day, hour, weekday, model_family."
)
@click.option("--every", metavar="STRETCH", help="Group by time too: minute, hour, day, week or month.")
@click.option(
    "--metrics",
    metavar="SET|NAME[,...]",
    help="What to show: cost, cache, latency, reliability, tokens, or statistics by name, such as ttft_ms_p95.",
)
@click.option("--intervals", is_flag=True, help="Show how sure each figure is (95 %).")
@click.option(
    "--percentiles",
    default="auto",
    show_default=True,
    metavar="HOW",
    help="exact, or sketch (right to 1 %, for more rows than memory holds); auto decides by the number of rows.",
)
@_reads_records
def summary(
    paths: tuple[str, ...],
    by: str,
    every: str | None,
    metrics: str | None,
    intervals: bool,
    percentiles: str,
    where: tuple[str, ...],
    tz: str,
    engine: str,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Summarise records: cost, cache savings, latency and more, by group.

    Reads what fetch wrote (.parquet, .csv or .jsonl), and the service's own activity export (CSV). A record that stands
    in several files counts once, unless an engine other than pandas computes. The dearest group comes first; JSON and
    CSV have no total row.
    """
    from genanalytics.overview import overview, ranked

    asked: dict[str, Any] = {
        "every": every,
        "tz": tz,
        "metrics": None if metrics is None else _names(metrics),
        "percentiles": percentiles,
        "intervals": intervals,
    }
    with _opened(paths, where, tz, engine, one_form=not (as_json and as_csv)) as data:
        if as_json or as_csv:
            _print(ranked(data, _names(by), **asked), as_csv=as_csv)
        else:
            told = {"coverage": _coverage(paths), "width": terminal_width()}
            click.echo(overview(data, _names(by), **asked, **told))


@click.command(epilog="Example: genanalytics sessions generations.parquet")
@_reads_records
def sessions(
    paths: tuple[str, ...], where: tuple[str, ...], tz: str, engine: str, as_json: bool, as_csv: bool
) -> None:
    """Say what each session cost, how long it was, and whether its caching paid, the dearest first."""
    from genanalytics.metrics import sessions as sessions_of
    from genanalytics.tables import as_text

    with _opened(paths, where, tz, engine, one_form=not (as_json and as_csv)) as data:
        found = sessions_of(data).sort_values("effective_cost", ascending=False, kind="stable", ignore_index=True)
    if as_json or as_csv:
        _print(found, as_csv=as_csv)
        return
    for moment in ("first", "last"):
        found[moment] = found[moment].dt.tz_convert(tz)
    columns = ["requests", "first", "length_ms", "effective_cost", "net_cache_savings", "cache_payback", "cache_hit_rate"]
    click.echo(as_text(found.head(_LISTED), ["session_id"], columns, width=terminal_width()))
    click.echo(f"{_listed(found, 'session')}; {found.attrs['without_session']:,} requests belong to none.")


@click.command(epilog="Example: genanalytics attempts generations.parquet")
@_reads_records
def attempts(
    paths: tuple[str, ...], where: tuple[str, ...], tz: str, engine: str, as_json: bool, as_csv: bool
) -> None:
    """Say how often each provider was tried, how it answered, and what fallbacks cost in time."""
    from genanalytics.metrics import attempt_summary
    from genanalytics.tables import as_text

    with _opened(paths, where, tz, engine, one_form=not (as_json and as_csv)) as data:
        found = attempt_summary(data).sort_values("attempts", ascending=False, kind="stable", ignore_index=True)
    if as_json or as_csv:
        _print(found, as_csv=as_csv)
        return
    columns = ["attempts", "success_rate", "rate_limited", "fell_back", "wait_ms_p50", "wait_ms_p95", "lost_ms"]
    click.echo(as_text(found, ["provider_name"], columns, width=terminal_width()))
    click.echo(f"Attempts: none is known of {counted(found.attrs['without_attempts'], 'request')}.")


@click.command(epilog="Example: genanalytics quality generations.parquet")
@_reads_records
def quality(
    paths: tuple[str, ...], where: tuple[str, ...], tz: str, engine: str, as_json: bool, as_csv: bool
) -> None:
    """Say what is doubtful about the records: values that contradict each other, gaps, ids that are not the same."""
    from genanalytics.metrics import quality as quality_of
    from genanalytics.tables import as_text

    with _opened(paths, where, tz, engine, one_form=not (as_json and as_csv)) as data:
        found = quality_of(data)
    if as_json or as_csv:
        _print(found, as_csv=as_csv)
        return
    doubtful = found[(found["rows"] > 0).fillna(value=False)]
    if doubtful.empty:
        click.echo(f"Nothing is doubtful: {counted(len(found), 'check')}.")
        return
    doubtful.attrs = found.attrs
    click.echo(as_text(doubtful, ["check"], ["rows", "of", "share"], width=terminal_width()))
    for row in doubtful.itertuples():
        click.echo(f"\n{row.check}: {row.meaning}.\n  {printable(str(row.examples))}")


COMMANDS = (summary, sessions, attempts, quality)


def terminal_width() -> int:
    """Return how wide a table may be: as the terminal is, and without a terminal as it wants to be."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 1_000


@contextmanager
def _opened(
    paths: Sequence[str], where: Sequence[str], tz: str, engine: str, *, one_form: bool
) -> "Iterator[Any]":
    """Yield the records of files as what computes them takes them; what an engine cannot do ends in one sentence."""
    if not one_form:
        msg = "--json and --csv are two forms of one output: give one of them"
        raise click.UsageError(msg)
    from genanalytics.metrics.where import filtered

    chosen = _engine(paths) if engine == "auto" else engine
    if chosen == "pandas":
        yield filtered(_frame_of(paths), where, tz=tz)
        return
    session, failures = _session(chosen)
    try:
        from importlib import import_module
        data = import_module("genanalytics.engines").scan(list(paths), engine=chosen, session=session)
        yield filtered(data, where, tz=tz)
    except failures as error:
        ...


def _frame_of(files: Sequence[str]) -> "pd.DataFrame":
    """Return the records of all files as one frame, each generation once."""
    from genanalytics.reading import joined, open_frame

    frames = [open_frame(file) for file in files]
    frame = joined(frames)
    repeated = sum(map(len, frames)) - len(frame)
    if repeated:
        click.echo(
            f"Note: {counted(repeated, 'record')} more than once in the files; the one fetched last counts.", err=True
        )
    return frame
