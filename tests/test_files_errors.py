"""A file is written whole or not at all, and whatever cannot be written or read is one sentence."""

import gzip
import json
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from genanalytics.errors import InputError, MissingColumnError, OutputError
from genanalytics.files import SUFFIXES, check_suffix, check_target, read, write, write_failures
from genanalytics.formats.jsonl import to_json_lines
from genanalytics.records.frame import parse_frame
from genanalytics.records.parse import Row


@pytest.fixture(params=SUFFIXES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"generations{request.param}"


@pytest.fixture
def frame() -> pd.DataFrame:
    bodies = [b'{"data": {"id": "gen-1", "model": "m"}}', b'{"data": {"id": "gen-2", "latency": 2}}']
    return parse_frame([Row(f"gen-{place}", body, 0.0) for place, body in enumerate(bodies, start=1)])


@contextmanager
def disk_of_4_kib() -> Iterator[None]:
    """Let no file of this process grow longer, as on a full disk: not a test's log either, so only for a moment."""
    resource: Any = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def one_sentence(error: Exception) -> str:
    message = str(error)
    assert message.isprintable()
    assert len(message) < 500
    return message


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("kind", [pa.list_view(pa.int8()), pa.struct([("a", pa.large_list_view(pa.string()))])])
def test_a_type_that_ends_pandas_is_refused_even_without_rows(tmp_path: Path, rows: int, kind: pa.DataType) -> None:
    table = pa.table({"requested_id": pa.nulls(rows, pa.string()), "x": pa.nulls(rows, kind)})
    with pa.ipc.new_file(str(tmp_path / "odd.arrow"), table.schema) as file:
        file.write_table(table)
    with pytest.raises(InputError, match="which no record has"):
        read(tmp_path / "odd.arrow")


def test_an_existing_file_is_replaced_and_nothing_else_stays(frame: pd.DataFrame, path: Path) -> None:
    path.write_bytes(b"before")
    write(frame, path)
    assert read(path)["id"].tolist() == ["gen-1", "gen-2"]
    assert list(path.parent.iterdir()) == [path]


def test_an_unfinished_file_is_hidden_in_the_same_directory(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    write_csv = pa.csv.write_csv

    def write_and_look(table: pa.Table, path: Path) -> None:
        write_csv(table, path)
        seen.extend(path.name for path in tmp_path.iterdir())

    monkeypatch.setattr(pa.csv, "write_csv", write_and_look)
    write(frame, tmp_path / "generations.csv")
    [part] = seen
    assert part.startswith(".generations.csv.")
    assert part.endswith(".part")
    assert [path.name for path in tmp_path.iterdir()] == ["generations.csv"]


def test_what_a_link_points_to_is_replaced_and_the_link_stays(frame: pd.DataFrame, path: Path) -> None:
    (path.parent / "far").mkdir()
    target = path.parent / "far" / f"real{path.suffix}"
    path.symlink_to(target)
    for _ in range(2):  # once to nowhere, once to a file
        write(frame, path)
    assert path.is_symlink()
    assert list(target.parent.iterdir()) == [target]
    assert read(target)["id"].tolist() == ["gen-1", "gen-2"]


def test_a_file_that_does_not_fit_on_the_disk_leaves_the_one_before(path: Path) -> None:
    long = parse_frame([Row(f"gen-{os.urandom(50).hex()}", b'{"data": {"id": "gen-1"}}', 0.0) for _ in range(1_000)])
    path.write_bytes(b"before")
    sentence = re.escape(f"cannot write {path}: File too large")
    with pytest.raises(OutputError, match=sentence), disk_of_4_kib():
        write(long, path)
    assert path.read_bytes() == b"before"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("mine", [1, "a"], "column 'mine' cannot be written: Could not convert 'a'"),
        ("mine", [1j, 2j], "column 'mine' cannot be written"),
        ("mine", ["\ud800", "a"], "column 'mine' cannot be written"),
        ("mine", [object(), None], "column 'mine' cannot be written"),
        ("latency", [1.5, 2.0], "column 'latency' cannot be written: Float value 1.5"),
        ("latency", [1.5, None], "column 'latency' cannot be written: Float value 1.5"),
        ("latency", ["fast", None], "column 'latency' cannot be written: Failed to parse string: 'fast'"),
        ("app_id", [2**63, 1], "column 'app_id' cannot be written"),
        ("model", [5, None], "column 'model' cannot be written"),
        ("provider_responses", [[1], None], "column 'provider_responses' cannot be written"),
    ],
)
def test_a_column_that_cannot_be_written_is_named_and_leaves_the_file_before(
    frame: pd.DataFrame, path: Path, name: str, values: list[object], reason: str
) -> None:
    path.write_bytes(b"before")
    frame[name] = pd.Series(values, dtype="object")
    with pytest.raises(InputError, match=re.escape(reason)) as refused:
        write(frame, path)
    assert one_sentence(refused.value)
    assert path.read_bytes() == b"before"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("suffix", "values", "reason"),
    [
        (".parquet", pd.Series([{}, {}]), "cannot write .*: Cannot write struct type"),
        (".csv", pd.Series(pd.period_range("2026-09-01", periods=2)), "cannot write .*: Unsupported Type"),
        (".jsonl", pd.Series([float("inf"), 1.0]), "the row of 'gen-1' cannot be written as JSON: Out of range float"),
    ],
)
def test_a_type_that_the_form_does_not_know_leaves_no_file(
    frame: pd.DataFrame, tmp_path: Path, suffix: str, values: "pd.Series[Any]", reason: str
) -> None:
    with pytest.raises(InputError, match=reason) as refused:
        write(frame.assign(mine=values), tmp_path / f"generations{suffix}")
    assert one_sentence(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_two_columns_of_one_name_are_refused(frame: pd.DataFrame, path: Path) -> None:
    with pytest.raises(InputError, match=r"^two columns with one name cannot be written: latency, mine$"):
        write(pd.concat([frame.assign(mine=1), frame.assign(mine=2)[["mine", "latency"]]], axis=1), path)
    assert not path.exists()


def test_a_column_without_a_text_for_a_name_gets_one(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame[7] = ["a", "b"]
    write(frame, tmp_path / "generations.parquet")
    assert read(tmp_path / "generations.parquet")["7"].tolist() == ["a", "b"]


@pytest.mark.parametrize("extra", ["no JSON", "[1]", "5"])
def test_an_extra_that_is_no_object_cannot_be_json_lines(frame: pd.DataFrame, extra: str) -> None:
    frame.loc[1, "extra"] = extra
    lines = to_json_lines(frame)
    assert json.loads(next(lines))["requested_id"] == "gen-1"
    with pytest.raises(InputError, match="the row of 'gen-2' cannot be written as JSON"):
        next(lines)


@pytest.mark.skipif(os.name != "posix", reason="permission bits")
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600), (0o000, 0o666)])
def test_the_permission_bits_follow_the_umask(frame: pd.DataFrame, path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        write(frame, path)
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize("name", ["no/such/generations", "x" * 300])
def test_a_path_that_cannot_be_is_an_output_error(frame: pd.DataFrame, path: Path, name: str) -> None:
    target = path.parent / f"{name}{path.suffix}"
    with pytest.raises(OutputError, match=re.escape(f"cannot write {target}: ")):
        write(frame, target)
    assert list(path.parent.iterdir()) == []


def test_a_directory_is_not_overwritten(frame: pd.DataFrame, path: Path) -> None:
    path.mkdir()
    with pytest.raises(OutputError, match=re.escape(f"cannot write {path}: ")):
        write(frame, path)
    with pytest.raises(InputError, match=re.escape(f"cannot write {str(path)!r}: it is a directory; give a file")):
        check_target(path)
    assert list(path.parent.iterdir()) == [path]
    assert list(path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "suffix"), [("a.parquet", ".parquet"), ("a.b.CSV", ".csv"), (Path("A.JsonL"), ".jsonl")]
)
def test_the_suffix_names_the_form_in_any_case(name: str | Path, suffix: str) -> None:
    assert check_suffix(name) == suffix


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("generations", "has no suffix"),
        ("a.csv.gz", "ends in '.gz'"),
        (".csv", "has no suffix"),
        ("a.json", "ends in '.json'"),
    ],
)
def test_another_suffix_is_refused_with_those_that_are_there(
    frame: pd.DataFrame, tmp_path: Path, name: str, found: str
) -> None:
    path = tmp_path / name
    sentence = f"{str(path)!r} {found}: give a file that ends in .parquet, .csv, .jsonl, .arrow, .duckdb"
    for refuse in (check_suffix, check_target, lambda path: write(frame, path)):
        with pytest.raises(InputError, match=f"^{re.escape(sentence)}$"):
            refuse(path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["table", "table.xlsx"])
@pytest.mark.parametrize("content", [b"PK\x03\x04", b"", b"a,b\n1,2\n", b"[]", b"\x00" * 20])
def test_a_file_without_a_known_suffix_and_content_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    known = "has no known format of records: give a file of `genanalytics fetch --output` or `export`"
    sentence = f"{path} {known if content else 'is empty: it contains no records'}"
    with pytest.raises(InputError, match=f"^{re.escape(sentence)}$"):
        read(path)


def test_a_target_is_checked_before_the_work(path: Path) -> None:
    check_target(path)
    path.touch()
    check_target(path)
    missing = path.parent / "no" / path.name
    sentence = f"cannot write {str(missing)!r}: there is no directory {str(missing.parent)!r}; create it first"
    with pytest.raises(InputError, match=f"^{re.escape(sentence)}$"):
        check_target(missing)
    assert list(path.parent.iterdir()) == [path]


def test_a_missing_file_is_one_sentence(path: Path) -> None:
    with pytest.raises(InputError, match=re.escape(f"cannot read {path}: ")) as refused:
        read(path)
    assert "No such file or directory" in one_sentence(refused.value)


def test_a_directory_is_no_file_to_read(path: Path) -> None:
    path.mkdir()
    with pytest.raises(InputError, match=re.escape(f"cannot read {path}: ")) as refused:
        read(path)
    assert "directory" in one_sentence(refused.value)


@pytest.mark.parametrize("content", [b"\x00\xff" * 500, b"\x1b[31m" * 500, b"<html>\na,b", b"PAR1\r\n,", b'"'])
def test_garbage_is_one_sentence(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError, match=re.escape(str(path))) as refused:
        read(path)
    assert one_sentence(refused.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"latency\nfast\n",
        b"latency\n\x1b[31m" + b"x" * 9_999 + b"\n",
        b"requested_id,latency\ngen-1\n",
        b"created_at\nyesterday\n",
        b"model\n\xff\n",
        b"provider_responses\n5\n",
        b"provider_responses\nno JSON\n",
        b'provider_responses\n""\n',
        b'provider_responses\n"[1]"\n',
        b'provider_responses\n"[{""latency"":0.5}]"\n',
        b'provider_responses\n"[{""status"":9223372036854775808}]"\n',
        b'provider_responses\n"' + b"[" * 100_000 + b'"\n',
    ],
)
def test_a_csv_file_whose_values_are_of_other_types_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "generations.csv").write_bytes(content)
    with pytest.raises(InputError, match=re.escape(f"cannot read {tmp_path / 'generations.csv'}: ")) as refused:
        read(tmp_path / "generations.csv")
    assert one_sentence(refused.value)


def test_a_parquet_file_whose_column_is_of_another_type_names_the_column(tmp_path: Path) -> None:
    pq.write_table(pa.table({"latency": ["fast"]}), tmp_path / "generations.parquet")
    with pytest.raises(InputError, match="column 'latency' holds string, it should hold int64"):
        read(tmp_path / "generations.parquet")


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_file_without_the_columns_of_records_is_refused(frame: pd.DataFrame, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"generations{suffix}"
    write(frame[["id", "latency"]], path)
    missing = "'requested_id', 'fetched_at', 'created_at'"
    with pytest.raises(
        MissingColumnError, match=re.escape(f"{path} has no column {missing}, so it contains no records: ")
    ):
        read(path)


def test_a_list_of_failures_is_named_as_one(frame: pd.DataFrame, tmp_path: Path) -> None:
    write_failures(frame[["requested_id"]].assign(outcome="failed"), tmp_path / "failures.parquet")
    with pytest.raises(MissingColumnError, match="so it contains no records, but failures: give a file of `genanal"):
        read(tmp_path / "failures.parquet")


def test_a_parquet_file_that_is_cut_off_is_one_sentence(frame: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "generations.parquet"
    write(frame, path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="cannot read") as refused:
        read(path)
    assert one_sentence(refused.value)


@pytest.mark.parametrize(
    "line",
    [
        b'{"data": {"id": "gen-3"',
        b"<html>",
        b'{"error": {"code": 404}}',
        b'{"id": "gen-3"}',
        b'{"data": {"id": "gen-3", "usage": NaN}}',
        b"\xff\xfe\x1b[31m",
        b'{"requested_id": 5, "data": {"id": "gen-3"}}',
        b'{"requested_id": null, "data": {"id": "gen-3"}}',
        b'{"requested_id": "", "data": {"id": "gen-3"}}',
        b'{"data": {"id": "\\ud800"}}',
        b'{"fetched_at": "yesterday", "data": {"id": "gen-3"}}',
        b'{"fetched_at": "9999-12-31T23:59:59-23:00", "data": {"id": "gen-3"}}',
        b'{"fetched_at": 5, "data": {"id": "gen-3"}}',
        b'{"fetched_at": [], "data": {"id": "gen-3"}}',
    ],
)
def test_a_bad_json_line_names_its_number(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_bytes(b'{"data": {"id": "gen-1"}}\n\n{"data": {"id": "gen-2"}}\n' + line + b"\n")
    with pytest.raises(InputError, match=re.escape(f"cannot read {path}: line 4 is not an answer: ")) as refused:
        read(path)
    assert one_sentence(refused.value)


def test_a_json_line_that_no_answer_is_as_long_as_is_refused_and_the_packed_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"data": {"id": "gen-1"}}\n{"data": {"id": "' + b"x" * (1 << 24) + b'"}}\n', 1))
    with pytest.raises(InputError, match=re.escape(f"cannot read {path}: line 2 is longer than 16,777,216 bytes")):
        read(path)


def test_without_the_extra_a_duckdb_file_is_refused_before_the_work(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    path = tmp_path / "generations.duckdb"
    for refuse in (check_target, read, lambda path: write(frame, path)):
        with pytest.raises(InputError, match=r"needs the package duckdb: pip install 'genanalytics\[duckdb\]'"):
            refuse(path)
    assert list(tmp_path.iterdir()) == []


def test_a_type_that_duckdb_does_not_know_leaves_no_file(frame: pd.DataFrame, tmp_path: Path) -> None:
    halves = pd.Series([0.5, 1.5], dtype="float16")
    with pytest.raises(InputError, match="DuckDB cannot store the frame: "):
        write(frame.assign(mine=halves), tmp_path / "generations.duckdb")
    assert list(tmp_path.iterdir()) == []
