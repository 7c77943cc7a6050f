"""The directory of a data set: links, owners, copies and stray files."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import genanalytics as ga
from genanalytics.dataset import manifest as dataset
from genanalytics.dataset.writer import Writer
from genanalytics.errors import InputError
from genanalytics.files import read_parquet
from support.datasets import NO_FAILURE, NONE, committed, make_old, rows, seen

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


def test_files_that_lead_to_another_directory_are_refused(directory: Path, tmp_path: Path) -> None:
    directory.mkdir()
    foreign = tmp_path / "foreign" / "00000009"
    foreign.mkdir(parents=True)
    (directory / ".files").symlink_to(foreign.parent)
    with pytest.raises(InputError, match=r"\.files is a link, or belongs to another user"):
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


needs_root = pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can give files away")


@needs_root
@pytest.mark.parametrize("name", ["", ".files", ".files/data", ".lock", "data", "failures.parquet", "manifest.json"])
def test_a_directory_a_file_or_a_link_of_another_user_is_refused(name: str, directory: Path) -> None:
    committed(directory, rows("gen-1"))
    os.chown(directory / name, 12345, -1, follow_symlinks=False)
    with pytest.raises(InputError, match="belongs to another user"):
        committed(directory, rows("gen-2"))
    assert seen(directory) == {"gen-1": 1}


@needs_root
def test_a_new_directory_of_another_user_stays_empty(directory: Path) -> None:
    directory.mkdir()
    os.chown(directory, 12345, -1)
    with pytest.raises(InputError, match=r"belongs to another user \(uid 12345\), who could replace files in it"):
        committed(directory, rows("gen-1"))
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize("name", ["", ".files", "data"])
def test_a_directory_that_every_user_can_change_is_refused(name: str, directory: Path) -> None:
    committed(directory, rows("gen-1"))
    (directory / name).chmod(0o777)
    with pytest.raises(InputError, match=r"every user .* can replace files in \S+ \(mode 777\): run `chmod o-w "):
        committed(directory, rows("gen-2"))
    for mode in (0o1777, 0o775):  # in a sticky directory, others cannot replace files; a group is trusted
        (directory / name).chmod(mode)
        committed(directory, rows(f"gen-{mode}"))
    assert len(seen(directory)) == 3


def test_nothing_is_open_to_every_user_even_without_a_umask(directory: Path) -> None:
    before = os.umask(0)
    try:
        committed(directory / "a" / "b", rows("gen-1"), rows("gen-2"))
    finally:
        os.umask(before)
    assert [path for path in (directory, *directory.rglob("*")) if path.is_dir() and path.stat().st_mode & 0o002] == []


def test_nothing_is_deleted_in_a_folder_that_took_the_place_of_the_files(directory: Path, tmp_path: Path) -> None:
    files, moved, other = directory / ".files", tmp_path / "moved", tmp_path / "other"
    with Writer(directory, partition=None) as writer:
        for number in range(19):
            writer.commit(NONE, rows("gen-1", total_cost=number), NO_FAILURE)
        make_old(directory)
        first = next(path.name for path in (files / "data").iterdir() if path.name.startswith("00000001"))
        shutil.copytree(files, other)
        files.rename(moved)
        files.symlink_to(other)
        writer.commit(NONE, rows("gen-1", total_cost=20), NO_FAILURE)
    assert (other / "data" / first).is_file()
    assert not (moved / "data" / first).exists()


OUTSIDE = {
    "a parent": "data/../../precious.parquet",
    "a parent at the start": "../precious.parquet",
    "an absolute path": "/etc/passwd",
    "the separator of Windows": "data/..\\..\\precious.parquet",
    "no file": "data/",
    "another file": "precious.parquet",
}


@pytest.mark.parametrize("name", OUTSIDE.values(), ids=OUTSIDE)
@pytest.mark.parametrize("key", ["files", "failure_files"])
def test_a_manifest_that_names_a_file_elsewhere_is_refused(
    key: str, name: str, directory: Path, tmp_path: Path
) -> None:
    committed(directory, rows("gen-1"))
    shutil.copy(dataset.list_files(directory)[0], tmp_path / "precious.parquet")
    change_manifest(directory, lambda content: content[key][0].update(path=name))
    for use in (read_parquet, ga.scan, ga.compact, lambda path: committed(path, rows("gen-2"))):
        with pytest.raises(InputError, match=f"{re.escape(repr(name))} in its manifest .* leads out of the data"):
            use(directory)
    with pytest.raises(InputError, match="leads out of the data set"):
        read_parquet(directory.as_uri())


@pytest.mark.parametrize("name", ["data", "data/month=2026-09", "file", ""])
def test_a_link_in_a_commit_that_leads_elsewhere_is_refused(name: str, directory: Path, tmp_path: Path) -> None:
    committed(directory, rows("gen-1"))
    inside = dataset.list_files(directory)[0] if name == "file" else directory / ".files" / name
    inside.rename(tmp_path / "foreign")
    inside.symlink_to(tmp_path / "foreign")
    for use in (read_parquet, ga.scan, ga.compact, lambda path: committed(path, rows("gen-2"))):
        with pytest.raises(InputError, match=r"leads out of the data set|\.files\S* is a link"):
            use(directory)


def test_a_copy_behind_a_link_is_read(directory: Path, tmp_path: Path) -> None:
    committed(directory, rows("gen-1"))
    (tmp_path / "link").symlink_to(directory)
    committed(tmp_path / "link", rows("gen-2"))
    assert seen(tmp_path / "link") == {"gen-1": 1, "gen-2": 1}


@pytest.mark.parametrize("commit", [1, 3])
def test_a_manifest_of_another_commit_deletes_nothing(commit: int, directory: Path) -> None:
    committed(directory, rows("gen-1"), rows("gen-2"))
    change_manifest(directory, lambda content: content.update(commit=commit))
    with pytest.raises(InputError, match=rf"is that of another commit \({commit}\): restore the data set"):
        committed(directory, rows("gen-3"))
    assert seen(directory) == {"gen-1": 1, "gen-2": 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"commit": "2"},
        {"failures": -1},
        {"files": [{"path": 1, "rows": 1, "young": False}]},
        {"files": [{"path": "data/x.parquet", "rows": "1", "young": False}]},
        {"files": [{"rows": 1}]},
        {"files": [1]},
        {"files": None},
        {"failure_files": []},
        {"schema_version": None},
        {"genanalytics_format": "x"},
        {"genanalytics_format": float("inf")},
        {"partition": ["month"]},
        {"partition": "../month"},
        {"redact": ["model"]},
        {"redact": {"columns": [1]}},
        {"files": [{"path": "data/x.parquet", "rows": 1, "young": False, "schema": []}]},
    ],
)
def test_a_manifest_with_other_content_is_one_sentence(changes: dict[str, object], directory: Path) -> None:
    committed(directory, rows("gen-1"))
    change_manifest(directory, lambda content: content.update(changes))
    for use in (read_parquet, ga.compact):
        with pytest.raises(InputError, match=r"cannot read \S+manifest.json: "):
            use(directory)


@pytest.mark.parametrize("target", ["../../foreign", "nothing"])
def test_a_manifest_that_is_a_link_to_elsewhere_or_nowhere_is_one_sentence(
    target: str, directory: Path, tmp_path: Path
) -> None:
    committed(directory, rows("gen-1"))
    (tmp_path / "foreign").write_text("{}")
    (directory / ".files" / "manifests" / "00000002.json").symlink_to(f"../{target}" if "/" in target else target)
    for use in (read_parquet, ga.scan, ga.compact, dataset.list_files):
        with pytest.raises(InputError, match=r"leads out of the data set|cannot read \S+: No such file"):
            use(directory)


@pytest.mark.parametrize("name", ["manifests/00000002.json", "data/month=2026-09/pipe.parquet", "ids/pipe.ids"])
def test_a_pipe_in_the_place_of_a_file_is_refused(name: str, directory: Path) -> None:
    committed(directory, rows("gen-1"))
    path = directory / ".files" / name
    if "pipe" in name:
        key = {"data": "files", "ids": "id_files"}[name.partition("/")[0]]
        change_manifest(directory, lambda content: content[key][0].update(path=name))
    os.mkfifo(path)
    uses = (ga.compact, lambda path: committed(path, rows("gen-2")))
    for use in uses if "ids" in name else (read_parquet, ga.scan, *uses):
        with pytest.raises(InputError, match=rf"{path} is not a regular file; restore the data set from a copy"):
            use(directory)


def test_a_pipe_in_the_place_of_the_manifest_of_a_copy_is_refused(directory: Path) -> None:
    directory.mkdir()
    os.mkfifo(directory / "manifest.json")
    with pytest.raises(InputError, match=r"cannot read \S+: manifest.json is not a regular file"):
        read_parquet(directory)


def change_manifest(directory: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = Path(os.path.realpath(directory / "manifest.json"))
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("name", [".DS_Store", "._data", "Thumbs.db", "notes.txt~"])
def test_a_file_of_a_file_manager_or_an_editor_is_in_nobodys_way(name: str, directory: Path) -> None:
    directory.mkdir()
    (directory / name).touch()
    committed(directory, rows("gen-1"))
    hidden = [directory / "data", directory / "data" / "month=2026-09"] if name[0] == "." else []
    for place in (directory / ".files", directory / ".files" / "data", *hidden):
        (place / name).touch()
    (directory / ".files" / "data" / "x.parquet~").touch()
    committed(directory, rows("gen-2"))
    assert seen(directory) == {"gen-1": 1, "gen-2": 1}
