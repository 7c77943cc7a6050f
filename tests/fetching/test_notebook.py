"""A notebook as people run one: a kernel of its own, and what its cells show."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.fault_server import FaultServer
from support.faults import KEY, good, make_ids, refusal

nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")

IDS = make_ids(5)


@pytest.fixture
def environment(server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FaultServer:
    """Give kernels a key and a slow service that lacks one record, and let them leave nothing outside of the test."""
    server.otherwise = lambda generation_id: good(generation_id, after_s=0.8)
    for name, value in {
        "OPENROUTER_API_KEY": KEY,
        "GENANALYTICS_BASE_URL": server.base_url,
        "GENANALYTICS_CACHE_DIR": str(tmp_path / "cache"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "MPLCONFIGDIR": str(tmp_path / "matplotlib"),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "jupyter"),
    }.items():
        monkeypatch.setenv(name, value)
    return server


def outputs_of(folder: Path, *cells: str) -> list[list[dict[str, Any]]]:
    """Return what each cell shows, run one after the other in a kernel of this Python."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = nbclient.NotebookClient(
        notebook, timeout=100, kernel_name="python3", resources={"metadata": {"path": folder}}
    )
    client.execute()
    return [cell.outputs for cell in notebook.cells]


def streamed(outputs: list[dict[str, Any]], name: str) -> str:
    return "".join(output["text"] for output in outputs if output.get("name") == name)


def test_ids_to_answers_in_a_notebook_without_a_warning(environment: FaultServer, tmp_path: Path) -> None:
    environment.plan(IDS[0], refusal(404))
    first, shown, told, chart, another = outputs_of(
        tmp_path,
        f"import genanalytics as ga\nfetched = ga.fetch({[*IDS, 'two words']!r}, wait_s=0)",
        "fetched",
        "fetched.explain()",
        "ga.plots.cost_over_time(fetched.frame);",
        "ga.plots.cost_ranking(fetched.frame);",
    )
    assert "6/6" in streamed(first, "stdout"), "the bar"
    [result] = shown
    assert result["data"]["text/plain"].startswith("<FetchResult 6 ids: 4 ok, 1 not_found, 1 invalid (5 requests, ")
    assert "4 of 6 ids (66.7 %)" in result["data"]["text/html"]
    assert "not_found" in told[0]["data"]["text/html"]
    assert ["image/png" in outputs[-1]["data"] for outputs in (chart, another)] == [True, True]
    assert [streamed(outputs, "stderr") for outputs in (first, shown, told, chart, another)] == [""] * 5


def test_in_plain_ipython_the_repr_is_shown_and_a_pipe_gets_no_bar(environment: FaultServer, tmp_path: Path) -> None:
    del environment
    code = f"import genanalytics as ga\nga.fetch({IDS!r})"
    command = [sys.executable, "-m", "IPython", "--no-banner", "--simple-prompt"]
    done = subprocess.run(command, input=f"{code}\n", capture_output=True, text=True, cwd=tmp_path, check=True)
    assert "<FetchResult 5 ids: 5 ok (5 requests, 0 from the cache, " in done.stdout
    assert done.stderr == ""
