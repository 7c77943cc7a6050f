"""The page that teaches an agent the command line; the tests of the documents run its examples."""

import re
from pathlib import Path

import pytest

from genanalytics import write
from genanalytics.agents.ask import TOOLS, ask
from genanalytics.agents.kept import KeptRecords
from genanalytics.cli.main import commands
from genanalytics.cli.records import Selection
from genanalytics.cli.repeat import find_state
from genanalytics.records.coverage import Coverage
from support.paths import DOCS, ROOT
from support.printed import printed_by
from support.record_files import covered, make_month

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
        known = {option for parameter in commands.load_commands()[name].params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", options)) <= known


def test_the_page_about_agents_lists_the_tools() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|$", (DOCS / "agents.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [(tool.name, tool.title) for tool in TOOLS.values()]


def test_the_page_about_agents_shows_an_answer_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "generations.parquet"
    write(covered(make_month(), Coverage(asked=400, found=389)), path)
    given = {"by": ["model", "provider_name"], "limit": 3}
    reply = ask(KeptRecords(Selection((str(path),)), find_state), "top", given)
    assert f"```text\n{reply.text}\n```" in (DOCS / "agents.md").read_text(encoding="utf-8")
