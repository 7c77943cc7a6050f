"""Values of options that the shell completes, and the lists of names that `--list` prints."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click
from click.shell_completion import CompletionItem

from genanalytics.cli.streams import say

if TYPE_CHECKING:
    from genanalytics.metrics.declare import Statistic

_MOST_VALUES = 200
_LARGEST_BYTES = 200_000_000
"""No larger file is read for its values: a shell waits for them."""
_HARMLESS = re.compile(r"[\w./:@+-]+")
"""Values that a shell takes literally; records were written by strangers, so others are not offered."""
Names = Iterable[tuple[str, str]]
"""Names with a meaning each, which can be empty."""


class Value(click.ParamType):  # type: ignore[type-arg] # generic in newer versions of click only
    """A value that the shell completes; the code that reads it reports errors.

    Args:
        find_names: Returns the names for a context.
        many: Whether the value is a list of names with commas between.
    """

    name = "text"

    def __init__(self, find_names: Callable[[click.Context], Names], *, many: bool = False) -> None:
        self._find_names = find_names
        self._many = many

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's
        """Return the names that begin as the incomplete one."""
        given = incomplete.rpartition(",")[0] + "," if self._many and "," in incomplete else ""
        begun = incomplete[len(given) :]
        return [
            CompletionItem(f"{given}{name}", help=meaning or None)
            for name, meaning in self._find_names(ctx)
            if name.startswith(begun)
        ]


class Condition(click.ParamType):  # type: ignore[type-arg] # see above
    """A condition of `--where`: the shell completes its column, then the values of this column in the files."""

    name = "text"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's
        """Return the conditions that begin as the incomplete one."""
        column, sign, begun = incomplete.partition("=")
        if not sign:
            return [
                CompletionItem(f"{name}=", help=text) for name, text in list_columns(ctx) if name.startswith(column)
            ]
        values = (value for value in _list_values(ctx, column) if value.startswith(begun))
        return [CompletionItem(f"{column}={value}") for value in islice(values, _MOST_VALUES)]


def list_metrics(_: click.Context | None = None) -> Names:
    """Return the names of sets and statistics."""
    from genanalytics.metrics.catalog import SETS

    sets = [(name, f"the set {name}") for name in SETS]
    return [*sets, *((one.name, one.label) for statistics in SETS.values() for one in statistics)]


def list_row_values(_: click.Context | None = None) -> Names:
    """Return the names of row values and of statistics."""
    from genanalytics.metrics.catalog import ROW_VALUES

    return [*((name, value.label) for name, value in ROW_VALUES.items()), *list_metrics()]


def list_charts(_: click.Context | None = None) -> Names:
    """Return the names of charts."""
    from genanalytics.plots import CHARTS

    return [(name, chart.question) for name, chart in CHARTS.items()]


def list_columns(ctx: click.Context | None = None) -> Names:
    """Return the names of columns to group by: those of the files if they are quick to find, else of all records."""
    from genanalytics.records.schema import COLUMNS, Kind

    meanings = {column.name: column.meaning for column in COLUMNS if column.kind is not Kind.ATTEMPTS}
    names = {name for path in _list_paths(ctx) for name in _read_names(path)} or set(meanings)
    derived = [(name, meaning) for name, meaning in DERIVED_MEANINGS.items() if name not in names]
    known = [(name, meaning) for name, meaning in meanings.items() if name in names]
    further = [(name, "") for name in sorted(names - set(meanings)) if _HARMLESS.fullmatch(name)]
    return [*known, *further, *derived]


def list_periods(_: click.Context | None = None) -> Names:
    """Return the names of periods to group by."""
    from genanalytics.metrics.grouping.calendar import PERIODS

    return [(name, "") for name in PERIODS]


def list_units(_: click.Context | None = None) -> Names:
    """Return the names of the units of a calendar."""
    from genanalytics.base.moments import CalendarUnit

    return [(name, "") for name in get_args(CalendarUnit)]


def list_zones(_: click.Context | None = None) -> Names:
    """Return the names of time zones."""
    from zoneinfo import available_timezones

    return [(name, "") for name in ("local", *sorted(available_timezones()))]


def list_report_sections(_: click.Context | None = None) -> Names:
    """Return the names of the sections of a report."""
    from genanalytics.report.sections import SECTIONS

    return [(name, "") for name in SECTIONS]


DERIVED_MEANINGS = {
    "day": "The day of the creation, by --tz",
    "hour": "The hour of the creation, 0 to 23, by --tz",
    "weekday": "The weekday of the creation, 1 is Monday, by --tz",
    "model_family": "The model without date and variant",
}
"""What can be grouped by and is no column."""

METRICS = Value(list_metrics, many=True)
METRIC = Value(list_row_values)
CHART = Value(list_charts)
COLUMN = Value(list_columns)
COLUMNS_OF_GROUPS = Value(list_columns, many=True)
ZONE = Value(list_zones)
PERIOD = Value(list_periods)
REPORT_SECTIONS = Value(list_report_sections, many=True)
UNIT = Value(list_units)
CONDITION = Condition()


def print_names(context: click.Context, _: click.Parameter, value: bool) -> None:
    """Print the figures and the columns that a summary can have, and end the program."""
    if not value:
        return
    from genanalytics.metrics.catalog import SETS

    for name, statistics in SETS.items():
        say(f"Figures (--metrics), of the set {name}:")
        _print_lines(_join_spreads(statistics))
        say("")
    say("Columns (--by, --where):")
    _print_lines(list_columns())
    context.exit()


def print_charts(context: click.Context, _: click.Parameter, value: bool) -> None:
    """Print the charts with the question that each answers, and end the program."""
    if not value:
        return
    _print_lines(list_charts(), indent="")
    context.exit()


def _join_spreads(statistics: "Iterable[Statistic]") -> Iterator[tuple[str, str]]:
    """Yield the names of statistics with their meaning; mean, percentiles and n of one row value are one name."""
    from genanalytics.metrics.catalog import ROW_VALUES
    from genanalytics.metrics.declare import LEVELS

    seen = set[str]()
    for one in statistics:
        value = one.name.rpartition("_")[0]
        if value not in ROW_VALUES:
            yield one.name, one.description
        elif value not in seen:
            seen.add(value)
            yield value, f"{ROW_VALUES[value].description} (_mean, {', '.join(f'_{level}' for level in LEVELS)}, _n)"


def _print_lines(names: Names, *, indent: str = "  ") -> None:
    rows = list(names)
    widest = max(len(name) for name, _ in rows)
    for name, meaning in rows:
        say(f"{indent}{name:{widest}}  {meaning}".rstrip())


def _list_paths(ctx: click.Context | None) -> list[Path]:
    """Return the files and data sets that the command line names so far, or those of the environment."""
    from genanalytics.cli.config import read_config
    from genanalytics.errors import InputError

    if ctx is None:
        return []
    given = ctx.params.get("paths") or ctx.args  # while an option lacks its value, click has sorted no arguments
    try:
        return [path for path in map(Path, given or read_config().data) if path.exists()]
    except InputError:  # the command itself reports it
        return []


def _read_names(path: Path) -> Iterator[str]:
    """Yield the columns of Parquet files; nothing for others, which would have to be read whole."""
    import pyarrow as pa
    from pyarrow.parquet import read_schema

    from genanalytics.dataset.listing import list_parquet
    from genanalytics.errors import GenAnalyticsError

    try:
        schemas = [read_schema(file) for file in list_parquet(path)[:1]]
    except (GenAnalyticsError, OSError, ValueError, pa.ArrowException):  # the command itself reports it
        return
    yield from (field.name for schema in schemas for field in schema if not pa.types.is_nested(field.type))


def _list_values(ctx: click.Context, column: str) -> list[str]:
    """Return the texts of a column in the files that the command line names so far, the most frequent first."""
    from collections import Counter

    counts: Counter[Any] = Counter()
    for path in _list_paths(ctx):
        counts.update(_count_values(path, column))
    return [value for value, _ in counts.most_common() if isinstance(value, str) and _HARMLESS.fullmatch(value)]


def _count_values(path: Path, column: str) -> dict[Any, int]:
    """Return how often each value of a column occurs in a file, unless it is large; of Parquet, one column is read."""
    import pyarrow as pa
    from pyarrow.parquet import read_table

    import genanalytics as ga
    from genanalytics.dataset.listing import list_parquet
    from genanalytics.errors import GenAnalyticsError

    try:
        files = list_parquet(path)
        if sum(file.stat().st_size for file in files or [path] if file.is_file()) > _LARGEST_BYTES:
            return {}
        if files:
            values = pa.concat_tables(read_table(file, columns=[column]) for file in files)[column].to_pandas()
        else:
            values = ga.read(path)[column]
    except (GenAnalyticsError, OSError, LookupError, pa.ArrowException):  # the command itself reports it
        return {}
    return dict(values.value_counts())
