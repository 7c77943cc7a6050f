"""The forms in which a command prints rows: a table for people, or data for programs."""

import json
import math
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, cast

import click

from genanalytics.cli.options import Command, combine
from genanalytics.cli.records import split_names
from genanalytics.cli.streams import emit, say, say_table

if TYPE_CHECKING:
    import pandas as pd

FORMS = ("table", "json", "csv")


@dataclass(frozen=True, slots=True)
class Output:
    """How a command prints its rows.

    Attributes:
        form: One of `FORMS`.
    """

    form: str

    @property
    def is_for_people(self) -> bool:
        """Whether the rows are printed as a table."""
        return self.form == "table"

    def print_rows(self, rows: "pd.DataFrame") -> bool:
        """Print rows as data for programs, and return whether that was requested.

        Each row contains the coverage of the data, which is a gap if it is unknown.
        """
        from genanalytics.records.coverage import COVERAGE, Coverage, describe_coverage

        if self.is_for_people:
            return False
        coverage = Coverage.from_json(rows.attrs[COVERAGE])
        rows = rows.assign(**{COVERAGE: None if coverage is None else coverage.share_of_rows})
        if coverage is not None and coverage.is_partial:
            say(describe_coverage(coverage), err=True)
        if self.form == "csv":
            from genanalytics.formats.csv import quote_formula

            rows = rows.apply(lambda column: column.map(quote_formula) if column.dtype.kind == "O" else column)
            sys.stdout.write(rows.rename(columns=quote_formula).to_csv(index=False))
        else:
            emit(json.dumps(to_objects(rows), allow_nan=False))
        return True

    def say_table(self, rows: "pd.DataFrame", by: Sequence[str], names: Iterable[str], **options: Any) -> None:
        """Print rows as a table for people; arguments are those of `format_table`."""
        from genanalytics.tables.table import format_table

        say_table(format_table(rows, by, names, width=find_terminal_width(), **options))


def _check_one_form(context: click.Context, _: click.Parameter, value: bool) -> bool:
    if value and (context.params.get("as_json") or context.params.get("as_csv")):
        msg = "--json and --csv are two forms of one output: give one of them"
        raise click.UsageError(msg)
    return value


_form_options = combine(
    click.option("--json", "as_json", is_flag=True, callback=_check_one_form, help="Print JSON, for programs."),
    click.option("--csv", "as_csv", is_flag=True, callback=_check_one_form, help="Print comma-separated values."),
)
_watch_options = combine(
    click.option("--watch", is_flag=True, help="Print again whenever a file or data set changed, until Ctrl-C."),
    click.option(
        "--watch-every",
        "watch_s",
        type=click.FloatRange(0, min_open=True),
        metavar="SECONDS",
        help="Watch, and wait at least this long between two outputs (default: 2).",
    ),
)


def prints_rows(command: Command) -> Command:
    """Let a command take the form of its rows as `output`."""

    @wraps(command)
    def choose(as_json: bool, as_csv: bool, watch: bool, watch_s: float | None, **others: Any) -> Any:
        output = Output("json" if as_json else "csv" if as_csv else "table")
        if not watch and watch_s is None:
            return command(output=output, **others)
        from genanalytics.cli.repeat import repeat

        run = partial(command, output=output, **others)
        return repeat(run, others["selection"], watch_s, is_for_people=output.is_for_people)

    return cast("Command", combine(_form_options, _watch_options)(choose))


def print_groups(data: Any, by: Sequence[str], output: Output, **options: Any) -> None:
    """Print the statistics of groups: as data, or as a table with a total.

    Args:
        data: What `Selection.open` yields, perhaps with more columns.
        by: The values of `--by`.
        output: The form.
        options: Options of `summarize`.
    """
    from genanalytics.tables.overview import overview, rank_groups

    columns = split_names(",".join(by))
    if output.is_for_people:
        say_table(overview(data, columns, **options, width=find_terminal_width()))
    else:
        output.print_rows(rank_groups(data, columns, **options))


def to_objects(rows: "pd.DataFrame") -> "list[dict[str, Any]]":
    """Return rows as plain Python values; gaps and infinities are None, times are ISO 8601."""
    plain = rows.astype("object").where(rows.notna(), None).to_dict("records")
    return [{str(name): _to_plain(value) for name, value in row.items()} for row in plain]


def find_terminal_width() -> int:
    """Return the width of the terminal in characters; without a terminal, a width that divides no table."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 1_000


def _to_plain(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value
