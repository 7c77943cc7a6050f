"""Parts that several commands share: paths, the client's options, notices."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from genanalytics.base.mask import hide_api_keys
from genanalytics.base.text import escape_unprintable
from genanalytics.cli.streams import say
from genanalytics.errors import InputError, PoorerResultError
from genanalytics.units import format_count

if TYPE_CHECKING:
    from genanalytics.fetching.client import Client
    from genanalytics.fetching.secret import Secret

Command = TypeVar("Command", bound=Callable[..., Any])


class PathType(click.ParamType):  # type: ignore[type-arg] # generic in newer versions of click only
    """A path, which the shell completes. The code that opens it reports errors."""

    def __init__(self, name: str, completed_as: str) -> None:
        self.name = name
        self.completed_as = completed_as

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's
        """Return the item that makes the shell complete paths itself; a line break in it would be another item."""
        return [CompletionItem(escape_unprintable(incomplete), type=self.completed_as)]


FILE = PathType("FILE", "file")
DIRECTORY = PathType("DIR", "dir")

base_url_option = click.option("--base-url", metavar="URL", help="Use this URL of the API (or GENANALYTICS_BASE_URL).")
api_key_option = click.option(
    "--api-key-file", type=FILE, help="Read the API key from this file (or OPENROUTER_API_KEY)."
)
management_key_option = click.option(
    "--management-key-file", type=FILE, help="Read the management key from this file (or OPENROUTER_MANAGEMENT_KEY)."
)
cache_option = click.option(
    "--cache-dir", type=DIRECTORY, help="Use this directory for the cache (or GENANALYTICS_CACHE_DIR)."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
force_option = click.option(
    "--force", is_flag=True, help="Replace a file even if records in it were requested again and not found."
)
quiet_option = click.option("--quiet", is_flag=True, help="Print no notices and no progress on stderr.")


def combine(*decorators: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Return decorators as one; the help shows their options in this order."""

    def decorate(command: Command) -> Command:
        return reduce(lambda decorated, decorator: decorator(decorated), reversed(decorators), command)

    return decorate


@contextmanager
def keep_richer_file(kept: list[str]) -> Iterator[None]:
    """Let a file that has more records than the new result stay as it is, and add the message about it to a list."""
    try:
        yield
    except PoorerResultError as error:
        kept.append(str(error))


def report_kept_files(kept: Iterable[str]) -> None:
    """Print why files were not replaced."""
    for message in kept:
        say(f"Error: {message}.", err=True)


ids_arguments = combine(
    click.argument("ids", nargs=-1, metavar="[ID|FILE]...", type=FILE),
    click.option(
        "--input", "inputs", multiple=True, metavar="FILE|-", type=FILE, help="Read ids from a file, or - for stdin."
    ),
)
"""The arguments of `ids.read_given_ids`."""

connection_options = combine(
    base_url_option,
    click.option("--account", metavar="NAME", help="Use this account in the cache (default: from the API key)."),
    api_key_option,
    cache_option,
    click.option(
        "--max-workers",
        type=click.IntRange(1),
        metavar="N",
        help="Send at most N requests at the same time (default: 16).",
    ),
    click.option("--rate", type=float, metavar="N", help="Send at most N requests per second."),
)
"""The options of `open_client` for a service that is asked."""

client_options = combine(
    connection_options,
    click.option(
        "--wait",
        "wait_s",
        type=click.FloatRange(0),
        default=30.0,
        show_default=True,
        metavar="SECONDS",
        help="Retry ids that have no record yet for this long.",
    ),
    click.option("--offline", is_flag=True, help="Send nothing; use only the cache."),
    click.option("--accept-mismatch", is_flag=True, help="Accept records whose id differs from the requested id."),
)
"""The options of `open_client`, and `--wait` and `--accept-mismatch`, which a fetch takes."""


def open_client(options: Mapping[str, Any]) -> "Client":
    """Return a client made from the environment and from options, which win.

    Raises:
        InputError: The file of the API key cannot be read, or an option is out of its range.
        KeyRefusedError: There is no API key.
        CacheError: The cache cannot be opened.
    """
    from genanalytics.fetching.client import Client

    named: dict[str, Any] = {name: value for name, value in options.items() if name != "api_key_file"}
    if options["api_key_file"] is not None:
        named["api_key"] = read_api_key(Path(options["api_key_file"]))
    return Client.from_env(**named)


def read_api_key(path: Path) -> str:
    """Return the API key in a file.

    Raises:
        InputError: The file cannot be read, or contains anything else.
    """
    try:
        words = path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read the key file {path}: {getattr(error, 'strerror', None) or 'it is not text'}"
        raise InputError(msg) from None
    if len(words) != 1:
        msg = f"the key file {path} contains {format_count(len(words), 'word')}: it must contain only the key"
        raise InputError(msg)
    return words[0]


def read_management_key(path: str | None) -> "Secret | None":
    """Return the management key in a file; None without a file, for the one in the environment.

    Raises:
        InputError: The file cannot be read, or contains anything else.
    """
    from genanalytics.fetching.secret import Secret

    return None if path is None else Secret(read_api_key(Path(path)))


def read_age_s(option: str, text: str) -> float:
    """Return the age that an option gives, in seconds.

    Raises:
        click.UsageError: It is no age.
    """
    from genanalytics.base.moments import parse_age

    try:
        return parse_age(text).total_seconds()
    except ValueError:
        msg = f"{option} {text!r} is not an age: give a whole number with s, min, h, d or w, such as 90d or 12h"
        raise click.UsageError(msg) from None


def print_notices(notices: Iterable[str]) -> None:
    """Print notices on stderr."""
    from genanalytics.cli.terminal import say_notes

    say_notes(*(f"Note: {hide_api_keys(notice)}." for notice in notices), err=True)
