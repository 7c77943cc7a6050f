"""The forms in which a command prints rows: a table for people, or data for programs."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial, wraps
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from genanalytics.cli.config import read_config
from genanalytics.cli.options import FILE, Command, combine
from genanalytics.cli.records import Selection, split_names
from genanalytics.cli.streams import say, say_table
from genanalytics.cli.terminal import choose_style, find_terminal_width, say_notes

if TYPE_CHECKING:
    import pandas as pd

    from genanalytics.tables.table import Table

FORMS = ("table", "json", "jsonl", "csv", "markdown", "html", "xlsx")
SUFFIXES = {
    ".txt": "table",
    ".json": "json",
    ".jsonl": "jsonl",
    ".csv": "csv",
    ".md": "markdown",
    ".html": "html",
    ".xlsx": "xlsx",
}
"""The form of a file, by its suffix."""
FOR_PEOPLE = ("table", "markdown", "html")
"""The forms with labels, units and the main columns."""


@dataclass(frozen=True, slots=True)
class Output:
    """How a command prints its rows.

    Attributes:
        form: One of `FORMS`.
        file: The file to write; None for stdout.
        columns: The columns to print; None for those that the command chooses.
        sort: The column to sort by, as `sort_rows` takes it; None for the order of the command.
        limit: The number of rows to print; None for the number that the command chooses.
        total: Whether to add a total; None for a total in forms for people.
    """

    form: str
    file: str | None = None
    columns: tuple[str, ...] | None = None
    sort: str | None = None
    limit: int | None = None
    total: bool | None = None

    @property
    def is_text_table(self) -> bool:
        """Whether the rows are printed as a text table."""
        return self.form == "table"

    @property
    def has_total(self) -> bool:
        """Whether a total is printed if there is one."""
        return self.form in FOR_PEOPLE if self.total is None else self.total

    def print_rows(
        self,
        rows: "pd.DataFrame",
        names: Sequence[str] | None = None,
        *,
        total: "pd.DataFrame | None" = None,
        prepare: "Callable[[pd.DataFrame], pd.DataFrame] | None" = None,
    ) -> bool:
        """Print rows in any form but a text table, and return whether one was requested.

        Each row of data for programs contains the coverage of the data, which is a gap if it is unknown.

        Args:
            rows: The rows, with units and labels in `attrs`.
            names: The main columns, which Markdown and HTML show unless the user chooses columns; None for all.
            total: The figures of all rows as one row; by default those of `find_total`.
            prepare: Makes the rows readable for Markdown and HTML, after they are sorted.
        """
        if self.is_text_table:
            return False
        if self.form in FOR_PEOPLE:
            self.print_document(self._make_table(rows, names, total, prepare))
        else:
            self._print_data(rows, total)
        return True

    def print_document(self, table: "Table") -> None:
        """Print a table with its notes as Markdown or HTML."""
        from genanalytics.tables.markup import encode_html, encode_markdown

        sys.stdout.write(encode_html(table) if self.form == "html" else encode_markdown(table))

    def _make_table(
        self,
        rows: "pd.DataFrame",
        names: Sequence[str] | None,
        total: "pd.DataFrame | None",
        prepare: "Callable[[pd.DataFrame], pd.DataFrame] | None",
    ) -> "Table":
        """Return the table of a document, whose first columns without figures name the rows."""
        from genanalytics.metrics.declare import name_limits
        from genanalytics.tables.figures import list_groups
        from genanalytics.tables.notes import list_notices
        from genanalytics.tables.table import Table
        from genanalytics.tables.trim import add_coverage, choose_columns, list_bounds, sort_rows

        ordered = rows if self.sort is None else sort_rows(rows, self.sort)
        readable = add_coverage(ordered if prepare is None else prepare(ordered))
        limits = {limit for name in rows.attrs.get("units", {}) for limit in name_limits(name)}
        everything = [name for name in map(str, rows) if name not in limits]  # the interval of a figure has a column
        chosen = choose_columns(readable, self.columns or names or everything)
        by = list_groups(chosen)
        whole = self._find_total(rows, total) if by else None
        return Table(
            summary=readable,
            by=by,
            names=[name for name in map(str, chosen) if name not in by],
            total=whole,
            at_least=list_bounds(whole),
            notes=list_notices(rows),
            limit=self.limit,
        )

    def _print_data(self, rows: "pd.DataFrame", total: "pd.DataFrame | None") -> None:
        """Print rows for programs, and what a user should know of them on stderr."""
        from genanalytics.records.coverage import COVERAGE, Coverage, describe_coverage
        from genanalytics.tables.trim import add_coverage, add_total, choose_columns, describe_left_out

        shown, left_out = self.arrange(rows)
        coverage = Coverage.from_json(rows.attrs.get(COVERAGE))
        if coverage is not None and coverage.is_partial:
            say(describe_coverage(coverage), err=True)
        say(*describe_left_out(left_out), err=True)
        data = add_coverage(shown)
        data = data if self.columns is None else choose_columns(data, self.columns)
        whole = self._find_total(rows, total)
        if whole is not None:
            data = add_total(data, whole)
        self._write(data)

    def say_table(
        self,
        rows: "pd.DataFrame",
        by: Sequence[str],
        names: Iterable[str],
        *,
        total: "pd.DataFrame | None" = None,
        limit: int | None = None,
        prepare: "Callable[[pd.DataFrame], pd.DataFrame] | None" = None,
        rare: Sequence[str] = (),
        answer: Iterable[str] = (),
    ) -> None:
        """Print rows as a table for people, and a line about the rows that are left out.

        Args:
            rows: The rows, with units and labels in `attrs`.
            by: The columns that name the rows.
            names: The columns after them, unless the user chooses columns.
            total: The figures of all rows as one row; by default those of `find_total`.
            limit: The number of rows, unless the user chooses it.
            prepare: Makes the rows readable, after they are sorted.
            rare: The columns that a narrow terminal leaves out first.
            answer: The lines before the table; a wrong choice of the user is refused before they are printed.
        """
        from genanalytics.tables.table import format_table
        from genanalytics.tables.trim import choose_columns, describe_left_out, list_bounds

        shown, left_out = self.arrange(rows, limit=limit)
        shown = shown if prepare is None else prepare(shown)
        by, names = list(by), list(names)
        if self.columns is not None:
            shown = choose_columns(shown, self.columns)
            by, names = (
                [name for name in self.columns if name in by],
                [name for name in map(str, shown) if name not in by],
            )
        whole = self._find_total(rows, total) if by else None
        bounds, width, style = list_bounds(whole), find_terminal_width(), choose_style()
        table = format_table(shown, by, names, total=whole, at_least=bounds, rare=rare, width=width, style=style)
        if lines := list(answer):
            say_notes(*lines)
            say("")
        say_table(table)
        say_notes(*describe_left_out(left_out))

    def arrange(self, rows: "pd.DataFrame", *, limit: int | None = None) -> "tuple[pd.DataFrame, pd.DataFrame]":
        """Return the rows to print, sorted, and those that are left out.

        Args:
            rows: All rows.
            limit: The number of rows, unless the user chooses it.
        """
        from genanalytics.tables.trim import limit_rows, sort_rows

        return limit_rows(rows if self.sort is None else sort_rows(rows, self.sort), self.limit or limit)

    def refuse_choices(self, what: str, instead: str) -> None:
        """Refuse the options that choose rows and columns.

        Args:
            what: What is printed instead of rows.
            instead: What the user can do.

        Raises:
            click.UsageError: There is one.
        """
        given = {"--columns": self.columns, "--sort": self.sort, "--limit": self.limit, "--total": self.total}
        named = next((name for name, value in given.items() if value is not None), None)
        if named is not None:
            msg = f"{named} chooses among rows, and {what}: {instead}"
            raise click.UsageError(msg)

    def _find_total(self, rows: "pd.DataFrame", given: "pd.DataFrame | None") -> "pd.DataFrame | None":
        """Return the total to print, if any.

        Raises:
            click.UsageError: The user wants one, and the rows do not add up.
        """
        from genanalytics.tables.trim import find_total, has_natural_total

        if not self.has_total:
            return None
        total = given
        if given is None and (self.total or has_natural_total(rows)):
            total = find_total(rows)
        if total is None and self.total:
            msg = "--total: these rows do not add up; leave it out"
            raise click.UsageError(msg)
        return total

    def _write(self, rows: "pd.DataFrame") -> None:
        """Write rows to stdout, or a workbook into its file."""
        from genanalytics.tables import encode, workbook

        if self.form == "xlsx" and self.file is not None:
            _write_file(self.file, workbook.encode_workbook(rows))
            return
        encoders = {"json": encode.encode_json, "jsonl": encode.encode_jsonl, "csv": encode.encode_csv}
        sys.stdout.write(encoders[self.form](rows))


def _read_names(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> tuple[str, ...] | None:
    return tuple(split_names(",".join(texts))) or None


_form_options = combine(
    click.option(
        "--format",
        "form",
        type=click.Choice(FORMS),
        metavar="FORM",
        help=f"Print {', '.join(FORMS[:-1])} or {FORMS[-1]}.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs."),
    click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values."),
    click.option("-o", "--output", "file", type=FILE, help="Write a file; its suffix chooses the form."),
    click.option(
        "--columns",
        multiple=True,
        callback=_read_names,
        metavar="NAME[,NAME]",
        help="Choose columns, by their names in JSON.",
    ),
    click.option("--sort", metavar="COLUMN[:asc|:desc]", help="Sort by a column."),
    click.option("-n", "--limit", type=click.IntRange(1), metavar="N", help="Print the first N rows."),
    click.option("--total/--no-total", default=None, help="Add a total, or leave it out."),
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
    """Let a command take the form of its rows as `output`, and write what it prints into the file of `--output`."""

    @wraps(command)
    def choose(
        form: str | None,
        as_json: bool,
        as_csv: bool,
        file: str | None,
        columns: tuple[str, ...] | None,
        sort: str | None,
        limit: int | None,
        total: bool | None,
        watch: bool,
        watch_s: float | None,
        **others: Any,
    ) -> Any:
        named = {f"--format {form}": form, "--json": "json" if as_json else None, "--csv": "csv" if as_csv else None}
        output = Output(_choose_form(named, file), file, columns, sort, limit, total)
        run = partial(_run, partial(command, output=output, **others), output)
        if not watch and watch_s is None:
            return run()
        from genanalytics.cli.repeat import repeat

        selection = others.get("selection") or Selection(others["paths"] or read_config().find_data())
        return repeat(run, selection, watch_s, is_for_people=output.is_text_table and file is None)

    return cast("Command", combine(_form_options, _watch_options)(choose))


def _run(command: Callable[[], Any], output: Output) -> Any:
    """Run a command, and write what it prints into the file of its output, if there is one."""
    if output.file is None:
        return command()
    with redirect_stdout(StringIO()) as printed:
        code = command()
    if output.form != "xlsx":
        _write_file(output.file, printed.getvalue().encode("utf-8", "backslashreplace"))
    say(f"Wrote {output.file}.", err=True)
    return code


def _choose_form(named: Mapping[str, str | None], file: str | None) -> str:
    """Return the form of an output, and check that it can be written.

    Args:
        named: The form that each option names.
        file: The file.

    Raises:
        click.UsageError: Two options differ, or the suffix of the file means no form, or a workbook has no file.
        InputError, OutputError: The file cannot be written, or a package is not installed.
    """
    from genanalytics.base.atomic import check_writable

    given = {option: form for option, form in named.items() if form is not None}
    if len(set(given.values())) > 1:
        msg = f"{' and '.join(given)} are two forms of one output: give one of them"
        raise click.UsageError(msg)
    form = next(iter(given.values()), None)
    if form == "xlsx" and file is None:
        msg = "--format xlsx is a file that no terminal shows: give -o FILE"
        raise click.UsageError(msg)
    if file is None:
        return form or "table"
    of_suffix = SUFFIXES.get(Path(file).suffix.lower())
    if form != of_suffix and "xlsx" in {form, of_suffix} and None not in {form, of_suffix}:
        msg = f"--output {file!r} is no file for {next(iter(given))}: leave that out, or give another suffix"
        raise click.UsageError(msg)
    found = form or of_suffix
    if found is None:
        msg = f"--output {file!r} has no suffix of a form: use {', '.join(SUFFIXES)}, or give --format"
        raise click.UsageError(msg)
    if found == "xlsx":
        from genanalytics.tables.workbook import check_workbooks

        check_workbooks()
    check_writable(file)
    return found


def _write_file(file: str, content: bytes) -> None:
    from genanalytics.base.atomic import replace_file

    with replace_file(Path(file)) as part:
        part.write_bytes(content)


def show_times(tz: str, *names: str) -> "Callable[[pd.DataFrame], pd.DataFrame]":
    """Return a function that shows the moments in columns as clocks of a time zone do."""

    def prepare(rows: "pd.DataFrame") -> "pd.DataFrame":
        return rows.assign(**{name: rows[name].dt.tz_convert(tz) for name in names})

    return prepare
