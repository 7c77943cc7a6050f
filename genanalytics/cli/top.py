"""The command `top`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from genanalytics.cli.groups import print_groups
from genanalytics.cli.output import Output, prints_rows, show_times
from genanalytics.cli.records import Selection, reads_records
from genanalytics.cli.terminal import say_notes
from genanalytics.errors import MissingColumnError
from genanalytics.units import Unit, format_count, format_value, money_decimals

_COLUMNS: Mapping[str, Sequence[str]] = {
    "sessions": ("session_id",),
    "apps": ("app_name", "origin", "app_id"),
    "users": ("external_user", "user"),
    "keys": ("api_key_name",),
    "models": ("model",),
    "providers": ("provider_name",),
}
"""The columns of each kind; the first one that the records have is taken."""
_GENERATIONS = "generations"
_RARE = (
    "generation_time",
    "latency",
    "native_tokens_prompt",
    "native_tokens_completion",
    "session_id",
    "provider_name",
    "created_at",
    "cost_share",
)
"""The columns of generations that a narrow terminal leaves out first: never the cost."""
_USUAL = 10
KINDS = ("sessions", _GENERATIONS, *list(_COLUMNS)[1:])


class _Kind(click.Choice[str]):
    """The kind of what is ranked, which comes before the path."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return a kind.

        Raises:
            click.BadParameter: There is no such kind.
        """
        if value not in KINDS and Path(value).exists():
            self.fail(f"say first what to rank: top sessions {value}, or {', '.join(KINDS[1:])}", param, ctx)
        return str(super().convert(value, param, ctx))


@click.command(
    epilog="""\b
Examples:
  genanalytics top sessions generations.parquet
  genanalytics top generations generations.parquet -n 5 --last week
  genanalytics top users generations.parquet --since 30d --csv > users.csv"""
)
@click.argument("kind", metavar="KIND", type=_Kind(KINDS))
@reads_records
@prints_rows
def top(kind: str, selection: Selection, output: Output) -> None:
    """Show the most expensive sessions, generations or apps.

    KIND can also be users, keys (of the API), models or providers. Shows ten rows, or as many as `--limit` says. An app
    is named by its name if the records have it, otherwise by its URL.
    """
    from genanalytics.cli.sessions import print_sessions

    few = replace(output, limit=output.limit or _USUAL)
    if kind == "sessions":
        print_sessions(selection, few)
        return
    with selection.open() as data:
        if kind == _GENERATIONS:
            _print_generations(data, few, selection.tz)
        else:
            print_groups(data, [_find_column(data, kind)], few, tz=selection.tz)


def _print_generations(data: Any, output: Output, tz: str) -> None:
    from genanalytics.metrics.expensive import most_expensive
    from genanalytics.tables.notes import list_notices

    found = most_expensive(data, output.limit or _USUAL)
    if output.print_rows(found):
        return
    columns = [name for name in map(str, found) if name != "requested_id"]
    localize = show_times(tz, *({"created_at"} & {*columns}))
    output.say_table(found, ["requested_id"], columns, prepare=localize, rare=_RARE)
    whole = found.attrs["cost_of_all"]
    if whole is not None:
        amounts = [float(found["cost"].sum()), whole]
        part, all_of_it = (format_value(usd, Unit.USD, decimals=money_decimals(amounts)) for usd in amounts)
        share = format_value(found["cost_share"].sum(), Unit.SHARE)
        say_notes(f"{format_count(len(found), 'generation')}: {part} of {all_of_it} ({share}).")
    say_notes(*list_notices(found))


def _find_column(data: Any, kind: str) -> str:
    """Return the column of a kind.

    Raises:
        MissingColumnError: The records have none of its columns.
    """
    columns = _COLUMNS[kind]
    found = next((name for name in columns if name in data.columns), None)
    if found is None:
        other = "group by another column with summary --by"
        step = "read the activity export of the service, which has it" if kind == "keys" else other
        msg = f"the records have no column {' or '.join(map(repr, columns))}, which top {kind} needs: {step}"
        raise MissingColumnError(msg)
    return found
