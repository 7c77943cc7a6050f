"""The command `change`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from genanalytics.base.text import capitalize, to_sentence
from genanalytics.cli.output import Output, prints_rows
from genanalytics.cli.records import Selection, reads_all_times, split_names
from genanalytics.cli.terminal import say_notes
from genanalytics.cli.values import COLUMNS_OF_GROUPS
from genanalytics.units import Unit, format_change, format_value, mark_lower_bound, money_decimals

if TYPE_CHECKING:
    import pandas as pd

    from genanalytics.decide.mix.two_periods import Periods

_SHOWN = 1e-4
"""Other charges and unexplained effects below this share of the cost have no column."""


@click.command(
    epilog="""\b
Examples:
  genanalytics change generations.parquet --period week
  genanalytics change generations.parquet --period week --against 2026-09-07 --by model,provider_name --json"""
)
@click.option(
    "--period",
    "every",
    type=click.Choice(["week", "month"]),
    default="month",
    show_default=True,
    help="Compare weeks (from Monday) or months.",
)
@click.option(
    "--against",
    default="previous",
    show_default=True,
    metavar="DAY",
    help="Compare with the previous period, or with the one of this day, such as 2026-07-01.",
)
@click.option(
    "--by",
    multiple=True,
    metavar="COLUMN[,COLUMN]",
    type=COLUMNS_OF_GROUPS,
    help="Split the change by these columns (default: model).",
)
@reads_all_times
@prints_rows
def change(
    selection: Selection,
    every: Any,
    against: str,
    by: tuple[str, ...],
    output: Output,
) -> None:
    """Show why the cost of a month or week changed.

    The last full period is compared with the one before it. The change is split into the number of requests, the mix of
    models and providers, tokens per request, prices, and caching; these effects add up to it. Prices come from the
    records, as `prices` shows them. Amounts are per day if the periods have different lengths. JSON and CSV
    have a total row only with --total.
    """
    from genanalytics.bill.items import add_items
    from genanalytics.decide.mix.cost_change import cost_change
    from genanalytics.decide.mix.two_periods import check_against, choose_periods
    from genanalytics.tables.notes import list_notices

    names = split_names(",".join(by)) or ["model"]
    check_against(against)
    with selection.open() as data:
        periods = choose_periods(data, every=every, against=against, tz=selection.tz)
        items = add_items(data)
        sides = [period.keep(items) for period in (periods.before, periods.after)]
        lengths = (periods.before.days, periods.after.days)
        found = cost_change(*sides, by=names, days=None if lengths[0] == lengths[1] else lengths, tz=selection.tz)
    columns = _choose_columns(found, names)
    if output.print_rows(_add_ends(found, periods), [*names, *columns]):
        return
    output.say_table(found, names, columns, answer=_describe(found, periods))
    say_notes(*list_notices(found), *(to_sentence(notice) for notice in periods.notices))


def _add_ends(found: "pd.DataFrame", periods: "Periods") -> "pd.DataFrame":
    """Return the rows with the ends of both periods, which the command chose."""
    ends = {
        f"{side}_{name}": moment
        for side, span in (("before", periods.before), ("after", periods.after))
        for name, moment in (("since", span.start), ("until", span.end))
    }
    days = found.attrs["days"] or [None, None]
    return found.assign(**ends, per_day=days[0] is not None)


def _choose_columns(found: "pd.DataFrame", names: Sequence[str]) -> list[str]:
    """Return the columns with amounts that a reader can see."""
    total: Mapping[str, float | None] = found.attrs["total"]
    least = _SHOWN * max(abs(total["before"] or 0.0), abs(total["after"] or 0.0))
    rare = ["by_other", "by_unexplained"]
    left_out = {name for name in rare if not (found[name].abs() > least).any()}
    left_out |= {name for name in ("unknown_before", "unknown_after") if not found[name].any()}
    return [name for name in found.columns if name not in {*names, *left_out}]


def _describe(found: "pd.DataFrame", periods: "Periods") -> Iterator[str]:
    """Yield the answer in words."""
    from genanalytics.decide.mix.causes import describe_difference

    total: Mapping[str, float | None] = found.attrs["total"]
    bounds, days = found.attrs["lower_bounds"], found.attrs["days"]
    was, now = total["before"], total["after"]
    before, after = periods.before.name, periods.after.name
    if was is None or now is None:
        yield f"The cost of {before if was is None else after} is unknown, so there is no change to explain."
        return
    whole = [was, now] if days is None else [was * days[0], now * days[1]]
    decimals = money_decimals(whole)
    cost = format_value(whole[1], Unit.USD, decimals=decimals)
    cost = mark_lower_bound(cost) if "after" in bounds else cost
    sentence = f"{capitalize(after)} cost {cost}, {describe_difference(whole[0], whole[1], before)}"
    if days is None:
        yield f"{sentence}: {_list_causes(total)}."
        return
    yield f"{sentence}."
    per_day = format_value(now, Unit.USD, decimals=money_decimals([was, now]))
    difference = describe_difference(was, now, before)
    yield f"Per day ({days[0]:g} and {days[1]:g} days): {per_day}, {difference}: {_list_causes(total)}."


def _list_causes(total: Mapping[str, float | None]) -> str:
    """Return the effects in words, the largest first."""
    from genanalytics.decide.mix.causes import REST, list_causes

    found = list_causes(total)
    decimals = money_decimals(cause.amount for cause in found if cause.name != REST)
    shown = [cause for cause in found if cause.name != REST or round(cause.amount, decimals)]
    causes = [f"{cause.name} {format_change(cause.amount, Unit.USD, decimals=decimals)}" for cause in shown]
    return ", ".join(causes) or "no cause changed"
