"""The command `reconcile`."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from genanalytics.base.text import name_group
from genanalytics.cli.exit_codes import Exit
from genanalytics.cli.options import FILE
from genanalytics.cli.stdin import hold_stdin
from genanalytics.cli.streams import emit, say
from genanalytics.errors import InputError
from genanalytics.units import Unit, format_count, format_value, mark_lower_bound

if TYPE_CHECKING:
    import pandas as pd

    from genanalytics.service.reconcile import Reconciliation

_MAX_ROWS = 10


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

    Shows generations on one side only, figures that differ and by how much, and the totals by model and by day. Exit
    code 0 if both sides agree, 3 if they do not.
    """
    from genanalytics.files import join_frames, read
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
        say(*_to_lines(result))
    return Exit.SUCCESS if result.agrees else Exit.PARTIAL


def _is_activity(frame: "pd.DataFrame") -> bool:
    from genanalytics.records.exported import EXPORTED

    return "source" in frame and bool((frame["source"] == EXPORTED).all())


def _to_lines(result: "Reconciliation") -> list[str]:
    from genanalytics.records.coverage import describe_coverage
    from genanalytics.tables.table import Column, join_columns

    total = result.totals().iloc[0]
    generations = format_count(len(result.rows), "generation")
    charged, exported, difference = (
        _format_usd(total[f"{name}_usd"]) for name in ("records", "activity", "difference")
    )
    if result.coverage is not None and result.coverage.is_partial:
        charged = mark_lower_bound(charged)
    only = f"{result.only_in_records:,} only in the records, {result.only_in_activity:,} only in the activity"
    lines = [
        f"{generations}: {result.matched:,} on both sides, {result.differing:,} of them with differences; {only}.",
        f"Charged: {charged} in the records, {exported} in the activity; difference {difference}.",
        *filter(None, [describe_coverage(result.coverage)]),
    ]
    for column in ("model", "day"):
        lines += ["", *_format_totals(result.totals(column), column).split("\n")]
    for side, count in (("records", result.only_in_records), ("activity", result.only_in_activity)):
        if count:
            ids = result.rows.loc[result.rows["side"] == side, "requested_id"]
            lines += ["", f"Only in the {side}:", *map(name_group, ids.head(_MAX_ROWS)), *_count_others(count)]
    if not result.differences.empty:
        shown = result.differences.head(_MAX_ROWS)
        heads = {"requested_id": "differs", "field": "field", "records": "records", "activity": "activity"}
        columns = [Column(head, list(map(name_group, shown[name]))) for name, head in heads.items()]
        lines += ["", *join_columns(columns).split("\n"), *_count_others(len(result.differences))]
    return lines


def _format_totals(totals: "pd.DataFrame", column: str) -> str:
    from genanalytics.tables.table import Column, join_columns

    amounts = {name: list(map(_format_usd, totals[f"{name}_usd"])) for name in ("records", "activity", "difference")}
    if "records_usd" in totals.attrs["lower_bounds"]:
        amounts["records"] = list(map(mark_lower_bound, amounts["records"]))
    return join_columns(
        [
            Column(column, list(map(name_group, totals[column]))),
            Column("generations", [f"{number:,}" for number in totals["generations"]], is_figure=True),
            *(Column(name, cells, is_figure=True) for name, cells in amounts.items()),
        ]
    )


def _count_others(count: int) -> Sequence[str]:
    return [f"... and {count - _MAX_ROWS:,} more (--json prints all)"] if count > _MAX_ROWS else []


def _format_usd(amount: float) -> str:
    return format_value(float(amount), Unit.USD, decimals=6)


def _to_json(result: "Reconciliation") -> dict[str, object]:
    from genanalytics.tables.encode import to_objects

    days = result.totals("day")
    return {
        "agrees": result.agrees,
        "coverage": None if result.coverage is None else result.coverage.share_of_rows,
        "generations": len(result.rows),
        "matched": result.matched,
        "differing": result.differing,
        "only_in_records": _list_ids(result, "records"),
        "only_in_activity": _list_ids(result, "activity"),
        "total": to_objects(result.totals())[0],
        "by_model": to_objects(result.totals("model")),
        "by_day": to_objects(days.assign(day=days["day"].dt.strftime("%Y-%m-%d"))),
        "differences": to_objects(result.differences),
    }


def _list_ids(result: "Reconciliation", side: str) -> list[str]:
    ids: list[str] = result.rows.loc[result.rows["side"] == side, "requested_id"].dropna().tolist()
    return ids
