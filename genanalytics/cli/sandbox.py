"""The command `sandbox`."""

import csv
import json
from collections.abc import Callable, Iterable
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import click

from genanalytics.base.atomic import replace_file
from genanalytics.cli.options import FILE
from genanalytics.cli.streams import say
from genanalytics.units import format_count

if TYPE_CHECKING:
    from genanalytics.sandbox import Sample

SCENARIOS = ("list", "regional", "raised", "batch", "flex", "priority", "long-prompt", "one-hour", "data-discount")
"""The names of the terms of bills; a test compares them with `Terms`."""


@click.command(
    epilog="""\b
Examples:
  genanalytics sandbox --port 8000 --ids ids.txt
  genanalytics sandbox --month 2026-10 --scenario raised --records 5000
  genanalytics sandbox --activity openrouter_activity.csv --prices prices.csv --no-serve
  genanalytics fetch ids.txt --base-url http://127.0.0.1:8000/api/v1"""
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="P",
    help="Listen on this port of 127.0.0.1 (default: any free port).",
)
@click.option(
    "--records", type=click.IntRange(1), default=400, show_default=True, metavar="N", help="Make this number of ids."
)
@click.option("--seed", type=int, default=7, show_default=True, metavar="S", help="Set the seed of the sample.")
@click.option("--month", default="2026-09", show_default=True, metavar="MONTH", help="Set the month of the sample.")
@click.option(
    "--nightly",
    type=click.FloatRange(0, 1),
    default=0.0,
    metavar="SHARE",
    help="Add jobs that write to the cache in vain: this share (0 to 1) of the workloads.",
)
@click.option(
    "--scenario",
    "scenarios",
    multiple=True,
    type=click.Choice(SCENARIOS),
    help="Let bills differ from list prices for this reason only. Repeatable; list: for none (default: for all).",
)
@click.option("--now", metavar="TIME", help="Set the clock of the account (default: noon of the day after the month).")
@click.option("--ids", "ids_file", type=FILE, help="Write the ids of the sample to this file.")
@click.option("--activity", "activity_file", type=FILE, help="Write the activity export of the sample (CSV).")
@click.option(
    "--daily-activity", "daily_file", type=FILE, help="Write the answer to GET /activity (JSON) of the sample."
)
@click.option("--prices", "prices_file", type=FILE, help="Write the true prices behind the bills (CSV).")
@click.option("--no-serve", is_flag=True, help="Write the files only.")
def sandbox(
    port: int,
    records: int,
    seed: int,
    month: str,
    nightly: float,
    scenarios: tuple[str, ...],
    now: str | None,
    ids_file: str | None,
    activity_file: str | None,
    daily_file: str | None,
    prices_file: str | None,
    no_serve: bool,
) -> None:
    """Serve sample records on this machine, until Ctrl-C.

    The paths are GET /api/v1/generation and /models, which accept any bearer token, and GET /activity and POST
    /analytics/query, which accept a token that contains "management". The records are synthetic, with the fields and
    formats of real ones.
    """
    from genanalytics.base.moments import read_moment
    from genanalytics.sandbox import Sandbox, Terms, activity_csv, sample
    from genanalytics.sandbox.account import Account, find_now

    terms = [Terms[name.upper().replace("-", "_")] for name in scenarios] if scenarios else list(Terms)
    made = sample(records, seed, month=month, nightly=nightly, terms=terms)
    moment = None if now is None else read_moment("now", now)
    _write(ids_file, "id", len(made.ids), lambda: "".join(f"{generation_id}\n" for generation_id in made.ids))
    _write(activity_file, "row", len(made.records), lambda: activity_csv(made.records.values(), made.items))
    if daily_file is not None:
        document = Account(made, moment or find_now(made)).list_activity()
        _write(daily_file, "row", len(document["data"]), lambda: json.dumps(document))
    _write(prices_file, "price sheet", len(made.prices), lambda: _list_prices(made))
    if no_serve:
        return
    server = Sandbox(made, port=port, now=moment)
    say(f"Serving {format_count(len(made.records), 'record')} at {server.base_url}; Ctrl-C stops.", err=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        say("Stopped.", err=True)


def _write(path: str | None, noun: str, count: int, make: Callable[[], str]) -> None:
    """Write a file, if one is named, and say so."""
    if path is None:
        return
    with replace_file(Path(path)) as part:
        part.write_text(make(), encoding="utf-8")
    say(f"Wrote {format_count(count, noun)} to {path}.", err=True)


def _list_prices(made: "Sample") -> str:
    """Return the price sheets of a sample as CSV, in US$ per million tokens and per request."""
    names = ("input_price", "cache_read_price", "cache_write_price", "output_price", "request_price")
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["model", "provider_name", "terms", *names])
    rows: Iterable[list[object]] = (
        [sheet.model, sheet.provider_name, sheet.terms.value, *(getattr(sheet, name) for name in names)]
        for sheet in made.prices
    )
    writer.writerows(rows)
    return text.getvalue()
