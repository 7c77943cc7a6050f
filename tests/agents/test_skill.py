"""The page that teaches an agent the command line; the tests of the documents run its examples."""

import re

import pytest

from genanalytics.agents.ask import TOOLS
from genanalytics.cli.main import commands
from support.paths import DOCS, ROOT
from support.printed import printed_by

PAGE = ROOT / "genanalytics" / "agents" / "SKILL.md"


def test_it_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed_by(capsys, "skill") == PAGE.read_text(encoding="utf-8")


def test_it_is_short_and_says_what_it_is_for() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.count("\n") <= 80
    head = re.match(r"---\nname: genanalytics\ndescription: ([^\n]+)\n---\n", text)
    assert head is not None
    assert len(head[1]) <= 1_024


def test_its_commands_and_options_exist() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| [^|]+ \| `([a-z-]+) (?:GEN-ID )?FILE([^|]*)\|$", text, re.MULTILINE)
    assert len(rows) == 10
    for name, options in rows:
        known = {option for parameter in commands.commands[name].params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", options)) <= known


def test_the_page_about_agents_lists_the_tools() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|$", (DOCS / "agents.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [(tool.name, tool.title) for tool in TOOLS.values()]
