"""The command `what-if`."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genanalytics.cli.options import FILE, base_url_option, cache_option, print_notices
from genanalytics.cli.output import Output, prints_rows
from genanalytics.cli.records import Selection, reads_records
from genanalytics.cli.streams import say
from genanalytics.cli.terminal import say_notes
from genanalytics.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_CACHING = ("as seen", "none", "no flips")
_LIST = "models"
"""The value of `--prices` for the service's own list."""
_RARE = ("requests_apart", "requests", "cost_there_low", "cost_there_high")
"""The columns that a narrow terminal leaves out first."""
_MAX_ROWS = 20
"""The number of alternatives in a table without --limit; JSON and CSV contain all."""
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
    from genanalytics.decide.elsewhere.what_if import read_target, what_if as compare
    from genanalytics.tables.what_if import COLUMNS, choose_names

    target = _read_alternative(to)
    read_target(target, caching, is_listed=prices_from == _LIST)
    given = None if prices_from is None else _read_prices(prices_from, base_url, cache_dir, offline=offline)
    with ExitStack() as stack:
        data = stack.enter_context(selection.open())
        everything = stack.enter_context(selection.open_all()) if selection.is_part else None
        found = compare(data, to=target, prices=given, caching=caching, reference=everything)
    if output.print_rows(found, [*choose_names(found), *COLUMNS]):
        return
    _print_answer(found, output)


def _read_alternative(to: tuple[str, ...]) -> Any:
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
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor <= 1:
        msg = f"--to batch={text}: give the batch price as a share of the present one, such as batch=0.5"
        raise InputError(msg)
    return factor


def _read_prices(source: str, base_url: str | None, cache_dir: str | None, *, offline: bool) -> Any:
    """Return the prices in a file, or those of the service's list of models.

    Raises:
        InputError: The file cannot be read.
    """
    if source == _LIST:
        from genanalytics.fetching.environment import find_base_url, find_cache_directory
        from genanalytics.fetching.models import fetch_models

        found = fetch_models(
            find_base_url(base_url),
            find_cache_directory(cache_dir),
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
    from genanalytics.tables.notes import list_notices
    from genanalytics.tables.what_if import COLUMNS, choose_names, conclude_what_if, list_conditions

    answered = found[found["refused"].isna()]
    answer = conclude_what_if(found)
    if len(answered):
        output.say_table(answered, choose_names(answered), COLUMNS, limit=_MAX_ROWS, rare=_RARE, answer=[answer])
    else:
        say_notes(answer)
    say_notes(*list_notices(found))
    for heading, lines in list_conditions(found).items():
        say("", heading)
        say_notes(*(f"  {line}" for line in lines))
