"""Execute the notebooks in this directory, and write them back with their outputs.

Run it with `python3 dev.py notebooks`, or name some: `python3 dev.py notebooks 01_first_look`. Each notebook runs in a
new kernel of this Python, in an empty directory, without an API key, with no network but loopback, and with warnings as
errors. The written file contains no trace of the machine, and is the same every time.
"""

import os
import re
import sys
from collections.abc import Collection, Iterable, Iterator
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib as mpl
import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).resolve().parent

SPARK = "spark"
"""The tag of a cell that needs Spark."""

SHOWN = ("image/png", "text/html", "text/markdown", "text/plain")
"""The formats of an output, the preferred one first; only the first available one is written."""

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

_NOWHERE = "http://127.0.0.1:9"
_LEFT_OUT = re.compile(r"OPENROUTER_.*|GENANALYTICS_.*|.*_PROXY", re.IGNORECASE)
_ARGUMENTS = [
    "--IPKernelApp.exec_lines=import warnings as _warnings",
    "--IPKernelApp.exec_lines=_warnings.simplefilter('error')",
    "--IPKernelApp.exec_lines=_warnings.filterwarnings('ignore', module='ipykernel')",  # it warns about itself at exit
    "--IPKernelApp.capture_fd_output=False",  # the output of programs that a cell starts does not count
    "--IPKernelApp.log_level=ERROR",  # otherwise it warns that loopback traffic is not encrypted
]


class StandardErrorError(Exception):
    """A cell wrote to stderr, which every front end shows as a failure."""


class FormatError(Exception):
    """A cell has an output in none of the formats of `SHOWN`, such as SVG alone."""


def list_notebooks() -> list[Path]:
    """Return the notebooks of this directory, sorted by name."""
    return sorted(FOLDER.glob("*.ipynb"))


def read(path: Path) -> NotebookNode:
    """Return a valid notebook."""
    notebook: NotebookNode = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def write(notebook: NotebookNode, path: Path) -> None:
    """Write a valid notebook."""
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def list_code_cells(notebook: NotebookNode, *, without: Collection[str] = ()) -> list[NotebookNode]:
    """Return the code cells that have none of these tags."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and not has_tag(cell, without)]


def has_tag(cell: NotebookNode, tags: Collection[str]) -> bool:
    """Return whether a cell has one of these tags."""
    return not set(tags).isdisjoint(cell.metadata.get("tags", ()))


def execute(notebook: NotebookNode, *, without: Collection[str] = ()) -> NotebookNode:
    """Return a copy of a notebook with the outputs of a run, tidied.

    Args:
        notebook: The notebook to run; it is not changed.
        without: Leave out cells with one of these tags.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell raised an error.
        StandardErrorError: A cell wrote to stderr.
        FormatError: A cell has an output in none of the formats that are written.
    """
    fresh = deepcopy(notebook)
    fresh.cells = [cell for cell in fresh.cells if not has_tag(cell, without)]
    with TemporaryDirectory(prefix="notebook-") as folder:
        working, settings = Path(folder, "working"), Path(folder, "settings")
        working.mkdir()
        settings.mkdir()
        of_this_python = KernelSpecManager(kernel_dirs=[])
        connection = str(settings / "kernel.json")
        kernel = AsyncKernelManager(
            kernel_name="python3", kernel_spec_manager=of_this_python, connection_file=connection
        )
        client = NotebookClient(
            fresh, km=kernel, timeout=300, record_timing=False, coalesce_streams=True, extra_arguments=_ARGUMENTS
        )
        client.execute(cleanup_kc=True, cwd=str(working), env=_make_environment(settings))
    return tidy(fresh)


def _make_environment(settings: Path) -> dict[str, str]:
    """Return an environment without an API key, with a proxy that does not exist, and without user settings."""
    plain = {name: value for name, value in os.environ.items() if not _LEFT_OUT.fullmatch(name)}
    return plain | {
        "HTTP_PROXY": _NOWHERE,
        "HTTPS_PROXY": _NOWHERE,
        "NO_PROXY": "127.0.0.1,localhost",
        "IPYTHONDIR": str(settings),
        "MATPLOTLIBRC": str(Path(mpl.get_data_path(), "matplotlibrc")),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(FOLDER.parent), *sys.path])),
    }


def tidy(notebook: NotebookNode) -> NotebookNode:
    """Return a copy of a notebook with one format of each output, and with no metadata of the machine.

    Raises:
        StandardErrorError: A cell wrote to stderr.
        FormatError: A cell has an output in none of the formats that are written.
    """
    copy = deepcopy(notebook)
    copy.metadata = nbformat.from_dict(METADATA)
    for cell in copy.cells:
        cell.metadata = nbformat.from_dict({"tags": tags} if (tags := cell.metadata.get("tags")) else {})
        if cell.cell_type == "code":
            cell.outputs = list(_tidy_outputs(cell))
    return copy


def _tidy_outputs(cell: NotebookNode) -> Iterator[NotebookNode]:
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stderr":
            msg = f"the cell {cell.id!r} wrote to stderr: {output.text}"
            raise StandardErrorError(msg)
        if "data" in output:
            shown = next((name for name in SHOWN if name in output.data), None)
            if shown is None:
                msg = f"the cell {cell.id!r} has an output as {', '.join(output.data)}: show it as {', '.join(SHOWN)}"
                raise FormatError(msg)
            output.data = nbformat.from_dict({shown: output.data[shown]})
            output.metadata = nbformat.from_dict({})
        yield output


def main(names: Iterable[str]) -> int:
    """Execute the notebooks with these names, or all, and return the exit code."""
    paths = {path.stem: path for path in list_notebooks()}
    wanted = list(names) or list(paths)
    unknown = [name for name in wanted if name not in paths]
    if unknown:
        sys.stderr.write(f"no notebook {unknown[0]!r}; there are {', '.join(paths)}\n")
        return 2
    for name in wanted:
        sys.stderr.write(f"{name}\n")
        write(execute(read(paths[name])), paths[name])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
