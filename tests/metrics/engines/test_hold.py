"""Data that an engine computes once: the same rows for each result, and nothing left behind."""

import tempfile
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from genanalytics.bill.items import divide, divide_once
from genanalytics.bill.prices import prices
from genanalytics.errors import InputError
from genanalytics.metrics.engines.source import collect, hold
from genanalytics.records.frame import to_arrow
from support.billed import frame_surcharged


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the directory for temporary files, whose name has a quotation mark."""
    path = tmp_path / "it's"
    path.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    return path


def test_duckdb_computes_held_rows_once_and_leaves_no_file(folder: Path) -> None:
    relation = duckdb.connect().sql('SELECT random() AS x, i AS "a\'b" FROM range(100) AS t(i)')
    assert relation.fetchall() != relation.fetchall()
    with hold(relation) as held:
        assert held.fetchall() == held.fetchall()
        assert held.columns == ["x", "a'b"]
        assert len(list(folder.iterdir())) == 1
    assert not list(folder.iterdir())


def test_no_file_is_left_after_an_error(folder: Path) -> None:
    relation = duckdb.connect().sql("SELECT 1 AS x")
    with pytest.raises(KeyError), hold(relation):
        raise KeyError
    assert not list(folder.iterdir())


def test_what_the_engine_cannot_compute_is_refused(folder: Path) -> None:
    relation = duckdb.connect().sql("SELECT CAST(i || 'x' AS INTEGER) AS x FROM range(3) AS t(i)")
    with pytest.raises(InputError, match="DuckDB cannot compute this"), hold(relation):
        pass
    assert not list(folder.iterdir())


@pytest.mark.usefixtures("folder")
def test_data_in_memory_stays_as_it_is() -> None:
    frame = frame_surcharged()
    with hold(frame) as held:
        assert held is frame


@pytest.mark.usefixtures("folder")
def test_records_are_divided_once_with_all_of_their_items() -> None:
    frame = frame_surcharged().drop(columns=["provider_responses", "fetched_at"])
    relation = duckdb.connect().from_arrow(to_arrow(frame))
    table = prices(frame)
    with divide_once(relation, table) as divided:
        assert divided.is_held
        with divide_once(divided, table) as again:
            assert again is divided
        found = collect(divided).sort_values("requested_id", ignore_index=True)
    expected = collect(divide(frame, table)).sort_values("requested_id", ignore_index=True)
    pd.testing.assert_frame_equal(found[list(expected.columns)], expected, check_dtype=False)
