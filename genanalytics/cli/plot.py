"""The command line's command that draws."""

from pathlib import Path

import click

from genanalytics.cli.records import opened, reads_paths
from genanalytics.cli.types import FILE


def _listed(context: click.Context, _: click.Parameter, value: bool) -> None:
    """Print the charts that there are, and end."""
    if not value:
        return
    from genanalytics.plots import CHARTS

    widest = max(map(len, CHARTS))
    for name, chart in CHARTS.items():
        click.echo(f"{name:{widest}}  {chart.question}")
    context.exit()


@click.command(
    epilog="""\b
Examples:
  genanalytics plot --list
  genanalytics plot cost-over-time generations.parquet -o cost.png --by provider_name
  genanalytics plot latency-tails generations.parquet -o tails.svg --where 'model=openai/gpt-5'"""
)
@click.argument("chart", metavar="CHART")
@reads_paths
@click.option("-o", "--output", required=True, type=FILE, help="The picture: .png, .svg or .pdf.")
@click.option("--by", metavar="COLUMN", help="Tell groups apart by this; also by day, hour, weekday, model_family.")
@click.option("--every", metavar="STRETCH", help="The stretch of time: minute, hour, day, week or month.")
@click.option("--value", metavar="NAME", help="What a distribution is of: ttft_ms, e2e_ms, tps_decode, ...")
@click.option("--metric", metavar="NAME", help="What hour-of-week colours: effective_cost, ttft_ms_p95, ...")
@click.option(
    "--list",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_listed,
    help="Print the charts that there are, and the question that each answers.",
)
def plot(
    chart: str,
    paths: tuple[str, ...],
    where: tuple[str, ...],
    tz: str,
    engine: str,
    output: str,
    **options: str | None,
) -> None:
    """Draw a chart of records into a file.

    CHART is one of those that --list prints. Reads what summary reads.
    """
    from genanalytics.plots import chart_of, save
    from genanalytics.plots.saving import checked_form, checked_options

    draw = chart_of(chart).draw
    given = checked_options(draw, {name: value for name, value in options.items() if value is not None})
    checked_form(Path(output))
    with opened(paths, where, tz, engine) as data:
        save(data, draw, output, tz=tz, **given)
    click.echo(f"Wrote {output}.", err=True)
