"""Parquet on an object store, scanned like files of this machine."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import duckdb
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import genanalytics as ga
from genanalytics.base.stores.store import Store
from genanalytics.dataset.failures import FAILURES
from genanalytics.errors import InputError
from genanalytics.formats.parquet import write_table
from genanalytics.metrics.engines.scan import scan
from genanalytics.records.frame import to_arrow
from genanalytics.sandbox import sample
from support.generations import parse_records
from support.s3_server import ACCESS_KEY, SECRET_KEY, Cut, Refuses, S3Server

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.long

FRAME = parse_records(sample(3_000, seed=19).records)
ROWS = len(FRAME)
URL = "s3://bucket/calls"
NAMES = ("2026/a.parquet", "2026/b [1] x=y.parquet", "c.parquet")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the rows in three files."""
    root = tmp_path_factory.mktemp("files") / "calls"
    for number, name in enumerate(NAMES):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_table(to_arrow(FRAME.iloc[number::3]), path)
    return root


@pytest.fixture
def store(s3: S3Server, files: Path) -> Store:
    """Return a store with these files, and with others that are none of them."""
    store = Store(URL)
    for name in NAMES:
        store.write(name, (files / name).read_bytes())
    for other in ("_tmp/a.parquet", ".b.parquet", "2026/_c.parquet", "notes.txt"):
        store.write(other, b"no data")
    assert s3.counts["PUT"]
    return store


def count_sent(s3: S3Server, work: Callable[[], object]) -> int:
    """Return the bytes of objects that the store sends while something is computed."""
    before = len(s3.requests)
    work()
    return sum(request.sent for request in s3.requests[before:] if request.method == "GET" and request.key)


def summarize(data: Any) -> pd.DataFrame:  # noqa: ANN401
    return ga.summarize(data, by=["model", "day"], metrics=["cost", "latency", "tokens"])


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("source", [URL, f"{URL}/", f"{URL}/**/*.parquet", [f"{URL}/2026", f"{URL}/c.parquet", URL]])
def test_a_url_gives_what_its_files_give(source: str | list[str], files: Path) -> None:
    assert_frame_equal(summarize(scan(source)), summarize(scan(files)))


@pytest.mark.usefixtures("store")
def test_every_engine_gives_the_same(files: Path) -> None:
    in_memory = scan(URL, engine="pandas")
    assert_frame_equal(in_memory, scan(files, engine="pandas"))
    assert_frame_equal(summarize(scan(URL)), summarize(in_memory), rtol=1e-9)


@pytest.mark.usefixtures("store")
def test_names_with_signs_of_globs_are_names(files: Path) -> None:
    assert scan(f"{URL}/{NAMES[1]}").shape == scan(files / NAMES[1]).shape
    assert scan(f"{URL}/2026/b [[]1]*.parquet").shape == scan(files / NAMES[1]).shape


def test_only_the_columns_of_a_question_are_read(s3: S3Server, store: Store, tmp_path: Path) -> None:
    path = tmp_path / "large.parquet"
    many = pd.concat([FRAME] * 60, ignore_index=True)
    write_table(to_arrow(many.assign(requested_id=[uuid4().hex for _ in many.index])), path)
    store.write("large/a.parquet", path.read_bytes())
    size, end = path.stat().st_size, 1 << 16
    assert count_sent(s3, lambda: scan(f"{URL}/large").aggregate("sum(total_cost)").fetchall()) < end + size / 10
    later = "created_at > TIMESTAMPTZ '2100-01-01'"
    assert count_sent(s3, lambda: scan(f"{URL}/large").filter(later).fetchall()) == end


def test_small_objects_are_read_once(s3: S3Server, store: Store) -> None:
    size = sum(store.find(name).size for name in NAMES)
    assert count_sent(s3, lambda: summarize(scan(URL))) < 2 * size


def test_a_session_keeps_its_own_way_to_stores(s3: S3Server, store: Store) -> None:
    connection = duckdb.connect()
    for _ in range(2):
        assert scan(URL, session=connection).aggregate("count(*)").fetchall() == [(ROWS,)]
    store.remove([NAMES[0]])
    assert scan(URL, session=connection).aggregate("count(*)").fetchall() == [(ROWS - len(FRAME.iloc[0::3]),)]
    assert s3.requests
    fsspec = pytest.importorskip("fsspec")
    own = duckdb.connect()
    memory = fsspec.filesystem("memory")
    with memory.open("/own.parquet", "wb") as file:
        file.write(store.read(NAMES[2]))
    own.register_filesystem(memory)
    before = len(s3.requests)
    assert scan("memory://own.parquet", session=own).aggregate("count(*)").fetchall() == [(len(FRAME.iloc[2::3]),)]
    with pytest.raises(InputError, match=f"cannot read {URL}"):
        scan(f"{URL}/c.parquet", session=own)
    assert len(s3.requests) == before
    own.unregister_filesystem("memory")


@pytest.mark.parametrize("fault", [Refuses(), Refuses(500, "InternalError", "We failed."), Cut(10)], ids=str)
def test_a_store_that_fails_for_a_while_is_asked_again(fault: Refuses | Cut, s3: S3Server, store: Store) -> None:
    s3.plan(fault, method="GET", times=2)
    relation = scan(URL)
    s3.plan(fault, method="GET", key="parquet", times=2)
    assert relation.aggregate("count(total_cost), sum(total_cost)").fetchall()[0][0]
    assert store.find(NAMES[0]).size


def test_a_store_that_fails_for_good_is_an_error_of_one_sentence(s3: S3Server, store: Store) -> None:
    relation = scan(URL)
    s3.plan(Refuses(), times=10_000)
    for work in (lambda: scan(URL), lambda: ga.summarize(relation, metrics="cost")):
        with pytest.raises(InputError, match="the store s3://bucket: it is overloaded") as caught:
            work()
        assert "\n" not in str(caught.value)
    s3.forget_plans()
    assert store.find(NAMES[0]).size


REFUSALS: dict[str, tuple[str, str]] = {
    "no object": (f"{URL}/none.parquet", f"there is no object '{URL}/none.parquet'"),
    "no match": (f"{URL}/**/none*", f"there is no object '{URL}/\\*\\*/none\\*'"),
    "no data": (f"{URL}/_tmp/none", "there is no object"),
    "no bucket": ("s3://none/calls", "cannot read s3://none/calls: the store s3://none: there is no such bucket"),
    "no Parquet": (f"{URL}/notes.txt", f"{URL}/notes.txt is not a Parquet file; for CSV and JSON, use `ga.read`"),
    "no name": ("s3:///calls", "no valid bucket"),
}


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_read_is_one_sentence(name: str) -> None:
    source, message = REFUSALS[name]
    with pytest.raises(InputError, match=message) as caught:
        scan(source)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("store")
def test_a_refusal_shows_no_key(s3: S3Server) -> None:
    for code, reason in (("AccessDenied", "access denied"), ("SignatureDoesNotMatch", "access denied")):
        s3.plan(Refuses(403, code, f"{ACCESS_KEY} {SECRET_KEY}"), times=20)
        with pytest.raises(InputError, match=f"cannot read {URL}/c.parquet: the store s3://bucket: {reason}") as caught:
            scan(f"{URL}/c.parquet")
        s3.forget_plans()
        assert ACCESS_KEY not in str(caught.value)
        assert SECRET_KEY not in str(caught.value)


@pytest.mark.usefixtures("store")
def test_failures_of_a_data_set_are_no_records(tmp_path: Path) -> None:
    path = f"{URL}/failures/00000001.parquet"
    write_table(FAILURES.empty_table(), tmp_path / "failures.parquet")
    Store(URL).write("failures/00000001.parquet", (tmp_path / "failures.parquet").read_bytes())
    with pytest.raises(InputError, match=f"{path} contains ids without a record: give the data set itself"):
        scan(f"{URL}/**/*.parquet")


def test_spark_says_what_it_needs(spark: "SparkSession", s3: S3Server) -> None:
    for url in ("s3a://bucket/calls/c.parquet", "s3a://bucket/calls"):
        with pytest.raises(InputError, match="this Spark has no file system for s3a://; for S3, start it with"):
            scan(url, engine="spark", session=spark)
    assert s3.counts["GET"], "it may be a data set"


def test_an_unreachable_store_is_named_within_seconds(monkeypatch: pytest.MonkeyPatch, s3: S3Server) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(InputError, match=r"the store s3://bucket: nothing answers at 127\.0\.0\.1:1 "):
        scan(URL)
    assert not s3.requests


def test_an_object_that_is_replaced_meanwhile_is_an_error_and_no_mixture(files: Path, store: Store) -> None:
    relation = scan(URL)
    store.write(NAMES[2], (files / NAMES[1]).read_bytes())
    with pytest.raises(InputError, match="was replaced while it was read"):
        ga.summarize(relation, metrics="cost")
    assert scan(URL).aggregate("count(DISTINCT requested_id)").fetchall() == [(ROWS - len(FRAME.iloc[2::3]),)]


def test_threads_of_a_query_do_not_take_the_bytes_of_each_other(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "groups.parquet"
    FRAME.to_parquet(path, row_group_size=100)
    store.write("groups.parquet", path.read_bytes())
    connection = duckdb.connect()
    connection.execute("SET threads = 8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            relation = scan(f"{URL}/groups.parquet", session=connection)
            assert_frame_equal(summarize(relation), summarize(scan(path)), rtol=1e-9)
