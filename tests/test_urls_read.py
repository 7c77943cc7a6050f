"""Objects of a store in the place of files: the same words, the same results."""

import gzip
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import genanalytics as ga
from genanalytics import opening
from genanalytics.base.stores.store import Store
from genanalytics.errors import GenAnalyticsError, InputError
from genanalytics.files import read_coverage
from genanalytics.records.coverage import COVERAGE, Coverage
from genanalytics.sandbox import sample
from support.generations import parse_records
from support.s3_server import Cut, Refuses, S3Server

pytestmark = pytest.mark.long

URL = "s3://bucket/records"
FRAME = parse_records(sample(300, seed=20).records)
FRAME.attrs[COVERAGE] = Coverage.of(["gen-missing"], found=len(FRAME)).to_json()
KINDS = ("out.parquet", "out.csv", "out.jsonl", "out.arrow", "out.duckdb", "out.jsonl.gz", "out with no known suffix")


def put(store: Store, folder: Path, name: str, frame: pd.DataFrame = FRAME) -> Path:
    """Write a frame as a file, and the file and its coverage as objects."""
    path = folder / name
    inner = (
        path.with_name("inner.jsonl")
        if path.suffix not in {".parquet", ".csv", ".jsonl", ".arrow", ".duckdb"}
        else path
    )
    ga.write(frame, inner)
    if inner != path:
        content = inner.read_bytes()
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    store.write(name, path.read_bytes())
    sidecar = Path(f"{path}.coverage.json")
    if sidecar.exists():
        store.write(f"{name}.coverage.json", sidecar.read_bytes())
    return path


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.usefixtures("s3")
def test_an_object_is_read_like_its_file(name: str, tmp_path: Path) -> None:
    path = put(Store(URL), tmp_path, name)
    found = ga.read(f"{URL}/{name}")
    assert_frame_equal(found, ga.read(path))
    assert found.attrs == ga.read(path).attrs
    assert_frame_equal(ga.summarize(f"{URL}/{name}", by="model"), ga.summarize(path, by="model"))


@pytest.mark.usefixtures("s3")
def test_a_glob_means_its_objects_and_each_generation_once(tmp_path: Path) -> None:
    store = Store(URL)
    first, second = FRAME.iloc[:200], FRAME.iloc[150:]
    (tmp_path / "a").mkdir()
    put(store, tmp_path, "a/1.csv", first)
    put(store, tmp_path, "a/2.parquet", second)
    found = ga.read(f"{URL}/**/[12].*")
    assert_frame_equal(found, ga.read([tmp_path / "a/1.csv", tmp_path / "a/2.parquet"]))
    assert ga.summarize(f"{URL}/a/*")["requests"].item() == len(FRAME)


@pytest.mark.usefixtures("s3")
def test_coverage_is_read_without_the_rows(tmp_path: Path, s3: S3Server) -> None:
    put(Store(URL), tmp_path, "out.parquet")
    put(Store(URL), tmp_path, "large.parquet", pd.concat([FRAME] * 40))
    assert read_coverage(f"{URL}/out.parquet") == read_coverage(tmp_path / "out.parquet")
    assert max(request.sent for request in s3.requests if request.method == "GET") < 1 << 20


@pytest.mark.usefixtures("s3")
def test_large_parquet_goes_to_an_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(Store(URL), tmp_path, "out.parquet")
    put(Store(URL), tmp_path, "out.csv")
    assert opening.choose_engine([f"{URL}/out.parquet"]) == "pandas"
    monkeypatch.setattr(opening, "LARGE_BYTES", 1_000)
    assert opening.choose_engine([f"{URL}/*.parquet"]) == "duckdb"
    assert opening.choose_engine([URL]) == "duckdb"
    assert opening.choose_engine([f"{URL}/out.csv"]) == "pandas"
    by_duckdb = ga.summarize(f"{URL}/out.parquet", by="model")
    assert_frame_equal(by_duckdb, ga.summarize(path, by="model"))
    assert by_duckdb.attrs["coverage"] == ga.summarize(path, by="model").attrs["coverage"]


@pytest.mark.usefixtures("s3")
def test_a_file_url_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / "a b.parquet"
    ga.write(FRAME, path)
    assert_frame_equal(ga.read(path.as_uri()), ga.read(path))
    assert ga.scan(path.as_uri()).shape == ga.scan(path).shape


@pytest.mark.parametrize("fault", [Refuses(), Cut(1_000)], ids=str)
def test_a_store_that_fails_for_a_while_is_asked_again(fault: Refuses | Cut, s3: S3Server, tmp_path: Path) -> None:
    path = put(Store(URL), tmp_path, "out.csv")
    s3.plan(fault, method="GET", times=3)
    assert_frame_equal(ga.read(f"{URL}/out.csv"), ga.read(path))


@pytest.mark.usefixtures("s3")
def test_labels_are_read_from_a_store_too() -> None:
    Store(URL).write("names.csv", b"model,team\nopenai/gpt-5-mini,a\n")
    labelled = ga.label(FRAME, f"{URL}/names.csv")
    assert "team" in labelled.columns
    with pytest.raises(InputError, match=f"cannot read {URL}/none.csv: there is no object"):
        ga.label(FRAME, f"{URL}/none.csv")


REFUSALS = {
    "none.parquet": f"cannot read {URL}/none.parquet: there is no object {URL}/none.parquet",
    "none": f"cannot read {URL}/none: the URL is not a data set",
    "*.none": f"there is no object '{URL}/\\*.none'",
    "notes.csv": f"cannot read {URL}/notes.csv|{URL}/notes.csv",
}


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_read_is_one_sentence_about_the_url(name: str) -> None:
    Store(URL).write("notes.csv", b"a,b\n1,2\n")
    with pytest.raises(GenAnalyticsError, match=REFUSALS[name]) as caught:
        ga.read(f"{URL}/{name}")
    assert "\n" not in str(caught.value)
    assert "genanalytics-" not in str(caught.value)


def test_an_unreachable_store_is_named_within_seconds(monkeypatch: pytest.MonkeyPatch, s3: S3Server) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    for name in ("a.parquet", "prefix", "*.csv"):
        with pytest.raises(InputError, match=r"the store s3://bucket: nothing answers at 127\.0\.0\.1:1 "):
            ga.summarize(f"{URL}/{name}")
    assert not s3.requests
