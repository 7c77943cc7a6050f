"""Files of a data set stay few while it is written, and so do those of the index of its ids."""

import os
from pathlib import Path

import pytest

import genanalytics as ga
from genanalytics.dataset.content import DataFile
from genanalytics.dataset.folder import Folder
from genanalytics.dataset.manifest import list_files, read_manifest
from genanalytics.dataset.merging import choose_merged
from genanalytics.dataset.stored import StoredIds
from genanalytics.dataset.writer import Writer
from support.datasets import NO_FAILURE, NONE, committed, make_old, rows, seen

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no data sets are written there")

COMMITS = 70


def known(directory: Path) -> StoredIds:
    stored = StoredIds()
    stored.learn(Folder(directory), read_manifest(directory))
    return stored


def test_many_commits_leave_few_files_and_each_row_once(directory: Path) -> None:
    days = ("2026-09-01T10:00:00Z", "2026-09-02T10:00:00Z")
    with Writer(directory, partition="day") as writer:
        for number in range(COMMITS):
            created = days[number % 2]
            young = rows(f"gen-young-{number}", created=created)
            writer.commit(rows(f"gen-{number}", f"gen-more-{number}", created=created), young, NO_FAILURE)
    manifest = read_manifest(directory)
    assert len(manifest.files) <= 2 * 2 * 3 * 7
    assert len(manifest.files) < COMMITS
    assert (manifest.rows, manifest.young) == (3 * COMMITS, COMMITS)
    assert set(seen(directory).values()) == {1}
    assert sum(seen(directory).values()) == 3 * COMMITS
    assert manifest.has_one_schema


def test_young_rows_of_merged_files_are_replaced(directory: Path) -> None:
    ids = [f"gen-{number}" for number in range(20)]
    with Writer(directory, partition=None) as writer:
        for each in ids:
            writer.commit(NONE, rows(each, total_cost=1), NO_FAILURE)
        for each in ids:
            writer.commit(rows(each, total_cost=2), NONE, NO_FAILURE)
        assert writer.manifest.young == 0
    assert ga.read(directory)["total_cost"].tolist() == [2.0] * 20
    assert seen(directory) == dict.fromkeys(ids, 1)


def test_rows_are_rewritten_as_often_as_the_logarithm_of_the_commits() -> None:
    files: list[DataFile] = []
    written = 0
    for number in range(1_000):
        merged = choose_merged(files, 90)
        size = 90 + sum(file.rows for file in merged)
        files = [file for file in files if file not in merged]
        files.append(DataFile(f"data/{number}.parquet", size, young=False))
        written += size
    assert sum(file.rows for file in files) == 90_000
    assert len(files) <= 21
    assert written <= 4 * 90_000


def test_a_file_that_was_replaced_just_now_stays_however_many_commits_follow(directory: Path) -> None:
    committed(directory, NONE)
    with Writer(directory, partition="month") as writer:
        writer.commit(NONE, rows("gen-young"), NO_FAILURE)
    old = [file for file in list_files(directory) if "young" in file.name]
    make_old(directory)
    with Writer(directory, partition="month") as writer:
        for number in range(30):
            writer.commit(rows(f"gen-{number}"), rows("gen-young", total_cost=number), NO_FAILURE)
        assert all(file.exists() for file in old), "a reader may have opened it a moment before"
        make_old(directory)
        for number in range(30):
            writer.commit(NONE, rows("gen-young", total_cost=-number), NO_FAILURE)
    assert not any(file.exists() for file in old)


@pytest.mark.parametrize("damage", ["missing", "shortened", "changed", "unnamed"])
def test_a_damaged_index_of_ids_is_read_from_the_rows_and_written_again(damage: str, directory: Path) -> None:
    committed(directory, rows("gen-1", "gen-2", "gen-3"), rows("gen-4"))
    index = directory / ".files" / read_manifest(directory).id_files[0].path
    content = index.read_bytes()
    if damage == "missing":
        index.unlink()
    elif damage == "unnamed":
        path = directory / ".files" / "manifests" / "00000002.json"
        path.write_text(path.read_text().replace(index.name, f"other-{index.name}"))
    else:
        index.write_bytes(content[:-20] if damage == "shortened" else bytes([content[0] ^ 1]) + content[1:])
    assert ga.read(directory)["requested_id"].nunique() == 4
    assert known(directory).has(["gen-1", "gen-2", "gen-3", "gen-4", "gen-5"]) == [True] * 4 + [False]
    committed(directory, rows("gen-5", "gen-6", "gen-7"))
    assert sum(file.ids for file in read_manifest(directory).id_files) == 7
    assert known(directory).has(["gen-1", "gen-7", "gen-8"]) == [True, True, False]


def test_the_index_is_enough_to_know_the_stored_ids(directory: Path) -> None:
    with Writer(directory, partition=None) as writer:
        for number in range(40):
            writer.commit(rows(f"gen-{number}"), rows("gen-young"), NO_FAILURE)
        assert len(writer.manifest.id_files) <= 6
    for file in list_files(directory):
        file.rename(f"{file}.away")
    stored = StoredIds()
    manifest = writer.manifest
    stored.learn(Folder(directory), manifest)
    assert len(stored) == 41
    assert all(stored.has([f"gen-{number}" for number in range(40)]))
