"""The command `plot`."""

from typing import TYPE_CHECKING, Any

import click

from genanalytics.cli.against import open_both, takes_against
from genanalytics.cli.options import FILE
from genanalytics.cli.records import Selection, reads_records
from genanalytics.cli.streams import say
from genanalytics.cli.values import CHART, COLUMN, METRIC, PERIOD, print_charts

if TYPE_CHECKING:
    from genanalytics.plots.palette import Theme


@click.command(
    epilog="""\b
Examples:
  genanalytics plot --list
  genanalytics plot cost-over-time generations.parquet -o cost.png --by provider_name
  genanalytics plot cost-bridge generations.parquet -o bridge.png --last month --against previous
  genanalytics plot latency-tails generations.parquet -o tails.svg --where 'model=openai/gpt-5'
  genanalytics plot cost-ranking generations.parquet -o cost.png --top 5 --width 6 --theme dark"""
)
@click.argument("chart", metavar="CHART", type=CHART)
@reads_records
@click.option("-o", "--output", required=True, type=FILE, help="Write this picture: .png, .svg or .pdf.")
@click.option(
    "--by", metavar="COLUMN", type=COLUMN, help="Compare groups by a column, or by day, hour, weekday or model_family."
)
@click.option("--every", metavar="PERIOD", type=PERIOD, help="Divide time into minute, hour, day, week or month.")
@click.option(
    "--metric",
    metavar="NAME",
    type=METRIC,
    help="Draw this: ttft_ms, e2e_ms, tps_decode, effective_cost, ttft_ms_p95, ...",
)
@takes_against("Compare with the previous period, or with other records: cost-bridge, cumulative-cost, cost-over-time.")
@click.option("--top", metavar="N", type=click.IntRange(1), help="Draw the N largest groups; the others are together.")
@click.option("--title", metavar="TEXT", help="Set the title of the chart.")
@click.option("--width", metavar="INCHES", type=float, help="Set the width of the picture: 9 if not given.")
@click.option("--height", metavar="INCHES", type=float, help="Set the height: 5 if not given, less for few rows.")
@click.option("--dpi", type=float, default=220, show_default=True, metavar="N", help="Set the pixels per inch.")
@click.option(
    "--theme", type=click.Choice(["light", "dark"]), default="light", show_default=True, help="Set the paper."
)
@click.option(
    "--list",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=print_charts,
    help="Print the charts and the question that each answers.",
)
def plot(
    chart: str,
    selection: Selection,
    output: str,
    against: str | None,
    width: float | None,
    height: float | None,
    dpi: float,
    theme: "Theme",
    **options: Any,
) -> None:
    """Draw a chart of records into a file.

    CHART is one of the names that --list prints. Reads the files that `summary` reads.
    """
    from genanalytics.plots import find_chart, save
    from genanalytics.plots.saving import check_options, check_size, check_target

    draw = find_chart(chart).draw
    given = {name: value for name, value in options.items() if value is not None}
    check_options(draw, given if against is None else given | {"against": against}, among={*options, "tz", "against"})
    check_size(width=width, height=height, dpi=dpi)
    check_target(output)
    with open_both(selection, against) as (data, compared):
        if against is not None:
            given["against"] = compared
        save(data, draw, output, tz=selection.tz, width=width, height=height, dpi=dpi, theme=theme, **given)
    say(f"Wrote {output}.", err=True)
