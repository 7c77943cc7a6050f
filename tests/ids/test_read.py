"""Ids come out of whatever a caller holds, in its order; one that cannot be an id raises nothing."""

import email
import gzip
import io
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import requests
from hypothesis import given, strategies as st

from genanalytics import Client, fetch
from genanalytics.errors import InputError
from genanalytics.ids.form import find_problem
from genanalytics.ids.read import IdSource, read_ids
from genanalytics.units import format_count

A, B, C = "gen-1756000000-AbCdEfGhIjKlMnOpQrSt", "chatcmpl-1", "gen_abc"
ABA = [A, B, A]


def sources() -> dict[str, IdSource]:
    """Return an id, another, and the first again, in whatever can hold them."""
    return {
        "list": list(ABA),
        "tuple": tuple(ABA),
        "generator": (generation_id for generation_id in ABA),
        "iterator": iter(ABA),
        "Series": pd.Series(ABA, index=[7, 7, 8], name="id"),
        "Series of objects": pd.Series(ABA, dtype="object"),
        "Series of categories": pd.Series(ABA, dtype="category"),
        "Series of Arrow text": pd.Series(ABA, dtype=pd.ArrowDtype(pa.string())),
        "Index": pd.Index(ABA),
        "extension array": pd.array(ABA, dtype="str"),
        "array": np.array(ABA),
        "array of objects": np.array(ABA, dtype=object),
        "array of bytes": np.array([generation_id.encode() for generation_id in ABA]),
        "Arrow array": pa.array(ABA),
        "Arrow chunked array": pa.chunked_array([ABA[:1], ABA[1:]]),
        "Arrow dictionary array": pa.array(ABA).dictionary_encode(),
        "completions": [SimpleNamespace(id=generation_id, object="chat.completion") for generation_id in ABA],
        "mappings": [{"id": generation_id, "object": "chat.completion"} for generation_id in ABA],
        "text stream": io.StringIO("\n".join(ABA)),
        "binary stream": io.BytesIO("\n".join(ABA).encode()),
    }


@pytest.mark.parametrize("kind", sources())
def test_ids_come_in_the_order_of_their_source_with_its_duplicates(kind: str) -> None:
    ids = list(read_ids(sources()[kind]))
    assert all(isinstance(generation_id, str) for generation_id in ids)
    assert ids == ABA


def test_a_text_is_one_id_and_so_is_a_completion() -> None:
    assert list(read_ids(A)) == [A]
    assert list(read_ids("/no/such/place")) == ["/no/such/place"]
    assert list(read_ids({"id": A, "choices": []})) == [A]
    assert list(read_ids(SimpleNamespace(id=A))) == [A]
    assert list(read_ids(pd.DataFrame({"id": [A], "model": ["m"]}).iloc[0])) == [A]


@pytest.mark.parametrize("empty", [[], pd.Series([], dtype="str"), np.array([]), io.StringIO(""), io.BytesIO(b"")])
def test_an_empty_source_holds_no_id(empty: IdSource) -> None:
    assert list(read_ids(empty)) == []


def test_a_source_is_read_as_far_as_it_is_asked_for() -> None:
    endless = iter(lambda: A, None)
    ids = read_ids(endless)
    assert [next(ids), next(ids)] == [A, A]


@pytest.mark.parametrize(
    "value",
    [
        None, float("nan"), pd.NA, pd.NaT, 5, 1.5, True, object(), [A], {"generation": A}, {"id": None}, {"id": 5},
        SimpleNamespace(id=None), b"gen-\xff", pd.Timestamp(0), "", "two words",
    ],
)  # fmt: skip
def test_what_cannot_be_an_id_is_passed_on_to_be_refused_one_by_one(value: object) -> None:
    first, refused, last = read_ids([A, value, B])
    assert (first, last) == (A, B)
    assert find_problem(refused) is not None


@pytest.mark.parametrize("gaps", [pd.Series([A, None]), pd.array([A, pd.NA]), pa.array([A, None]), np.array([A, None])])
def test_a_gap_in_a_column_is_refused_too(gaps: IdSource) -> None:
    first, refused = read_ids(gaps)
    assert first == A
    assert find_problem(refused) == "an id must be text"


@pytest.mark.parametrize(
    "source",
    [5, 1.5, None, pd.NA, True, A.encode(), bytearray(A.encode()), {}, {"generation": A}, object()],
)
def test_what_holds_no_ids_is_an_input_error_that_shows_it(source: Any) -> None:  # noqa: ANN401 - of any wrong type
    with pytest.raises(InputError, match=re.escape(f"no ids in {source!r:.80}: give an id, the path of")):
        list(read_ids(source))


@pytest.mark.parametrize(
    "content",
    [
        f"{A}\n{B}\n{C}\n",
        f"{A}\n{B}\n{C}",
        f"{A}\r\n{B}\r\n{C}\r\n",
        f"{A}\r{B}\r{C}\r",
        f"\ufeff{A}\n{B}\n{C}\n",
        f"\n\n{A}\n   \n\t{B}  \n\u00a0{C}\u2003\n\n",
        f"# from the log\n{A}  # the first\n  # nothing here\n{B}\t#the second\n{C} # # the third",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_holds_an_id_a_line(tmp_path: Path, content: str, encoding: str) -> None:
    path = tmp_path / "ids.txt"
    path.write_bytes(content.encode(encoding))
    assert list(read_ids(path)) == [A, B, C]


def test_big_endian_utf_16_is_read_by_its_mark(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_bytes(f"\ufeff{A}\n{B}".encode("utf-16-be"))
    assert list(read_ids(path)) == [A, B]


@pytest.mark.parametrize("line", ["5", "null", "[1]", "{}", '"gen-1"', '{"gen', "[" * 200 + '"'])
def test_a_strange_id_is_no_log(line: str) -> None:
    assert list(read_ids(io.StringIO(line))) == [line]


def test_a_number_sign_within_an_id_begins_no_comment(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("gen-1#2\n", encoding="utf-8")
    assert list(read_ids(path)) == ["gen-1#2"]


IDS = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Z"), exclude_characters=",;|"), min_size=1, max_size=40
).filter(lambda text: find_problem(text) is None and not text.startswith(("#", "\ufeff", "[", "{")))


@given(st.lists(st.tuples(IDS, st.sampled_from(["\n", "\r\n", "\r", "\n\n", " \n"]))))
def test_any_ids_written_one_a_line_are_read_back(lines: list[tuple[str, str]]) -> None:
    content = "".join(generation_id + end for generation_id, end in lines)
    assert list(read_ids(io.BytesIO(content.encode()))) == [generation_id for generation_id, _ in lines]


def test_an_empty_file_holds_no_id(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").touch()
    assert list(read_ids(tmp_path / "ids.txt")) == []


def binary_file(path: Path) -> IO[Any]:
    return path.open("rb")


def raw_file(path: Path) -> IO[Any]:
    return path.open("rb", buffering=0)


def file_to_update(path: Path) -> IO[Any]:
    return path.open("r+b")


def text_file(path: Path) -> IO[Any]:
    return path.open(encoding="utf-8")


def compressed_file(path: Path) -> IO[Any]:
    packed = path.with_suffix(".gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    return gzip.open(packed)  # type: ignore[return-value]


def bytes_in_memory(path: Path) -> IO[Any]:
    return io.BytesIO(path.read_bytes())


def temporary_file(path: Path) -> IO[Any]:
    stream = tempfile.NamedTemporaryFile()  # noqa: SIM115 - the test closes it
    stream.write(path.read_bytes())
    stream.seek(0)
    return stream


def temporary_text_file(path: Path) -> IO[Any]:
    stream = tempfile.NamedTemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - the test closes it
    stream.write(path.read_text("utf-8"))
    stream.seek(0)
    return stream


OPENERS = [
    binary_file,
    raw_file,
    file_to_update,
    text_file,
    compressed_file,
    bytes_in_memory,
    temporary_file,
    temporary_text_file,
]


@pytest.mark.parametrize("opened", OPENERS)
def test_a_stream_is_read_and_stays_open(tmp_path: Path, opened: Callable[[Path], IO[Any]]) -> None:
    path = tmp_path / "ids.txt"
    path.write_bytes(f"\ufeff# ids\r\n{A}\r\n\r\n{B}".encode())
    with opened(path) as stream:
        assert list(read_ids(stream)) == [A, B]
        assert not stream.closed
        assert not stream.read()


def test_a_stream_of_no_known_form_is_refused_by_its_name_and_stays_open(tmp_path: Path) -> None:
    (tmp_path / "ids.bin").write_bytes(b"\x89PNG\r\n\x00")
    with (tmp_path / "ids.bin").open("rb") as stream:
        with pytest.raises(
            InputError, match=re.escape(f"{tmp_path / 'ids.bin'} is of no known form: give text, CSV, JSON")
        ):
            list(read_ids(stream))
        assert not stream.closed


@pytest.mark.parametrize("stdin", ["sys.stdin", "sys.stdin.buffer"])
def test_ids_come_through_a_pipe(stdin: str) -> None:
    code = f"import sys; from genanalytics import read_ids; print(*read_ids({stdin}), {stdin}.closed)"
    done = subprocess.run([sys.executable, "-c", code], input=f"{A}\r\n{B}".encode(), capture_output=True, check=True)
    assert done.stdout.decode().split() == [A, B, "False"]


@pytest.mark.parametrize(
    "element",
    [
        {"id": A, "object": "chat.completion"},
        {"X-Generation-Id": A, "Content-Type": "text/event-stream"},
        {"x-generation-id": A},
        {"generation_id": A, "cost_total": "0.1"},
        requests.structures.CaseInsensitiveDict({"X-GENERATION-ID": A}),
        SimpleNamespace(id=A, choices=[]),
        SimpleNamespace(headers={"x-generation-id": A}, status_code=200),
    ],
)
def test_completions_answers_and_headers_carry_an_id(element: IdSource) -> None:
    assert list(read_ids(element)) == [A]
    assert list(read_ids([element, element])) == [A, A]


def test_the_header_of_a_real_answer_carries_an_id() -> None:
    headers = email.message_from_string(f"X-Generation-Id: {A}\n\n")
    assert list(read_ids([SimpleNamespace(headers=headers)])) == [A]


def frame_with(ids: list[str | None]) -> dict[str, IdSource]:
    table = pa.table({"model": ["a/b"] * len(ids), "ref": ids})
    return {
        "pandas": table.to_pandas(),
        "Arrow table": table,
        "Arrow batch": table.to_batches()[0],
        "Arrow reader": table.to_reader(),
    }


@pytest.mark.parametrize("kind", frame_with([A]))
def test_a_table_in_memory_is_read_by_the_column_of_its_ids(kind: str) -> None:
    ids = read_ids(frame_with([A, None, A])[kind])
    assert list(ids) == [A, A]
    assert ids.notices == ("the table: ids are read from the column 'ref'", "the table: 1 row without an id")
    assert list(read_ids(frame_with([A, "x"])[kind], column="model")) == ["a/b", "a/b"]
    with pytest.raises(InputError, match=r"no column 'id' with text in the table; it has model, ref"):
        list(read_ids(frame_with([A])[kind], column="id"))


def test_a_frame_that_is_no_table_is_refused() -> None:
    with pytest.raises(InputError, match="cannot read this table"):
        list(read_ids(pd.DataFrame({"id": [A, 5]})))


@pytest.mark.parametrize("text", ["ids.txt", "logs/2026.JSONL", "export.csv.gz"])
def test_the_name_of_a_file_is_no_id(text: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"no file '{text}': give the path of a file of ids, or an id")):
        list(read_ids(text))
    assert list(read_ids([text])) == [text]


def test_a_text_that_names_a_file_is_that_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ids.txt").write_text(f"{A}\n{B}\n")
    (tmp_path / "harvest").write_text(f"{A}\n")
    assert list(read_ids("ids.txt")) == [A, B]
    assert list(read_ids("harvest")) == [A]
    assert list(read_ids(str(tmp_path))) == [A, A, B]
    assert list(read_ids(A)) == [A]


def dated(moment: str) -> str:
    return f"gen-{int(datetime.fromisoformat(moment).timestamp())}-AbCdEfGhIjKlMnOpQrSt"


@pytest.mark.parametrize(
    ("since", "until", "left"),
    [
        ("2026-08-01", None, "bcd"),
        (None, "2026-09-01", "abc"),
        ("2026-08-01", "2026-09-01", "bc"),
        ("2026-08-01T00:00:01", "2026-08-31T23:59:59Z", ""),
        ("2026-08-01T02:00+02:00", "2026-09-01T02:00:01+02:00", "bcd"),
        (date(2026, 8, 1), date(2026, 9, 1), "bc"),
        (pd.Timestamp("2026-08-01"), datetime(2026, 9, 1, tzinfo=UTC), "bc"),
    ],
)
def test_since_and_until_act_on_the_second_inside_the_id(
    since: str | date | None, until: str | date | None, left: str
) -> None:
    ids = {
        "a": dated("2026-07-31T23:59:59Z"),
        "b": dated("2026-08-01T00:00:00Z"),
        "c": dated("2026-08-31T23:59:59Z"),
        "d": dated("2026-09-01T00:00:00Z"),
    }
    read = read_ids(list(ids.values()), since=since, until=until)
    assert list(read) == [ids[name] for name in left]
    assert read.notices == (f"left out {format_count(4 - len(left), 'id')} outside the period",)


def test_an_id_without_a_second_is_kept_and_counted() -> None:
    read = read_ids([B, A, C], since="2030-01-01")
    assert list(read) == [B, C]
    assert read.notices == ("left out 1 id outside the period", "kept 2 ids without a time")


@pytest.mark.parametrize("moment", ["tomorrow", "2026-13-01", "", "2026-08-01 25:00"])
def test_what_is_no_moment_is_refused_before_anything_is_read(moment: str) -> None:
    with pytest.raises(InputError, match=r"is not a moment: give a date or time \(2026-09-01"):
        read_ids([A], since=moment)


def test_nothing_lies_between_a_moment_and_an_earlier_one() -> None:
    with pytest.raises(InputError, match="since=2026-09-01 is not before until=2026-08-01"):
        read_ids([A], since="2026-09-01", until="2026-08-01")


def test_a_fetch_has_the_notices_of_its_ids() -> None:
    ids = read_ids([A], since="2030-01-01")
    with Client("sk-test", offline=True, cache_dir=tempfile.mkdtemp()) as client:
        assert fetch(ids, client=client).stats.notices[0] == "left out 1 id outside the period"


@pytest.mark.parametrize("place", [0, 20, 30, -1])
def test_a_nul_character_makes_one_line_unusable(place: int, tmp_path: Path) -> None:
    lines = [A.encode(), B.encode(), A.encode(), B.encode()]
    text = b"\n".join(lines)
    (tmp_path / "ids.txt").write_bytes(text[:place] + b"\x00" + text[place:])
    found = list(read_ids(tmp_path / "ids.txt"))
    assert len(found) == 4
    assert sum(find_problem(one) is not None for one in found) == 1


def test_a_log_with_a_nul_character_is_searched(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text(f"start id={A} done\nend \x00 id={A} done\nthird line\n")
    assert list(read_ids(tmp_path / "app.log")) == [A, A]


@pytest.mark.parametrize(
    "content",
    [f"{A}\n".encode("utf-16-le"), b"\x00" * 64, b"\x7fELF\x02\x01\x01\x00\xff\xfe\n" * 3 + A.encode(), b"\x00"],
)
def test_a_binary_file_is_no_text(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "ids.bin").write_bytes(content)
    with pytest.raises(InputError, match="is of no known form"):
        list(read_ids(tmp_path / "ids.bin"))
