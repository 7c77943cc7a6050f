"""The command `what-if`."""

import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genanalytics.base.text import name_group
from genanalytics.cli.options import FILE, base_url_option, cache_option, print_notices
from genanalytics.cli.output import Output, prints_rows
from genanalytics.cli.records import Selection, reads_records
from genanalytics.cli.streams import say
from genanalytics.errors import InputError
from genanalytics.units import Unit, format_count, format_value

if TYPE_CHECKING:
    import pandas as pd

_CACHING = ("as seen", "none", "no flips")
_LIST = "models"
"""The value of `--prices` for the service's own list."""
_COLUMNS = ("requests", "requests_apart", "cost", "cost_there_low", "cost_there_high", "change_low", "change_high")
_MAX_ROWS = 20
_TO = ("model", "provider_name", "batch")


@click.command(
    "what-if",
    epilog="""\b
Examples:
  genanalytics what-if generations.parquet
  genanalytics what-if generations.parquet --to Azure
  genanalytics what-if generations.parquet --to batch=0.5
  genanalytics what-if generations.parquet --caching none""",
)
@click.option(
    "--to",
    multiple=True,
    metavar="TARGET",
    help="Choose the alternative: a provider, model=NAME, batch, or batch=0.5 for half the present price. Repeatable:"
    " model=NAME and provider_name=NAME together.",
)
@click.option(
    "--prices",
    "prices_from",
    metavar=f"FILE|{_LIST}",
    type=FILE,
    help="Take prices from a CSV or JSON file, or from the service's list of models (no API key needed); without it"
    " from the records.",
)
@click.option(
    "--caching",
    type=click.Choice(_CACHING),
    default=_CACHING[0],
    show_default=True,
    help="Choose what the prompt cache would do; 'no flips': no session loses it.",
)
@base_url_option
@cache_option
@click.option("--offline", is_flag=True, help="Send nothing; use the stored list of models.")
@reads_records
@prints_rows
def what_if(
    selection: Selection,
    to: tuple[str, ...],
    prices_from: str | None,
    caching: Any,
    base_url: str | None,
    cache_dir: str | None,
    offline: bool,
    output: Output,
) -> None:
    """Show what the same requests would have cost elsewhere.

    Without --to: at every other provider of the same model, at prices recovered from the records. Costs are bounds
    where caching or the number of tokens may differ; requests that cannot be compared are apart, with their cost.
    """
    from genanalytics.decide.elsewhere.what_if import what_if as compare

    target = _read_target(to)
    given = None if prices_from is None else _read_prices(prices_from, base_url, cache_dir, offline=offline)
    with ExitStack() as stack:
        data = stack.enter_context(selection.open())
        everything = stack.enter_context(selection.open_all()) if selection.is_part else None
        found = compare(data, to=target, prices=given, caching=caching, reference=everything)
    if output.print_rows(found):
        return
    _print_answer(found, output)


def _read_target(to: tuple[str, ...]) -> Any:
    """Return the values of `--to` as `ga.what_if` takes them.

    Raises:
        InputError: There is no such alternative.
    """
    target: dict[str, object] = {}
    for text in to:
        name, separator, value = text.partition("=")
        if not separator and text == "batch" and len(to) == 1:
            return text
        if not separator:
            name, value = "provider_name", text
        if name not in _TO or not value or name in target:
            msg = f"--to {text}: give a provider, model=NAME, provider_name=NAME, batch or batch=0.5, each once"
            raise InputError(msg)
        target[name] = _read_factor(value) if name == "batch" else value
    return target or None


def _read_factor(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        msg = f"--to batch={text}: give the batch price as a share of the present one, such as batch=0.5"
        raise InputError(msg) from None


def _read_prices(source: str, base_url: str | None, cache_dir: str | None, *, offline: bool) -> Any:
    """Return the prices in a file, or those of the service's list of models.

    Raises:
        InputError: The file cannot be read.
    """
    if source == _LIST:
        from genanalytics.fetching.client import (
            BASE_URL_VARIABLE,
            CACHE_DIR_VARIABLE,
            DEFAULT_BASE_URL,
            find_cache_directory,
        )
        from genanalytics.fetching.models import fetch_models

        found = fetch_models(
            base_url or os.environ.get(BASE_URL_VARIABLE) or DEFAULT_BASE_URL,
            find_cache_directory(cache_dir or os.environ.get(CACHE_DIR_VARIABLE)),
            offline=offline,
        )
        print_notices(filter(None, [found.notice]))
        return found.models
    path = Path(source)
    try:
        if path.suffix.lower() == ".json":
            return json.loads(path.read_text(encoding="utf-8"))
        import pandas as pd

        return pd.read_csv(path)
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "it is neither CSV nor JSON (.json)"
        msg = f"cannot read the prices {source}: {reason}"
        raise InputError(msg) from None


def _print_answer(found: "pd.DataFrame", output: Output) -> None:
    from genanalytics.tables.table import list_notices

    answered = found[found["refused"].isna()]
    say(_say_first(answered, found))
    if len(answered):
        say("")
        shown = answered.head(_MAX_ROWS)
        same = (shown["to_model"] == shown["model"]).all()
        names = ["model", "provider_name", *([] if same else ["to_model"]), "to_provider"]
        output.say_table(shown, names, _COLUMNS)
        if len(answered) > _MAX_ROWS:
            say(f"... and {len(answered) - _MAX_ROWS:,} more (--json prints all)")
    say(*list_notices(found))
    for heading, name in (("Assumed:", "assumed"), ("Apart:", "apart"), ("No answer:", "refused")):
        lines = _group_words(found if name == "refused" else answered, name)
        if lines:
            say("", heading, *(f"  {line}" for line in lines))


def _group_words(rows: "pd.DataFrame", name: str) -> list[str]:
    """Return each text of a column with the rows that have it."""
    known = rows[rows[name].notna()]
    named: dict[str, list[str]] = {}
    for row in known.to_dict("records"):
        named.setdefault(row[name], []).append(_name(row))
    return [text if len(names) == len(rows) else f"{', '.join(names)}: {text}" for text, names in named.items()]


def _say_first(answered: "pd.DataFrame", found: "pd.DataFrame") -> str:
    """Return the answer for the row that costs most now, in words."""
    from genanalytics.decide.elsewhere.result import format_bounds

    if answered.empty:
        return f"No answer: {found['refused'].iloc[0]}." if len(found) else "No answer: there are no requests."
    row = answered.sort_values("cost", ascending=False, kind="stable").iloc[0].to_dict()
    bounds = format_bounds(float(row["cost_there_low"]), float(row["cost_there_high"]))
    number = format_count(int(row["requests"]), "request")
    cost = format_value(float(row["cost"]), Unit.USD)
    return f"{_name(row)}: {number} that cost {cost} would have cost {bounds}."


def _name(row: "dict[Any, Any]") -> str:
    """Return the groups of a row: now, and the alternative if it differs."""
    now, there = ([row[f"{prefix}{name}"] for name in names] for prefix, names in _NAMES)
    text = " at ".join(map(name_group, now))
    others = [name_group(value) for value, same in zip(there, now, strict=True) if value == value and value != same]  # noqa: PLR0124 - a gap differs from itself
    return f"{text}, to {' at '.join(others)}" if others else text


_NAMES = (("", ("model", "provider_name")), ("to_", ("model", "provider")))
