"""The directory of a data set: links, owners, copies and stray files."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from genanalytics.errors import InputError
from support.datasets import committed, rows, seen

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no data sets are written there")


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_lock_that_leads_to_another_file_is_refused(link: Any, directory: Path, tmp_path: Path) -> None:  # noqa: ANN401
    directory.mkdir()
    precious = tmp_path / "precious"
    precious.write_text("x")
    link(precious, directory / ".lock")
    with pytest.raises(InputError, match=r"\.lock is a link, or belongs to another user: give a new directory"):
        committed(directory, rows("gen-1"))
    assert precious.read_text() == "x"


def test_commits_that_lead_to_another_directory_are_refused(directory: Path, tmp_path: Path) -> None:
    directory.mkdir()
    foreign = tmp_path / "foreign" / "00000009"
    foreign.mkdir(parents=True)
    (directory / ".commits").symlink_to(foreign.parent)
    with pytest.raises(InputError, match=r"\.commits is a link, or belongs to another user"):
        committed(directory, rows("gen-1"))
    assert list(foreign.parent.iterdir()) == [foreign]


@pytest.mark.parametrize("name", ["data", "failures.parquet", "manifest.json"])
def test_a_visible_name_that_leads_elsewhere_is_refused(name: str, directory: Path, tmp_path: Path) -> None:
    directory.mkdir()
    (directory / name).symlink_to(tmp_path / "foreign")
    with pytest.raises(InputError, match=f"{name} is a link, or belongs to another user"):
        committed(directory, rows("gen-1"))


def test_a_copy_in_which_links_became_files_is_refused_at_once(directory: Path, tmp_path: Path) -> None:
    committed(directory, rows("gen-1"))
    copy = tmp_path / "copy"
    shutil.copytree(directory, copy, symlinks=False)
    with pytest.raises(InputError, match="is a copy of a data set in which links became files, which is read-only"):
        committed(copy, rows("gen-2"))
    assert seen(copy) == {"gen-1": 1}


def test_a_copy_that_keeps_links_is_continued(directory: Path, tmp_path: Path) -> None:
    committed(directory, rows("gen-1"))
    copy = tmp_path / "copy"
    shutil.copytree(directory, copy, symlinks=True)
    committed(copy, rows("gen-2"))
    assert seen(copy) == {"gen-1": 1, "gen-2": 1}
    assert seen(directory) == {"gen-1": 1}


@pytest.mark.parametrize("name", [".DS_Store", "._data", "Thumbs.db", "notes.txt~"])
def test_a_file_of_a_file_manager_or_an_editor_is_in_nobodys_way(name: str, directory: Path) -> None:
    directory.mkdir()
    (directory / name).touch()
    committed(directory, rows("gen-1"))
    for place in (directory / ".commits", directory / "data"):
        (place / name).touch()
    (directory / ".commits" / "x.parquet~").touch()
    committed(directory, rows("gen-2"))
    assert seen(directory) == {"gen-1": 1, "gen-2": 1}
