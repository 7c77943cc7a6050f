"""Text that strangers wrote, in what the commands print."""

import csv
import io
import json
import unicodedata
from pathlib import Path

import pytest

from genanalytics.cli.main import run
from genanalytics.sandbox import sample

HOSTILE = {
    "model": "=cmd|'/c calc'!A1",
    "provider_name": ' \t"@SUM(A1)',
    "session_id": "\x1b]0;owned\x07\x1b[2J",
    "origin": "a\u202eb\u2066c\u200b\u009b31m",
    "external_user": "+1\r\n-2",
}
COMMANDS = [
    ["summary", "--by", "model"],
    ["summary", "--by", "provider_name,origin"],
    ["summary", "--by", "external_user", "--every", "month"],
    ["sessions"],
    ["quality"],
]


@pytest.fixture
def records(tmp_path: Path) -> str:
    path = tmp_path / "records.jsonl"
    lines = [json.dumps({"data": record | HOSTILE}) for record in sample(30, seed=3).records.values()]
    path.write_text("\n".join(lines))
    return str(path)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_cell_of_csv_is_a_formula(command: list[str], records: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command[0], records, *command[1:], "--csv"]) in {0, 1}
    cells = [cell for row in csv.reader(io.StringIO(capsys.readouterr().out)) for cell in row]
    assert cells
    for cell in cells:
        try:
            float(cell or 0)
        except ValueError:
            assert not cell.lstrip(' "\ufeff').startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_nothing_moves_the_cursor_of_a_terminal(
    command: list[str], records: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command[0], records, *command[1:]]) in {0, 1}
    printed = capsys.readouterr()
    for character in set(printed.out + printed.err) - {"\n"}:
        assert unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co"}, repr(character)
