"""Write the pages that are made from the code: docs/cli.md, and the table of docs/metrics.md."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from genanalytics.cli.main import commands
from genanalytics.cli.options import EXIT_CODES
from genanalytics.metrics import reference

DOCS = Path(__file__).parent

ENVIRONMENT = {
    "OPENROUTER_API_KEY": "the key; it is shown nowhere and kept nowhere",
    "GENANALYTICS_BASE_URL": "where the API is, unless `--base-url` says",
    "GENANALYTICS_CACHE_DIR": "the directory of the cache, unless `--cache-dir` says",
    "HTTPS_PROXY, REQUESTS_CA_BUNDLE": "as every program that uses requests takes them",
    "NO_COLOR": "holds at all times: no command prints colours",
}

WITHOUT_JSON = {
    "cache export": "writes a file of JSON lines",
    "compact": "rewrites a data set",
    "completion": "prints a script",
    "demo": "shows the job to a person",
    "plot": "draws a picture",
    "report": "writes a page",
    "sandbox": "serves until it is stopped",
}
"""Every other command prints its result as JSON with `--json`."""

NOT_RUN = {"sandbox": "serves until it is stopped"}
"""Commands whose examples the tests of the documents leave out, and why."""

INTRODUCTION = """\
# The command line

<!-- Made from the code by `python3 dev.py docs`: change the commands, not this page. -->

Results go to stdout, notices and progress to stderr. Every command has `--help`; `genanalytics --version` prints the
version. A result that is not read to its end, as before `head`, ends the command without a word.
"""


def cli_page() -> str:
    """Return docs/cli.md: a man page of every command."""
    index = [f"- [`{n}`](#genanalytics-{n}): {c.get_short_help_str(200)}" for n, c in sorted(commands.commands.items())]
    no_json = ", ".join(f"`{name}` ({reason})" for name, reason in WITHOUT_JSON.items())
    return "\n".join(
        [
            INTRODUCTION,
            *index,
            "",
            f"`--json` prints the result as JSON, in every command but these: {no_json}.",
            "",
            "## Exit codes",
            "",
            exit_codes(),
            "## Environment",
            "",
            *(f"- `{name.replace(', ', '`, `')}`: {meaning}" for name, meaning in ENVIRONMENT.items()),
            "",
            *(section for names, command in walk(commands) if names for section in man_page(names, command)),
        ]
    )


def exit_codes() -> str:
    """Return what the exit codes mean as a Markdown table."""
    rows = [f"| {code} | {meaning} |\n" for code, meaning in EXIT_CODES.items()]
    return "".join(["| Exit code | Meaning |\n", "|---|---|\n", *rows])


def walk(command: click.Command, *names: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield a command and all below it, by name, each with its names."""
    yield names, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from walk(command.commands[name], *names, name)


def man_page(names: tuple[str, ...], command: click.Command) -> Iterator[str]:
    """Yield the lines of a command: usage, description, options, examples."""
    program = " ".join(("genanalytics", *names))
    context = click.Context(command, info_name=program)
    yield from (f"## {program}", "", "```text", " ".join([program, *command.collect_usage_pieces(context)]), "```", "")
    yield from (inspect.cleandoc(command.help or ""), "")
    options = [option for option in command.params if isinstance(option, click.Option)]
    records = [record for option in options if (record := option.get_help_record(context))]
    yield from (f"- `{name}`: {meaning}" for name, meaning in records)
    yield from [""] if records else []
    examples = examples_of(command)
    if examples:
        yield from (f"<!-- not run: {NOT_RUN[name]} -->" for name in names if name in NOT_RUN)
        yield from ("```console", *(f"$ {example}" for example in examples), "```", "")
    closing = inspect.cleandoc(command.epilog or "").partition("\n\n")[2]
    yield from (closing, "") if closing else ()


def examples_of(command: click.Command) -> list[str]:
    """Return the lines that stand below "Examples:" at the end of a command's help."""
    return re.findall(r"^ {2}(\S.*)$", (command.epilog or "").partition("Examples:")[2], re.MULTILINE)


def metrics_page() -> str:
    """Return docs/metrics.md: its introduction as it is, and the table of the declarations."""
    introduction, table, _ = (DOCS / "metrics.md").read_text(encoding="utf-8").partition("| name |")
    return introduction + (reference() if table else "")


PAGES = {"cli.md": cli_page, "metrics.md": metrics_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
