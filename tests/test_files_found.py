"""A file is known by its content, and several files are one frame."""

import gzip
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pandas.testing import assert_frame_equal

from genanalytics.errors import InputError, MissingColumnError
from genanalytics.files import SUFFIXES, read, write, write_spreadsheet
from genanalytics.metrics.summary import summarize
from genanalytics.records.frame import parse_frame, to_arrow
from genanalytics.records.joining import join_frames
from genanalytics.records.parse import Row
from genanalytics.sandbox import sample
from genanalytics.service.activity import read_activity
from support.generations import parse_records

EXPORT = b"created_at,cost_total,generation_id\n2026-09-01 10:00:00.5,0.25,gen-1\n2026-09-01 10:00:01,0.5,gen-2\n"


FETCHED = parse_frame([Row("gen-2", b'{"data": {"id": "gen-2", "total_cost": 0.75}}', 0.0)])


@pytest.mark.parametrize("name", ["activity.csv", "Activity.CSV", "activity", "activity.csv.gz"])
def test_an_export_of_the_service_is_known_by_its_header(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(gzip.compress(EXPORT) if name.endswith("gz") else EXPORT)
    assert_frame_equal(read(tmp_path / name), read_activity(tmp_path / name))


def test_an_export_can_be_written_for_spreadsheets(tmp_path: Path) -> None:
    (tmp_path / "activity.csv").write_bytes(EXPORT)
    write_spreadsheet(read(tmp_path / "activity.csv"), tmp_path / "sheet.csv")
    assert "gen-2" in (tmp_path / "sheet.csv").read_text()


@pytest.mark.parametrize("name", ["records", "records.data"])
@pytest.mark.parametrize("way", ["plain", "gzip", "zstd"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_without_a_known_suffix_is_read_by_its_content(name: str, way: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"generations{suffix}"
    write(FETCHED, path)
    content = path.read_bytes()
    if way != "plain":
        content = gzip.compress(content) if way == "gzip" else pa.compress(content, codec="zstd", asbytes=True)
    path.with_name(name).write_bytes(content)
    assert_frame_equal(read(str(path.with_name(name))), FETCHED)


def test_a_glob_is_the_files_that_it_matches(tmp_path: Path) -> None:
    frame = parse_records(sample(30).records)
    parts = [frame[:20], frame[10:]]
    for number, part in enumerate(parts):
        (tmp_path / f"month={number}").mkdir()
        write(part, tmp_path / f"month={number}" / "calls.jsonl")
    paths = [tmp_path / f"month={number}" / "calls.jsonl" for number in range(2)]
    for pattern in ("*/calls.jsonl", "**/calls.*", "month=[01]/*.jsonl"):
        assert_frame_equal(read(tmp_path / pattern), read(paths))
        assert_frame_equal(summarize(str(tmp_path / pattern)), summarize(read(paths)))
    assert_frame_equal(read(tmp_path / "month=0" / "c*.jsonl"), read(paths[0]))
    with pytest.raises(InputError, match=r"there is no file '.*\*\.parquet'"):
        read(tmp_path / "*.parquet")


def test_a_glob_leaves_out_what_engines_hide(tmp_path: Path) -> None:
    for name in ("calls.jsonl", "_attempt/calls.jsonl", ".attempt/calls.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(FETCHED if name == "calls.jsonl" else FETCHED[:0], tmp_path / name)
    (tmp_path / "_SUCCESS").touch()
    for pattern in ("**/*.jsonl", "[c_]*s*"):
        assert_frame_equal(read(tmp_path / pattern), FETCHED)
    assert read(tmp_path / "_attempt" / "*.jsonl").empty


def test_a_name_with_brackets_is_that_file(tmp_path: Path) -> None:
    write(FETCHED, tmp_path / "calls[1].csv")
    write(FETCHED[:0], tmp_path / "calls1.csv")
    assert_frame_equal(read(tmp_path / "calls[1].csv"), FETCHED)


def test_a_table_without_records_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(MissingColumnError, match="has no column 'requested_id'"):
        read(tmp_path / "other.csv")


def test_a_list_of_failures_contains_no_records(tmp_path: Path) -> None:
    failures = parse_frame([])[["requested_id", "finish_reason"]]
    write(failures, tmp_path / "failures.parquet")
    with pytest.raises(MissingColumnError, match=r"failures\.parquet has no column 'fetched_at', .* no records: "):
        read(tmp_path / "failures.parquet")


def test_several_files_are_one_frame_with_each_generation_once(tmp_path: Path) -> None:
    older, newer = (
        parse_frame([Row("gen-1", b'{"data": {"id": "gen-1", "total_cost": %d}}' % cost, fetched_at)])
        for cost, fetched_at in ((1, 100.0), (2, 200.0))
    )
    write(newer, tmp_path / "newer.jsonl")
    write(older, tmp_path / "older.parquet")
    write(FETCHED, tmp_path / "other.csv")
    frame = read(tmp_path / name for name in ("newer.jsonl", "older.parquet", "other.csv"))
    assert frame["requested_id"].tolist() == ["gen-1", "gen-2"]
    assert frame["total_cost"].tolist() == [2, 0.75]


def test_one_file_keeps_its_repeated_rows(tmp_path: Path) -> None:
    write(pd.concat([FETCHED, FETCHED]), tmp_path / "twice.csv")
    assert read(tmp_path / "twice.csv")["requested_id"].tolist() == ["gen-2", "gen-2"]


def test_no_files_are_refused() -> None:
    with pytest.raises(InputError, match="no files to read: give the path of a file, or several paths"):
        read([])


def test_a_record_counts_before_the_row_of_an_export(tmp_path: Path) -> None:
    (tmp_path / "activity.csv").write_bytes(EXPORT)
    exported = read(tmp_path / "activity.csv")
    for frames in ([FETCHED, exported], [exported, FETCHED]):
        frame = join_frames(frames).sort_values("requested_id")
        assert frame["requested_id"].tolist() == ["gen-1", "gen-2"]
        assert frame["total_cost"].tolist() == [0.25, 0.75]
        assert frame["source"].fillna("-").tolist() == ["activity", "-"]


def make_categories() -> "pl.DataFrame":
    """Return records whose texts are categories of polars, one column of them unknown."""
    frame = pl.from_arrow(to_arrow(parse_records(sample(40, seed=6).records)))
    assert isinstance(frame, pl.DataFrame)
    frame = frame.with_columns(team=pl.Series(["a", None, "b", "a"] * 20).head(len(frame)))
    enum = pl.Enum(frame["model"].drop_nulls().unique().sort().to_list())
    return frame.with_columns(pl.col("requested_id", "id", "provider_name", "team").cast(pl.Categorical)).with_columns(
        pl.col("model").cast(enum)
    )


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_categories_of_polars_are_read_as_texts(suffix: str, tmp_path: Path) -> None:
    frame, path = make_categories(), tmp_path / f"out{suffix}"
    frame.write_parquet(path) if suffix == ".parquet" else frame.write_ipc(path)
    found, expected = read(path), parse_records(sample(40, seed=6).records)
    assert_frame_equal(found[expected.columns], expected)
    assert found["team"].astype(object).where(found["team"].notna(), None).tolist() == frame["team"].to_list()


def test_categories_of_polars_are_grouped_like_texts() -> None:
    frame, texts = make_categories(), parse_records(sample(40, seed=6).records)
    for data in (frame, frame.lazy(), frame.to_arrow(), frame.to_arrow(compat_level=pl.CompatLevel.newest())):
        found = summarize(data, by=["model", "provider_name"], metrics=["requests", "billed_cost"])
        assert_frame_equal(found, summarize(texts, by=["model", "provider_name"], metrics=["requests", "billed_cost"]))
