"""What arguments and options are: paths that a shell completes, and a file with the key."""

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from genanalytics.errors import InputError
from genanalytics.units import counted


class PathType(click.ParamType):  # type: ignore[type-arg] # generic in newer versions of click only
    """A path, which the shell completes; what is wrong with it, whoever opens it says."""

    def __init__(self, name: str, completed_as: str) -> None:
        self.name = name
        self.completed_as = completed_as

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's
        """Return the one item that tells the shell to complete paths itself."""
        return [CompletionItem(incomplete, type=self.completed_as)]


FILE = PathType("FILE", "file")
DIRECTORY = PathType("DIR", "dir")


def key_in(path: Path) -> str:
    """Return the key that a file holds.

    Raises:
        InputError: It cannot be read, or holds something else too.
    """
    try:
        words = path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read the key file {path}: {getattr(error, 'strerror', None) or 'it holds no text'}"
        raise InputError(msg) from None
    if len(words) != 1:
        msg = f"the key file {path} holds {counted(len(words), 'word')}: it should hold the key and nothing else"
        raise InputError(msg)
    return words[0]
