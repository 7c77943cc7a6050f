"""The command `mcp`, before it serves."""

from pathlib import Path

import pytest

from genanalytics.cli.main import run


def test_it_names_the_package_that_it_needs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genanalytics.cli.mcp.find_spec", lambda _: None)
    assert run(["mcp", "records.parquet"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "Error: the command mcp needs the package mcp: pip install 'genanalytics[mcp]'\n"


def test_stdin_belongs_to_its_client(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["mcp", "-"]) == 2
    assert "stdin belongs to the MCP client" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_reported_before_it_serves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genanalytics.cli.mcp.find_spec", lambda name: name)
    assert run(["mcp", str(tmp_path / "missing.parquet")]) == 2
    assert "missing.parquet" in capsys.readouterr().err
