"""The records that a command reads, and the engine that computes."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from genanalytics.cli.options import FILE, Command, combine, print_notices
from genanalytics.errors import GenAnalyticsError, InputError
from genanalytics.units import format_count

if TYPE_CHECKING:
    import pandas as pd

    from genanalytics.metrics.engines.scan import Engine
    from genanalytics.records.coverage import Coverage

ENGINES = ("auto", "pandas", "duckdb", "spark")
LARGE_BYTES = 200_000_000
"""More Parquet than this is read by DuckDB, if it is installed: unpacked, it may be larger than memory."""

_FAILURES = {"duckdb": ("duckdb", "Error"), "spark": ("pyspark.errors", "PySparkException")}
"""The module and the name of each engine's exceptions; imported once the engine is."""


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
    """

    paths: tuple[str, ...]
    labels: tuple[str, ...] = ()
    labels_on: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    tz: str = "UTC"
    engine: str = "auto"

    @property
    def is_part(self) -> bool:
        """Whether conditions choose a part of the records."""
        return bool(self.where)

    def open_all(self) -> AbstractContextManager[Any]:
        """Yield the records that `open` yields without conditions."""
        return replace(self, where=()).open()

    @contextmanager
    def open(self, *, engine: str | None = None) -> Iterator[Any]:
        """Yield the records, as the engine takes them.

        In memory, each generation occurs once. An engine reads only Parquet, and takes the rows as they are. Labels are
        added to all rows before conditions choose some.

        Args:
            engine: The engine to use if the options name none.

        Raises:
            InputError: A file or a condition cannot be read, or the engine is not installed.
            GenAnalyticsError: The engine failed within the block.
        """
        from genanalytics.metrics.where import filter_rows

        # one of `ENGINES`, or scan refuses it
        wanted = self.engine if self.engine != "auto" else engine
        chosen = cast("Engine", wanted) if wanted else choose_engine(self.paths)
        if chosen == "pandas":
            frame = self._add_labels(_read_frame(self.paths))
            kept = filter_rows(frame, self.where, tz=self.tz)
            if len(frame) and not len(kept):
                print_notices(["no record matches the conditions of --where"])
            yield kept
            return
        from genanalytics.metrics.engines.scan import scan
        from genanalytics.metrics.engines.source import Covered

        data = scan(self.paths, engine=chosen, session=_open_spark() if chosen == "spark" else None)
        module, name = _FAILURES[chosen]
        try:
            coverage = _find_coverage(self.paths, data, is_filtered=self.is_part)
            labelled = self._add_labels(Covered(data, coverage)).data
            yield Covered(filter_rows(labelled, self.where, tz=self.tz), coverage)
        except getattr(import_module(module), name) as error:
            reason = str(error).partition("\n")[0]
            msg = f"{chosen} failed: {reason}"
            raise GenAnalyticsError(msg) from error

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


_options = combine(
    click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=FILE),
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
        help="Keep only matching rows: model=openai/gpt-5, 'total_cost>=0.1', 'created_at<2026-03-01'. Repeatable.",
    ),
    click.option(
        "--tz", default="UTC", show_default=True, metavar="ZONE", help="Use this time zone, such as Europe/Berlin."
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

    @wraps(command)
    def select(paths: Any, labels: Any, labels_on: Any, where: Any, tz: str, engine: str, **others: Any) -> Any:
        return command(selection=Selection(paths, labels, labels_on, where, tz, engine), **others)

    return cast("Command", _options(select))


forms_groups = combine(
    click.option(
        "--by",
        multiple=True,
        metavar="COLUMN[,COLUMN]",
        help="Group by columns, or by day, hour, weekday or model_family.",
    ),
    click.option("--every", metavar="PERIOD", help="Group by time as well: minute, hour, day, week or month."),
)
"""The arguments that form groups."""


@contextmanager
def open_records(paths: Sequence[str], where: Sequence[str], tz: str, engine: str) -> Iterator[Any]:
    """Yield the matching records of files, as the engine takes them.

    In memory, each generation occurs once. An engine reads only Parquet, and takes the rows as they are. The labels of
    `--labels` are added to all rows before `where` chooses some.

    Raises:
        InputError: A file or a condition cannot be read, or the engine is not installed.
        GenAnalyticsError: The engine failed within the block.
    """
    from genanalytics.metrics.where.rows import filter_rows

    # one of `ENGINES`, or scan refuses it
    chosen = choose_engine(paths) if engine == "auto" else cast("Engine", engine)
    if chosen == "pandas":
        frame = _add_labels(_read_frame(paths))
        kept = filter_rows(frame, where, tz=tz)
        if len(frame) and not len(kept):
            print_notices(["no record matches the conditions of --where"])
        yield kept
        return
    from genanalytics.metrics.engines.scan import scan
    from genanalytics.metrics.engines.source import Covered

    data = scan(paths, engine=chosen, session=_open_spark() if chosen == "spark" else None)
    module, name = _FAILURES[chosen]
    try:
        coverage = _find_coverage(paths, data, is_filtered=bool(where))
        yield Covered(filter_rows(_add_labels(Covered(data, coverage)).data, where, tz=tz), coverage)
    except getattr(import_module(module), name) as error:
        reason = str(error).partition("\n")[0]
        msg = f"{chosen} failed: {reason}"
        raise GenAnalyticsError(msg) from error


def print_rows(rows: "pd.DataFrame", *, as_json: bool, as_csv: bool) -> bool:
    """Print rows as JSON or CSV, and return whether either was requested.

    Each row contains the coverage of the data, which is a gap if it is unknown.
    """
    from genanalytics.records.coverage import COVERAGE, Coverage, describe_coverage

    if as_csv or as_json:
        coverage = Coverage.from_json(rows.attrs[COVERAGE])
        rows = rows.assign(**{COVERAGE: None if coverage is None else coverage.share_of_rows})
        if coverage is not None and coverage.is_partial:
            say(describe_coverage(coverage), err=True)
    if as_csv:
        from genanalytics.formats.csv import quote_formula

        rows = rows.apply(lambda column: column.map(quote_formula) if column.dtype.kind == "O" else column)
        sys.stdout.write(rows.rename(columns=quote_formula).to_csv(index=False))
    elif as_json:
        emit(json.dumps(to_objects(rows), allow_nan=False))
    return as_json or as_csv


def print_groups(data: Any, by: Sequence[str], *, as_json: bool, as_csv: bool, **options: Any) -> None:
    """Print the statistics of groups as JSON, as CSV, or as a table with a total.

    Args:
        data: What `open_records` yields, perhaps with more columns.
        by: The values of `--by`.
        as_json: Whether to print JSON.
        as_csv: Whether to print CSV.
        options: Options of `summarize`.
    """
    from genanalytics.tables.overview import overview, rank_groups

    columns = split_names(",".join(by))
    if as_json or as_csv:
        print_rows(rank_groups(data, columns, **options), as_json=as_json, as_csv=as_csv)
    else:
        say_table(overview(data, columns, **options, width=find_terminal_width()))


def to_objects(rows: "pd.DataFrame") -> "list[dict[str, Any]]":
    """Return rows as plain Python values; gaps and infinities are None, times are ISO 8601."""
    plain = rows.astype("object").where(rows.notna(), None).to_dict("records")
    return [{str(name): _to_plain(value) for name, value in row.items()} for row in plain]


def split_names(text: str) -> list[str]:
    """Return the names between the commas of an option.

    >>> split_names("model, day,")
    ['model', 'day']
    """
    return [name.strip() for name in text.split(",") if name.strip()]


def choose_engine(paths: Sequence[str], *, large_bytes: int = LARGE_BYTES) -> "Engine":
    """Return the engine for files: pandas, or DuckDB for large Parquet if it is installed."""
    files = [file for path in map(Path, paths) for file in _list_parquet(path)]
    known = all(file.suffix.lower() == ".parquet" and file.is_file() for file in files)
    large = known and sum(file.stat().st_size for file in files) > large_bytes
    return "duckdb" if large and find_spec("duckdb") else "pandas"


def _list_parquet(path: Path) -> list[Path]:
    from genanalytics.dataset.manifest import is_dataset, list_files

    if is_dataset(path):
        return list_files(path)
    return list(path.rglob("*.parquet")) if path.is_dir() else [path]


def _find_coverage(paths: Sequence[str], data: Any, *, is_filtered: bool) -> "Coverage | None":
    """Return the coverage of Parquet files that an engine reads, which counts their ids if there are several files."""
    import narwhals.stable.v2 as nw

    from genanalytics.dataset.manifest import is_dataset
    from genanalytics.files import read_coverage
    from genanalytics.records.coverage import join_coverage, list_missing

    places = list(map(Path, paths))
    if not all(place.is_file() or is_dataset(place) for place in places):
        return None  # a URL, a glob or a plain directory
    coverages = list(map(read_coverage, places))
    coverage = coverages[0]
    if len(places) > 1:
        known = nw.from_native(data).select("requested_id").drop_nulls().unique()
        is_missing = nw.col("requested_id").is_in(sorted(list_missing(coverages)))
        present = known.filter(is_missing).collect()["requested_id"].to_list()
        found = int(known.select(nw.len()).collect().item())
        coverage = join_coverage(coverages, found=found, present=set(present))
    return replace(coverage, part=True) if coverage is not None and is_filtered else coverage


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
    from genanalytics.files import join_frames, read

    frames = [read(path) for path in paths]
    frame = join_frames(frames)
    repeated = sum(map(len, frames)) - len(frame)
    if repeated:
        print_notices([f"{format_count(repeated, 'record')} repeated in the files; the one fetched last counts"])
    return frame
