"""The command line's `reconcile` command."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from genanalytics.cli.types import FILE
from genanalytics.errors import InputError
from genanalytics.units import Unit, counted, write

if TYPE_CHECKING:
    import pandas as pd

    from genanalytics.service.reconcile import Reconciliation

EXIT_DIFFERENT = 3
_LISTED = 10


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

    Says which generations are on one side only, which figures differ and by how much, and what that makes by model and
    by day. Exit code 0 where both agree, 3 where they do not.
    """
    from genanalytics.reading import joined, open_frame
    from genanalytics.service.reconcile import reconcile as compare

    sides = open_frame(records), joined(map(open_frame, activity))
    if [_is_activity(side) for side in sides] == [True, False]:
        msg = f"{records} is an activity export and {activity[0]} is none: give the records first, then the exports"
        raise InputError(msg)
    result = compare(*sides)
    click.echo(json.dumps(_as_json(result)) if as_json else _as_text(result))
    return 0 if result.agrees else EXIT_DIFFERENT


def _is_activity(frame: "pd.DataFrame") -> bool:
    from genanalytics.service.activity import SOURCE

    return "source" in frame and bool((frame["source"] == SOURCE).all())


def _as_text(result: "Reconciliation") -> str:
    total = result.totals().iloc[0]
    generations, differing = counted(len(result.rows), "generation"), f"{result.differing:,} of them with differences"
    charged, exported, difference = (_usd(total[f"{name}_usd"]) for name in ("records", "activity", "difference"))
    only = f"{result.only_in_records:,} only in the records, {result.only_in_activity:,} only in the activity"
    lines = [f"{generations}: {result.matched:,} on both sides, {differing}; {only}."]
    lines += [f"Charged: {charged} by the records, {exported} by the activity; difference {difference}."]
    for key in ("model", "day"):
        lines += ["", *_totals(result.totals(key), key)]
    for side, count in (("records", result.only_in_records), ("activity", result.only_in_activity)):
        if count:
            ids = result.rows.loc[result.rows["side"] == side, "requested_id"]
            lines += ["", f"Only in the {side}:", *_first([_name(one) for one in ids.head(_LISTED)], count)]
    if not result.differences.empty:
        rows = [
            [_name(value) for value in (row.requested_id, row.field, row.records, row.activity)]
            for row in result.differences.head(_LISTED).itertuples()
        ]
        table = _aligned([["differs", "field", "records", "activity"], *rows])
        lines += ["", *_first(table, len(result.differences) + 1)]
    return "\n".join(lines)


def _totals(totals: "pd.DataFrame", key: str) -> list[str]:
    rows = [[key, "generations", "records", "activity", "difference"]]
    for row in totals.to_dict("records"):
        amounts = [_usd(float(row[f"{name}_usd"])) for name in ("records", "activity", "difference")]
        rows.append([_name(row[key]), f"{row['generations']:,}", *amounts])
    return _aligned(rows, right=4)


def _first(lines: Sequence[str], count: int) -> list[str]:
    """Return lines, and how many more there are."""
    return [*lines, f"... and {count - len(lines):,} more (--json has all)"] if count > len(lines) else [*lines]


def _usd(amount: float) -> str:
    return write(amount, Unit.USD, decimals=6)


def _name(value: object) -> str:
    from genanalytics.tables.table import name_of

    return name_of(value)


def _aligned(rows: Sequence[Sequence[str]], *, right: int = 0) -> list[str]:
    """Return rows as lines of aligned columns, the last `right` of them to the right."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    left = len(widths) - right
    return [
        "  ".join(
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _as_json(result: "Reconciliation") -> dict[str, object]:
    return {
        "agrees": result.agrees,
        "generations": len(result.rows),
        "matched": result.matched,
        "differing": result.differing,
        "only_in_records": _ids(result, "records"),
        "only_in_activity": _ids(result, "activity"),
        "total": _objects(result.totals())[0],
        "by_model": _objects(result.totals("model")),
        "by_day": _objects(result.totals("day")),
        "differences": _objects(result.differences),
    }


def _ids(result: "Reconciliation", side: str) -> list[str]:
    ids: list[str] = result.rows.loc[result.rows["side"] == side, "requested_id"].dropna().tolist()
    return ids


def _objects(frame: "pd.DataFrame") -> list[dict[str, object]]:
    """Return rows as plain Python values, gaps as None, days as ISO dates."""
    plain = frame.astype("object").where(frame.notna(), None)
    return [
        {str(name): value.date().isoformat() if hasattr(value, "date") else value for name, value in row.items()}
        for row in plain.to_dict("records")
    ]
