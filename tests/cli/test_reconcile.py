"""The `reconcile` command says what differs, and by its exit code whether anything does."""

import json
from pathlib import Path

import pytest

from genanalytics.cli.main import run
from genanalytics.files import write_parquet
from genanalytics.records.frame import parse_frame
from genanalytics.records.parse import Row

EXPORT = """generation_id,created_at,cost_total,model_permaslug,tokens_prompt
gen-1,2026-09-01 10:00:00,0.25,a/b,10
gen-2,2026-09-02 10:00:00,0.5,a/b,20
gen-4,2026-09-02 10:00:00,1,a/\x1b[31mc,20
"""


def record(generation_id: str, **fields: object) -> Row:
    body = {"id": generation_id, "model": "a/b", "created_at": "2026-09-01T10:00:00Z"}
    return Row(generation_id, json.dumps({"data": body | fields}).encode(), 0.0)


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("activity.csv").write_text(EXPORT)
    rows = [
        record("gen-1", total_cost=0.25, native_tokens_prompt=10),
        record("gen-2", total_cost=0.4, native_tokens_prompt=20, created_at="2026-09-02T10:00:00Z"),
        record("gen-3", total_cost=0.125),
    ]
    write_parquet(parse_frame(rows), "records.parquet")


def test_differences_are_a_table_and_exit_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["reconcile", "records.parquet", "activity.csv"]) == 3
    assert (
        capsys.readouterr().out
        == """\
No: the activity has $0.975000 more than the records ($1.750000 against $0.775000): \
1 only in the records (−$0.125000), 1 only in the activity (+$1.000000), 1 changed (+$0.100000).

Where the difference comes from
                        generations    records   activity  difference
  only in the records             1  $0.125000  $0.000000  −$0.125000
  only in the activity            1  $0.000000  $1.000000  +$1.000000
  changed                         1  $0.400000  $0.500000  +$0.100000
  rounding                        1  $0.250000  $0.250000   $0.000000

By model
               generations    records   activity  difference
  a/\\x1b[31mc            1  $0.000000  $1.000000  +$1.000000
  a/b                    3  $0.775000  $0.750000  −$0.025000

By day
              generations    records   activity  difference
  2026-09-01            2  $0.375000  $0.250000  −$0.125000
  2026-09-02            2  $0.400000  $1.500000  +$1.100000

Missing or changed generations
  id                             records   activity  difference
  gen-4  only in the activity  $0.000000  $1.000000  +$1.000000
  gen-3  only in the records   $0.125000  $0.000000  −$0.125000
  gen-2  changed: total_cost   $0.400000  $0.500000  +$0.100000

Changed fields
  field       generations  difference  largest
  total_cost            1  +$0.100000  0.4 → 0.5 (gen-2)

Coverage: unknown; the data does not contain the number of requested ids.
"""
    )


def test_agreement_is_exit_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["reconcile", "activity.csv", "activity.csv", "activity.csv"]) == 0
    answer = "Yes: records and activity agree on all 3 generations, $1.750000 on both sides."
    assert capsys.readouterr().out.splitlines()[0] == answer


def test_json_has_every_difference(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["reconcile", "records.parquet", "activity.csv", "--json"]) == 3
    said = json.loads(capsys.readouterr().out)
    assert said["agrees"] is False
    assert said["answer"].startswith("No: the activity has $0.975000 more")
    assert [part["difference_usd"] for part in said["parts"]] == [-0.125, 1.0, 0.1, 0.0, 0.0]
    assert said["fields"] == [{"field": "total_cost", "generations": 1, "difference": 0.1, "unit": "US$"}]
    assert (said["notices"], said["drifts"][0]["exceeds_noise"]) == ([], False)
    assert (said["matched"], said["differing"]) == (2, 1)
    assert (said["only_in_records"], said["only_in_activity"]) == (["gen-3"], ["gen-4"])
    assert said["total"] == {"generations": 4, "records_usd": 0.775, "activity_usd": 1.75, "difference_usd": 0.975}
    assert said["by_day"][0]["day"] == "2026-09-01"
    assert said["differences"] == [
        {"requested_id": "gen-2", "field": "total_cost", "records": "0.4", "activity": "0.5", "difference": 0.1}
    ]


def test_periods_that_differ_are_a_warning_after_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    Path("later.csv").write_text("generation_id,created_at,cost_total\ngen-9,2026-10-01 10:00:00,1\n")
    assert run(["reconcile", "activity.csv", "later.csv"]) == 3
    warning = "The periods differ: 3 generations only in the records ($1.750000) outside that of the activity"
    assert capsys.readouterr().out.splitlines()[1].startswith(warning)


def test_long_lists_are_cut_and_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"gen-{number},2026-09-01 10:00:00,{number}" for number in range(30)]
    Path("many.csv").write_text("\n".join(["generation_id,created_at,cost_total", *rows]))
    Path("fewer.csv").write_text("\n".join(["generation_id,created_at,cost_total", *(row + "5" for row in rows[:15])]))
    assert run(["reconcile", "fewer.csv", "many.csv"]) == 3
    said = capsys.readouterr().out
    assert "Missing or changed generations, the 10 largest of 29" in said
    assert said.count("gen-") == 10 + 1


def test_a_summary_takes_the_export_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["summary", "activity.csv", "--by", "model", "--json"]) == 0
    groups = json.loads(capsys.readouterr().out)
    assert {group["model"]: group["effective_cost"] for group in groups} == {"a/b": 0.75, "a/\x1b[31mc": 1.0}
    assert run(["summary", "activity.csv", "records.parquet", "--json"]) == 0
    output = capsys.readouterr()
    assert json.loads(output.out)[0]["requests"] == 4
    assert "Note: 2 records repeated in the files; the one fetched last counts." in output.err


def test_a_file_without_records_is_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    Path("other.csv").write_text("a,b\n1,2\n")
    assert run(["reconcile", "records.parquet", "other.csv"]) == 2
    error = "other.csv has no column 'requested_id', 'fetched_at', 'created_at', so it contains no records: give a file"
    assert error in capsys.readouterr().err


def test_swapped_sides_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["reconcile", "activity.csv", "records.parquet"]) == 2
    said = "activity.csv is an activity export and records.parquet is not: give the records first, then the exports"
    assert said in capsys.readouterr().err
