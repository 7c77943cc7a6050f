"""The command `skill`."""

import click

from genanalytics.cli.streams import say_table


@click.command(
    epilog="""\b
Examples:
  genanalytics skill
  genanalytics skill > SKILL.md"""
)
def skill() -> None:
    """Print SKILL.md, a guide for coding agents.

    It says when to use which command. Save it where your agent looks for skills.
    """
    from importlib.resources import files

    say_table((files("genanalytics.agents") / "SKILL.md").read_text(encoding="utf-8").rstrip("\n"))
