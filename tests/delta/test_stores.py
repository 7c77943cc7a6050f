"""Delta tables on an object store: read, written by several at once, and through faults."""

import threading
from pathlib import Path

import pandas as pd
import pytest

import genanalytics as ga
from genanalytics import Client
from genanalytics.base.stores.find import has_objects
from genanalytics.base.stores.store import Store
from genanalytics.cli.main import run
from genanalytics.dataset.delta import places
from genanalytics.dataset.delta.log import open_snapshot
from genanalytics.dataset.delta.places import make_storage_options
from genanalytics.dataset.delta.writer import DeltaWriter
from genanalytics.dataset.export import export
from genanalytics.errors import InputError, OutputError
from genanalytics.formats.parquet import pack_table
from genanalytics.ids.known import KnownIds
from genanalytics.records.frame import to_arrow
from support.datasets import NO_FAILURE, NONE, failures, rows
from support.fault_server import FaultServer
from support.faults import assert_true, make_ids, refusal
from support.generations import frame_of, on
from support.s3_server import SECRET_KEY, Lost, Refuses, S3Server, Slow

deltalake = pytest.importorskip("deltalake", reason="deltalake is not installed: pip install 'genanalytics[delta]'")
write_deltalake = deltalake.write_deltalake

pytestmark = pytest.mark.long

URL = "s3://bucket/lake/table"
IDS = make_ids(60)


def test_an_export_to_a_store(server: FaultServer, client: Client, s3: S3Server, tmp_path: Path) -> None:
    server.plan(IDS[3], refusal(404))
    done = export(IDS[:40], URL, client=client, batch_rows=15, format="delta")
    assert (done.rows, done.failures) == (39, 1)
    done = export(IDS, URL, client=client)
    assert (done.present, done.rows, done.failures) == (39, 59, 1)
    export(IDS, tmp_path / "here", client=client)
    there, here = (ga.read(place).sort_values("requested_id") for place in (URL, tmp_path / "here"))
    pd.testing.assert_frame_equal(there.reset_index(drop=True), here.reset_index(drop=True))
    assert there.attrs == here.attrs
    assert ga.compact(URL) == 3
    assert_true(ga.read(URL))
    assert ga.summarize(ga.scan(URL))["requests"].item() == 59
    commits = [request for request in s3.requests if request.method == "PUT" and "_delta_log/0" in request.key]
    assert commits
    assert all(request.headers.get("if-none-match") == "*" for request in commits if request.key.endswith(".json"))
    assert not (tmp_path / "s3:").exists()


def test_a_url_with_other_content_is_refused(client: Client, s3: S3Server) -> None:
    export(IDS[:2], "s3://bucket/set", client=client)
    before = len(s3.requests)
    for url, reason in {"s3://bucket/set": "is a Parquet data set", "s3://bucket": r"other objects \(set/"}.items():
        with pytest.raises(InputError, match=reason):
            export(IDS, url, client=client, format="delta")
    assert not [request for request in s3.requests[before:] if request.method == "PUT"]


def test_scans_of_a_store(s3: S3Server) -> None:
    calls = [on("2026-03-01", model="a b/c", total_cost=1.0), on("2026-03-02", model="ü=x", total_cost=2.0)]
    table = to_arrow(frame_of(*calls)).replace_schema_metadata()
    for place in range(2):
        options = make_storage_options(URL)
        write_deltalake(URL, table.slice(place, 1), partition_by=["model"], mode="append", storage_options=options)
    of_hadoop = URL.replace("s3:", "s3a:")
    for data in (ga.read(URL), ga.scan(URL), ga.scan(URL, engine="pandas"), ga.read(of_hadoop), ga.scan(of_hadoop)):
        summary = ga.summarize(data, by="model", metrics=["effective_cost"])
        assert dict(zip(summary["model"], summary["effective_cost"], strict=True)) == {"a b/c": 1.0, "ü=x": 2.0}
    for several in (f"{URL}/**/*.parquet", "s3://bucket/lake/*/*/*.parquet"):
        for read in (ga.read, ga.scan):
            with pytest.raises(InputError, match=r"a Delta table, .* give the table itself, s3://bucket/lake/table$"):
                read(several)
    with pytest.raises(InputError, match=r"give the table itself, s3://bucket/lake/table$"):
        ga.scan("s3://bucket/lake")
    assert s3.counts["GET"] > 0


def test_a_user_who_may_list_one_folder_only_can_use_globs_of_it(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def list_objects(url: str) -> bool:
        if url == "s3://bucket/_delta_log":
            raise PermissionError(url)
        return has_objects(url)

    Store("s3://bucket/calls").write("one.parquet", pack_table(rows(*IDS[:5])))
    monkeypatch.setattr(places, "has_objects", list_objects)
    for data in (ga.read("s3://bucket/calls/*.parquet"), ga.scan("s3://bucket/calls/*.parquet")):
        assert ga.summarize(data)["requests"].item() == 5
    assert s3.counts["GET"] > 0


def test_two_writers_at_once(s3: S3Server) -> None:
    def write(ids: list[str]) -> None:
        with DeltaWriter(URL, partition="month") as writer:
            writer.learn_ids(KnownIds())
            for start in range(0, len(ids), 10):
                writer.commit(rows(*ids[start : start + 10]), NONE, failures("gen-lost"))

    threads = [threading.Thread(target=write, args=[ids]) for ids in (IDS[:40], IDS[20:])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    frame = ga.read(URL)
    assert sorted(frame["requested_id"]) == sorted(IDS)
    assert frame.attrs["coverage"]["missing"] == ["gen-lost"]
    assert s3.counts["PUT"] > 0


def test_a_commit_whose_answer_is_lost_is_not_repeated(s3: S3Server) -> None:
    with DeltaWriter(URL, partition="month") as writer:
        writer.learn_ids(KnownIds())
        writer.commit(rows(*IDS[:5]), NONE, NO_FAILURE)
        s3.plan(Lost(), method="PUT", key=f"_delta_log/{2:020d}.json")
        writer.commit(rows(*IDS[3:9]), NONE, NO_FAILURE)
        assert writer.manifest.rows == 9
    assert sorted(ga.read(URL)["requested_id"]) == IDS[:9]
    assert open_snapshot(URL).version == 2


@pytest.mark.parametrize("fault", [Refuses(), Slow(0.3), Lost()], ids=["busy", "slow", "lost"])
def test_faults_are_outlived(fault: Refuses | Slow | Lost, s3: S3Server) -> None:
    for method in ("PUT", "GET", "HEAD"):
        s3.plan(fault, method=method, key="lake")
    with DeltaWriter(URL, partition="month") as writer:
        writer.learn_ids(KnownIds())
        writer.commit(rows(*IDS[:5]), NONE, NO_FAILURE)
    s3.forget_plans()
    assert sorted(ga.read(URL)["requested_id"]) == IDS[:5]


def test_a_store_that_does_not_answer_is_one_sentence_without_a_key(
    s3: S3Server, client: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = r"^cannot read s3://other/table: the store s3://other: there is no such bucket$"
    with pytest.raises(InputError, match=missing) as caught:
        export(IDS, "s3://other/table", client=client, format="delta")
    assert SECRET_KEY not in str(caught.value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises((OutputError, InputError), match=r"s3://bucket/lake/table") as caught_too:
        export(IDS, URL, client=client, format="delta")
    assert SECRET_KEY not in str(caught_too.value)
    assert run(["summary", URL]) == 2
    assert SECRET_KEY not in "".join(capsys.readouterr())
    assert s3.requests
