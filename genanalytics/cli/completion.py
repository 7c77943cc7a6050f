"""The command `completion`, and the answers to a shell that completes."""

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class, shell_complete

from genanalytics.base.atomic import replace_file
from genanalytics.cli.options import FILE
from genanalytics.cli.streams import emit

PROGRAM = "genanalytics"
VARIABLE = "_GENANALYTICS_COMPLETE"
"""The variable with a shell's request for completions; click derives this name."""


@click.command(
    epilog="""\b
Examples:
  genanalytics completion bash -o ~/.local/share/bash-completion/completions/genanalytics
  genanalytics completion zsh -o ~/.zfunc/_genanalytics
  genanalytics completion fish -o ~/.config/fish/completions/genanalytics.fish

For this session alone: source <(genanalytics completion bash), or zsh; in fish, genanalytics completion fish | source.
zsh finds the file if its directory is in fpath before compinit runs: fpath+=~/.zfunc."""
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.option("-o", "--output", type=FILE, help="Write the script to this file.")
def completion(shell: str, output: str | None) -> None:
    """Print a script for shell completion."""
    kind = get_completion_class(shell)
    if kind is None:  # pragma: no cover - click has all of the choices above
        raise click.BadParameter(shell)
    commands = click.get_current_context().find_root().command
    script = kind(commands, {}, PROGRAM, VARIABLE).source()
    if output is None:
        emit(script)
        return
    with replace_file(Path(output).expanduser()) as part:
        part.write_text(f"{script}\n", encoding="utf-8")


def complete(commands: click.Command) -> int:
    """Print the completions of the shell's command line, and return the exit code."""
    return shell_complete(commands, {}, PROGRAM, VARIABLE, os.environ[VARIABLE])
