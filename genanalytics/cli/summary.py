"""The command line's commands that compute: `summary`, `sessions`, `attempts`, `quality`."""

from typing import Any

import click

from genanalytics.cli.records import names_in, opened, printed, reads_records, terminal_width
from genanalytics.units import counted, printable

_LISTED = 20
"""So many sessions a table shows; JSON and CSV have all."""


@click.command(
    epilog="""\b
Examples:
  genanalytics summary generations.parquet --by model --metrics latency
  genanalytics summary openrouter_activity.csv --every day --tz Europe/Berlin --csv > days.csv
  genanalytics summary generations.parquet --by provider_name --json | jq '.[0].effective_cost'"""
)
@click.option(
    "--by", multiple=True, metavar="COLUMN[,COLUMN]", help="Group by these; also by day, hour, weekday, model_family."
)
@click.option("--every", metavar="STRETCH", help="Group by time too: minute, hour, day, week or month.")
@click.option(
    "--metrics",
    multiple=True,
    metavar="SET|NAME[,...]",
    help="What to show: cost, cache, latency, reliability, tokens, or statistics by name, such as ttft_ms_p95.",
)
@click.option("--intervals", is_flag=True, help="Show how sure each figure is (95 %).")
@click.option(
    "--percentiles",
    default="auto",
    show_default=True,
    metavar="HOW",
    help="exact, or sketch (right to 1 %, for more rows than memory holds); auto decides by the number of rows.",
)
@reads_records
def summary(
    paths: tuple[str, ...],
    by: tuple[str, ...],
    every: str | None,
    metrics: tuple[str, ...],
    intervals: bool,
    percentiles: str,
    where: tuple[str, ...],
    tz: str,
    engine: str,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Summarise records: cost, cache savings, latency and more, by group.

    Reads what fetch and export wrote, and the service's own activity export (CSV). A record that stands
    in several files counts once, unless an engine other than pandas computes. The dearest group comes first; JSON and
    CSV have no total row.
    """
    from genanalytics.files import coverage_of
    from genanalytics.tables.overview import overview, ranked

    asked: dict[str, Any] = {
        "every": every,
        "tz": tz,
        "metrics": names_in(",".join(metrics)) if metrics else None,
        "percentiles": percentiles,
        "intervals": intervals,
    }
    keys = names_in(",".join(by))
    with opened(paths, where, tz, engine) as data:
        if as_json or as_csv:
            printed(ranked(data, keys, **asked), as_json=as_json, as_csv=as_csv)
            return
        coverage = coverage_of(paths[0]) if len(paths) == 1 and not where else None  # of a part, nobody knows
        click.echo(overview(data, keys, **asked, coverage=coverage, width=terminal_width()))


@click.command(
    epilog="""\b
Examples:
  genanalytics sessions generations.parquet
  genanalytics sessions generations.parquet --csv > sessions.csv"""
)
@reads_records
def sessions(paths: tuple[str, ...], where: tuple[str, ...], tz: str, engine: str, as_json: bool, as_csv: bool) -> None:
    """Say what each session cost, how long it was, and whether its caching paid, the dearest first."""
    from genanalytics.metrics import sessions as sessions_of
    from genanalytics.tables.table import as_text

    with opened(paths, where, tz, engine) as data:
        found = sessions_of(data).sort_values("effective_cost", ascending=False, kind="stable", ignore_index=True)
    if printed(found, as_json=as_json, as_csv=as_csv):
        return
    for moment in ("first", "last"):
        found[moment] = found[moment].dt.tz_convert(tz)
    columns = [
        "requests",
        "first",
        "length_ms",
        "effective_cost",
        "net_cache_savings",
        "cache_payback",
        "cache_hit_rate",
    ]
    click.echo(as_text(found.head(_LISTED), ["session_id"], columns, width=terminal_width()))
    if len(found) > _LISTED:
        click.echo(f"... and {len(found) - _LISTED:,} more (--json has all)")
    outside = counted(found.attrs["without_session"], "request")
    click.echo(f"Sessions: {len(found):,}; without one: {outside}.")


@click.command(
    epilog="""\b
Examples:
  genanalytics attempts generations.parquet
  genanalytics attempts generations.parquet --json"""
)
@reads_records
def attempts(paths: tuple[str, ...], where: tuple[str, ...], tz: str, engine: str, as_json: bool, as_csv: bool) -> None:
    """Say how often each provider was tried, how it answered, and what fallbacks cost in time."""
    from genanalytics.metrics import attempt_summary
    from genanalytics.tables.table import as_text

    with opened(paths, where, tz, "pandas" if engine == "auto" else engine) as data:
        found = attempt_summary(data).sort_values("attempts", ascending=False, kind="stable", ignore_index=True)
    if printed(found, as_json=as_json, as_csv=as_csv):
        return
    columns = ["attempts", "success_rate", "rate_limited", "fell_back", "wait_ms_p50", "wait_ms_p95", "lost_ms"]
    click.echo(as_text(found, ["provider_name"], columns, width=terminal_width()))
    click.echo(f"Attempts: none is known of {counted(found.attrs['without_attempts'], 'request')}.")


@click.command(
    epilog="""\b
Examples:
  genanalytics quality generations.parquet
  genanalytics quality generations.parquet --json | jq '.[].check'"""
)
@reads_records
def quality(paths: tuple[str, ...], where: tuple[str, ...], tz: str, engine: str, as_json: bool, as_csv: bool) -> None:
    """Say what is doubtful about the records: values that contradict each other, gaps, ids that are not the same."""
    from genanalytics.metrics import quality as quality_of
    from genanalytics.tables.table import as_text

    with opened(paths, where, tz, engine) as data:
        found = quality_of(data)
    if printed(found, as_json=as_json, as_csv=as_csv):
        return
    doubtful = found[(found["rows"] > 0).fillna(value=False)]
    if doubtful.empty:
        click.echo(f"Nothing is doubtful after {counted(len(found), 'check')}.")
        return
    click.echo(as_text(doubtful, ["check"], ["rows", "of", "share"], width=terminal_width()))
    for row in doubtful.itertuples():
        click.echo(f"\n{row.check}: {row.meaning}.\n  {printable(str(row.examples))}")


COMMANDS = (summary, sessions, attempts, quality)
