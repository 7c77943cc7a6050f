"""Type checkers use the types of the installed package: they accept right code, and refuse every mistake."""

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from support.paths import TESTS

ACCEPTED, REFUSED = "accepted.py", "refused.py"

Errors = set[tuple[str, int]]
"""The name of a file and the number of a line, from 1, for each error."""


def run(folder: Path, *arguments: str) -> str:
    """Return the output of a module that checks both files. It runs in another folder than the package."""
    command = [sys.executable, "-m", *arguments, ACCEPTED, REFUSED]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr  # there are errors; 2 is a failure of the checker
    return done.stdout


def run_mypy(folder: Path, cache: Path) -> Errors:
    options = ["--strict", "--config-file=", f"--cache-dir={cache}", "--output=json"]
    messages = [json.loads(line) for line in run(folder, "mypy", *options).splitlines()]
    return {(message["file"], message["line"]) for message in messages if message["severity"] == "error"}


def run_pyright(folder: Path, cache: Path) -> Errors:  # noqa: ARG001 - it has no cache
    pytest.importorskip("pyright", reason="pyright is not installed: python3 dev.py test --all")
    report = json.loads(run(folder, "pyright", "--outputjson", f"--pythonpath={sys.executable}"))
    messages = [message for message in report["generalDiagnostics"] if message["severity"] == "error"]
    return {(Path(message["file"]).name, message["range"]["start"]["line"] + 1) for message in messages}


def find_code(path: Path) -> Sequence[ast.stmt]:
    """Return the statements of a file, except for its docstring and its imports."""
    _, *statements = ast.parse(path.read_text(encoding="utf-8")).body
    return [statement for statement in statements if not isinstance(statement, ast.Import | ast.ImportFrom)]


def test_every_mistake_is_a_line_of_its_own() -> None:
    statements = find_code(TESTS / "typing" / REFUSED)
    assert len(statements) > 50
    assert [ast.unparse(statement) for statement in statements if statement.lineno != statement.end_lineno] == []
    assert len({statement.lineno for statement in statements}) == len(statements)


@pytest.mark.parametrize("check", [run_mypy, pytest.param(run_pyright, marks=pytest.mark.long)])
def test_a_type_checker_accepts_right_code_and_refuses_every_mistake(
    check: Callable[[Path, Path], Errors], tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    for name in (ACCEPTED, REFUSED):
        shutil.copy(TESTS / "typing" / name, tmp_path)
    assert pytestconfig.cache is not None
    errors = check(tmp_path, pytestconfig.cache.mkdir("mypy"))  # a run without a cache takes half a minute
    assert {line for name, line in errors if name == ACCEPTED} == set()
    refused = {line for name, line in errors if name == REFUSED}
    mistakes = {statement.lineno: ast.unparse(statement) for statement in find_code(tmp_path / REFUSED)}
    assert [code for line, code in mistakes.items() if line not in refused] == [], "accepted"
    assert refused - mistakes.keys() == set()
