"""The notebooks run offline, show what is committed, and contain nothing that does not belong in a repository."""

import json
import re
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.paths import ROOT
from support.scripts import load

if TYPE_CHECKING:
    from nbformat import NotebookNode

for needed in ("nbclient", "nbformat", "ipykernel"):
    pytest.importorskip(needed, reason=f"{needed} is not installed")
CellExecutionError = import_module("nbclient.exceptions").CellExecutionError

FOLDER = ROOT / "notebooks"
EXECUTE = load(FOLDER / "execute.py")
COMMITTED = {path.stem: EXECUTE.read(path) for path in EXECUTE.list_notebooks()}
SPARK = [EXECUTE.SPARK]
WITH_SPARK = [
    name for name, notebook in COMMITTED.items() if any(EXECUTE.has_tag(cell, SPARK) for cell in notebook.cells)
]

every_one = pytest.mark.parametrize("name", COMMITTED)
FIRST, *OTHERS = COMMITTED


def shown(cell: "NotebookNode") -> list[object]:
    """Return what a cell shows: texts as they are, pictures as such."""
    return [
        output.text if output.output_type == "stream" else "picture" if "image/png" in output.data else output.data
        for output in cell.outputs
    ]


def written(notebook: "NotebookNode") -> str:
    """Return everything in a notebook but its pictures."""
    parts = [cell.source for cell in notebook.cells]
    parts += [str(what) for cell in EXECUTE.list_code_cells(notebook) for what in shown(cell)]
    return "\n".join([json.dumps(notebook.metadata), *parts])


def executed(*cells: str) -> "list[NotebookNode]":
    """Return these cells after a run as a notebook."""
    notebook = EXECUTE.nbformat.v4.new_notebook(cells=[EXECUTE.nbformat.v4.new_code_cell(cell) for cell in cells])
    found: list[NotebookNode] = EXECUTE.execute(notebook).cells
    return found


def check_shown_again(name: str, *, without: Sequence[str] = ()) -> None:
    again = EXECUTE.list_code_cells(EXECUTE.execute(COMMITTED[name], without=without))
    for cell, committed in zip(again, EXECUTE.list_code_cells(COMMITTED[name], without=without), strict=True):
        assert shown(cell) == shown(committed), f"{cell.id}: execute it again: python3 dev.py notebooks {name}"


@pytest.mark.parametrize("name", [FIRST, *(pytest.param(name, marks=pytest.mark.long) for name in OTHERS)])
def test_it_runs_offline_and_shows_what_is_committed(name: str) -> None:
    if "duckdb" in written(COMMITTED[name]):
        pytest.importorskip("duckdb", reason="duckdb is not installed: pip install 'genanalytics[duckdb]'")
    check_shown_again(name, without=SPARK)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("spark")
@pytest.mark.parametrize("name", WITH_SPARK)
def test_on_spark_it_shows_what_is_committed_too(name: str) -> None:
    check_shown_again(name)


@every_one
def test_it_begins_with_its_question_which_the_list_of_notebooks_has_too(name: str) -> None:
    title = COMMITTED[name].cells[0]
    assert title.cell_type == "markdown"
    question = re.match(r"# (.*\?)\n", title.source + "\n")
    assert question is not None
    assert f"| [{name}]({name}.ipynb) | {question[1]} |\n" in (FOLDER / "README.md").read_text(encoding="utf-8")


@every_one
def test_it_ends_with_how_to_use_it_on_ones_own_ids(name: str) -> None:
    headings = re.findall(r"^## (.*)$", written(COMMITTED[name]), re.MULTILINE)
    assert headings[-1] == "Your own ids"


@every_one
def test_it_is_as_execute_writes_it(name: str, tmp_path: Path) -> None:
    EXECUTE.write(EXECUTE.tidy(COMMITTED[name]), tmp_path / "tidy.ipynb")
    assert (tmp_path / "tidy.ipynb").read_bytes() == (FOLDER / f"{name}.ipynb").read_bytes()
    counts = [cell.execution_count for cell in EXECUTE.list_code_cells(COMMITTED[name])]
    assert counts == list(range(1, len(counts) + 1))


@every_one
def test_its_cells_have_names_of_their_own(name: str) -> None:
    names = [cell.id for cell in COMMITTED[name].cells]
    assert len(set(names)) == len(names)
    assert [one for one in names if not re.fullmatch(r"[a-z]+(-[a-z]+)*", one)] == []


@every_one
def test_it_is_small_and_tells_nothing_of_a_machine_or_a_key(name: str) -> None:
    assert (FOLDER / f"{name}.ipynb").stat().st_size < 500_000
    of_a_machine = r"/(home|root|tmp|work|Users|usr|var)/|\b[A-Z]:\\|(127\.0\.0\.1|localhost):\d|0x[0-9a-f]{8}|sk-or-"
    assert re.findall(of_a_machine, written(COMMITTED[name])) == []


@every_one
def test_its_links_lead_somewhere(name: str) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", written(COMMITTED[name])):
        assert (FOLDER / link).exists(), link


def test_there_is_neither_a_key_nor_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "a-key")
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:1")
    tried = "try:\n    requests.get('http://example.com')\nexcept OSError as error:\n    print(type(error).__name__)"
    key, network = executed("import os\nprint('OPENROUTER_API_KEY' in os.environ)", f"import requests\n{tried}")
    assert (shown(key), shown(network)) == (["False\n"], ["ProxyError\n"])


def test_a_warning_is_an_error() -> None:
    with pytest.raises(CellExecutionError, match=r"(?s)UserWarning.*look"):
        executed("import warnings\nwarnings.warn('look')")


def test_output_of_a_cell_on_stderr_is_an_error() -> None:
    with pytest.raises(EXECUTE.StandardErrorError, match="wrote to stderr: oh"):
        executed("import sys\nprint('oh', file=sys.stderr)")


def test_a_name_that_no_notebook_has_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert EXECUTE.main(["06_nothing"]) == 2
    assert "no notebook '06_nothing'; there are 01_first_look" in capsys.readouterr().err
