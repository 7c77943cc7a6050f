"""Execute the notebooks beside this file and write them back with what they show.

Run it with `python3 dev.py notebooks`, or name some: `python3 dev.py notebooks 01_first_look`. Each runs in a fresh
kernel of this Python, in an empty directory, without a key, with no network but loopback, and with warnings as errors.
What is written holds no trace of the machine, and is the same every time.
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
"""The forms of an output, the one that a reader sees first: it alone is written."""

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

_NOWHERE = "http://127.0.0.1:9"
_LEFT_OUT = re.compile(r"OPENROUTER_.*|GENANALYTICS_.*|.*_PROXY", re.IGNORECASE)
_ARGUMENTS = [
    "--IPKernelApp.exec_lines=import warnings as _warnings",
    "--IPKernelApp.exec_lines=_warnings.simplefilter('error')",
    "--IPKernelApp.exec_lines=_warnings.filterwarnings('ignore', module='ipykernel')",  # at its end, about itself
    "--IPKernelApp.capture_fd_output=False",  # what a program that a cell starts says, is not its own
    "--IPKernelApp.log_level=ERROR",  # else it warns that what goes over loopback is not encrypted
]


class StandardErrorError(Exception):
    """A cell wrote to the standard error, which every front end shows as a failure."""


class FormError(Exception):
    """A cell shows something in no form that is kept, such as SVG alone."""


def notebooks() -> list[Path]:
    """Return the notebooks of this folder, in their order."""
    return sorted(FOLDER.glob("*.ipynb"))


def read(path: Path) -> NotebookNode:
    """Return a notebook, checked to be one."""
    notebook: NotebookNode = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def write(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook."""
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def code_of(notebook: NotebookNode, *, without: Collection[str] = ()) -> list[NotebookNode]:
    """Return the cells of code that have none of these tags."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and not has_tag(cell, without)]


def has_tag(cell: NotebookNode, tags: Collection[str]) -> bool:
    """Return whether a cell has one of these tags."""
    return not set(tags).isdisjoint(cell.metadata.get("tags", ()))


def executed(notebook: NotebookNode, *, without: Collection[str] = ()) -> NotebookNode:
    """Return a notebook as it is once it has run, in the form in which it is kept.

    Args:
        notebook: What to run; it stays as it is.
        without: Cells with one of these tags are left out.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell raised an error.
        StandardErrorError: A cell wrote to the standard error.
    """
    fresh = deepcopy(notebook)
    fresh.cells = [cell for cell in fresh.cells if not has_tag(cell, without)]
    with TemporaryDirectory(prefix="notebook-") as folder:
        here, beside = Path(folder, "here"), Path(folder, "beside")
        here.mkdir()
        beside.mkdir()
        of_this_python = KernelSpecManager(kernel_dirs=[])
        connection = str(beside / "kernel.json")
        kernel = AsyncKernelManager(
            kernel_name="python3", kernel_spec_manager=of_this_python, connection_file=connection
        )
        client = NotebookClient(
            fresh, km=kernel, timeout=100, record_timing=False, coalesce_streams=True, extra_arguments=_ARGUMENTS
        )
        client.execute(cleanup_kc=True, cwd=str(here), env=_environment(beside))
    return tidied(fresh)


def _environment(folder: Path) -> dict[str, str]:
    """Return an environment without a key, with a proxy that is not there, and with nobody's settings."""
    plain = {name: value for name, value in os.environ.items() if not _LEFT_OUT.fullmatch(name)}
    return plain | {
        "HTTP_PROXY": _NOWHERE,
        "HTTPS_PROXY": _NOWHERE,
        "NO_PROXY": "127.0.0.1,localhost",
        "IPYTHONDIR": str(folder),
        "MATPLOTLIBRC": str(Path(mpl.get_data_path(), "matplotlibrc")),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(FOLDER.parent), *sys.path])),
    }


def tidied(notebook: NotebookNode) -> NotebookNode:
    """Return a notebook in the form in which it is kept: of each output what a reader sees, and nothing of the machine.

    Raises:
        StandardErrorError: A cell wrote to the standard error.
        FormError: A cell shows something in no form that is kept.
    """
    tidy = deepcopy(notebook)
    tidy.metadata = nbformat.from_dict(METADATA)
    for cell in tidy.cells:
        cell.metadata = nbformat.from_dict({"tags": tags} if (tags := cell.metadata.get("tags")) else {})
        if cell.cell_type == "code":
            cell.outputs = list(_outputs(cell))
    return tidy


def _outputs(cell: NotebookNode) -> Iterator[NotebookNode]:
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stderr":
            msg = f"the cell {cell.id!r} wrote to the standard error: {output.text}"
            raise StandardErrorError(msg)
        if "data" in output:
            form = next((name for name in SHOWN if name in output.data), None)
            if form is None:
                msg = f"the cell {cell.id!r} shows {', '.join(output.data)}: what is kept is one of {', '.join(SHOWN)}"
                raise FormError(msg)
            output.data = nbformat.from_dict({form: output.data[form]})
            output.metadata = nbformat.from_dict({})
        yield output


def main(names: Iterable[str]) -> int:
    """Execute the notebooks of these names, or all, and return the exit code."""
    there = {path.stem: path for path in notebooks()}
    wanted = list(names) or list(there)
    unknown = [name for name in wanted if name not in there]
    if unknown:
        sys.stderr.write(f"no notebook {unknown[0]!r}; there are {', '.join(there)}\n")
        return 2
    for name in wanted:
        sys.stderr.write(f"{name}\n")
        write(executed(read(there[name])), there[name])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
