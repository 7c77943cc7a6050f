"""A data set that version 0.1.0 wrote is read, and continued, by every later version."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

import genanalytics as ga
from genanalytics.base.exchange import exchange
from genanalytics.dataset import view
from genanalytics.dataset.disk import Disk
from genanalytics.dataset.manifest import read_failures, read_manifest
from genanalytics.errors import InputError
from genanalytics.files import read_coverage
from genanalytics.records.coverage import Coverage
from support.datasets import NONE, committed, rows, seen, shown_by_plain_readers
from support.kept import BODIES, IDS, MISSING, assert_is_sample, open_offline, unpack


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return unpack(tmp_path)


def test_its_records_are_read_exactly(kept: Path) -> None:
    frame = ga.read(kept / "dataset")
    assert_is_sample(frame)
    assert_frame_equal(ga.read_parquet(kept / "dataset"), frame)
    written = ga.read(kept / "records.parquet").set_index("requested_id")
    assert_frame_equal(frame.set_index("requested_id"), written.loc[frame["requested_id"]])
    assert seen(kept / "dataset") == Counter(list(BODIES))


def test_its_manifest_and_its_failures_are_read(kept: Path) -> None:
    manifest = read_manifest(kept / "dataset")
    assert (manifest.commit, manifest.written_by, manifest.partition, manifest.redact) == (3, "0.1.0", "month", None)
    assert [(file.rows, file.young) for file in manifest.files] == [(15, False), (19, False), (5, False)]
    [failure] = read_failures(kept / "dataset").to_pylist()
    assert (failure["requested_id"], failure["outcome"], failure["status"]) == (MISSING, "not_found", 404)
    assert read_coverage(kept / "dataset") == Coverage(40, 39, (MISSING,))


def test_a_copy_without_links_reads_the_same(kept: Path) -> None:
    shutil.copytree(kept / "dataset" / ".current", kept / "copy")
    assert_frame_equal(ga.read(kept / "copy"), ga.read(kept / "dataset"))


def test_an_export_finds_its_records_and_asks_for_none_again(kept: Path) -> None:
    with open_offline(kept) as client:
        exported = ga.export(IDS, kept / "dataset", client=client)
    assert (exported.present, exported.requests) == (39, 0)
    assert (exported.rows, exported.young, exported.failures) == (39, 0, 1)
    assert_is_sample(ga.read(kept / "dataset"))


def test_the_next_run_gives_it_the_layout_of_today(kept: Path) -> None:
    directory = kept / "dataset"
    before = seen(directory)
    for _ in range(2):
        ga.compact(directory)
        assert seen(directory) == before
        assert read_failures(directory).num_rows == 1
        assert {path.name for path in directory.iterdir()} == {
            *(".files", ".lock", "data", "failures.parquet", "manifest.json")
        }
    assert not (directory / "data").is_symlink()


def test_a_conversion_that_was_killed_is_finished_by_the_next_run(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = kept / "dataset"
    before = seen(directory)
    for step in ("publish", "show"):
        with monkeypatch.context() as killing:
            killing.setattr(Disk, step, kill)
            with pytest.raises(KeyboardInterrupt):
                committed(directory, rows("gen-new"))
        assert seen(directory) == before
    committed(directory, rows("gen-new"))
    assert seen(directory) == before + Counter(["gen-new"])


def test_plain_readers_see_all_rows_while_it_is_converted(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = kept / "dataset"
    before, shown = seen(directory), []

    def exchange_and_look(first: Path, second: Path) -> None:
        exchange(first, second)
        shown.append(shown_by_plain_readers(directory))

    monkeypatch.setattr(view, "exchange", exchange_and_look)
    committed(directory, NONE)
    assert shown == [before]


def test_one_whose_last_commit_is_missing_does_not_begin_anew(kept: Path) -> None:
    directory = kept / "dataset"
    left = directory / ".commits" / "00000002" / "data"
    shutil.rmtree(directory / ".commits" / "00000003")
    with pytest.raises(InputError, match="it has no complete commit; restore it from a copy"):
        committed(directory, rows("gen-new"))
    assert left.is_dir()


def test_one_whose_first_run_was_killed_begins_anew(kept: Path) -> None:
    directory = kept / "dataset"
    (directory / ".current").unlink()
    shutil.rmtree(directory / ".commits")
    committed(directory, rows("gen-new"))
    assert seen(directory) == {"gen-new": 1}


def kill(*_: object) -> None:
    raise KeyboardInterrupt


def test_new_records_are_added_to_it_and_its_files_are_merged(kept: Path) -> None:
    committed(kept / "dataset", rows("gen-new"))
    assert seen(kept / "dataset") == Counter([*BODIES, "gen-new"])
    ga.compact(kept / "dataset")
    assert len(read_manifest(kept / "dataset").files) == 1
    frame = ga.read(kept / "dataset")
    assert_is_sample(frame[frame["requested_id"] != "gen-new"].reset_index(drop=True))
