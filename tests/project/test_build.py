"""What is published: the same bytes whoever builds it and wherever, and accepted by the index."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
from email import message_from_string
from pathlib import Path

import pytest

from support.paths import ROOT

SOURCES = ("genanalytics", "tests", "data", "docs", "notebooks")


def built(source: Path, folder: Path, *, umask: int, epoch: int = 1_750_000_000) -> dict[str, str]:
    """Return the SHA-256 of what is built from a source tree, by name."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(source)]
    unwanted = ("PYTHON", "COV")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    environment |= {"SOURCE_DATE_EPOCH": str(epoch)}
    done = subprocess.run(command, env=environment, umask=umask, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    built(ROOT, folder, umask=0o022)
    return folder


def test_two_builds_are_the_same_to_the_byte(published: Path, tmp_path: Path) -> None:
    """The second from another directory, with other times of the files, other permissions for them, another umask."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for file in ROOT.iterdir():
        if file.is_file():
            shutil.copyfile(file, elsewhere / file.name)
    for name in SOURCES:
        unwanted = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, elsewhere / name, copy_function=shutil.copyfile, ignore=unwanted)
    first = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in published.iterdir()}
    assert built(elsewhere, tmp_path / "dist", umask=0o077) == first
    assert sorted(name.rpartition(".")[2] for name in first) == ["gz", "whl"]


def test_the_source_distribution_holds_what_its_tests_need(published: Path) -> None:
    [path] = published.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tracked = subprocess.run(
        ["/usr/bin/env", "git", "ls-files", *SOURCES], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if tracked.returncode:
        pytest.skip("not a git checkout")
    assert set(tracked.stdout.split()) <= names
    assert {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml", "dev.py", "requirements.lock"} <= names
    assert not any(name.endswith((".pyc", ".sqlite")) or "/." in name for name in names)


def test_the_description_is_the_readme_and_the_types_are_declared(published: Path) -> None:
    [path] = published.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        [member] = [name for name in archive.getnames() if name.count("/") == 1 and name.endswith("/PKG-INFO")]
        stream = archive.extractfile(member)
        assert stream is not None
        told = message_from_string(stream.read().decode())
    assert told["Requires-Python"] == ">=3.11"
    assert told["License-Expression"] == "MIT"
    assert "Typing :: Typed" in told.get_all("Classifier", [])
    assert "notebook" in told.get_all("Provides-Extra", [])
    assert told["Description-Content-Type"] == "text/markdown"
    assert told.get_payload() == (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.long
@pytest.mark.skipif(importlib.util.find_spec("twine") is None, reason="twine is not installed")
def test_the_index_would_take_it(published: Path) -> None:
    command = [sys.executable, "-m", "twine", "check", "--strict", *map(str, published.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("PASSED") == 2
