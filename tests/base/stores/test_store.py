"""Objects of a real S3 server on this machine."""

import os
import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.parquet
import pytest

from genanalytics.base.stores.arrow import make_filesystem
from genanalytics.base.stores.parts import read_object
from genanalytics.base.stores.store import Store
from genanalytics.errors import InputError
from support.s3_server import ACCESS_KEY, SECRET_KEY, Cut, Lost, Refuses, S3Server, Slow

pytestmark = pytest.mark.long

URL = "s3://bucket/some/where"


@pytest.mark.usefixtures("s3")
def test_objects_are_written_read_listed_and_removed() -> None:
    store = Store(URL)
    for key in ("b/2", "a/month=2026-11/1", "b/1"):
        store.write(key, key.encode())
    Store("s3://bucket/some/where-else").write("c", b"")
    assert store.read("a/month=2026-11/1") == b"a/month=2026-11/1"
    assert [(found.key, found.size) for found in store.list()] == [("a/month=2026-11/1", 17), ("b/1", 3), ("b/2", 3)]
    assert [found.key for found in store.list("b", after="b/1")] == ["b/2"]
    store.remove(["b/1", "b/1", "b/none"])
    assert [found.key for found in store.list("b")] == ["b/2"]
    with pytest.raises(FileNotFoundError, match=f"there is no object {URL}/b/1"):
        store.read("b/1")
    assert store.find("b/2").size == 3


@pytest.mark.parametrize(("disabled", "counts"), [("false", {"POST": 1}), ("true", {"DELETE": 3})])
def test_many_objects_are_removed_in_one_request_unless_the_store_lacks_it(
    disabled: str, counts: dict[str, int], s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DISABLE_BULK_DELETE", disabled)
    store = Store(URL)
    for key in ("a b", "%20[x]&", "c"):
        store.write(key, b"")
    before = s3.counts
    store.remove(["a b", "%20[x]&", "none"])
    assert s3.counts - before == counts
    assert [found.key for found in store.list()] == ["c"]


@pytest.mark.usefixtures("s3")
def test_an_object_is_created_once() -> None:
    store = Store(URL)
    store.create("one", b"first")
    with pytest.raises(FileExistsError, match=f"{URL}/one exists already"):
        store.create("one", b"second")
    assert store.read("one") == b"first"


def test_faults_are_survived(s3: S3Server) -> None:
    store = Store(URL)
    s3.plan(Refuses(503), times=3)
    store.write("a", b"x" * 1000)
    s3.plan(Cut(10), method="GET")
    assert store.read("a") == b"x" * 1000
    s3.plan(Slow(0.5), method="GET")
    assert store.read("a") == b"x" * 1000
    s3.plan(Lost(), method="PUT")
    store.write("a", b"y")
    s3.plan(Lost(), method="PUT")
    with pytest.raises(FileExistsError):
        store.create("b", b"the answer to the first try was lost")
    assert store.read("b").startswith(b"the answer")


def test_a_refused_part_of_an_object_is_no_empty_object(s3: S3Server) -> None:
    store = Store(URL)
    store.write("a", b"x" * 1000)
    store.write("empty", b"")
    assert read_object(store, "empty") == b""
    s3.plan(Refuses(416, "InvalidRange"), method="GET")
    with pytest.raises(OSError, match="the store s3://bucket: "):
        read_object(store, "a")
    assert read_object(store, "a") == b"x" * 1000


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Refuses(403, "AccessDenied", "Access Denied"), "access denied"),
        (Refuses(403, "InvalidAccessKeyId", f"{ACCESS_KEY} is unknown"), "it does not know the access key"),
        (Refuses(403, "SignatureDoesNotMatch"), "it refuses the secret key"),
        (Refuses(403, "RequestTimeTooSkewed"), "the clock of this machine is wrong"),
        (Refuses(400, "Odd", "That is odd."), r"That is odd\. \(Odd\)"),
    ],
)
def test_a_refusal_is_one_sentence_with_the_reason(fault: Refuses, reason: str, s3: S3Server) -> None:
    s3.plan(fault)
    with pytest.raises(OSError, match=f"^the store s3://bucket: {reason}$") as raised:
        Store(URL).read("a")
    assert SECRET_KEY not in str(raised.value)
    assert ACCESS_KEY not in str(raised.value)


@pytest.mark.usefixtures("s3")
def test_a_missing_bucket_is_no_missing_object() -> None:
    for act in (lambda store: store.read("a"), lambda store: store.write("a", b""), lambda store: list(store.list())):
        with pytest.raises(OSError, match=r"^the store s3://other: there is no such bucket$"):
            act(Store("s3://other/a"))


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize(
    ("endpoint", "reason"),
    [
        ("http://127.0.0.1:9", r"nothing answers at 127.0.0.1:9 \(connection refused\)"),
        ("http://nonexistent.invalid", r"there is no host nonexistent\.invalid"),
    ],
)
def test_a_store_that_cannot_be_reached_is_given_up_soon(
    endpoint: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    started = time.monotonic()
    with pytest.raises(OSError, match=f"^the store s3://bucket: {reason}$"):
        Store(URL).read("a")
    assert time.monotonic() - started < 15


def test_a_busy_store_is_given_up_soon(s3: S3Server) -> None:
    s3.plan(Refuses(503), times=1000)
    started = time.monotonic()
    with pytest.raises(OSError, match="overloaded"):
        Store(URL).read("a")
    assert time.monotonic() - started < 15
    s3.forget_plans()


def test_columns_are_read_in_part(s3: S3Server) -> None:
    store = Store(URL)
    table = pa.table({"id": range(1000), "text": [os.urandom(2000).hex() for _ in range(1000)]})
    sink = pa.BufferOutputStream()
    pa.parquet.write_table(table, sink)
    store.write("table.parquet", sink.getvalue())
    filesystem = make_filesystem(store)
    before = len(s3.requests)
    with filesystem.open_input_file("table.parquet") as stream:
        assert pa.parquet.ParquetFile(stream).read(columns=["id"]) == table.select(["id"])
    assert sum(request.sent for request in s3.requests[before:]) < 3_000_000
    assert pa.parquet.read_table("table.parquet", filesystem=filesystem) == table
    with pytest.raises(FileNotFoundError):
        filesystem.open_input_file("none.parquet")
    kinds = [found.type for found in filesystem.get_file_info(["table.parquet", "", "none"])]
    assert kinds == [pa.fs.FileType.File, pa.fs.FileType.Directory, pa.fs.FileType.NotFound]
    with pytest.raises(PermissionError, match="for reading only"):
        filesystem.delete_file("table.parquet")


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize("url", ["gs://bucket/a", "az://container/a", "abfss://container@lake.dfs.core.windows.net/a"])
def test_other_stores_can_be_opened(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "lake")
    assert str(Store(url)) == url


def test_the_missing_package_is_named() -> None:
    script = (
        "import sys; sys.modules['obstore'] = None\nfrom genanalytics.base.stores.store import Store\nStore('s3://b/a')"
    )
    environment = os.environ | {"AWS_ACCESS_KEY_ID": "a"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].endswith(
        "the store s3://b needs the package obstore: pip install 'genanalytics[cloud]'"
    )
    assert issubclass(InputError, ValueError)
