"""Ids of objects in a store: the same words, the same ids as of files."""

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import genanalytics as ga
from genanalytics.base.stores.store import Store
from genanalytics.cli.main import run
from genanalytics.errors import InputError
from support.id_files import IDS, TABLE, A, B, C
from support.s3_server import Cut, Refuses, S3Server

pytestmark = pytest.mark.long

URL = "s3://bucket/ids"


def put(name: str, content: bytes) -> str:
    """Write an object and return its URL."""
    Store(URL).write(name, content)
    return f"{URL}/{name}"


def make_contents(folder: Path) -> dict[str, bytes]:
    """Return the same ids in several forms, by the name of an object."""
    text = "\n".join(IDS).encode()
    pq.write_table(TABLE, folder / "ids.parquet")
    with closing(sqlite3.connect(folder / "ids.db")) as database, database:
        database.execute("CREATE TABLE calls (ref TEXT)")
        database.executemany("INSERT INTO calls VALUES (?)", [[each] for each in IDS])
    return {
        "ids.txt": text,
        "no suffix": text,
        "ids.csv": b"\n".join([b"ref,n", *(each.encode() + b",1" for each in IDS)]),
        "log.jsonl.gz": gzip.compress(b"\n".join(b'{"id": "%s"}' % each.encode() for each in IDS)),
        "ids.parquet": (folder / "ids.parquet").read_bytes(),
        "ids.db": (folder / "ids.db").read_bytes(),
    }


@pytest.mark.usefixtures("s3")
def test_an_object_is_read_like_its_file(tmp_path: Path) -> None:
    for name, content in make_contents(tmp_path).items():
        url = put(name, content)
        (tmp_path / name).write_bytes(content)
        ids, of_file = ga.read_ids(url), ga.read_ids(tmp_path / name)
        assert list(ids) == list(of_file) == IDS
        assert ids.notices == tuple(notice.replace(str(tmp_path / name), url) for notice in of_file.notices)


@pytest.mark.usefixtures("s3")
def test_a_prefix_and_a_glob_are_read_like_a_directory() -> None:
    put("logs/1.txt", A.encode())
    put("logs/day=2/2.txt", B.encode())
    broken = put("logs/day=2/3.txt.gz", gzip.compress(C.encode())[:-9])
    put("logs/_delta_log/1.json", C.encode())
    put("logs/.hidden.txt", C.encode())
    ids = ga.read_ids(f"{URL}/logs/")
    assert list(ids) == [A, B]
    assert len(ids.notices) == 1
    assert ids.notices[0].startswith(
        f"{URL}/logs/: 1 file could not be read to the end; the first: cannot read {broken}"
    )
    assert list(ga.read_ids(f"{URL}/logs/**/*.txt")) == [A, B]
    assert list(ga.read_ids(f"{URL}/logs/_delta_log/*")) == [C]


@pytest.mark.usefixtures("s3", "environment")
def test_the_ids_of_a_data_set_are_those_of_its_rows() -> None:
    ga.export(IDS[:3], "s3://bucket/set")
    assert list(Store("s3://bucket/set").list("ids/"))
    ids = ga.read_ids("s3://bucket/set")
    assert set(ids) == set(IDS[:3])
    assert not [notice for notice in ids.notices if "could not be read" in notice]


def test_a_store_that_fails_for_a_while_is_asked_again(s3: S3Server) -> None:
    url = put("ids.txt", "\n".join(IDS).encode())
    s3.plan(Refuses(), method="GET", times=2)
    assert list(ga.read_ids(url)) == IDS
    s3.plan(Cut(100), method="GET", times=2)
    assert list(ga.read_ids(url)) == IDS


@pytest.mark.usefixtures("s3", "environment")
def test_the_command_line_takes_urls_as_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = put("ids.txt.gz", gzip.compress("\n".join(IDS[:3]).encode()))
    assert run(["ids", url]) == 0
    assert capsys.readouterr().out.split() == IDS[:3]
    for number, given in enumerate([["--input", url], [url]]):
        assert run(["fetch", *given, "--output", f"{number}.parquet"]) == 0
        assert set(ga.read(tmp_path / f"{number}.parquet")["requested_id"]) == set(IDS[:3])


REFUSALS = {
    f"{URL}/none.txt": f"there is no object '{URL}/none.txt'",
    f"{URL}/none/*.txt": f"there is no object '{URL}/none/\\*.txt'",
    f"{URL}/packed.zip": f"{URL}/packed.zip is a ZIP archive: unpack it first",
    f"{URL}/cut.gz": f"cannot read {URL}/cut.gz: ",
    "s3://other/ids.txt": "cannot read s3://other/ids.txt: .*bucket",
    "https://host/ids.txt": "https://host/ids.txt is no URL of an object store: give s3://BUCKET/PATH",
    "s3://key:secret@bucket/ids.txt": "a URL with a key in it is refused",
    "s3:/bucket/ids.txt": "the URL s3:/bucket/ids.txt has one slash, as in a pathlib.Path: give s3://BUCKET/PATH",
}


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize("url", REFUSALS)
def test_what_cannot_be_read_is_one_sentence_about_the_url(url: str) -> None:
    put("packed.zip", b"PK\x03\x04")
    put("cut.gz", gzip.compress(b"x" * 99)[:-9])
    with pytest.raises(InputError, match=REFUSALS[url]) as caught:
        list(ga.read_ids(url))
    assert "\n" not in str(caught.value)
    assert "genanalytics-" not in str(caught.value)


def test_a_store_without_an_answer_is_named(monkeypatch: pytest.MonkeyPatch, s3: S3Server) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(InputError, match=r"the store s3://bucket: nothing answers at 127\.0\.0\.1:1 "):
        list(ga.read_ids(f"{URL}/ids.txt"))
    assert not s3.requests
