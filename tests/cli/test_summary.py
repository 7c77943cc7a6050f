"""The commands that compute, on files of the sample's records."""

import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from genanalytics import opening
from genanalytics.cli.main import run
from genanalytics.files import write
from genanalytics.metrics import DEFAULT, summarize
from genanalytics.metrics.catalog import resolve
from genanalytics.opening import choose_engine
from genanalytics.records.coverage import UNKNOWN, Coverage
from genanalytics.sandbox import sample
from support.generations import parse_records
from support.printed import objects_of, printed_by

RECORDS: Mapping[str, dict[str, Any]] = sample(60, seed=6).records
FRAME = parse_records(RECORDS)
MOST_EXPENSIVE = summarize(FRAME, by="model").sort_values("effective_cost", ascending=False)["model"].iloc[0]


@pytest.fixture(autouse=True)
def _in_a_directory_with_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    write(FRAME, "out.parquet")


def test_a_summary_is_a_table_by_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["summary", "out.parquet", "--by", "model"]) == 0
    lines = capsys.readouterr().out.splitlines()
    cost = sum(
        record["total_cost"] + ((record["upstream_inference_cost"] or 0) if record["is_byok"] else 0)
        for record in RECORDS.values()
    )
    assert next(line for line in lines if line.startswith("total")).split()[1:4] == [
        str(len(RECORDS)),
        "≥",  # a BYOK record of the sample does not say what the provider charged
        f"${cost:.3f}",
    ]


def test_a_summary_as_json_has_plain_numbers_and_nulls(capsys: pytest.CaptureFixture[str]) -> None:
    write(FRAME, "out.jsonl")
    assert run(["summary", "out.jsonl", "--by", "is_byok,day", "--json"]) == 0
    groups = json.loads(capsys.readouterr().out)
    assert sum(group["requests"] for group in groups) == len(RECORDS)
    assert {group["is_byok"] for group in groups} <= {True, False}
    assert groups[0]["day"].startswith("2026-09-")
    assert "cost_per_request_p95" in groups[0]
    assert any(value is None for group in groups for value in group.values())


def test_an_option_for_names_given_twice_names_both(capsys: pytest.CaptureFixture[str]) -> None:
    twice = ["--by", "model", "--by", "streamed", "--metrics", "requests", "--metrics", "billed_cost"]
    once = ["--by", "model,streamed", "--metrics", "requests,billed_cost"]
    assert objects_of(capsys, "summary", "out.parquet", *twice) == objects_of(capsys, "summary", "out.parquet", *once)


def test_a_summary_as_csv_is_read_back(capsys: pytest.CaptureFixture[str]) -> None:
    write(FRAME, "out.csv")
    assert run(["summary", "out.csv", "--by", "provider_name", "--csv"]) == 0
    assert pd.read_csv(io.StringIO(capsys.readouterr().out))["requests"].sum() == len(RECORDS)


def test_a_record_in_two_files_counts_once(capsys: pytest.CaptureFixture[str]) -> None:
    write(FRAME.iloc[:4], "one.parquet")
    write(FRAME.iloc[2:6], "two.csv")
    assert run(["summary", "one.parquet", "two.csv", "--json"]) == 0
    output = capsys.readouterr()
    assert json.loads(output.out)[0]["requests"] == 6
    assert "2 records repeated in the files; the one fetched last counts" in output.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["missing.parquet"], "cannot read missing.parquet"),
        (
            ["out.parquet", "--by", "modell"],
            "cannot group by 'modell'; did you mean 'model'? there are model, ",
        ),
        (["out.parquet", "--by", "provider_responses"], "cannot group by 'provider_responses': it contains lists"),
        (["out.parquet", "--json", "--csv"], "--json and --csv are two forms of one output"),
        (["out.parquet", "--csv", "--json"], "--json and --csv are two forms of one output"),
        (["out.parquet", "--every", "decade"], "--every 'decade' is not a period: give minute, hour"),
        (["out.parquet", "--tz", "Mars/Base"], "no time zone 'Mars/Base'"),
        (["out.parquet", "--metrics", "costs"], "no statistic 'costs'; did you mean 'cost'?"),
        (["out.parquet", "--where", "modell=x"], "no column 'modell' in 'modell=x'; did you mean 'model'?"),
        (["out.parquet", "--where", "latency>fast"], "'fast' does not fit the column 'latency': give a number"),
        (["out.parquet", "--percentiles", "guess"], "percentiles='guess'; there are auto, exact, sketch"),
        (["out.parquet", "--engine", "abacus"], "'abacus' is not one of"),
        (["out.csv", "--engine", "duckdb"], "there is no file 'out.csv'"),
        (
            [],
            "give a PATH: a file or data set with records, or - for stdin; or name one for all commands",
        ),
    ],
)
def test_a_summary_of_what_is_not_there_is_exit_2(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["summary", *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_what_was_fetched_last_counts_whatever_the_order_of_the_files(capsys: pytest.CaptureFixture[str]) -> None:
    for name, fetched_at, cost in (("new", "2026-01-02", 1), ("old", "2026-01-01", 99)):
        line = {"requested_id": "gen-1", "fetched_at": fetched_at, "data": {"id": "gen-1", "total_cost": cost}}
        Path(f"{name}.jsonl").write_text(json.dumps(line))
    for order in (["new.jsonl", "old.jsonl"], ["old.jsonl", "new.jsonl"]):
        assert run(["summary", *order, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)[0]["effective_cost"] == 1


def write_part(name: str, missing: list[str]) -> None:
    frame = FRAME.iloc[:3].copy()
    frame.attrs["coverage"] = Coverage.of(missing, found=3).to_json()
    write(frame, name)


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl", ".arrow", ".duckdb"])
def test_a_summary_knows_the_coverage_of_its_file(capsys: pytest.CaptureFixture[str], suffix: str) -> None:
    write_part(f"a{suffix}", ["gen-x"])
    sentence = "Coverage: 75.0 % of the ids have a record (1 of 4 missing), so totals are lower bounds.\n"
    assert sentence in printed_by(capsys, "summary", f"a{suffix}")
    assert run(["summary", f"a{suffix}", "--json", "--by", "model"]) == 0
    printed = capsys.readouterr()
    assert [row["coverage"] for row in json.loads(printed.out)] == [0.75] * FRAME.iloc[:3]["model"].nunique()
    assert printed.err == sentence
    for command in ("sessions", "quality", "attempts"):
        assert sentence in printed_by(capsys, command, f"a{suffix}")
        assert {row["coverage"] for row in objects_of(capsys, command, f"a{suffix}")} <= {0.75}


def test_a_summary_of_unknown_coverage_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    *notes, last = printed_by(capsys, "summary", "out.parquet").splitlines()
    assert last == UNKNOWN
    assert notes[-1].startswith(("Latency: ", "  "))
    assert [row["coverage"] for row in objects_of(capsys, "summary", "out.parquet")] == [None]


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_among_matching_rows_the_share_is_not_known(capsys: pytest.CaptureFixture[str], engine: str) -> None:
    write_part("a.parquet", ["gen-x"])
    model = FRAME["model"].iloc[0]
    command = ["summary", "a.parquet", "--where", f"model={model}", "--engine", engine]
    text = printed_by(capsys, *command)
    assert "Coverage: 75.0 % of all requested ids have a record (1 of 4 missing). The share among these rows" in text
    assert run([*command, "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)[0]["coverage"] is None
    assert "The share among these rows is unknown" in printed.err


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_two_files_have_one_coverage(capsys: pytest.CaptureFixture[str], engine: str) -> None:
    write_part("a.parquet", ["gen-x", "gen-y"])
    write_part("b.parquet", ["gen-z"])
    text = printed_by(capsys, "summary", "a.parquet", "b.parquet", "--engine", engine)
    assert "Coverage: 50.0 % of the ids have a record (3 of 6 missing)" in text


def test_a_table_of_other_rows_is_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    Path("other.csv").write_text("generation_id\ngen-1\n")
    assert run(["summary", "other.csv"]) == 2
    assert "other.csv has no column 'requested_id'" in capsys.readouterr().err


def test_the_names_of_json_are_those_of_the_statistics(capsys: pytest.CaptureFixture[str]) -> None:
    (group,) = objects_of(capsys, "summary", "out.parquet")
    assert list(group) == ["requests", *(statistic.name for statistic in DEFAULT), "coverage"]
    assert {"ttft_ms_mean", "ttft_ms_p50", "ttft_ms_p90", "ttft_ms_p95", "ttft_ms_p99", "ttft_ms_n"} < set(group)
    assert all(value is None or isinstance(value, int | float) for value in group.values())


def test_json_has_all_statistics_of_a_set_and_no_total(capsys: pytest.CaptureFixture[str]) -> None:
    groups = objects_of(capsys, "summary", "out.parquet", "--by", "model", "--metrics", "latency,error_rate")
    names = [statistic.name for statistic in resolve(["latency", "error_rate"])]
    assert list(groups[0]) == ["model", "requests", *names, "coverage"]
    assert len(groups) == FRAME["model"].nunique()


def test_the_most_expensive_group_comes_first_in_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    assert objects_of(capsys, "summary", "out.parquet", "--by", "model")[0]["model"] == MOST_EXPENSIVE
    rows = pd.read_csv(io.StringIO(printed_by(capsys, "summary", "out.parquet", "--by", "model", "--csv")))
    assert rows["model"][0] == MOST_EXPENSIVE
    lines = printed_by(capsys, "summary", "out.parquet", "--by", "model").splitlines()
    head = next(place for place, line in enumerate(lines) if line.startswith("model"))
    assert lines[head + 1].startswith(MOST_EXPENSIVE)


def test_groups_in_time_stand_in_its_order_in_the_readers_zone(capsys: pytest.CaptureFixture[str]) -> None:
    days = objects_of(capsys, "summary", "out.parquet", "--every", "day", "--tz", "Asia/Tokyo", "--metrics", "cost")
    assert [day["time"] for day in days] == sorted(day["time"] for day in days)
    assert all(day["time"].endswith("T00:00:00+09:00") for day in days)
    assert {day["open"] for day in days} == {False}
    assert sum(day["requests"] for day in days) == len(RECORDS)


def test_conditions_choose_the_rows_and_can_be_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    both = ["--where", f"model={MOST_EXPENSIVE}", "--where", "latency>1000"]
    (group,) = objects_of(capsys, "summary", "out.parquet", *both)
    assert group["requests"] == len(FRAME[(FRAME["model"] == MOST_EXPENSIVE) & (FRAME["latency"] > 1000)])
    assert 0 < group["requests"] < len(RECORDS)


def test_percentiles_from_a_sketch_are_right_to_one_percent(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["summary", "out.parquet", "--metrics", "e2e_ms"]
    (exact,), (sketch,) = objects_of(capsys, *asked), objects_of(capsys, *asked, "--percentiles", "sketch")
    assert sketch["e2e_ms_p50"] == pytest.approx(exact["e2e_ms_p50"], rel=0.01)
    assert "Percentiles: from a sketch" in printed_by(capsys, *asked, "--percentiles", "sketch")


def test_duckdb_prints_what_pandas_prints(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("duckdb", reason="duckdb is an extra")
    asked = ["out.parquet", "--where", "latency>100"]
    for command in (["summary", "--by", "model", "--metrics", "cost,cache,latency"], ["sessions"], ["quality"]):
        here = printed_by(capsys, *command, *asked, "--engine", "pandas")
        assert printed_by(capsys, *command, *asked, "--engine", "duckdb") == here


def test_much_parquet_is_the_work_of_duckdb(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(opening, "find_spec", lambda _: object())
    assert choose_engine(["out.parquet"]) == "pandas"
    assert choose_engine(["out.parquet"], large_bytes=1_000) == "duckdb"
    assert choose_engine([str(tmp_path)], large_bytes=1_000) == "duckdb"
    # pandas reports what is missing
    assert choose_engine(["out.parquet", "missing.parquet"], large_bytes=1_000) == "pandas"
    write(FRAME, "out.csv")
    assert choose_engine(["out.parquet", "out.csv"], large_bytes=1_000) == "pandas"
    monkeypatch.setattr(opening, "find_spec", lambda _: None)
    assert choose_engine(["out.parquet"], large_bytes=1_000) == "pandas"


def test_the_failure_of_an_engine_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is an extra")

    def failing(*_: object, **__: object) -> None:
        msg = "Out of Memory Error: 1.0 GiB/1.0 GiB used\nPossible solutions: many"
        raise duckdb.OutOfMemoryException(msg)

    monkeypatch.setattr("genanalytics.tables.overview.overview", failing)
    assert run(["summary", "out.parquet", "--engine", "duckdb"]) == 1
    said = capsys.readouterr().err
    assert said == "Error: duckdb failed: Out of Memory Error: 1.0 GiB/1.0 GiB used\n"


@pytest.mark.long
def test_spark_prints_what_pandas_prints(spark: object, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["summary", "out.parquet", "--by", "model", "--every", "day", "--metrics", "cost"]
    here = printed_by(capsys, *asked, "--engine", "pandas")
    assert printed_by(capsys, *asked, "--engine", "spark") == here
    assert spark is not None


def test_an_engine_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module, engine in (("duckdb", "duckdb"), ("pyspark.sql", "spark")):
        monkeypatch.setitem(sys.modules, module, None)
        assert run(["summary", "out.parquet", "--engine", engine]) == 2
        assert f"pip install 'genanalytics[{engine}]'" in capsys.readouterr().err


def test_a_strangers_words_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "gpt\x1b[2J\u202e\r\nevil"
    frame = FRAME.head(3).assign(model=evil, session_id=evil, id=evil, requested_id=[f"{evil}{n}" for n in range(3)])
    tried = pd.Series([[{"provider_name": evil, "status": 200}]] * 3, index=frame.index)
    frame = frame.assign(provider_responses=tried)
    frame[f"column {evil}"] = 1
    write(frame, "evil.jsonl")
    write(frame, "evil.parquet")
    commands = [["summary", "--by", "model"], ["sessions"], ["attempts"], ["quality"], ["summary", "--by", "modell"]]
    for command in commands:
        run([*command, "evil.parquet"])
        output = "".join(capsys.readouterr())
        assert "evil" in output
        assert not {"\x1b", "\u202e", "\r"} & set(output)


def test_the_most_expensive_session_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed_by(capsys, "sessions", "out.parquet").splitlines()
    groups = objects_of(capsys, "sessions", "out.parquet")
    assert [group["effective_cost"] for group in groups] == sorted(
        (group["effective_cost"] for group in groups), reverse=True
    )
    assert any(line.startswith(groups[0]["session_id"]) for line in lines)
    outside = int(FRAME["session_id"].isna().sum())
    assert lines[-1] == f"Sessions: {len(groups)}; without a session: {outside} requests."
    assert sum(group["requests"] for group in groups) + outside == len(RECORDS)


def test_a_long_list_of_sessions_is_cut_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    write(FRAME.assign(session_id=FRAME["requested_id"]), "many.parquet")
    lines = printed_by(capsys, "sessions", "many.parquet").splitlines()
    (left_out,) = [line for line in lines if line.startswith("...")]
    assert left_out.startswith(f"... and {len(FRAME) - 20} more rows: {len(FRAME) - 20} requests, $")


def test_attempts_are_summarized_by_provider(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed_by(capsys, "attempts", "out.parquet").splitlines()
    groups = objects_of(capsys, "attempts", "out.parquet")
    known = FRAME["provider_responses"].dropna().map(len)
    assert sum(group["attempts"] for group in groups) == known.sum()
    assert any(line.startswith(groups[0]["provider_name"]) and "%" in line for line in lines)
    assert lines[-1] == f"Attempts: unknown for {len(FRAME) - (known > 0).sum()} requests."


def test_what_is_doubtful_is_shown_with_an_example_and_its_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    write(FRAME.assign(id=["gen-other", *FRAME["id"].iloc[1:]]), "mixed.parquet")
    lines = printed_by(capsys, "quality", "mixed.parquet").splitlines()
    assert any(line.split()[:2] == ["id_mismatch", "1"] for line in lines)
    meaning = "id_mismatch: The record contains another id than the requested one"
    place = next(place for place, line in enumerate(lines) if line.startswith(meaning))
    assert lines[place + 1].strip() == FRAME["requested_id"].iloc[0]
    checks = {row["check"]: row["rows"] for row in objects_of(capsys, "quality", "mixed.parquet")}
    assert checks["id_mismatch"] == 1
    assert checks["repeated_id"] == 0


def test_sound_records_are_said_to_be_sound(capsys: pytest.CaptureFixture[str]) -> None:
    write(FRAME[FRAME["is_byok"].eq(other=False)].head(5), "sound.parquet")
    assert printed_by(capsys, "quality", "sound.parquet").startswith("Nothing doubtful after ")


def test_intervals_are_asked_for_only_where_they_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []

    def noting(*_: object, **options: object) -> pd.DataFrame:
        asked.append(options)
        return summarize(FRAME)

    monkeypatch.setattr("genanalytics.tables.overview.summarize", noting)
    run(["summary", "out.parquet", "--json"])
    run(["summary", "out.parquet", "--json", "--intervals"])
    assert [options["intervals"] for options in asked] == [False, True]
