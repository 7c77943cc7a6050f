"""The program: its commands in the order of work; a path instead of a command shows the records in it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from genanalytics.base.text import suggest

_SIGNS_OF_A_PATH = ("/", "\\", ".", "*")


class Program(click.Group):
    """A group of commands in sections.

    Args:
        sections: The commands by the title of their section, in the order of the help.
        of_paths: The command that gets the arguments if the first one is a path.
        options: Those of `click.Group`.
    """

    def __init__(
        self,
        *,
        sections: Mapping[str, Iterable[click.Command]],
        of_paths: click.Command,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.sections = {title: tuple(commands) for title, commands in sections.items()}
        self._of_paths = of_paths
        for commands in self.sections.values():
            for command in commands:
                self.add_command(command)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        """Return the names of the commands in the order of the help."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write the commands of each section with the first sentence of their help."""
        widest = max(map(len, self.commands))
        for title, commands in self.sections.items():
            with formatter.section(title):
                limit = formatter.width - widest - 6
                rows = [((command.name or "").ljust(widest), command.get_short_help_str(limit)) for command in commands]
                formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name, and its arguments.

        Raises:
            click.UsageError: The first argument is neither a command nor a path.
        """
        name = args[0]
        if name in self.commands:
            return super().resolve_command(ctx, args)
        if name == "-" or any(sign in name for sign in _SIGNS_OF_A_PATH) or Path(name).exists():
            return self._of_paths.name, self._of_paths, args
        near = suggest(name, self.commands)
        msg = f"no command and no file {name!r}; {near}{ctx.command_path} --help lists the commands"
        raise click.UsageError(msg, ctx)
