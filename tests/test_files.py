"""A frame is a file and the same frame again: Parquet, CSV, JSON lines, written whole or not at all."""

import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from genanalytics.errors import InputError
from genanalytics.files import (
    SUFFIXES,
    coverage_of,
    read_frame,
    read_parquet,
    write_failures,
    write_frame,
    write_parquet,
    write_spreadsheet,
)
from genanalytics.formats import csv as csvfile
from genanalytics.formats.jsonl import json_lines
from genanalytics.records.frame import from_rows
from genanalytics.records.parse import Row
from genanalytics.records.schema import COLUMNS, Kind, Origin
from genanalytics.sandbox import sample

FETCHED_AT = 1_790_000_000.123456

NASTY = '"a";b,c\t\'\\\r\n\n\r🙂\u202e\u2028\ufeff|NULL'
"""What a separated file could trip over: quotes, separators, line ends, an escape, text from right to left."""


def row(fields: Mapping[str, object], requested_id: str = "gen-1") -> Row:
    return Row(requested_id, json.dumps({"data": {"id": "gen-1", **fields}}).encode(), FETCHED_AT)


def written_and_read(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    write_frame(frame, path)
    return read_frame(path)


def by_creation(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values("created_at", kind="stable", na_position="last", ignore_index=True)


@pytest.fixture(params=SUFFIXES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"generations{request.param}"


@pytest.fixture(scope="module")
def month() -> pd.DataFrame:
    return from_rows([row(record, generation_id) for generation_id, record in sample().records.items()])


def test_the_sample_comes_back_exactly(month: pd.DataFrame, path: Path) -> None:
    assert len(month) > 300
    assert_frame_equal(written_and_read(month, path), month)


def test_a_frame_without_rows_comes_back_with_its_schema(path: Path) -> None:
    assert_frame_equal(written_and_read(from_rows([]), path), from_rows([]))


@pytest.mark.parametrize("text", [NASTY, "", " ", "\0", "\\N", "null", "NA", "nan", "true", "12", "2026-09-01", '""'])
def test_a_text_comes_back_as_it_was(text: str, path: Path) -> None:
    frame = from_rows(
        [row({"model": text, "origin": None, "new": {text: [text, None]}}), row({"model": None, "origin": text})]
    )
    back = written_and_read(frame, path)
    assert_frame_equal(back, frame)
    assert back["model"].isna().tolist() == [False, True]


def test_a_gap_no_attempt_and_an_attempt_without_values_are_three_things(path: Path) -> None:
    attempts = [None, [], [{}, {"id": NASTY, "status": 429}]]
    frame = from_rows([row({"provider_responses": several}) for several in attempts])
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
    frame = from_rows([row(fields), row({})])
    assert_frame_equal(written_and_read(frame, path), frame)


def test_a_number_beyond_every_double_comes_back_by_its_digits(path: Path) -> None:
    body = b'{"data":{"id":"gen-1","total_cost":1e400,"new":[1e999]}}'
    frame = from_rows([Row("gen-1", body, FETCHED_AT)])
    assert written_and_read(frame, path)["extra"].tolist() == ['{"new":["1e999"],"total_cost":"1e400"}']


def test_a_record_as_long_as_an_answer_can_be_comes_back(path: Path) -> None:
    frame = from_rows([row({"model": '"' * 500_000}), row({"new": "é" * 500_000}), row({})])
    assert_frame_equal(written_and_read(frame, path), frame)


def test_a_csv_file_of_many_blocks_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csvfile, "_LONGEST_LINE", 2_000)
    frame = from_rows([row({"model": NASTY * (number % 7)}, f"gen-{number}") for number in range(300)])
    assert_frame_equal(written_and_read(frame, tmp_path / "generations.csv"), frame)


FIELDS = [column for column in COLUMNS if column.origin is not Origin.OURS and column.name != "id"]
TEXTS = st.text(st.sampled_from(NASTY) | st.characters(), max_size=10)
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.INTEGER: st.integers(-(2**63), 2**63 - 1) | st.floats(-1e6, 1e6),
    Kind.NUMBER: st.floats(allow_nan=False, allow_infinity=False) | st.integers(),
    Kind.FLAG: st.booleans(),
    Kind.TEXT: TEXTS,
    Kind.TIME: st.datetimes().map(lambda moment: f"{moment.isoformat()}Z"),
    Kind.ATTEMPTS: st.lists(
        st.fixed_dictionaries(
            {}, optional={"id": TEXTS, "status": st.integers(0, 999), "is_byok": st.booleans(), "new": TEXTS}
        ),
        max_size=3,
    ),
}
RECORDS = st.builds(
    dict[str, object].__or__,
    st.fixed_dictionaries({}, optional={column.name: st.none() | VALUES[column.kind] for column in FIELDS}),
    st.dictionaries(TEXTS, TEXTS | st.none() | st.lists(st.integers()), max_size=2),
)


@given(st.lists(RECORDS, max_size=4))
@example([{"model": ""}, {"model": None}])
def test_any_records_come_back_exactly(records: list[dict[str, object]]) -> None:
    frame = from_rows([row(record, f"gen-{place}") for place, record in enumerate(records)])
    with tempfile.TemporaryDirectory() as folder:
        for suffix in SUFFIXES:
            expected = by_creation(frame) if suffix == ".parquet" else frame
            assert_frame_equal(written_and_read(frame, Path(folder, f"any{suffix}")), expected)


def test_writing_changes_nothing_of_the_frame(month: pd.DataFrame, path: Path) -> None:
    before = month.copy(deep=True)
    write_frame(month, path)
    assert_frame_equal(month, before)


def test_what_a_caller_keeps_in_attrs_lands_in_no_file(month: pd.DataFrame, path: Path) -> None:
    frame = month.head(3).copy()
    frame.attrs["key"] = "sk-or-v1-secret"
    frame.index = pd.Index(["secret-a", "secret-b", "secret-c"], name="secret-index")
    write_frame(frame, path)
    assert b"secret" not in path.read_bytes()


def test_parquet_says_what_each_column_is(month: pd.DataFrame, tmp_path: Path) -> None:
    write_parquet(month, tmp_path / "generations.parquet")
    schema = pq.read_schema(tmp_path / "generations.parquet")
    assert schema.metadata == {b"genanalytics_schema_version": b"1"}
    assert schema.names == [column.name for column in COLUMNS]
    for column in COLUMNS:
        described = {key.decode(): value.decode() for key, value in schema.field(column.name).metadata.items()}
        assert described == {"unit": column.unit, "meaning": column.meaning, "origin": column.origin}
    assert schema.field("latency").metadata[b"unit"] == b"ms"
    assert schema.field("total_cost").metadata[b"meaning"].startswith(b"What was charged")


def test_parquet_knows_of_how_many_ids_it_holds_the_records(month: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "generations.parquet"
    write_frame(month.head(3), path, asked=4)
    assert coverage_of(path) == 0.75
    assert_frame_equal(read_frame(path), month.head(3))
    write_frame(month.head(3), path)
    assert coverage_of(path) is None


def test_other_forms_do_not_know_their_coverage(month: pd.DataFrame, tmp_path: Path) -> None:
    for suffix in (".csv", ".jsonl"):
        write_frame(month.head(3), tmp_path / f"generations{suffix}", asked=4)
        assert coverage_of(tmp_path / f"generations{suffix}") is None


def test_parquet_is_compressed_by_zstd(month: pd.DataFrame, tmp_path: Path) -> None:
    write_parquet(month, tmp_path / "generations.parquet")
    with pq.ParquetFile(tmp_path / "generations.parquet") as file:
        assert {file.metadata.row_group(0).column(place).compression for place in range(48)} == {"ZSTD"}


def test_parquet_is_in_the_order_of_creation_and_says_what_lies_where(tmp_path: Path) -> None:
    days = [3, None, 1, 2, None, 1]
    frame = from_rows(
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
    with pytest.raises(InputError, match=r"was written by a newer genanalytics \(columns of version 2, .* knows 1\)"):
        read_parquet(path)


def test_a_duckdb_file_is_a_table_whose_columns_are_explained(month: pd.DataFrame, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    write_frame(month, tmp_path / "generations.duckdb")
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


def test_csv_is_what_other_programs_read(tmp_path: Path) -> None:
    record = {"model": NASTY, "origin": "", "total_cost": 0.1, "is_byok": True, "created_at": "2026-09-01T10:00:00Z"}
    frame = from_rows([row(record)])
    write_frame(frame, tmp_path / "generations.csv")
    with (tmp_path / "generations.csv").open(encoding="utf-8", newline="") as stream:
        [line] = csv.DictReader(stream)
    assert list(line) == [column.name for column in COLUMNS]
    held = {name: value for name, value in line.items() if value}
    assert held == {
        "requested_id": "gen-1",
        "id": "gen-1",
        "model": NASTY,
        "total_cost": "0.1",
        "is_byok": "true",
        "created_at": "2026-09-01 10:00:00.000000Z",
        "fetched_at": "2026-09-21 14:13:20.123456Z",
    }


def test_csv_of_other_programs_is_read_in_which_only_nothing_is_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "generations.csv"
    path.write_bytes(b"\xef\xbb\xbfmodel,requested_id,latency\r\nNA,gen-1,12\r\nnull,gen-2,\r\n,gen-3,0\r\n")
    frame = read_frame(path)
    assert frame["model"].isna().tolist() == [False, False, True]
    assert frame["model"].tolist()[:2] == ["NA", "null"]
    assert frame["latency"].tolist() == [12, pd.NA, 0]


def test_a_json_line_is_a_record_as_it_was_answered(tmp_path: Path) -> None:
    record = {"id": "gen-1", "total_cost": 0.5, "latency": 74512.5, "provider_responses": [{"status": 200}], "new": [1]}
    write_frame(from_rows([row(record, "gen-asked")]), tmp_path / "generations.jsonl")
    [line] = (tmp_path / "generations.jsonl").read_text("utf-8").splitlines()
    answer = {"requested_id": "gen-asked", "fetched_at": "2026-09-21T14:13:20.123456+00:00", "data": record}
    assert json.loads(line) == answer


def test_json_lines_are_made_one_by_one(month: pd.DataFrame) -> None:
    lines = json_lines(month)
    assert isinstance(lines, Iterator)
    assert json.loads(next(lines))["requested_id"] == month["requested_id"].iloc[0]


def test_answers_as_the_service_sends_them_are_read(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"data": {"id": "gen-1", "total_cost": 0.5}, "user_id": "u"}\r\n'
        b"\n  \n"
        b'{"data":{"id":"gen-2","new":1}}'
    )
    frame = read_frame(path)
    assert frame["requested_id"].tolist() == frame["id"].tolist() == ["gen-1", "gen-2"]
    assert frame["total_cost"].tolist() == [0.5, pd.NA]
    assert frame["extra"].dropna().tolist() == ['{"new":1}']
    assert frame["fetched_at"].isna().all()


def test_a_moment_without_zone_is_utc_wherever_the_reader_is(tmp_path: Path) -> None:
    answer = '{"fetched_at": "2026-09-01 10:00:00", "data": {"id": "gen-1", "created_at": "2026-08-31 22:00:18.189"}}'
    (tmp_path / "answers.jsonl").write_text(answer, encoding="utf-8")
    moments = "read_frame('answers.jsonl')[['created_at', 'fetched_at']].iloc[0]"
    code = f"from genanalytics import read_frame; print(*{moments}, sep='\\n')"
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
    frame = from_rows([row({}), row({})]).join(pd.DataFrame(mine))
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
    assert_frame_equal(read_frame(tmp_path / "failures.parquet"), FAILURES)
    assert_frame_equal(read_frame(tmp_path / "failures.csv"), FAILURES)
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
    assert_frame_equal(read_frame(tmp_path / "failures.parquet"), FAILURES.head(0))
    assert (tmp_path / "failures.csv").read_text("utf-8").splitlines() == [
        '"requested_id","outcome","status","message","attempts"'
    ]
    assert (tmp_path / "failures.jsonl").read_bytes() == b""


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1"]


def test_cells_for_spreadsheets_run_no_formula_and_times_are_iso(tmp_path: Path) -> None:
    texts = [*FORMULAS, "a=b", "", None, "'=1"]
    records = [{"origin": text, "total_cost": -0.5, "created_at": "2026-09-01T10:00:00.5Z"} for text in texts]
    frame = from_rows([row(record) for record in records])
    assert write_spreadsheet(frame, tmp_path / "out.csv") == len(FORMULAS)
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert [line["origin"] for line in lines] == [*(f"'{text}" for text in FORMULAS), "a=b", "", "", "'=1"]
    assert {line["total_cost"] for line in lines} == {"-0.5"}
    assert {line["created_at"] for line in lines} == {"2026-09-01T10:00:00.500000Z"}


@given(st.lists(RECORDS, max_size=4))
def test_no_cell_for_spreadsheets_begins_as_a_formula_does(records: list[dict[str, object]]) -> None:
    frame = from_rows([row(record, f"gen-{place}") for place, record in enumerate(records)])
    before = frame.copy(deep=True)
    with tempfile.TemporaryDirectory() as folder:
        write_spreadsheet(frame, Path(folder, "out.csv"))
        with Path(folder, "out.csv").open(encoding="utf-8", newline="") as stream:
            lines = list(csv.DictReader(stream))
    assert_frame_equal(frame, before)
    texts = [column.name for column in COLUMNS if column.kind is Kind.TEXT]
    assert len(lines) == len(frame)
    assert not any(line[name][:1] in set("=+-@\t\r\n") - {""} for line in lines for name in texts)
