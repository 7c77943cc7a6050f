"""A copy that is made while a data set is written is an old or a new state of it, and can be written on."""

import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import genanalytics as ga
from genanalytics.dataset.manifest import read_manifest
from genanalytics.errors import InputError
from genanalytics.files import read_parquet
from support.datasets import committed, rows, seen, shown_by_plain_readers

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no data sets are written there")

WRITER = """
import sys
from pathlib import Path
sys.path.append(sys.argv[2])
from genanalytics.dataset.writer import Writer
from support.datasets import NO_FAILURE, NONE, failures, rows
days = [f"2026-09-{1 + number:02d}T10:00:00Z" for number in range(4)]
with Writer(Path(sys.argv[1]), partition="day") as writer:
    for number in range(100_000):
        final = rows(f"gen-{number}", *([f"gen-young-{number - 1}"] if number else []), created=days[number % 4])
        writer.commit(final, rows(f"gen-young-{number}", created=days[number % 4]), failures(f"gen-lost-{number}"))
        if number % 50 == 49:
            writer.compact()
"""


def expect(commit: int) -> Counter[str]:
    """Return the ids as of a commit of `WRITER`, in which every 51st commit merges files."""
    commits = commit - commit // 51
    return Counter(name for number in range(commits) for name in (f"gen-{number}", f"gen-young-{number}"))


def copy_by_cp(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-r", source, target], check=False, stderr=subprocess.DEVNULL)  # noqa: S607


def copy_by_rsync(source: Path, target: Path) -> None:
    if shutil.which("rsync") is None:
        pytest.skip("there is no rsync")
    command = ["rsync", "-a", f"{source}/", f"{target}/"]
    subprocess.run(command, check=False, stderr=subprocess.DEVNULL)


def copy_by_python(source: Path, target: Path) -> None:
    try:
        shutil.copytree(source, target, symlinks=True)
    except shutil.Error:
        return  # links were replaced meanwhile


@pytest.mark.parametrize("copies", [2, pytest.param(8, marks=[pytest.mark.long, pytest.mark.timeout(300)])])
@pytest.mark.parametrize("copy", [copy_by_cp, copy_by_rsync, copy_by_python])
def test_a_copy_during_an_export_is_a_committed_state(
    copy: Callable[[Path, Path], None], copies: int, directory: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", WRITER, str(directory), str(Path(__file__).parents[1])]
    with subprocess.Popen(command) as writer:
        try:
            while not (directory / "manifest.json").exists():
                assert writer.poll() is None
                time.sleep(0.01)
            for number in range(copies):
                before = read_manifest(directory).commit
                copy(directory, target := tmp_path / f"copy-{number}")
                _check_copy(target, before, read_manifest(directory).commit)
                shutil.rmtree(target)
        finally:
            writer.send_signal(signal.SIGKILL)


def _check_copy(copy: Path, first: int, last: int) -> None:
    with warnings.catch_warnings(record=True) as notices:
        warnings.simplefilter("always")
        found = read_manifest(copy)
        ids = Counter(read_parquet(copy)["requested_id"])
    assert first <= found.commit <= last
    assert ids == expect(found.commit)
    assert all("was copied while it was written" in str(notice.message) for notice in notices)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        committed(copy, rows("gen-new"), partition="day")
    assert seen(copy) == ids + Counter(["gen-new"])


def test_a_copy_that_lacks_a_file_of_the_last_commit_says_which_commit_is_read(directory: Path, tmp_path: Path) -> None:
    committed(directory, rows("gen-1"), rows("gen-2"))
    copy_by_python(directory, tmp_path / "copy")
    last = read_manifest(directory).files[-1].path
    (tmp_path / "copy" / ".files" / last).unlink()
    with pytest.warns(UserWarning, match=r"copy was copied while it was written: commit 1 of \S+ is read, since files"):
        assert read_parquet(tmp_path / "copy")["requested_id"].tolist() == ["gen-1"]
    committed(tmp_path / "copy", rows("gen-3"))
    assert seen(tmp_path / "copy") == {"gen-1": 1, "gen-3": 1}


def test_a_file_that_is_missing_in_the_original_is_an_error(directory: Path) -> None:
    committed(directory, rows("gen-1"), rows("gen-2"))
    last = directory / ".files" / read_manifest(directory).files[-1].path
    last.unlink()
    with pytest.raises(InputError, match=r"cannot read .*: No such file"):
        read_parquet(directory)
    with pytest.raises(InputError, match=rf"{last.name} of \S+ is missing: restore the data set from a copy"):
        committed(directory, rows("gen-3"))


def test_a_copy_without_any_complete_commit_is_refused(directory: Path, tmp_path: Path) -> None:
    committed(directory, rows("gen-1"), rows("gen-2"))
    copy_by_python(directory, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / ".files" / "data")
    with pytest.raises(InputError, match=r"this copy is incomplete \(data/\S+ is missing\); copy the data set again"):
        ga.read(tmp_path / "copy")
    manifests = tmp_path / "copy" / ".files" / "manifests"
    with pytest.raises(InputError, match="it has no complete commit; restore it from a copy"):
        committed(tmp_path / "copy", rows("gen-3"))
    assert {path.name for path in manifests.iterdir()} == {"00000001.json", "00000002.json"}


def test_a_data_set_whose_commits_are_missing_does_not_begin_anew(directory: Path) -> None:
    committed(directory, rows("gen-1"))
    shutil.rmtree(directory / ".files" / "manifests")
    with pytest.raises(InputError, match="it has no complete commit; restore it from a copy"):
        committed(directory, rows("gen-2"))
    assert len(list((directory / "data").rglob("*.parquet"))) == 1


def test_plain_readers_of_a_copy_are_repaired_by_the_next_writer(directory: Path, tmp_path: Path) -> None:
    committed(directory, rows("gen-1"), rows("gen-2"))
    copy_by_python(directory, copy := tmp_path / "copy")
    next((copy / "data" / "month=2026-09").iterdir()).unlink()
    assert len(shown_by_plain_readers(copy)) == 1
    ga.compact(copy)
    assert seen(copy) == {"gen-1": 1, "gen-2": 1}
