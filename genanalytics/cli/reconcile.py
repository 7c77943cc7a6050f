"""The command `reconcile`."""

import json
from typing import TYPE_CHECKING

import click

from genanalytics.cli.exit_codes import Exit
from genanalytics.cli.options import FILE
from genanalytics.cli.stdin import hold_stdin
from genanalytics.cli.streams import emit, say, say_table
from genanalytics.cli.terminal import choose_style, find_terminal_width, say_notes
from genanalytics.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from genanalytics.service.reconciliation import Reconciliation

_RARE = ("generations", "records", "activity")
"""The columns that a narrow terminal leaves out first: never the difference."""


@click.command(
    epilog="""\b
Examples:
  genanalytics reconcile generations.parquet openrouter_activity.csv
  genanalytics reconcile generations.parquet july.csv august.csv --json | jq .total"""
)
@click.argument("records", metavar="RECORDS", type=FILE)
@click.argument("activity", nargs=-1, required=True, metavar="ACTIVITY...", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object with the totals and every difference.")
def reconcile(records: str, activity: tuple[str, ...], as_json: bool) -> int:
    """Compare RECORDS with the service's own ACTIVITY exports.

    The first line is the answer. If they differ: generations on one side only, figures that changed, and differences
    that rounding does not explain, with sums by model and day. Exit code 0 if both sides agree, 3 if they do not.
    """
    from genanalytics.files import read
    from genanalytics.records.joining import join_frames
    from genanalytics.service.reconcile import reconcile as compare

    with hold_stdin([records, *activity]) as held:
        exports = join_frames(map(read, held[1:]))  # first, since they are shorter: a wrong name is found at once
        sides = read(held[0]), exports
    if [_is_activity(side) for side in sides] == [True, False]:
        msg = f"{records} is an activity export and {activity[0]} is not: give the records first, then the exports"
        raise InputError(msg)
    result = compare(*sides)
    if as_json:
        emit(json.dumps(_to_json(result), allow_nan=False))
    else:
        _say_page(result)
    return Exit.SUCCESS if result.agrees else Exit.PARTIAL


def _say_page(result: "Reconciliation") -> None:
    from genanalytics.records.coverage import describe_coverage
    from genanalytics.tables.pages import format_section

    say_notes(result.answer, *result.notices)
    for section in result.list_sections():
        say("")
        say_table(format_section(section, width=find_terminal_width(), rare=_RARE, style=choose_style()))
    coverage = describe_coverage(result.coverage)
    if coverage:
        say("")
        say_notes(coverage)


def _is_activity(frame: "pd.DataFrame") -> bool:
    from genanalytics.records.exported import EXPORTED

    return "source" in frame and bool((frame["source"] == EXPORTED).all())


def _to_json(result: "Reconciliation") -> dict[str, object]:
    from genanalytics.tables.encode import to_objects

    days = result.totals("day")
    return {
        "answer": result.answer,
        "agrees": result.agrees,
        "coverage": None if result.coverage is None else result.coverage.share_of_rows,
        "generations": len(result.rows),
        "matched": result.matched,
        "differing": result.differing,
        "only_in_records": _list_ids(result, "records"),
        "only_in_activity": _list_ids(result, "activity"),
        "total": to_objects(result.totals())[0],
        "parts": to_objects(result.parts()),
        "by_model": to_objects(result.totals("model")),
        "by_day": to_objects(days.assign(day=days["day"].dt.strftime("%Y-%m-%d"))),
        "fields": to_objects(result.fields()),
        "differences": to_objects(result.differences),
        "drifts": to_objects(result.drifts),
        "notices": list(result.notices),
    }


def _list_ids(result: "Reconciliation", side: str) -> list[str]:
    ids: list[str] = result.rows.loc[result.rows["side"] == side, "requested_id"].dropna().tolist()
    return ids
