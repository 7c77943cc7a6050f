"""The command line's `completion` command, and the answers that shells get from then on."""

import os

import click
from click.shell_completion import get_completion_class, shell_complete

PROGRAM = "genanalytics"
VARIABLE = "_GENANALYTICS_COMPLETE"
"""Where a shell says what it wants completed; click's own name for this program."""


@click.command(
    epilog="""\b
Examples:
  genanalytics completion bash > ~/.local/share/bash-completion/completions/genanalytics
  genanalytics completion zsh > ~/.zfunc/_genanalytics
  genanalytics completion fish > ~/.config/fish/completions/genanalytics.fish

For this session alone: source <(genanalytics completion bash), or zsh; in fish, genanalytics completion fish | source.
zsh finds the file where fpath names its directory before compinit runs: fpath+=~/.zfunc."""
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script with which a shell completes commands, options and paths."""
    kind = get_completion_class(shell)
    if kind is None:  # pragma: no cover - the choice above is of what click has
        raise click.BadParameter(shell)
    commands = click.get_current_context().find_root().command
    click.echo(kind(commands, {}, PROGRAM, VARIABLE).source())


def is_asked_for() -> bool:
    """Return whether a shell, not a person, has started the program."""
    return bool(os.environ.get(VARIABLE))


def complete(commands: click.Command) -> int:
    """Print what could stand next in the command line that the shell has, and return the exit code."""
    return shell_complete(commands, {}, PROGRAM, VARIABLE, os.environ[VARIABLE])
