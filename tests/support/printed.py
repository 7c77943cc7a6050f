"""What a command prints."""

import json
from typing import Any

import pytest

from genanalytics.cli.main import run


def printed_by(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return what a command that succeeds prints on stdout."""
    assert run(arguments) == 0
    return capsys.readouterr().out


def objects_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    """Return the rows that a command prints with --json."""
    found: list[dict[str, Any]] = json.loads(printed_by(capsys, *arguments, "--json"))
    return found
