"""Ids come out of files of every form, packed or not, from the right column; no file makes it crash or run anything."""

import csv
import gzip
import io
import json
import sqlite3
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given, strategies as st

from genanalytics.errors import InputError
from genanalytics.ids.read import read_ids
from support.id_files import (
    CAT,
    IDS,
    PLAIN,
    A,
    B,
    C,
    arrow_file,
    arrow_stream,
    csv_file,
    csv_of_an_indexed_frame,
    csv_without_a_header,
    events,
    json_lines,
    nested_parquet_file,
    packed,
    parquet_file,
    sqlite_file,
    text_list,
)


@pytest.mark.parametrize("way", ["plain", "gzip", "zstd"])
@pytest.mark.parametrize("made", PLAIN)
def test_the_form_is_known_by_the_content(tmp_path: Path, made: Callable[[Path], None], way: str) -> None:
    made(tmp_path / "plain")
    path = tmp_path / "data"
    path.write_bytes(packed((tmp_path / "plain").read_bytes(), way))
    assert list(read_ids(path)) == IDS
    with path.open("rb") as stream:
        assert list(read_ids(stream)) == IDS
        assert not stream.closed


@pytest.mark.parametrize(
    ("made", "column"),
    [
        (csv_file, "ref"),
        (csv_of_an_indexed_frame, "ref"),
        (csv_without_a_header, "2"),
        (parquet_file, "ref"),
        (nested_parquet_file, "data.id"),
        (arrow_file, "ref"),
        (arrow_stream, "ref"),
        (sqlite_file, 'the "ref"'),
    ],
)
def test_the_column_is_named_in_a_notice_and_can_be_named(
    tmp_path: Path, made: Callable[[Path], None], column: str
) -> None:
    path = tmp_path / "data"
    made(path)
    ids = read_ids(path)
    assert list(ids) == IDS
    table = ", table spend; logs" if made is sqlite_file else ""
    assert ids.notices == (f"{path}{table}: ids are read from the column {column!r}",)
    assert list(read_ids(path, column=column)) == IDS
    if made is not csv_without_a_header:
        with pytest.raises(InputError, match=rf"no column 'nowhere' with text in .*{path.name}; it has "):
            list(read_ids(path, column="nowhere"))


def test_of_several_columns_of_ids_the_fullest_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text(f"parent,id,source\n,{A},{C}\n{A},{B},\n,{C},\n")
    ids = read_ids(path)
    assert list(ids) == [A, B, C]
    notice = "ids are read from the column 'id'; to read another one, name it (columns with ids: 'parent', 'source')"
    assert ids.notices == (f"{path}: {notice}",)
    ids = read_ids(path, column="parent")
    assert list(ids) == [A]
    assert ids.notices == (f"{path}: 2 rows without an id",)


@pytest.mark.parametrize("text", [f"{A},{B},{C}\n", f"{A}, {B}\n{B}, {C}\n", f"{A};{B};{C}", f"{A}\t{B}\n{C}\t{A}\n"])
def test_several_ids_in_a_line_are_all_read(text: str, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text(text)
    ids = read_ids(tmp_path / "ids.txt")
    assert list(dict.fromkeys(ids)) == [A, B, C]
    assert ids.notices == ()


def test_a_named_column_holds_ids_of_any_form(tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_text("id,model\ngen_abc,x\nchatcmpl-1,y\n")
    assert list(read_ids(tmp_path / "calls.csv", column="id")) == ["gen_abc", "chatcmpl-1"]
    ids = read_ids(tmp_path / "calls.csv")
    assert list(ids) == []
    assert ids.notices == (
        f"{tmp_path / 'calls.csv'}: no id of the known form found; name the column or key of the ids",
    )


def test_a_column_called_generation_id_holds_ids_of_any_form(tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_text("model,generation_id\nx,gen_abc\n")
    assert list(read_ids(tmp_path / "calls.csv")) == ["gen_abc"]


@pytest.mark.parametrize("way", ["lines", "indented", "events"])
def test_a_key_holds_ids_of_any_form_at_any_depth(tmp_path: Path, way: str) -> None:
    records = [{"request": {'größe, "id"': "x-\u00e9"}}, {"other": A}, {'größe, "id"': 5}, {'größe, "id"': "y-2"}]
    written = {
        "lines": "\n".join(map(json.dumps, records)),
        "indented": json.dumps(records, indent=4, ensure_ascii=False),
        "events": "".join(f"data: {json.dumps(record, ensure_ascii=False)}\n\n" for record in records),
    }
    (tmp_path / "log").write_text(written[way], encoding="utf-8")
    key = 'größe, "id"'
    assert list(read_ids(tmp_path / "log", column=key)) == ["x-é", "y-2"]


@pytest.mark.parametrize(
    "name", ["*", '"x"', "{}", "=1+1", "\x1b[31m", "count(*)", "'; DROP TABLE calls; --", "a.b", "", "a\u202e"]
)
def test_a_column_of_any_name_is_read_from_files_of_any_form(tmp_path: Path, name: str) -> None:
    rows = pa.table({"other": ["x", "y"], name: ["gen_abc", "gen_def"]})
    pq.write_table(rows, tmp_path / "parquet")
    with (tmp_path / "csv").open("w", newline="") as file:
        csv.writer(file).writerows([rows.column_names, *zip(*rows.to_pydict().values(), strict=True)])
    (tmp_path / "jsonl").write_text("\n".join(map(json.dumps, rows.to_pylist())))
    quoted = name.replace('"', '""')
    with closing(sqlite3.connect(tmp_path / "sqlite")) as database, database:
        database.execute(f'CREATE TABLE calls (other TEXT, "{quoted}" TEXT)')
        database.executemany("INSERT INTO calls VALUES (?, ?)", zip(*rows.to_pydict().values(), strict=True))
    for path in tmp_path.iterdir():
        assert list(read_ids(path, column=name)) == ["gen_abc", "gen_def"], path.name


def test_a_row_with_another_number_of_fields_is_searched(tmp_path: Path) -> None:
    rows = [f"{generation_id},x" for generation_id in IDS]
    rows[20] = f"{IDS[20]},d\xe9j\xe0 vu,too,many"
    (tmp_path / "calls.csv").write_bytes("\n".join(["ref,model", *rows]).encode("latin-1"))
    ids = read_ids(tmp_path / "calls.csv")
    assert sorted(ids) == sorted(IDS)
    assert ids.notices[1].endswith("calls.csv: searched 1 row with another number of fields")


def test_a_table_of_ids_can_have_prompts_of_any_length(tmp_path: Path) -> None:
    prompt = "So it goes, on and on;\n" * 40_000
    with (tmp_path / "calls.csv").open("w") as stream:
        stream.write("prompt,ref\n")
        for generation_id in (A, B, C):
            stream.write(f'"{prompt}",{generation_id}\n')
    assert list(read_ids(tmp_path / "calls.csv")) == [A, B, C]


def test_a_directory_is_read_file_by_file_in_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "part-1.parquet").parent.mkdir(exist_ok=True)
    pq.write_table(pa.table({"id": [B]}), tmp_path / "b" / "part-1.parquet")
    (tmp_path / "a.log").write_text(f"see {A}\n")
    (tmp_path / "c.txt").write_text(f"{C}\ngen_abc\n")
    (tmp_path / "requirements.txt").write_text("pandas\npyarrow\n")  # a list of words, none of them an id
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text(IDS[5])
    (tmp_path / "_SUCCESS").write_text(IDS[6])
    (tmp_path / "around").symlink_to(tmp_path)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"x" * 1000, mtime=0)[:-9])
    ids = read_ids(tmp_path)
    assert list(ids) == [A, C, "gen_abc", B]
    cut = f"cannot read {tmp_path / 'cut.gz'}: Compressed file ended before the end-of-stream marker was reached"
    assert ids.notices == (
        f"{tmp_path / 'b' / 'part-1.parquet'}: ids are read from the column 'id'",
        f"{tmp_path}: 2 files could not be read to the end; the first: {cut}",
    )


@pytest.mark.parametrize("made", [parquet_file, arrow_stream, arrow_file, sqlite_file, events, csv_file])
def test_any_form_comes_through_a_pipe(tmp_path: Path, made: Callable[[Path], None]) -> None:
    made(tmp_path / "data")
    code = "import sys; from genanalytics import read_ids; print(*read_ids(sys.stdin.buffer))"
    with (
        (tmp_path / "data").open("rb") as stream,
        subprocess.Popen([CAT], stdin=stream, stdout=subprocess.PIPE) as cat,
    ):
        done = subprocess.run([sys.executable, "-c", code], stdin=cat.stdout, capture_output=True, check=True)
    assert done.stdout.decode().split() == IDS


def packed_again(content: bytes, *, times: int) -> bytes:
    for _ in range(times):
        content = gzip.compress(content, mtime=0)
    return content


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\0\1\2", "{} is of no known form: give text, CSV, JSON, JSON lines, Parquet, Arrow or SQLite"),
        (b"PK\x03\x04rest", "{} is a ZIP archive: unpack it first"),
        (b"BZh91AY", "{} is packed with bzip2: unpack it first"),
        (gzip.compress(b"x" * 1000, mtime=0)[:-4], "cannot read {}: Compressed file ended"),
        (packed_again(b"x", times=4), "{} is packed 4 times or more"),
        (b"\x1f\x8b\x08\x00 and nothing of the kind", "cannot read {}: "),
        (b"\x28\xb5\x2f\xfd and nothing of the kind", "cannot read {}: ZSTD decompress failed"),
        (b"\xff\xfea", "cannot read {}: it is not the utf-16"),
        (b"PAR1 and nothing of the kind PAR1", "cannot read {}: "),
        (b"ARROW1\0\0 and nothing of the kind", "cannot read {}: "),
        (b"\xff\xff\xff\xff and nothing of the kind", "cannot read {}: "),
        (b"SQLite format 3\0 and nothing of the kind", "cannot read {}: file is not a database"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_with_its_name(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "data").write_bytes(content)
    with pytest.raises(InputError) as refused:
        list(read_ids(tmp_path / "data"))
    assert str(refused.value).startswith(reason.format(tmp_path / "data"))


def test_a_missing_file_is_one_sentence_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"cannot read {tmp_path / 'ids.txt'}: No such file or directory"):
        list(read_ids(tmp_path / "ids.txt"))


class Endless(io.RawIOBase):
    """A file too large for any memory, as far as a test goes on with it: a piece, again and again."""

    def __init__(self, piece: bytes, size: int) -> None:
        self._piece = piece * (1 + (1 << 20) // len(piece))
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        size = min(len(buffer), len(self._piece), self._left)
        buffer[:size] = self._piece[:size]
        self._left -= size
        return size


@pytest.mark.parametrize(
    ("piece", "megabytes"),  # as few as hold more than the parts that are read at once, or the first rows of a table
    [
        (b"x" * 1000, 8),
        (f"{A}-".encode(), 8),
        (f'{{"id":"{A}"}},'.encode(), 8),
        (f"{A}\n".encode(), 8),
        (b"one-word-a-line\n", 12),
        (b'{"id": "' + b"\\\\" * 900, 8),
        (f"{A},x\n".encode(), 18),
    ],
)
@pytest.mark.parametrize("column", [None, "n"])
def test_however_much_there_is_little_of_it_is_held(piece: bytes, megabytes: int, column: str | None) -> None:
    size = megabytes << 20
    tracemalloc.start()
    try:
        found = sum(1 for _ in read_ids(io.BufferedReader(Endless(piece, size)), column=column))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < size
    assert found > 0 or b"gen-" not in piece or column is not None


MADE = [text_list, csv_file, json_lines, parquet_file, nested_parquet_file, arrow_file, arrow_stream, sqlite_file]


@cache
def sound() -> list[bytes]:
    """Return a file of each form, plain and packed."""
    with tempfile.TemporaryDirectory() as folder:
        for made in MADE:
            made(Path(folder, made.__name__))
        plain = [Path(folder, made.__name__).read_bytes() for made in MADE]
    return plain + [packed(content, way) for content in plain for way in ("gzip", "zstd")]


@given(
    which=st.integers(0, 3 * len(MADE) - 1),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    kept=st.just(1.0) | st.floats(0, 1),
    column=st.sampled_from([None, "ref", "id", "nowhere"]),
)
def test_a_damaged_file_is_read_or_refused_and_nothing_else(
    which: int, changes: list[tuple[float, int]], kept: float, column: str | None
) -> None:
    content = bytearray(sound()[which])
    for place, value in changes:
        content[int(place * len(content))] = value
    assert_read_or_refused(bytes(content[: int(kept * len(content))]), column)


def assert_read_or_refused(content: bytes, column: str | None) -> None:
    sentence = "none"
    ids: list[str] = []
    try:
        ids = list(read_ids(io.BytesIO(content), column=column))
    except InputError as error:
        sentence = str(error)
    assert sentence
    assert "\n" not in sentence
    assert all(isinstance(generation_id, str) for generation_id in ids)


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for column in (None, "id", "1"):
        assert_read_or_refused(content, column)


def test_zstd_that_begins_with_a_frame_to_skip_is_read(tmp_path: Path) -> None:
    skipped = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"12345"
    (tmp_path / "ids.zst").write_bytes(skipped + pa.compress(f"{A}\n{B}\n".encode(), "zstd", asbytes=True))
    assert list(read_ids(tmp_path / "ids.zst")) == [A, B]
