"""The files in data/ are those that their script writes."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from genanalytics.records.schema import COLUMNS
from genanalytics.sandbox import sample
from support.paths import DATA
from support.scripts import load

GENERATE = load(DATA / "generate.py")


def test_the_files_in_data_are_what_their_script_writes_byte_for_byte(tmp_path: Path) -> None:
    GENERATE.write_sample(tmp_path / "new", sample())
    written = list((tmp_path / "new").iterdir())
    assert {file.name for file in written} == {"README.md", "sample-generations.jsonl", "sample-ids.txt"}
    for file in written:
        assert (DATA / file.name).read_bytes() == file.read_bytes(), "write it again: python3 dev.py docs"


def test_the_script_writes_the_sample_into_its_own_directory(tmp_path: Path) -> None:
    shutil.copy(DATA / "generate.py", tmp_path)
    subprocess.run([sys.executable, tmp_path / "generate.py"], check=True)
    ids = (tmp_path / "sample-ids.txt").read_text("utf-8").splitlines()
    assert tuple(line for line in ids if not line.startswith("#")) == sample().ids
    answers = (tmp_path / "sample-generations.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["data"] for line in answers] == list(sample().records.values())
    assert GENERATE.make_data_dictionary() in (tmp_path / "README.md").read_text("utf-8")


def test_the_data_dictionary_lists_each_column_once() -> None:
    head, rule, *lines = GENERATE.make_data_dictionary().splitlines()
    assert (head, rule) == ("| column | type | unit | origin | meaning |", "|---|---|---|---|---|")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [name for name, *_ in cells] == [f"`{column.name}`" for column in COLUMNS]
    assert ["`latency`", "Int64", "ms", "contract", "Time to the first token (TTFT) of a streamed chat"] in cells
    assert [dtype for name, dtype, *_ in cells if name == "`provider_responses`"] == ["nested list"]
