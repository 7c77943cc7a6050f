"""What several commands have in common: their exit codes, the way to the service."""

from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import click

from genanalytics.cli.types import DIRECTORY, FILE
from genanalytics.errors import InputError
from genanalytics.units import counted

if TYPE_CHECKING:
    from genanalytics.fetching.client import Client

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_PARTIAL = 3
EXIT_KEY_REFUSED = 4
EXIT_INTERRUPTED = 130
EXIT_PIPE_CLOSED = 141
EXIT_TERMINATED = 143

EXIT_CODES: Mapping[str, str] = MappingProxyType(
    {
        "0": "every id has a record",
        "1": "failure, such as a full disk",
        "2": "something given cannot be used; one sentence says what and why",
        "3": (
            "some ids have no record; the others are written all the same, and totals are lower bounds."
            " In `reconcile`: the two sides differ"
        ),
        "4": "no key, or the service refused it",
        "130, 143": "interrupted by Ctrl-C, by SIGTERM; running again resumes",
        "141": "whoever read the output stopped reading, as `head` does; nothing is said of it",
    }
)
"""What the exit codes mean, as the documents tell it."""

Command = TypeVar("Command", bound=Callable[..., Any])


def _several(*decorators: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Return decorators as one; the help shows their options in this order."""

    def decorate(command: Command) -> Command:
        return reduce(lambda decorated, decorator: decorator(decorated), reversed(decorators), command)

    return decorate


ids_arguments = _several(
    click.argument("ids", nargs=-1, metavar="[ID|FILE]...", type=FILE),
    click.option(
        "--input", "inputs", multiple=True, metavar="FILE|-", type=FILE, help="Read ids from a file, or - for stdin."
    ),
)
"""What `cli_ids.given_ids` reads."""

client_options = _several(
    click.option("--base-url", metavar="URL", help="Where the API is (or GENANALYTICS_BASE_URL)."),
    click.option("--account", metavar="NAME", help="Name under which answers are cached (default: from the key)."),
    click.option("--api-key-file", type=FILE, help="File that holds the key (or OPENROUTER_API_KEY)."),
    click.option("--cache-dir", type=DIRECTORY, help="Directory of the cache (or GENANALYTICS_CACHE_DIR)."),
    click.option(
        "--max-workers", type=click.IntRange(1), metavar="N", help="Requests under way at once (default: 16)."
    ),
    click.option("--rate", type=float, metavar="N", help="At most so many requests per second."),
    click.option(
        "--wait",
        "wait_s",
        type=click.FloatRange(0),
        default=30.0,
        show_default=True,
        metavar="SECONDS",
        help="How long to keep asking for records that are too young to be there yet.",
    ),
    click.option("--offline", is_flag=True, help="Send nothing; answer from the cache alone."),
    click.option("--accept-mismatch", is_flag=True, help="Take records that carry another id than the one asked for."),
)
"""What `opened_client` reads, and two of what a fetch does."""


def opened_client(options: dict[str, Any]) -> "Client":
    """Return a client made from the environment and from what the command line says.

    Raises:
        InputError: The key's file cannot be read, or an option is out of its range.
        KeyRefusedError: There is no key.
        CacheError: The cache cannot be opened.
    """
    from genanalytics.fetching.client import Client

    named = {name: value for name, value in options.items() if name != "api_key_file"}
    if options["api_key_file"] is not None:
        named["api_key"] = key_in(Path(options["api_key_file"]))
    return Client.from_env(**named)


def key_in(path: Path) -> str:
    """Return the key that a file holds.

    Raises:
        InputError: It cannot be read, or holds something else too.
    """
    try:
        lines = path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read the key file {path}: {getattr(error, 'strerror', None) or 'it holds no text'}"
        raise InputError(msg) from None
    if len(lines) != 1:
        msg = f"the key file {path} holds {counted(len(lines), 'word')}: it should hold the key and nothing else"
        raise InputError(msg)
    return lines[0]
