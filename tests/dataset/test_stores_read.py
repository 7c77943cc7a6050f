"""Data sets on a real S3 server, read by every door as those on disk."""

import json
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import genanalytics as ga
from genanalytics import Client, opening
from genanalytics.base.stores.store import Store
from genanalytics.cli.main import run
from genanalytics.dataset.manifest import is_dataset
from genanalytics.errors import InputError
from genanalytics.metrics.engines.files import find_files
from genanalytics.metrics.engines.scan import Engine, scan
from support.fault_server import FaultServer
from support.faults import make_ids, refusal
from support.s3_server import Refuses, S3Server
from support.stores import URL

pytestmark = pytest.mark.long

IDS = make_ids(120)


@pytest.fixture
def local(s3: S3Server, server: FaultServer, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a data set on disk with the records and the failure of the one at `URL`."""
    monkeypatch.chdir(tmp_path)
    server.plan(IDS[0], refusal(404))
    for place in (URL, "local"):
        ga.export(IDS, place, client=client, batch_rows=50)
    assert s3.counts["PUT"] > 3
    return "local"


def order(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values("requested_id", ignore_index=True)


def test_functions_give_the_results_of_the_data_set_on_disk(local: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_frame_equal(order(ga.read(URL)), order(ga.read(local)))
    assert ga.read(f"{URL}/").attrs == ga.read(local).attrs
    for limit in (opening.LARGE_BYTES, 1):
        monkeypatch.setattr(opening, "LARGE_BYTES", limit)
        assert opening.choose_engine([URL]) == ("pandas" if limit > 1 else "duckdb")
        here, there = (ga.summarize(place, by="model", every="day") for place in (local, URL))
        assert_frame_equal(here, there, rtol=1e-9)
        assert here.attrs["coverage"] == there.attrs["coverage"]


@pytest.mark.parametrize("engine", ["duckdb", "pandas"])
def test_a_scan_reads_the_files_of_the_manifest(engine: Engine, local: str, s3: S3Server) -> None:
    Store(URL).write("data/orphan.parquet", b"no Parquet")
    before = len(s3.requests)
    assert find_files(URL).has_one_schema
    assert not [each.key for each in s3.requests[before:] if each.key.endswith(".parquet")], "the manifest is enough"
    relation = scan(URL, engine=engine)
    assert_frame_equal(
        ga.summarize(relation, by="model"), ga.summarize(scan(local, engine=engine), by="model"), rtol=1e-9
    )


@pytest.mark.usefixtures("local")
def test_a_file_that_was_merged_meanwhile_is_looked_for_in_the_next_commit(s3: S3Server) -> None:
    s3.plan(Refuses(404, "NoSuchKey", "The specified key does not exist."), method="GET", key="data/", times=1)
    assert len(ga.read(URL)) == len(IDS) - 1


@pytest.mark.usefixtures("local")
def test_commands_read_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def answer(*arguments: str) -> str:
        assert run(list(arguments)) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    assert answer("summary", URL, "--by", "model", "--json") == answer("summary", "local", "--by", "model", "--json")
    assert answer("summary", URL, "--engine", "duckdb", "--json")
    (both,) = json.loads(answer("summary", URL, "--against", "local", "--json"))
    assert both["requests"] == both["requests_previous"] == len(IDS) - 1
    answer("export", "--from", URL, "--output", "out.csv")
    assert len(pd.read_csv("out.csv")) == len(IDS) - 1
    answer("report", URL, "--output", "out.html")
    assert "<html" in (tmp_path / "out.html").read_text(encoding="utf-8")
    assert not (tmp_path / "s3:").exists()


def edit_manifest(change: dict[str, object]) -> None:
    store = Store(URL)
    last = [each.key for each in store.list("manifests")][-1]
    content = json.loads(store.read(last))
    store.write(last, json.dumps(content | change).encode())


HOSTILE: dict[str, tuple[dict[str, object], str]] = {
    "a path that leads out": ({"files": [{"path": "../../secret/a.parquet", "rows": 1, "young": False}]}, "leads out"),
    "an absolute path": ({"files": [{"path": "/etc/passwd", "rows": 1, "young": False}]}, "leads out"),
    "a newer format": ({"genanalytics_format": 99}, "newer genanalytics"),
    "no list": ({"files": 3}, "cannot read"),
    "a file that is gone": ({"files": [{"path": "data/none.parquet", "rows": 1, "young": False}]}, "cannot read"),
}


@pytest.mark.usefixtures("local")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_manifest_is_refused(name: str) -> None:
    change, message = HOSTILE[name]
    edit_manifest(change)
    for read in (ga.read, scan, ga.summarize):
        with pytest.raises(InputError, match=message) as caught:
            read(URL)
        assert "\n" not in str(caught.value)


def test_a_prefix_without_a_data_set_is_refused(s3: S3Server) -> None:
    for place in (URL, "s3://bucket", "s3://none/generations"):
        with pytest.raises(InputError, match=f"cannot read {place}: "):
            ga.read(place)
    assert s3.requests


def test_a_store_that_lists_objects_and_shows_none_is_one_sentence(s3: S3Server) -> None:
    s3.plan(Refuses(403, "AccessDenied"), method="HEAD", times=99)
    for use in (is_dataset, ga.read):
        with pytest.raises(InputError, match=r"the store s3://bucket: access denied"):
            use(URL)
    s3.forget_plans()
