"""Ids come out of whatever a caller holds, in its order; one that cannot be an id raises nothing."""

import gzip
import io
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genanalytics.errors import InputError
from genanalytics.ids import created_s, problem, read_ids
from genanalytics.sandbox import sample

A, B, C = "gen-1756000000-AbCdEfGhIjKlMnOpQrSt", "chatcmpl-1", "gen_abc"
ABA = [A, B, A]


def sources() -> dict[str, object]:
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
    assert list(read_ids("/etc/hostname")) == ["/etc/hostname"]
    assert list(read_ids({"id": A, "choices": []})) == [A]
    assert list(read_ids(SimpleNamespace(id=A))) == [A]
    assert list(read_ids(pd.DataFrame({"id": [A], "model": ["m"]}).iloc[0])) == [A]


@pytest.mark.parametrize("empty", [[], pd.Series([], dtype="str"), np.array([]), io.StringIO(""), io.BytesIO(b"")])
def test_an_empty_source_holds_no_id(empty: object) -> None:
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
    assert problem(refused) is not None


@pytest.mark.parametrize("gaps", [pd.Series([A, None]), pd.array([A, pd.NA]), pa.array([A, None]), np.array([A, None])])
def test_a_gap_in_a_column_is_refused_too(gaps: object) -> None:
    first, refused = read_ids(gaps)
    assert first == A
    assert problem(refused) == "an id must be text"


@pytest.mark.parametrize(
    "source",
    [5, 1.5, None, pd.NA, True, A.encode(), bytearray(A.encode()), {}, {"generation": A}, object()],
)
def test_what_holds_no_ids_is_an_input_error_that_shows_it(source: object) -> None:
    with pytest.raises(InputError, match=re.escape(f"no ids in {source!r:.80}: give an id, a pathlib.Path")):
        list(read_ids(source))


@pytest.mark.parametrize("source", [pd.DataFrame({"id": [A]}), pa.table({"id": [A]})])
def test_a_whole_frame_is_refused_with_the_way_out(source: object) -> None:
    with pytest.raises(InputError, match=r"a whole frame: give one of its columns, such as frame\['id'\]"):
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


@pytest.mark.parametrize("log", ['{"id": "gen-1"}\n{"id": "gen-2"}\n', '["gen-1"]', '\ufeff {"a": {"b": []}}\r\n'])
def test_a_log_is_refused_before_a_line_of_it_goes_anywhere(tmp_path: Path, log: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(log, encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(f"{path} holds JSON, not an id a line: extract its ids first")):
        next(read_ids(path))


@pytest.mark.parametrize("line", ["5", "null", "[1]", "{}", '"gen-1"', '{"gen', "[" * 200 + '"'])
def test_a_strange_id_is_no_log(line: str) -> None:
    assert list(read_ids(io.StringIO(line))) == [line]


def test_a_number_sign_within_an_id_begins_no_comment(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("gen-1#2\n", encoding="utf-8")
    assert list(read_ids(path)) == ["gen-1#2"]


IDS = st.text(st.characters(exclude_categories=("Cc", "Cs", "Z")), min_size=1, max_size=40).filter(
    lambda text: problem(text) is None and not text.startswith(("#", "\ufeff", "[", "{"))
)


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


def test_a_stream_that_is_no_text_is_refused_and_stays_open() -> None:
    for content in (b"PAR1\x00\x00", b"\x89PNG\r\n\xff"):
        stream = io.BytesIO(content)
        with pytest.raises(InputError, match="the stream is not a text file"):
            list(read_ids(stream))
        assert not stream.closed


def test_a_stream_that_is_no_text_is_called_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "ids.bin"
    path.write_bytes(b"PAR1\x00")
    with path.open("rb") as stream, pytest.raises(InputError, match=re.escape(f"{path} is not a text file")):
        list(read_ids(stream))


@pytest.mark.parametrize("stdin", ["sys.stdin", "sys.stdin.buffer"])
def test_ids_come_through_a_pipe(stdin: str) -> None:
    code = f"import sys; from genanalytics import read_ids; print(*read_ids({stdin}), {stdin}.closed)"
    done = subprocess.run([sys.executable, "-c", code], input=f"{A}\r\n{B}".encode(), capture_output=True, check=True)
    assert done.stdout.decode().split() == [A, B, "False"]


def missing(folder: Path) -> Path:
    return folder / "ids.txt"


def directory(folder: Path) -> Path:
    return folder


def parquet_file(folder: Path) -> Path:
    pq.write_table(pa.table({"id": [A]}), folder / "ids.parquet")
    return folder / "ids.parquet"


def latin_1_file(folder: Path) -> Path:
    (folder / "ids.txt").write_bytes(f"{A}\nd\xe9j\xe0 vu\n".encode("latin-1"))
    return folder / "ids.txt"


def utf_16_file_cut_off(folder: Path) -> Path:
    (folder / "ids.txt").write_bytes(A.encode("utf-16")[:-1])
    return folder / "ids.txt"


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (missing, "cannot read {}: No such file or directory"),
        (directory, "{} is a directory: name a file of ids"),
        (parquet_file, "{} is not a text file: name a file with one generation id a line"),
        (latin_1_file, "{} is not a text file: name a file with one generation id a line"),
        (utf_16_file_cut_off, "{} is not a text file: name a file with one generation id a line"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence_with_its_name(
    tmp_path: Path, made: Callable[[Path], Path], reason: str
) -> None:
    path = made(tmp_path)
    with pytest.raises(InputError) as refused:
        list(read_ids(path))
    assert str(refused.value) == reason.format(path)


@pytest.mark.parametrize(
    ("generation_id", "reason"),
    [
        ("", "an id cannot be empty"),
        ("x" * 257, "an id has at most 256 characters, this one has 257"),
        ("x" * 12_345, "an id has at most 256 characters, this one has 12,345"),
        ("two words", "an id cannot contain white space"),
        ("gen-1\n", "an id cannot contain white space"),
        ("gen\u00a01", "an id cannot contain white space"),
        ("gen\u20031", "an id cannot contain white space"),
        ("gen\x1c1", "an id cannot contain white space"),
        ("gen\x00", "an id cannot contain control characters"),
        ("gen\x1b[31m", "an id cannot contain control characters"),
        ("gen\x7f", "an id cannot contain control characters"),
        ("gen\x9b", "an id cannot contain control characters"),
        ("gen\ud800", "an id cannot contain control characters"),
        ("not text: 5", "an id must be text"),
    ],
)
def test_what_cannot_be_an_id_has_a_problem(generation_id: str, reason: str) -> None:
    assert problem(generation_id) == reason


@pytest.mark.parametrize(
    "generation_id",
    [
        A,
        "gen_abc",
        "chatcmpl-1",
        "x",
        "x" * 256,
        "5",
        "🙂",
        "👨‍👩‍👧",
        "../../etc/passwd",
        "?id=1&x=%00",
        "gen-1#2",
        "ÅΩ中",
    ],
)
def test_a_strange_id_is_asked_for(generation_id: str) -> None:
    assert problem(generation_id) is None


@pytest.mark.parametrize("kind", ["", "img-", "vid-", "tts-", "stt-", "dec-", "rerank-", "batch-"])
def test_an_id_of_any_kind_tells_its_second(kind: str) -> None:
    assert created_s(f"gen-{kind}1756000000-AbCdEfGhIjKlMnOpQrSt") == 1_756_000_000


@pytest.mark.parametrize(
    "generation_id",
    [
        "gen-AbCdEfGhIjKlMnOpQrStUvWx", "gen-12345678901234567890abcd", "gen_1756000000-x", "chatcmpl-1756000000-x",
        "resp_1", "msg_1", "gen-1756000000", "gen-175600000-x", "gen-17560000000-x", "xgen-1756000000-x",
        "gen-IMG-1756000000-x", "gen-waytoolong-1756000000-x", "",
    ],
)  # fmt: skip
def test_an_id_without_a_second_tells_none(generation_id: str) -> None:
    assert created_s(generation_id) is None


def test_the_samples_ids_tell_the_second_of_their_record() -> None:
    made = sample(60)
    for generation_id, record in made.records.items():
        second = created_s(generation_id)
        assert problem(generation_id) is None
        assert second is None or abs(pd.Timestamp(str(record["created_at"])).timestamp() - second) <= 2
