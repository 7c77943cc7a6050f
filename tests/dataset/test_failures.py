"""The failures of a data set: exact for its readers at each commit, at a cost that is linear in their number."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from genanalytics.dataset import disk, failures as log
from genanalytics.dataset.failures import FAILURES
from genanalytics.dataset.manifest import read_failures, read_manifest
from genanalytics.dataset.writer import Writer, compact
from genanalytics.files import read_coverage
from genanalytics.formats.parquet import write_table
from genanalytics.records.coverage import Coverage
from support.datasets import NO_FAILURE, NONE, failures, rows, seen

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no data sets are written there")


@pytest.fixture
def _no_small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a few failures as many as tens of thousands."""
    monkeypatch.setattr(log, "SMALL_ROWS", 2)


def listed(directory: Path) -> set[str]:
    """Return the ids in the file that readers see."""
    return set(pd.read_parquet(directory / "failures.parquet")["requested_id"])


@pytest.mark.usefixtures("_no_small_files")
def test_the_rows_written_grow_with_the_failures_and_not_with_their_square(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = 0

    def counting(table: pa.Table, path: Path) -> None:
        nonlocal written
        written += table.num_rows if table.schema.names == FAILURES.names else 0
        write_table(table, path)

    monkeypatch.setattr(disk, "write_table", counting)
    batches, size = 32, 5
    for attempt in range(2):  # the second time, every id fails again
        written = 0
        with Writer(directory, partition=None) as writer:
            for batch in range(batches):
                writer.commit(NONE, NONE, failures(*(f"gen-{batch}-{place}" for place in range(size))))
                assert writer.manifest.failures == (batches if attempt else batch + 1) * size
        assert written <= 4 * batches * size
    assert len(listed(directory)) == batches * size


@pytest.mark.usefixtures("_no_small_files")
def test_a_commit_without_failures_rewrites_none(directory: Path) -> None:
    with Writer(directory, partition=None) as writer:
        writer.commit(NONE, NONE, failures(*(f"gen-{place}" for place in range(9))))
        before = (directory / "failures.parquet").stat().st_ino
        writer.commit(rows("gen-a"), NONE, NO_FAILURE)
    compact(directory)
    assert (directory / "failures.parquet").stat().st_ino == before


@pytest.mark.usefixtures("_no_small_files")
def test_readers_of_the_data_set_see_each_change_and_the_file_has_it_when_the_run_ends(directory: Path) -> None:
    first = {f"gen-{place}" for place in range(9)}
    with Writer(directory, partition=None) as writer:
        writer.commit(NONE, NONE, failures(*first))
        assert listed(directory) == first
        writer.commit(rows("gen-0"), rows("gen-1"), failures("gen-x"))
        left = first - {"gen-0", "gen-1"} | {"gen-x"}
        assert set(read_failures(directory)["requested_id"].to_pylist()) == left
        assert read_coverage(directory) == Coverage(10, 2, tuple(sorted(left)))
        assert listed(directory) == first
        writer.commit(rows("gen-1"), NONE, NO_FAILURE)  # the young row becomes final
        assert writer.manifest.failures == len(left)
    assert listed(directory) == left
    assert len(read_manifest(directory).failure_files) == 1


def run(directory: Path) -> None:
    with Writer(directory, partition=None):
        pass


def break_off(directory: Path) -> None:
    with Writer(directory, partition=None) as writer:
        writer.commit(NONE, NONE, failures(*(f"gen-{place}" for place in range(9))))
        writer.commit(rows("gen-0"), NONE, failures("gen-x", "gen-y", "gen-z"))
        raise KeyboardInterrupt


@pytest.mark.usefixtures("_no_small_files")
@pytest.mark.parametrize("finish", [compact, run])
def test_what_a_run_that_broke_off_did_not_merge_is_merged_by_the_next(
    finish: Callable[[Path], object], directory: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        break_off(directory)
    assert len(listed(directory)) == 9
    assert read_failures(directory).num_rows == 11
    finish(directory)
    assert listed(directory) == set(read_failures(directory)["requested_id"].to_pylist())
    assert len(listed(directory)) == read_manifest(directory).failures == 11


STEPS = st.lists(st.tuples(st.sampled_from(["fails", "young", "final", "again"]), st.integers(0, 9)), max_size=25)


@pytest.mark.usefixtures("_no_small_files")
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=STEPS)
def test_any_order_of_failures_and_records_gives_the_same_list(
    steps: list[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("any") / "set"
    failed: dict[str, str] = {}
    young: set[str] = set()
    final: set[str] = set()
    with ExitStack() as opened:
        writer = opened.enter_context(Writer(directory, partition=None))
        writer.commit(NONE, NONE, NO_FAILURE)
        for step, (kind, number) in enumerate(steps):
            one = f"gen-{number}"
            if kind == "again":
                opened.close()
                writer = opened.enter_context(Writer(directory, partition=None))
            elif kind == "fails" and one not in young | final:
                failed[one] = str(step)
                table = failures(one).set_column(3, "message", pa.array([str(step)]))
                writer.commit(NONE, NONE, table)
            elif kind == "young" and one not in final:
                young.add(one)
                failed.pop(one, None)
                writer.commit(NONE, rows(one), NO_FAILURE)
            elif kind == "final" and one not in final:
                young.discard(one)
                final.add(one)
                failed.pop(one, None)
                writer.commit(rows(one), NONE, NO_FAILURE)
            found = read_failures(directory)
            assert dict(zip(found["requested_id"].to_pylist(), found["message"].to_pylist(), strict=True)) == failed
            assert writer.manifest.failures == len(failed)
    assert listed(directory) == failed.keys()
    assert seen(directory).keys() == young | final
