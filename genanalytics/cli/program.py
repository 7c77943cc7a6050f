"""The program: its commands in the order of work; a path instead of a command shows the records in it."""

from importlib import import_module
from pathlib import Path

import click

from genanalytics.base.text import suggest
from genanalytics.cli.sections import MODULES, SECTIONS

PROGRAM = "genanalytics"
VARIABLE = "_GENANALYTICS_COMPLETE"
"""The variable with a shell's request for completions; click derives this name."""

_SIGNS_OF_A_PATH = ("/", "\\", ".", "*")
_OF_PATHS = "overview"
"""The command that gets the arguments if the first one is a path."""


class Program(click.Group):
    """The commands in sections; a command is loaded when it is used."""

    def list_commands(self, ctx: click.Context | None) -> list[str]:  # noqa: ARG002 - click's
        """Return the names of the commands in the order of the help."""
        return [name for commands in SECTIONS.values() for name in commands]

    def get_command(self, ctx: click.Context | None, cmd_name: str) -> click.Command | None:
        """Return a command by its name; None if there is none."""
        return _load(cmd_name) if cmd_name in self.list_commands(ctx) else None

    def load_commands(self) -> dict[str, click.Command]:
        """Return all commands by their names."""
        return {name: _load(name) for name in self.list_commands(None)}

    def find_command(self, word: str) -> click.Command | None:
        """Return the command that gets the arguments after a first word; None if it is neither command nor path."""
        if command := self.get_command(None, word):
            return command
        is_path = word == "-" or any(sign in word for sign in _SIGNS_OF_A_PATH) or Path(word).exists()
        return _load(_OF_PATHS) if is_path else None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Return the arguments after the options of the program.

        Raises:
            click.UsageError: An option of a command is in front of it.
        """
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            msg = f"no option {error.option_name} of the program: give a command or a PATH first, then its options"
            raise click.UsageError(msg, ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands of each section with the first sentence of their help."""
        widest = max(map(len, self.list_commands(ctx)))
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(widest), sentence) for name, sentence in commands.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name, and its arguments.

        Raises:
            click.UsageError: The first argument is neither a command nor a path.
        """
        word = args[0]
        command = self.find_command(word)
        if command is None:
            near = suggest(word, self.list_commands(ctx))
            msg = f"no command and no file {word!r}; {near}{ctx.command_path} --help lists the commands"
            raise click.UsageError(msg, ctx)
        return (word, command, args[1:]) if word in self.list_commands(ctx) else ("PATH", command, args)


def _load(name: str) -> click.Command:
    module = import_module(f"{__package__}.{MODULES.get(name, name.replace('-', '_'))}")
    command: click.Command = getattr(module, name.replace("-", "_"))
    return command
