"""The package's front: its names, and what importing it costs."""

import importlib
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import genanalytics
from genanalytics import errors
from genanalytics.cli.demo import run_demo

HEAVY = {"matplotlib", "narwhals", "numpy", "pandas", "pyarrow", "requests", "requests_cache", "urllib3"}


def loaded_after(code: str) -> set[str]:
    """Return which of the heavy packages a fresh interpreter has loaded after `code`."""
    report = f"import json, sys; print(json.dumps(sorted({HEAVY} & sys.modules.keys())))"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_after("import genanalytics") == set()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["fetch", "--help"], ["summary", "--help"]])
def test_asking_for_help_loads_nothing_heavy(arguments: list[str]) -> None:
    assert loaded_after(f"from genanalytics.cli.main import run; assert run({arguments}) == 0") == set()


def test_the_package_runs_as_a_module() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "genanalytics", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: genanalytics ")
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "genanalytics" in imported
    assert imported & HEAVY == set()


def test_a_name_is_loaded_when_it_is_first_used() -> None:
    assert "pandas" not in loaded_after("import genanalytics; genanalytics.InputError, genanalytics.read_ids")
    assert {"pandas", "pyarrow"} <= loaded_after("import genanalytics; genanalytics.read")


def test_the_public_names_are_sorted_and_each_one_is_there() -> None:
    assert genanalytics.__all__ == sorted(set(genanalytics.__all__))
    assert all(getattr(genanalytics, name) is not None for name in genanalytics.__all__)
    assert dir(genanalytics) == genanalytics.__all__


@pytest.mark.parametrize(
    "name", sorted(set(genanalytics.__all__) - {"__version__", "metrics", "plots", "sandbox", "COLUMNS"})
)
def test_a_public_name_is_the_one_of_its_module(name: str) -> None:
    public = getattr(genanalytics, name)
    assert public.__name__ == name
    assert getattr(importlib.import_module(public.__module__), name) is public


def test_everything_public_can_be_imported_at_once() -> None:
    code = "from genanalytics import *; assert not set(__import__('genanalytics').__all__) - globals().keys()"
    subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, check=True)


def test_an_unknown_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="module 'genanalytics' has no 'fletch'; did you mean 'fetch'"):
        genanalytics.fletch  # type: ignore[attr-defined]  # noqa: B018 - the look-up is tested


@pytest.mark.parametrize(
    ("child", "builtin"),
    [
        (errors.InputError, ValueError),
        (errors.MissingColumnError, KeyError),
        (errors.KeyRefusedError, PermissionError),
        (errors.CacheError, OSError),
        (errors.OutputError, OSError),
        (errors.PoorerResultError, OSError),
    ],
)
def test_an_error_is_ours_and_the_builtin_that_a_caller_expects(child: type[Exception], builtin: type) -> None:
    assert issubclass(child, errors.GenAnalyticsError)
    assert issubclass(child, builtin)
    assert child.__name__ in genanalytics.__all__
    assert str(child("no column 'x'; the frame has a, b")) == "no column 'x'; the frame has a, b"


def test_using_the_package_leaves_its_modules_as_they_were(tmp_path: Path) -> None:
    found = pkgutil.walk_packages(genanalytics.__path__, "genanalytics.")
    modules = [importlib.import_module(module.name) for module in found if not module.name.endswith("__main__")]

    def state() -> dict[tuple[str, str], str]:
        return {
            (module.__name__, name): repr(value)
            for module in modules
            for name, value in vars(module).items()
            if isinstance(value, list | dict | set | bytearray) and not name.startswith("__")
        }

    before = state()
    assert before
    run_demo(tmp_path, lambda _: None)
    assert state() == before
