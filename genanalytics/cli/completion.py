"""The command `completion`, and the answers to a shell that completes."""

import os
import re
from pathlib import Path

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ZshComplete,
    add_completion_class,
    get_completion_class,
    shell_complete,
    split_arg_string,
)

from genanalytics.base.atomic import replace_file
from genanalytics.cli.options import FILE
from genanalytics.cli.program import PROGRAM, VARIABLE
from genanalytics.cli.streams import emit

_BREAKS = "=:"
"""Characters that divide the words of bash, `COMP_WORDBREAKS`, and occur in conditions."""


@add_completion_class
class _Bash(BashComplete):
    """Completion in bash, which takes `model=openai/gpt-5:free` for five words, and replaces only the last one."""

    # no blank after model=, whose value comes next
    source_template = BashComplete.source_template.replace(
        "return 0", '[[ "${COMPREPLY[0]}" == *= ]] && compopt -o nospace\n    return 0', 1
    )
    _kept = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the incomplete one, and this one, joined as they were typed."""
        words, place = split_arg_string(os.environ["COMP_WORDS"]), int(os.environ["COMP_CWORD"])
        *before, last = _join_words([*words, ""][: place + 1])
        given = re.sub(r"^--?[\w-]+=", "", last)
        self._kept = given[: max(map(given.rfind, _BREAKS)) + 1]
        return before[1:], last

    def format_completion(self, item: CompletionItem) -> str:
        """Return the part of a completion that replaces the last word of bash."""
        item.value = item.value.removeprefix(self._kept)
        return super().format_completion(item)


@add_completion_class
class _Zsh(ZshComplete):
    """Completion in zsh, without a blank after `model=`, whose value comes next."""

    source_template = ZshComplete.source_template.replace(
        "_describe -V unsorted completions_with_descriptions -U",
        'local blank=()\n        [[ "${completions_with_descriptions[1]}" == *=:* ]] && blank=(-S "")\n'
        '        _describe -V unsorted completions_with_descriptions -U "${blank[@]}"',
    )


@add_completion_class
class _Fish(FishComplete):
    """Completion in fish, whose script ends a description at its first comma."""

    def format_completion(self, item: CompletionItem) -> str:
        """Return a completion, with its description whole."""
        item.help = (item.help or "").replace(",", ";") or None
        return super().format_completion(item)


def _join_words(words: list[str]) -> list[str]:
    """Return the words of a command line, of those into which bash divides them.

    >>> _join_words(["--where", "model", "=", "a", ":", "free"]), _join_words(["--where", "model", "="])
    (['--where', 'model=a:free'], ['--where', 'model='])
    """
    joined: list[str] = []
    for word in words:
        if joined and (word in _BREAKS or joined[-1][-1:] in _BREAKS) and word and joined[-1]:
            joined[-1] += word
        else:
            joined.append(word)
    return joined


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
