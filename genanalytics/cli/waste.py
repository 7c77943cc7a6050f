"""The command `waste`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from genanalytics.cli.output import Output, prints_rows
from genanalytics.cli.records import Selection, reads_records
from genanalytics.cli.streams import say
from genanalytics.units import Unit, format_value, mark_lower_bound, money_decimals

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("kind", "requests", "cost", "share", "time_ms")


@click.command(
    epilog="""\b
Examples:
  genanalytics waste generations.parquet
  genanalytics waste generations.parquet --where model=openai/gpt-5 --json"""
)
@click.option(
    "--within",
    "within_s",
    type=click.FloatRange(0, min_open=True),
    default=10,
    show_default=True,
    metavar="SECONDS",
    help="Suspect requests like another one up to this many seconds before.",
)
@reads_records
@prints_rows
def waste(selection: Selection, output: Output, within_s: float) -> None:
    """Show what was paid for nothing, and the time that was lost.

    No dollar is in two classes. Upper bounds contain what may have been of use or could not be avoided; near-duplicates
    are only suspected.
    """
    from genanalytics.decide.losses.waste import waste as find_waste
    from genanalytics.tables.table import list_notices

    with selection.open() as data:
        found = find_waste(data, within_s=within_s)
    if output.print_rows(found):
        return
    say(*_conclude(found))
    judged = found[found["gap"].isna()]
    if judged["cost_low"].isna().all():
        judged = judged.drop(columns=["cost_low", "cost_high"])
    if len(judged):
        say("")
        output.say_table(judged, ["class"], _COLUMNS)
    say(*list_notices(found))
    for row in found[found["gap"].notna()].to_dict("records"):
        say(f"Not judged: {row['class']}: {row['gap']}.")
    for row in judged[judged["requests"] > 0].to_dict("records"):
        say("", f"{row['class']}: {row['advice']}.", f"  {row['examples']}")


def _conclude(found: "pd.DataFrame") -> Iterator[str]:
    """Yield the answer in words."""
    totals = found.attrs["totals"]
    decimals = money_decimals([totals["bill"]])
    bill, certain, most = (
        format_value(totals[name], Unit.USD, decimals=decimals) for name in ("bill", "certain", "upper bound")
    )
    if not found["gap"].isna().any():
        yield "Nothing was judged."
        return
    if found.attrs["partial"]:
        bill = mark_lower_bound(bill)
    share = f" ({format_value(totals['certain'] / totals['bill'], Unit.SHARE)})" if totals["bill"] > 0 else ""
    yield f"{certain} of {bill}{share} was paid for nothing, certain; at most {most} more was avoidable."
    if totals["suspected"] > 0:
        suspected = format_value(totals["suspected"], Unit.USD, decimals=decimals)
        yield f"Near-duplicates are suspected of {suspected} more."
    lost = found["time_ms"].sum()
    if lost > 0:
        yield f"{format_value(float(lost), Unit.MS)} passed in failed requests and attempts."
