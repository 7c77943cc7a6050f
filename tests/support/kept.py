"""Files that version 0.1.0 wrote in November 2026, before its modules moved: every later version must read them.

They contain the records of 40 ids, one of which has none: a cache (`cache`), a data set of three commits (`dataset`),
and one file per suffix (`records.*`). `kept-answers.jsonl` has the answers of that time, as the sandbox sent them.
"""

import json
import tarfile
from pathlib import Path

import pandas as pd
from pandas.testing import assert_frame_equal

from genanalytics import Client
from genanalytics.records.frame import parse_frame
from genanalytics.records.parse import Row

BASE_URL = "http://127.0.0.1:18765/api/v1"
ACCOUNT = "kept"

BODIES = {
    str(json.loads(body)["data"]["id"]): body
    for body in Path(__file__).with_name("kept-answers.jsonl").read_bytes().splitlines()
}
"""The answers with a record."""
MISSING = "gen-1789653303-gXlIrQxi2HQY6avjF2Xc"
IDS = [*BODIES, MISSING]


def unpack(directory: Path) -> Path:
    """Unpack the files into a directory, and return the directory that contains them."""
    with tarfile.open(Path(__file__).with_name("kept.tar.xz")) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # since Python 3.11.4
        archive.extractall(directory)  # noqa: S202 - our own archive
    return directory / "kept"


def open_offline(kept: Path) -> Client:
    """Return a client that answers from the cache alone."""
    return Client(None, base_url=BASE_URL, account=ACCOUNT, cache_dir=kept / "cache", offline=True)


def assert_is_sample(frame: pd.DataFrame) -> None:
    """Assert that a frame contains each record of the sample once and exactly, in any order."""
    assert sorted(frame["requested_id"]) == sorted(BODIES)
    for row in frame.drop(columns=["requested_id", "extra", "fetched_at"]).to_dict("records"):
        record = json.loads(BODIES[row["id"]])["data"]
        moment = row.pop("created_at")
        assert moment == pd.Timestamp(str(record["created_at"])).tz_convert("UTC")
        attempts = row.pop("provider_responses")
        assert list(map(_without_gaps, attempts)) == record["provider_responses"]
        known = {name: None if pd.isna(value) else value for name, value in row.items()}
        assert known == {name: record.get(str(name)) for name in known}
    expected = parse_frame([Row(each, BODIES[each], 0.0) for each in frame["requested_id"]])
    assert_frame_equal(frame.drop(columns="fetched_at"), expected.drop(columns="fetched_at"))
    assert frame["fetched_at"].dt.strftime("%Y-%m-%d %H:%M:%S").unique().tolist() == ["2026-11-28 11:23:20"]


def _without_gaps(attempt: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in attempt.items() if value is not None}
