"""The records that a command reads, and the engine that computes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

import click

from genanalytics.cli.config import read_config
from genanalytics.cli.options import FILE, Command, combine, print_notices
from genanalytics.cli.stdin import hold_stdin
from genanalytics.cli.values import COLUMNS_OF_GROUPS, CONDITION, PERIOD, UNIT, ZONE
from genanalytics.errors import GenAnalyticsError, InputError
from genanalytics.units import format_count

if TYPE_CHECKING:
    import pandas as pd

    from genanalytics.metrics.engines.scan import Engine
    from genanalytics.metrics.where.time_range import TimeRange

ENGINES = ("auto", "pandas", "duckdb", "spark")

_FAILURES = {"duckdb": ("duckdb", "Error"), "spark": ("pyspark.errors", "PySparkException")}
"""The module and the name of each engine's exceptions; imported once the engine is."""
_TIMES = ("since", "until", "last", "period")


@dataclass(frozen=True, slots=True)
class Selection:
    """The records that the arguments of a command choose.

    Attributes:
        paths: The files.
        labels: Tables with further columns.
        labels_on: The columns of the records that the keys of `labels` match.
        where: Conditions that all rows meet.
        tz: The time zone, by its IANA name.
        engine: One of `ENGINES`.
        times: The options of `find_time_range`.
    """

    paths: tuple[str, ...]
    labels: tuple[str, ...] = ()
    labels_on: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    tz: str = "UTC"
    engine: str = "auto"
    times: Mapping[str, str | None] = field(default_factory=dict)

    def find_time_range(self) -> "TimeRange":
        """Return the range of time of the records.

        Raises:
            InputError: An option cannot be read, or two of them contradict each other.
        """
        from genanalytics.metrics.where.time_range import find_time_range

        return find_time_range(**self.times, tz=self.tz)  # type: ignore[arg-type] # mypy takes them for any argument

    @property
    def is_part(self) -> bool:
        """Whether conditions or times choose a part of the records."""
        return bool(self.where or any(self.times.values()))

    def list_options(self) -> list[tuple[str, str]]:
        """Return the options that choose the same records again, at any time: times are moments."""
        within = self.find_time_range()
        moments = [("--since", within.start), ("--until", within.end)]
        options = {"--labels": self.labels, "--labels-on": self.labels_on, "--where": self.where}
        return [
            *((name, value) for name, values in options.items() for value in values),
            *((name, each.isoformat().replace("+00:00", "Z")) for name, each in moments if each is not None),
            *([("--tz", self.tz)] if self.tz != "UTC" else []),
        ]

    def open_all(self) -> AbstractContextManager[Any]:
        """Yield the records of all times that meet any condition, as `open` does."""
        return replace(self, where=(), times={}).open()

    @contextmanager
    def open(self, *, time_range: "TimeRange | None" = None, engine: str | None = None) -> Iterator[Any]:
        """Yield the records, as the engine takes them.

        In memory, each generation occurs once. An engine reads only Parquet, and takes the rows as they are. Labels are
        added to all rows before conditions choose some.

        Args:
            time_range: Another range of time than that of the options.
            engine: The engine to use if the options name none.

        Raises:
            InputError: A file or a condition cannot be read, or the engine is not installed.
            GenAnalyticsError: The engine failed within the block.
        """
        from genanalytics.opening import choose_engine, expand_globs, find_coverage_of_files

        within, paths = time_range or self.find_time_range(), expand_globs(self.paths)
        # one of `ENGINES`, or scan refuses it
        wanted = self.engine if self.engine != "auto" else engine
        chosen = cast("Engine", wanted) if wanted else choose_engine(paths)
        if chosen == "pandas":
            yield self.choose_rows(self._add_labels(_read_frame(self.paths)), within)
            return
        from genanalytics.metrics.engines.scan import scan
        from genanalytics.metrics.engines.source import Covered

        data = scan(paths, engine=chosen, session=_open_spark() if chosen == "spark" else None)
        module, name = _FAILURES[chosen]
        try:
            is_part = bool(self.where) or within.is_limited
            coverage = find_coverage_of_files(paths, data)
            if coverage is not None and is_part:
                coverage = replace(coverage, part=True)
            labelled = self._add_labels(Covered(data, coverage)).data
            yield Covered(self.choose_rows(labelled, within), coverage)
        except getattr(import_module(module), name) as error:
            reason = str(error).partition("\n")[0]
            msg = f"{chosen} failed: {reason}"
            raise GenAnalyticsError(msg) from error

    def choose_rows(self, data: Any, within: "TimeRange") -> Any:
        """Return the rows that meet the conditions, within a range of time; print what a user should know of them."""
        from genanalytics.metrics.where.choose import choose_rows

        found, notices = choose_rows(data, self.where, within, tz=self.tz)
        print_notices(notices)
        return found

    def _add_labels(self, data: Any) -> Any:
        """Return records with the labels of `--labels`, and print notices about them.

        Raises:
            InputError: There are neither one nor as many `--labels-on` as `--labels`, or labels cannot be added.
        """
        files, columns = self.labels, self.labels_on
        if len(columns) not in {0, 1, len(files)} or (columns and not files):
            given = format_count(len(files), "file")
            msg = f"--labels-on is given {len(columns)} times for {given} of --labels: give it once, or once for each"
            raise InputError(msg)
        if not files:
            return data
        from genanalytics.decide.labelling.labels import add_labels

        keys = columns if len(columns) == len(files) else (columns or (None,)) * len(files)
        for file, column in zip(files, keys, strict=True):
            data, report = add_labels(data, file, on=column)
            print_notices(f"{file}: {notice}" for notice in report.notices)
        return data


_paths_argument = click.argument("paths", nargs=-1, metavar="[PATH]...", type=FILE)
_row_options = combine(
    click.option(
        "--labels",
        multiple=True,
        metavar="FILE",
        type=FILE,
        help="Add columns from a table (CSV or Parquet), such as customer, revenue or success, by the key in its first"
        " column. Repeatable.",
    ),
    click.option(
        "--labels-on",
        multiple=True,
        metavar="COLUMN",
        help="Match the keys with this column of the records, such as external_user (default: the one with the name of"
        " the first column). Once for all --labels, or once for each.",
    ),
    click.option(
        "--where",
        multiple=True,
        metavar="CONDITION",
        type=CONDITION,
        help="Keep matching rows: model=openai/gpt-5, 'total_cost>=0.1 and not model ~ mini', 'hour in (9, 10)',"
        " 'origin is null'. Repeatable.",
    ),
)
_time_options = combine(
    click.option("--since", metavar="TIME", help="Keep records from this time on: 7d (ago), yesterday, 2026-09-01."),
    click.option("--until", metavar="TIME", help="Keep records before this time: today leaves out today."),
    click.option(
        "--last", metavar="UNIT|AGE", type=UNIT, help="Keep the last full day, week or month; 7d: the last seven days."
    ),
    click.option("--period", metavar="UNIT", type=UNIT, help="Keep this day, week or month, up to now."),
)
_engine_options = combine(
    click.option(
        "--tz", metavar="ZONE", type=ZONE, help="Use this time zone, such as Europe/Berlin, or local (default: UTC)."
    ),
    click.option(
        "--engine",
        type=click.Choice(ENGINES),
        default="auto",
        show_default=True,
        help="Choose the engine; auto uses DuckDB above 200 MB of Parquet, otherwise pandas.",
    ),
)


def reads_records(command: Command) -> Command:
    """Let a command take the records to read as `selection`."""
    return _select(command, (_paths_argument, _row_options, _time_options, _engine_options), times=_TIMES)


def reads_all_times(command: Command) -> Command:
    """Let a command take the records to read as `selection`; it chooses the time itself."""
    return _select(command, (_paths_argument, _row_options, _engine_options), times=())


def reads_all(command: Command) -> Command:
    """Let a command take all records of files as `selection`, without options that choose some."""

    @wraps(command)
    def select(paths: tuple[str, ...], **others: Any) -> Any:
        with hold_stdin(paths or read_config().find_data()) as held:
            return command(selection=Selection(held), **others)

    return cast("Command", _paths_argument(select))


def _select(command: Command, options: Sequence[Callable[[Any], Any]], times: Sequence[str]) -> Command:
    """Return a command whose options for records are one argument."""

    @wraps(command)
    def select(
        paths: tuple[str, ...], tz: str | None, labels: Any, labels_on: Any, where: Any, engine: str, **others: Any
    ) -> Any:
        config = read_config()
        zone = config.find_zone(tz).key
        within = {name: others.pop(name) for name in times}
        with hold_stdin(paths or config.find_data()) as held:
            selection = Selection(held, labels, labels_on, where, zone, engine, within)
            return command(selection=selection, **others)

    return cast("Command", combine(*options)(select))


forms_groups = combine(
    click.option(
        "--by",
        multiple=True,
        metavar="COLUMN[,COLUMN]",
        type=COLUMNS_OF_GROUPS,
        help="Group by columns, or by day, hour, weekday or model_family.",
    ),
    click.option(
        "--every", metavar="PERIOD", type=PERIOD, help="Group by time as well: minute, hour, day, week or month."
    ),
)
"""The arguments that form groups."""


def split_names(text: str) -> list[str]:
    """Return the names between the commas of an option.

    >>> split_names("model, day,")
    ['model', 'day']
    """
    return [name.strip() for name in text.split(",") if name.strip()]


def _open_spark() -> Any:
    """Return the current session, such as that of spark-submit, or a new one."""
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        msg = "--engine spark needs the package pyspark: pip install 'genanalytics[spark]'"
        raise InputError(msg) from error
    return SparkSession.builder.getOrCreate()


def _read_frame(paths: Sequence[str]) -> "pd.DataFrame":
    """Return the records of all files as one frame, each generation once."""
    from genanalytics.files import read
    from genanalytics.records.joining import join_frames

    frames = [read(path) for path in paths]
    frame = join_frames(frames)
    repeated = sum(map(len, frames)) - len(frame)
    if repeated:
        print_notices([f"{format_count(repeated, 'record')} repeated in the files; the one fetched last counts"])
    return frame
