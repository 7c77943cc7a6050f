"""What arguments and options are: paths, which a shell completes."""

import click
from click.shell_completion import CompletionItem


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
