"""The command `cache-replay`."""

from typing import TYPE_CHECKING

import click

from genanalytics.base.text import name_group
from genanalytics.cli.output import Output, prints_rows
from genanalytics.cli.records import Selection, reads_records, split_names
from genanalytics.cli.terminal import say_notes
from genanalytics.cli.values import COLUMNS_OF_GROUPS
from genanalytics.units import Unit, format_count, format_value

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = (
    "requests",
    "sessions",
    "hit_rate",
    "reads_per_write",
    "break_even_reads",
    "as_seen",
    "off",
    "five_min",
    "five_min_most",
    "one_hour",
    "one_hour_most",
    "best",
    "difference",
)
_RARE = (
    "reads_per_write",
    "break_even_reads",
    "sessions",
    "five_min_most",
    "one_hour_most",
    "requests",
    "hit_rate",
    "off",
    "one_hour",
    "five_min",
    "best",
)
"""The columns that a narrow terminal leaves out first."""
_OF_GAPS = ("gap", "requests", "prompt", "cached", "hit_rate")
_SHORT_MS = 300_000.0
_MULTIPLE = click.FloatRange(min=0, min_open=True)


@click.command(
    "cache-replay",
    epilog="""\b
Examples:
  genanalytics cache-replay generations.parquet
  genanalytics cache-replay generations.parquet --by app_id --one-hour-write 2
  genanalytics cache-replay generations.parquet --gaps --by model""",
)
@click.option(
    "--by", metavar="COLUMN[,COLUMN]", type=COLUMNS_OF_GROUPS, help="Group by columns; app_id and model by default."
)
@click.option(
    "--five-min-write", type=_MULTIPLE, metavar="TIMES", help="Set the price of 5-minute writes: times the input price."
)
@click.option(
    "--one-hour-write", type=_MULTIPLE, metavar="TIMES", help="Set the price of 1-hour writes: times the input price."
)
@click.option("--gaps", is_flag=True, help="Show the hit rate by the time since the previous call instead.")
@reads_records
@prints_rows
def cache_replay(
    selection: Selection,
    by: str | None,
    five_min_write: float | None,
    one_hour_write: float | None,
    gaps: bool,
    output: Output,
) -> None:
    """Show what another cache policy would have cost.

    Each call of a session is replayed without a cache, and with one that keeps prompts for five minutes and for one
    hour. The columns "at most" are pessimistic, and a policy is named as best only if even that figure is lower.
    """
    from genanalytics.decide.replay.cache_replay import BY, cache_replay as replay, check_multiples
    from genanalytics.decide.replay.hit_rate import hit_rate_by_gap
    from genanalytics.tables.notes import list_notices

    if gaps and (five_min_write or one_hour_write):
        msg = "--gaps shows no costs: leave out --five-min-write and --one-hour-write"
        raise click.UsageError(msg)
    check_multiples({"five_min": five_min_write, "one_hour": one_hour_write})
    names = split_names(by or "")
    with selection.open() as data:
        found = (
            hit_rate_by_gap(data, by=names)
            if gaps
            else replay(data, by=names or BY, five_min_write=five_min_write, one_hour_write=one_hour_write)
        )
    groups = list(found.columns[: list(found.columns).index("gap" if gaps else "requests")])
    columns = _OF_GAPS if gaps else _COLUMNS
    if output.print_rows(found, [*groups, *columns]):
        return
    answer = _describe_gaps(found) if gaps else _describe_replay(found)
    if len(found):
        output.say_table(found, groups, columns, rare=_RARE, answer=[answer])
    else:
        say_notes(answer)
    say_notes(*list_notices(found))


def _describe_replay(found: "pd.DataFrame") -> str:
    """Return the answer in a sentence."""
    if found.empty:
        return "No call can be replayed."
    groups, best = format_count(len(found), "group"), found.dropna(subset=["best"])
    cost = format_value(float(found["as_seen"].sum()), Unit.USD)
    if best.empty:
        return f"No other cache policy is surely cheaper than the one as seen, which cost {cost} ({groups})."
    less, first = format_value(float(best["difference"].sum()), Unit.USD), best.iloc[0]
    names = list(found.columns[: list(found.columns).index("requests")])
    where = ", ".join(name_group(first[name]) for name in names)
    policy = {"off": "no cache", "five_min": "a cache of 5 minutes", "one_hour": "a cache of 1 hour"}[first["best"]]
    others = f", and another policy in {format_count(len(best) - 1, 'other group')}" if len(best) > 1 else ""
    return f"For {where}, {policy}{others} would have cost {less} less of {cost} in all ({groups})."


def _describe_gaps(found: "pd.DataFrame") -> str:
    """Return the answer in a sentence."""
    parts = []
    for words, rows in (
        ("up to 5 min after the previous call", found[found["gap_high_ms"] <= _SHORT_MS]),
        ("later", found[found["gap_low_ms"] >= _SHORT_MS]),
    ):
        if rows["prompt"].sum() > 0:
            share = format_value(float(rows["cached"].sum() / rows["prompt"].sum()), Unit.SHARE)
            parts.append(f"{share} of the prompts {words}")
    if not parts:
        return "No call continues another one."
    return f"The cache was read for {' and '.join(parts)}."
