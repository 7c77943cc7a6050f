"""A frame becomes a file, and the same frame again; any file with records is read, no matter which program wrote it."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, strategies as st
from pandas.testing import assert_frame_equal

import genanalytics as ga
from genanalytics.errors import InputError
from genanalytics.files import (
    SUFFIXES,
    read,
    read_parquet,
    write,
    write_failures,
    write_parquet,
)
from genanalytics.formats.csv import read_csv
from genanalytics.formats.jsonl import to_json_lines
from genanalytics.records.coverage import Coverage, find_coverage
from genanalytics.records.frame import parse_frame, to_frame
from genanalytics.records.parse import Row
from genanalytics.records.schema import COLUMNS
from support.kept import assert_is_sample, unpack
from support.record_files import FETCHED_AT, NASTY, RECORDS, make_month, row, written_and_read


def by_creation(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values("created_at", kind="stable", na_position="last", ignore_index=True)


@pytest.fixture(params=SUFFIXES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"generations{request.param}"


@pytest.fixture
def month() -> pd.DataFrame:
    return make_month()


def test_the_sample_comes_back_exactly(month: pd.DataFrame, path: Path) -> None:
    assert len(month) > 300
    assert_frame_equal(written_and_read(month, path), month)


def test_a_frame_without_rows_comes_back_with_its_schema(path: Path) -> None:
    assert_frame_equal(written_and_read(parse_frame([]), path), parse_frame([]))


@pytest.mark.parametrize("text", [NASTY, "", " ", "\0", "\\N", "null", "NA", "nan", "true", "12", "2026-09-01", '""'])
def test_a_text_comes_back_as_it_was(text: str, path: Path) -> None:
    frame = parse_frame(
        [row({"model": text, "origin": None, "new": {text: [text, None]}}), row({"model": None, "origin": text})]
    )
    back = written_and_read(frame, path)
    assert_frame_equal(back, frame)
    assert back["model"].isna().tolist() == [False, True]


def test_a_gap_no_attempt_and_an_attempt_without_values_are_three_things(path: Path) -> None:
    attempts = [None, [], [{}, {"id": NASTY, "status": 429}]]
    frame = parse_frame([row({"provider_responses": several}) for several in attempts])
    back = written_and_read(frame, path)
    assert_frame_equal(back, frame)
    assert back["provider_responses"].list.len().tolist() == [pd.NA, 0, 2]


@pytest.mark.parametrize(
    "fields",
    [
        {"total_cost": 0.1 + 0.2, "usage": 5e-324, "cache_discount": -1.7976931348623157e308},
        {"app_id": 2**63 - 1, "latency": -(2**63), "tokens_prompt": 2**53 + 1},
        {"created_at": "9999-12-31T23:59:59.999999Z"},
        {"created_at": "0001-01-01T00:00:00Z"},
        {"latency": 0.5, "total_cost": 2**53 + 1, "app_id": 2**63, "is_byok": "yes", "created_at": "yesterday"},
        {"extra": {"extra": 1}, "requested_id": "theirs", "fetched_at": 0, "data": {"data": {}}},
        {"provider_responses": [{"status": 200.5, "price": 1}], "model": "\ud800"},
    ],
)
def test_extremes_and_misfits_come_back_exactly(fields: dict[str, object], path: Path) -> None:
    frame = parse_frame([row(fields), row({})])
    assert_frame_equal(written_and_read(frame, path), frame)


def test_a_number_beyond_every_double_comes_back_by_its_digits(path: Path) -> None:
    body = b'{"data":{"id":"gen-1","total_cost":1e400,"new":[1e999]}}'
    frame = parse_frame([Row("gen-1", body, FETCHED_AT)])
    assert written_and_read(frame, path)["extra"].tolist() == ['{"new":["1e999"],"total_cost":"1e400"}']


def test_a_record_as_long_as_an_answer_can_be_comes_back(path: Path) -> None:
    frame = parse_frame([row({"model": '"' * 500_000}), row({"new": "é" * 500_000}), row({})])
    assert_frame_equal(written_and_read(frame, path), frame)


def test_a_csv_file_of_many_blocks_comes_back(tmp_path: Path) -> None:
    frame = parse_frame([row({"model": NASTY * (number % 7)}, f"gen-{number}") for number in range(300)])
    write(frame, tmp_path / "generations.csv")
    assert_frame_equal(to_frame(read_csv(tmp_path / "generations.csv", block_bytes=2_000)), frame)


@given(st.lists(RECORDS, max_size=4))
@example([{"model": ""}, {"model": None}])
def test_any_records_come_back_exactly(records: list[dict[str, object]]) -> None:
    frame = parse_frame([row(record, f"gen-{place}") for place, record in enumerate(records)])
    with tempfile.TemporaryDirectory() as folder:
        for suffix in SUFFIXES:
            expected = by_creation(frame) if suffix == ".parquet" else frame
            assert_frame_equal(written_and_read(frame, Path(folder, f"any{suffix}")), expected)


def test_writing_changes_nothing_of_the_frame(month: pd.DataFrame, path: Path) -> None:
    before = month.copy(deep=True)
    write(month, path)
    assert_frame_equal(month, before)


def test_what_a_caller_keeps_in_attrs_lands_in_no_file(month: pd.DataFrame, path: Path) -> None:
    frame = month.head(3).copy()
    frame.attrs["key"] = "sk-or-v1-secret"
    frame.index = pd.Index(["secret-a", "secret-b", "secret-c"], name="secret-index")
    write(frame, path)
    assert b"secret" not in path.read_bytes()


def test_parquet_says_what_each_column_is(month: pd.DataFrame, tmp_path: Path) -> None:
    write_parquet(month, tmp_path / "generations.parquet")
    schema = pq.read_schema(tmp_path / "generations.parquet")
    assert schema.metadata.keys() == {b"genanalytics_schema_version", b"pandas"}
    assert schema.metadata[b"genanalytics_schema_version"] == b"1"
    assert schema.names == [column.name for column in COLUMNS]
    for column in COLUMNS:
        described = {key.decode(): value.decode() for key, value in schema.field(column.name).metadata.items()}
        assert described == {"unit": column.unit, "meaning": column.meaning, "origin": column.origin}
    assert schema.field("latency").metadata[b"unit"] == b"ms"
    assert schema.field("total_cost").metadata[b"meaning"].startswith(b"The charge")


def test_pandas_alone_reads_parquet_with_the_same_dtypes(month: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "month.parquet"
    mine = month.assign(small=pd.array([1, None] * 500, "Int8")[: len(month)], day=date(2026, 9, 1))
    for frame in (mine, mine[:0]):
        write(frame, path, force=True)
        same = [name for name in frame if name != "provider_responses"]  # whose lists pandas alone reads as objects
        assert_frame_equal(pd.read_parquet(path)[same], read(path)[same])
        assert_frame_equal(
            pd.read_parquet(path, columns=["latency", "total_cost"]), read(path)[["latency", "total_cost"]]
        )


def test_other_readers_see_the_types_that_they_saw_without_metadata_for_pandas(
    month: pd.DataFrame, tmp_path: Path
) -> None:
    ours, plain = tmp_path / "ours.parquet", tmp_path / "plain.parquet"
    write(month, ours)
    table = pq.read_table(ours)
    pq.write_table(table.replace_schema_metadata({}), plain)
    assert pl.read_parquet(ours).equals(pl.read_parquet(plain), null_equal=True)
    assert pl.read_parquet(ours).schema == pl.read_parquet(plain).schema
    first, second = (duckdb.connect().read_parquet(str(path)) for path in (ours, plain))
    assert first.types == second.types
    assert first.to_arrow_table().equals(second.to_arrow_table())


def test_equal_rows_are_equal_bytes(month: pd.DataFrame, tmp_path: Path) -> None:
    for name in ("a.parquet", "b.parquet"):
        write(month, tmp_path / name)
    write(read(tmp_path / "a.parquet"), tmp_path / "c.parquet")
    assert len({(tmp_path / name).read_bytes() for name in ("a.parquet", "b.parquet", "c.parquet")}) == 1


def test_parquet_is_compressed_by_zstd(month: pd.DataFrame, tmp_path: Path) -> None:
    write_parquet(month, tmp_path / "generations.parquet")
    with pq.ParquetFile(tmp_path / "generations.parquet") as file:
        assert {file.metadata.row_group(0).column(place).compression for place in range(48)} == {"ZSTD"}


def test_parquet_is_in_the_order_of_creation_and_says_what_lies_where(tmp_path: Path) -> None:
    days = [3, None, 1, 2, None, 1]
    frame = parse_frame(
        [
            row({"created_at": f"2026-09-0{day}T00:00:00Z"} if day else {}, f"gen-{place}")
            for place, day in enumerate(days)
        ]
    )
    write_parquet(frame, tmp_path / "generations.parquet")
    assert read_parquet(tmp_path / "generations.parquet")["requested_id"].tolist() == [
        f"gen-{place}" for place in (2, 5, 3, 0, 1, 4)
    ]
    with pq.ParquetFile(tmp_path / "generations.parquet") as file:
        created = file.metadata.row_group(0).column(file.schema_arrow.names.index("created_at"))
    assert created.statistics.min == pd.Timestamp("2026-09-01", tz="UTC")
    assert created.statistics.max == pd.Timestamp("2026-09-03", tz="UTC")
    assert created.statistics.null_count == 2
    assert "RLE_DICTIONARY" in created.encodings


def test_a_file_of_a_newer_version_is_refused(month: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "generations.parquet"
    write_parquet(month.head(1), path)
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({b"genanalytics_schema_version": b"2"}), path)
    with pytest.raises(InputError, match=r"was written by a newer genanalytics \(columns of version 2, .* reads 1\)"):
        read_parquet(path)


def test_a_duckdb_file_is_a_table_whose_columns_are_explained(month: pd.DataFrame, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    write(month, tmp_path / "generations.duckdb")
    with duckdb.connect(tmp_path / "generations.duckdb", read_only=True) as connection:
        assert connection.execute("SELECT sum(total_cost) FROM generations").fetchone()[0] == pytest.approx(
            month["total_cost"].sum()
        )
        told = connection.execute("SELECT comment FROM duckdb_columns() WHERE column_name = 'latency'").fetchone()
    assert told == ("Time to the first token (TTFT) of a streamed chat [ms]",)


def test_a_folder_called_as_a_partition_adds_no_column(month: pd.DataFrame, tmp_path: Path) -> None:
    folder = tmp_path / "model=x"
    folder.mkdir()
    write_parquet(month, folder / "generations.parquet")
    assert_frame_equal(read_parquet(folder / "generations.parquet"), month)


def test_a_json_line_is_a_record_as_it_was_answered(tmp_path: Path) -> None:
    record = {"id": "gen-1", "total_cost": 0.5, "latency": 74512.5, "provider_responses": [{"status": 200}], "new": [1]}
    write(parse_frame([row(record, "gen-asked")]), tmp_path / "generations.jsonl")
    [line] = (tmp_path / "generations.jsonl").read_text("utf-8").splitlines()
    answer = {"requested_id": "gen-asked", "fetched_at": "2026-09-21T14:13:20.123456+00:00", "data": record}
    assert json.loads(line) == answer


def test_json_lines_are_made_one_by_one(month: pd.DataFrame) -> None:
    lines = to_json_lines(month)
    assert isinstance(lines, Iterator)
    assert json.loads(next(lines))["requested_id"] == month["requested_id"].iloc[0]


def test_answers_as_the_service_sends_them_are_read(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"data": {"id": "gen-1", "total_cost": 0.5}, "user_id": "u"}\r\n'
        b"\n  \n"
        b'{"data":{"id":"gen-2","new":1}}'
    )
    frame = read(path)
    assert frame["requested_id"].tolist() == frame["id"].tolist() == ["gen-1", "gen-2"]
    assert frame["total_cost"].tolist() == [0.5, pd.NA]
    assert frame["extra"].dropna().tolist() == ['{"new":1}']
    assert frame["fetched_at"].isna().all()


def test_a_moment_without_zone_is_utc_wherever_the_reader_is(tmp_path: Path) -> None:
    answer = '{"fetched_at": "2026-09-01 10:00:00", "data": {"id": "gen-1", "created_at": "2026-08-31 22:00:18.189"}}'
    (tmp_path / "answers.jsonl").write_text(answer, encoding="utf-8")
    moments = "read('answers.jsonl')[['created_at', 'fetched_at']].iloc[0]"
    code = f"from genanalytics import read; print(*{moments}, sep='\\n')"
    tokyo = os.environ | {"TZ": "Asia/Tokyo"}
    said = subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, env=tokyo, text=True)
    assert said.splitlines() == ["2026-08-31 22:00:18.189000+00:00", "2026-09-01 10:00:00+00:00"]


def test_a_users_columns_come_along(path: Path) -> None:
    mine = {
        "team": ["red", "blue"],
        "day": [date(2026, 9, 1), None],
        "price": [Decimal("0.5"), None],
        "tags": [["a"], []],
    }
    frame = parse_frame([row({}), row({})]).join(pd.DataFrame(mine))
    back = written_and_read(frame, path)
    if path.suffix == ".jsonl":  # a record has no such fields, so they are unknown ones
        assert back["extra"].tolist() == [
            '{"team":"red","day":"2026-09-01","price":"0.5","tags":["a"]}',
            '{"team":"blue","tags":[]}',
        ]
    else:
        assert list(back.columns) == list(frame.columns)
        assert back["team"].tolist() == ["red", "blue"]
        assert back["day"].isna().tolist() == [False, True]


FAILURES = pd.DataFrame({
    "requested_id": pd.Series(["gen-1", NASTY], dtype="str"),
    "outcome": pd.Series(["not_found", "invalid"], dtype="str"),
    "status": pd.Series([404, None], dtype="Int64"),
    "message": pd.Series(["Generation gen-1 not found", ""], dtype="str"),
    "attempts": pd.Series([1, 0], dtype="Int64"),
})  # fmt: skip


def test_failures_are_written_in_every_form(tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        write_failures(FAILURES, tmp_path / f"failures{suffix}")
    assert_frame_equal(read_parquet(tmp_path / "failures.parquet"), FAILURES)
    assert_frame_equal(to_frame(read_csv(tmp_path / "failures.csv")), FAILURES)
    lines = (tmp_path / "failures.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "requested_id": "gen-1",
            "outcome": "not_found",
            "status": 404,
            "message": "Generation gen-1 not found",
            "attempts": 1,
        },
        {"requested_id": NASTY, "outcome": "invalid", "status": None, "message": "", "attempts": 0},
    ]


def test_no_failures_are_a_file_too(tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        write_failures(FAILURES.head(0), tmp_path / f"failures{suffix}")
    assert_frame_equal(read_parquet(tmp_path / "failures.parquet"), FAILURES.head(0))
    assert (tmp_path / "failures.csv").read_text("utf-8").splitlines() == [
        '"requested_id","outcome","status","message","attempts"'
    ]
    assert (tmp_path / "failures.jsonl").read_bytes() == b""


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl", ".arrow"])
def test_a_file_that_version_0_1_0_wrote_is_read_exactly(tmp_path: Path, suffix: str) -> None:
    kept = unpack(tmp_path)
    frame = read(kept / f"records{suffix}")
    assert_is_sample(frame)
    other = read(kept / "records.arrow")
    assert_frame_equal(frame, by_creation(other) if suffix == ".parquet" else other)
    assert find_coverage(frame) == (Coverage(40, 39) if suffix == ".parquet" else None)


@pytest.mark.parametrize("packing", ["zstd", "lz4", "uncompressed"])
def test_an_arrow_file_of_polars_is_read(tmp_path: Path, packing: Literal["zstd", "lz4", "uncompressed"]) -> None:
    moment = datetime(2026, 8, 24, tzinfo=UTC)
    ids = [f"gen-1700000000-{number:020d}" for number in range(3)]
    table = pl.DataFrame(
        {"requested_id": ids, "fetched_at": moment, "created_at": moment, "note": ["a", None, "b" * 99]}
    )
    table.write_ipc(tmp_path / "records.arrow", compression=packing)  # there is no stream in such a file
    frame = ga.read(tmp_path / "records.arrow")
    assert frame["requested_id"].tolist() == ids
    assert frame["note"].tolist()[::2] == ["a", "b" * 99]
    assert list(ga.read_ids(tmp_path / "records.arrow")) == ids


def test_an_arrow_file_with_any_number_in_its_footer_gives_its_ids_or_an_error(tmp_path: Path) -> None:
    path = tmp_path / "ids.arrow"
    table = pa.table({"requested_id": [f"gen-1700000000-{number:020d}" for number in range(400)]})
    with pa.ipc.new_file(str(path), table.schema) as file:
        file.write_table(table, max_chunksize=200)
    data = path.read_bytes()
    start = len(data) - 10 - int.from_bytes(data[-10:-6], "little")
    messages = []
    for place in range(start, len(data), 4):
        path.write_bytes(data[:place] + (1 << 40).to_bytes(8, "little") + data[place + 8 :])
        try:
            ids = list(ga.read_ids(path))
        except InputError as error:
            messages.append(str(error))
        else:
            assert ids == table["requested_id"].to_pylist()[: len(ids)]
    assert all(message.startswith(f"cannot read {path}: ") for message in messages)
    assert any("it names more rows than the file has" in message for message in messages)
