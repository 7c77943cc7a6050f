"""The command `forecast`."""

from typing import TYPE_CHECKING

import click

from genanalytics.cli.exit_codes import Exit
from genanalytics.cli.output import Output, prints_rows
from genanalytics.cli.records import Selection, reads_all_times
from genanalytics.cli.streams import emit, say, say_table
from genanalytics.cli.terminal import find_terminal_width, say_notes

if TYPE_CHECKING:
    from genanalytics.decide.budget.outlook import Forecast

COSTS = ("effective_cost", "billed_cost", "byok_cost")


@click.command(
    epilog="""\b
Examples:
  genanalytics forecast generations.parquet --budget 500
  genanalytics forecast generations.parquet --budget 500 --fail-above 0.5
  genanalytics forecast generations.parquet --until 2026-10-31 --json"""
)
@reads_all_times
@prints_rows
@click.option(
    "--until",
    default="month",
    show_default=True,
    metavar="week|month|DATE",
    help="End the period with the current week or month, or on a day.",
)
@click.option("--since", metavar="DATE", help="Begin the period on a day, not with the week or the month.")
@click.option("--budget", type=float, metavar="USD", help="Show the chance to exceed this budget of the period.")
@click.option(
    "--fail-above",
    type=click.FloatRange(0, 1),
    metavar="CHANCE",
    help="Exit with code 5 if the chance to exceed the budget is above this (0 to 1), or with 6 if it is unknown.",
)
@click.option(
    "--cost",
    type=click.Choice(COSTS),
    default="effective_cost",
    show_default=True,
    help="Forecast this cost; effective_cost is charges plus payments to providers.",
)
def forecast(
    selection: Selection,
    output: Output,
    until: str,
    since: str | None,
    budget: float | None,
    fail_above: float | None,
    cost: str,
) -> int:
    """Show what the month will cost, against a budget.

    Shows the chance to exceed the budget, too. The 80 % and 95 % bands come from the weekday pattern and from past
    weeks, drawn at random. Needs three full weeks, since the last change of the level of the daily cost; otherwise
    there is no forecast, and a sentence says why.
    """
    from genanalytics.decide.budget.forecast import check_options, forecast as compute
    from genanalytics.tables.encode import encode_object

    if output.form in {"table", "json"}:
        output.refuse_choices("the forecast is not a list of rows in this form", "add --csv, which prints its days")
    if fail_above is not None and budget is None:
        msg = "--fail-above needs a --budget"
        raise click.UsageError(msg)
    check_options(until=until, since=since, budget=budget)
    with selection.open() as data:
        found = compute(data, until=until, since=since, budget=budget, tz=selection.tz, cost=cost)  # type: ignore[arg-type] # a choice
    if output.form == "json":
        emit(encode_object(found.to_json()))
    elif output.print_rows(found.days):
        say(found.answer, err=True)
    else:
        _say_page(found)
    return _choose_exit_code(found, fail_above)


def _say_page(found: "Forecast") -> None:
    from genanalytics.tables.pages import format_section

    say_notes(found.answer)
    width = find_terminal_width()
    for section in found.list_sections():
        say("")
        say_table(format_section(section, width=width) if section.figures else section.to_text(width=width))
    if notes := found.list_notes():
        say("")
        say_notes(*notes)


def _choose_exit_code(found: "Forecast", fail_above: float | None) -> Exit:
    if fail_above is None:
        return Exit.SUCCESS
    if found.chance_to_exceed is None:
        say("Error: there is no forecast, so the chance to exceed the budget is unknown.", err=True)
        return Exit.UNDECIDED
    if found.chance_to_exceed > fail_above or found.chance_to_exceed == 1:
        return Exit.OVER_BUDGET
    return Exit.SUCCESS
