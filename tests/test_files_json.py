"""JSON in every form in which people save answers, and files of ids in the place of records."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st
from pandas.testing import assert_frame_equal

from genanalytics.errors import InputError, PoorerResultError
from genanalytics.files import read, write
from genanalytics.records.frame import parse_frame
from genanalytics.records.parse import Row
from genanalytics.sandbox import sample

RECORDS = list(sample(12, seed=4).records.values())
ANSWERS = [{"data": record} for record in RECORDS]
IDS = [str(record["id"]) for record in RECORDS]


def parse(records: Sequence[Any]) -> pd.DataFrame:
    return parse_frame([Row(record["id"], json.dumps({"data": record}).encode(), None) for record in records])


@pytest.mark.parametrize(
    ("text", "records"),
    [
        (json.dumps(ANSWERS[0]), RECORDS[:1]),
        (json.dumps(ANSWERS[0], indent=2), RECORDS[:1]),
        (json.dumps(RECORDS[0]), RECORDS[:1]),
        (json.dumps(RECORDS[0], indent=2), RECORDS[:1]),
        ("\ufeff" + json.dumps(RECORDS[0]), RECORDS[:1]),
        (json.dumps(ANSWERS), RECORDS),
        (json.dumps(ANSWERS, indent=1), RECORDS),
        (json.dumps(RECORDS, indent="\t"), RECORDS),
        ("\n".join(map(json.dumps, RECORDS)), RECORDS),
        ("\n".join(json.dumps(answer, indent=2) for answer in ANSWERS), RECORDS),
        (f"{json.dumps(ANSWERS[:5])}\n{json.dumps(ANSWERS[5:])}\n", RECORDS),
    ],
    ids=[
        "answer",
        "spread",
        "record",
        "spread-record",
        "bom",
        "list",
        "spread-list",
        "records",
        "lines",
        "jq",
        "lists",
    ],
)
@pytest.mark.parametrize("name", ["saved.json", "saved.jsonl", "saved"])
def test_answers_and_records_are_read_in_any_form_of_json(
    text: str, records: Sequence[Any], name: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert_frame_equal(read(tmp_path / name), parse(records))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, len(RECORDS) - 1), min_size=1, max_size=4),
    st.sampled_from([None, 0, 3]),
    st.sampled_from([ANSWERS, RECORDS]),
)
def test_the_layout_of_json_changes_no_value(
    tmp_path_factory: pytest.TempPathFactory, places: list[int], indent: int | None, saved: list[Any]
) -> None:
    path = tmp_path_factory.mktemp("json") / "saved.json"
    path.write_text(json.dumps([saved[place] for place in places], indent=indent))
    assert_frame_equal(read(path), parse([RECORDS[place] for place in places]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[\n{"data": {"id": "gen-1"}},\n{"data": {"id": "gen-', "the value from line 3 on is not readable JSON"),
        ('[{"data": {"id": "gen-1"}}', "the list has no end: was the file cut short?"),
        ('[{"data": {"id": "gen-1"}}, {"data": 1}]', "value 2 is not an answer"),
        ('[{"data": {"id": "gen-1"}}, 7]', "value 2 is not an answer"),
        ('[[{"data": {"id": "gen-1"}}]]', "value 1 is not an answer"),
        ('{"id": "gen-1", "object": "chat.completion"}', "line 1 is not an answer"),
        ('{"data": {"id": "gen-1"}}\n{"da', "line 2 is not an answer"),
        (f"[{'[' * 200_000}", "is not readable JSON"),
    ],
    ids=["cut", "no-end", "no-record", "number", "nested", "completion", "line", "deep"],
)
def test_a_value_that_is_no_answer_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "saved.json").write_text(text)
    with pytest.raises(InputError, match=message):
        read(tmp_path / "saved.json")


def write_ids(path: Path, form: str) -> None:
    match form:
        case "list":
            path.write_text("\n".join(IDS))
        case "table":
            path.write_text("n,id\n" + "".join(f"1,{one}\n" for one in IDS))
        case "completions":
            path.write_text("".join(json.dumps({"id": one, "object": "chat.completion"}) + "\n" for one in IDS))
        case "json":
            path.write_text(json.dumps(IDS))
        case "parquet":
            pq.write_table(pa.table({"ref": IDS}), path)


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("list", "ids.txt"),
        ("list", "ids"),
        ("list", "my ids.csv"),
        ("table", "ids.csv"),
        ("completions", "log.jsonl"),
        ("completions", "log.txt"),
        ("json", "ids.json"),
        ("parquet", "ids.parquet"),
    ],
)
def test_ids_in_the_place_of_records_are_refused_with_the_command_that_fetches_them(
    form: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_ids(tmp_path / name, form)
    quoted = f"'{name}'" if " " in name else name
    with pytest.raises(Exception, match="contains generation ids, not records") as caught:
        read(name)
    assert f"`genanalytics fetch {quoted} --output generations.parquet`" in str(caught.value)


def test_damaged_records_are_not_taken_for_ids(tmp_path: Path) -> None:
    lines = [json.dumps(answer) for answer in ANSWERS]
    (tmp_path / "cut.jsonl").write_text("\n".join(lines)[:-9])
    with pytest.raises(InputError, match="line 12 is not an answer"):
        read(tmp_path / "cut.jsonl")


def test_a_missing_file_is_missing_with_any_suffix(tmp_path: Path) -> None:
    for name in ("none", "none.txt", "none.json", "none.jsonl", "none.parquet", "none.csv", "none.arrow"):
        with pytest.raises(InputError, match="No such file"):
            read(tmp_path / name)


def test_a_file_of_records_without_envelopes_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "kept.jsonl").write_text(json.dumps(RECORDS[0]) + "\n")
    with pytest.raises(PoorerResultError, match="1 of its 1 record would be lost"):
        write(parse_frame([]), tmp_path / "kept.jsonl")
