"""The forms, files, columns, order, limit and total of every command that prints rows."""

import io
import json
import re
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from genanalytics.cli.main import commands, run
from genanalytics.cli.output import FORMS, SUFFIXES
from genanalytics.files import write
from genanalytics.metrics import sessions, summarize
from genanalytics.sandbox import sample
from support.generations import parse_records
from support.printed import objects_of, printed_by

FRAME = parse_records(sample(60, seed=6).records)
BY_MODEL = summarize(FRAME, by="model")


@pytest.fixture(autouse=True)
def _in_a_directory_with_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    write(FRAME, "out.parquet")


def test_all_commands_that_print_rows_take_the_same_options() -> None:
    wanted = {"--format", "--json", "--csv", "--output", "--columns", "--sort", "--limit", "--total"}
    with_csv = [
        command for command in commands.load_commands().values() if any("--csv" in one.opts for one in command.params)
    ]
    assert len(with_csv) > 10
    for command in with_csv:
        assert wanted <= {name for option in command.params for name in option.opts}, command.name


@pytest.mark.parametrize(("suffix", "form"), SUFFIXES.items())
def test_the_suffix_of_the_file_chooses_the_form_that_stdout_would_get(
    suffix: str, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("summary", "out.parquet", "--by", "model", "--metrics", "effective_cost")
    assert printed_by(capsys, *command, "-o", f"rows{suffix.upper()}") == ""
    assert capsys.readouterr().err == ""
    content = Path(f"rows{suffix.upper()}").read_bytes()
    if form == "xlsx":
        sheet = openpyxl.load_workbook(io.BytesIO(content)).active
        assert sheet is not None
        rows = pd.DataFrame(list(sheet.values)[1:])
        assert sorted(rows[1]) == sorted(BY_MODEL["requests"])
    else:
        assert content.decode() == printed_by(capsys, *command, "--format", form)


@pytest.mark.parametrize("options", [("--json", "-o", "rows.xlsx"), ("--format", "xlsx", "-o", "rows.csv")])
def test_a_workbook_and_another_form_do_not_mix(options: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["summary", "out.parquet", *options]) == 2
    assert "leave that out, or give another suffix" in capsys.readouterr().err


def test_a_heading_in_place_of_a_column_is_answered_with_the_column(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["summary", "out.parquet", "--by", "model"], ["sessions", "out.parquet"]):
        assert run([*command, "--sort", "cost"]) == 2
        assert "no column 'cost'; did you mean 'effective_cost'?" in capsys.readouterr().err


def test_a_comparison_without_strata_has_no_rows_to_choose(capsys: pytest.CaptureFixture[str]) -> None:
    groups = ["--by", "streamed", "--a", "true", "--b", "false", "--metric", "error_rate", "--match", ""]
    assert run(["compare", "out.parquet", *groups, "--limit", "1"]) == 2
    assert "--limit chooses among rows, and there is only one stratum" in capsys.readouterr().err


def test_a_named_form_wins_over_the_suffix(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed_by(capsys, "attempts", "out.parquet", "--json", "-o", "rows.txt") == ""
    assert json.loads(Path("rows.txt").read_text())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--json", "--csv"], "--json and --csv are two forms of one output"),
        (["--csv", "--format", "xlsx"], "--format xlsx and --csv are two forms of one output"),
        (["--format", "xlsx"], "give -o FILE"),
        (["-o", "rows.doc"], "use .txt, .json, .jsonl, .csv, .md, .html, .xlsx, or give --format"),
        (["-o", "missing/rows.csv"], "there is no directory 'missing'"),
        (["--columns", "model,request"], "no column 'request'; did you mean 'requests'? there are "),
        (["--sort", "costs:asc"], "no column 'costs'; did you mean 'cost_share'"),
        (["--csv", "--columns", "model,request"], "no column 'request'; did you mean 'requests'?"),
        (["--csv", "--sort", "costs:asc"], "no column 'costs'; did you mean 'cost_share'"),
        (["--limit", "0"], "x>=1"),
    ],
)
def test_options_that_cannot_be_met_are_refused(
    options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["summary", "out.parquet", "--by", "model", *options]) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert not list(Path().glob("rows*"))


def test_a_command_that_fails_leaves_the_old_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("rows.txt").write_text("old")
    assert run(["summary", "missing.parquet", "-o", "rows.txt"]) == 2
    assert Path("rows.txt").read_text() == "old"
    assert "Wrote" not in capsys.readouterr().err


def test_columns_order_and_limit_mean_the_same_in_every_form(capsys: pytest.CaptureFixture[str]) -> None:
    command = ("summary", "out.parquet", "--by", "model", "--metrics", "effective_cost", "--sort", "requests:asc")
    columns = ("--columns", "model,requests", "--limit", "2", "--no-total")
    wanted = BY_MODEL.sort_values("requests", kind="stable")["requests"].head(2).to_list()
    rows = objects_of(capsys, *command, *columns)
    assert [list(row) for row in rows] == [["model", "requests"]] * 2
    assert [row["requests"] for row in rows] == wanted
    table = printed_by(capsys, *command, *columns).splitlines()
    assert table[0].split() == ["model", "requests"]
    assert [line.split()[-1] for line in table[1:3]] == [str(number) for number in wanted]
    more = len(BY_MODEL) - 2
    assert table[3].startswith(f"... and {more} more rows: {len(FRAME) - sum(wanted)} requests")
    run([*command, *columns, "--csv"])
    printed = capsys.readouterr()
    assert pd.read_csv(io.StringIO(printed.out))["requests"].to_list() == wanted
    assert f"... and {more} more rows: {len(FRAME) - sum(wanted)} requests" in printed.err
    markdown = printed_by(capsys, *command, *columns, "--format", "markdown").splitlines()
    assert [line.split()[-2] for line in markdown[2:4]] == [str(number) for number in wanted]
    assert f"... and {more} more rows: {len(FRAME) - sum(wanted)} requests" in "".join(markdown)


def test_a_column_that_is_not_shown_can_sort_and_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed_by(
        *(capsys, "summary", "out.parquet", "--by", "model", "--metrics", "tokens"),
        *("--columns", "model,tokens_out", "--sort", "tokens_in"),
    ).splitlines()
    ranked = summarize(FRAME, by="model", metrics=["tokens"]).sort_values("tokens_in", ascending=False, kind="stable")
    assert [line.split()[0] for line in lines[1:3]] == ranked["model"].head(2).to_list()


def test_a_summary_computes_the_statistics_that_columns_name(capsys: pytest.CaptureFixture[str]) -> None:
    command = ("summary", "out.parquet", "--every", "month", "--by", "model", "--metrics", "effective_cost")
    columns = ("--columns", "time,open,model,known_outcomes,tokens_in,coverage", "--sort", "requests")
    assert run([*command, *columns]) == 2
    assert "success" in capsys.readouterr().err  # what the statistic needs
    columns = ("--columns", "time,open,model,tokens_in,coverage", "--sort", "requests")
    rows = objects_of(capsys, *command, *columns)
    assert list(rows[0]) == ["time", "open", "model", "tokens_in", "coverage"]
    table = printed_by(capsys, *command, *columns).splitlines()
    assert [word for word in table[0].split() if word != "tokens"] == ["time", "model", "open", "in", "coverage"]
    assert len(rows) == sum(line.startswith("2026") for line in table)


def test_data_has_a_total_if_it_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    command = ("summary", "out.parquet", "--by", "model", "--metrics", "latency")
    (*rows, last) = objects_of(capsys, *command, "--total")
    (whole,) = summarize(FRAME, metrics=["latency"]).to_dict("records")
    assert rows == objects_of(capsys, *command)
    assert (last["model"], last["requests"]) == ("total", len(FRAME))
    assert last["e2e_ms_p95"] == pytest.approx(whole["e2e_ms_p95"])
    assert "\ntotal" in printed_by(capsys, *command)
    assert "\ntotal" not in printed_by(capsys, *command, "--no-total")


def test_the_total_of_sessions_has_sums_only(capsys: pytest.CaptureFixture[str]) -> None:
    found = sessions(FRAME)
    (*_, last) = objects_of(capsys, "sessions", "out.parquet", "--total")
    assert last["requests"] == int(found["requests"].sum())
    assert last["effective_cost"] == pytest.approx(float(found["effective_cost"].sum()))
    assert (last["cache_hit_rate"], last["length_ms"], last["first"]) == (None, None, None)
    total = next(
        line for line in printed_by(capsys, "sessions", "out.parquet").splitlines() if line.startswith("total")
    )
    assert total.split()[1:4] == [str(last["requests"]), "–", "–"]


def test_a_document_has_the_columns_the_clock_and_the_notes_of_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    command = ("summary", "out.parquet", "--by", "model", "--every", "week", "--tz", "Asia/Tokyo")
    document = printed_by(capsys, *command, "--format", "markdown")
    table = printed_by(capsys, *command)
    rows = [line for line in document.splitlines() if line.startswith("| 2026")]
    assert len(rows) == sum(line.startswith("2026") for line in table.splitlines())
    assert re.search(r"\| total \|.*≥ \\\$", document)
    for note in table.splitlines()[-4:]:
        assert note.split(":")[0] in document
    moments = re.compile(r"2026-\d\d-\d\d \d\d:\d\d:\d\d")
    sessions_there = ("sessions", "out.parquet", "--tz", "Asia/Tokyo", "--limit", "20")
    assert moments.findall(printed_by(capsys, *sessions_there)) == moments.findall(
        printed_by(capsys, *sessions_there, "--format", "html")
    )


def test_the_total_of_attempts_has_no_rate(capsys: pytest.CaptureFixture[str]) -> None:
    (*rows, last) = objects_of(capsys, "attempts", "out.parquet", "--total")
    assert last["attempts"] == sum(row["attempts"] for row in rows)
    assert last["success_rate"] is None


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["quality", "--total", "--csv"], "--total: these rows do not add up; leave it out"),
        (["recommend", "--columns", "action"], "the table form is a list: add --csv"),
        (["forecast", "--limit", "3"], "--limit chooses among rows, and the forecast is not a list of rows"),
        (["forecast", "--sort", "day", "--json"], "--sort chooses among rows"),
    ],
)
def test_an_option_without_a_meaning_is_refused(
    command: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command[0], "out.parquet", *command[1:]]) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("form", [form for form in FORMS if form != "xlsx"])
def test_no_text_of_strangers_acts_in_any_form(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    acting = "\x1b]0;owned\x07\x1b[2Ja\u202eb<script>\n|x"
    write(FRAME.assign(model=pd.array([acting] * len(FRAME), dtype="str")), "hostile.parquet")
    printed = printed_by(capsys, "summary", "hostile.parquet", "--by", "model", "--format", form)
    if form == "csv":
        assert pd.read_csv(io.StringIO(printed))["model"].to_list() == [acting]
    else:
        assert not re.search("[\x1b\x07\u202e]", printed)
    assert form != "html" or "<script>" not in printed


@pytest.mark.parametrize(
    "command",
    [
        ["change", "--period", "week"],
        ["price-changes"],
        ["waste"],
        ["cache-replay"],
    ],
    ids=lambda command: command[0],
)
def test_a_wrong_column_is_refused_before_an_answer_is_printed(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command[0], "out.parquet", *command[1:], "--sort", "foo"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "no column 'foo'" in printed.err


def test_a_comparison_in_a_document_has_labels_and_units(capsys: pytest.CaptureFixture[str]) -> None:
    groups = ["--by", "streamed", "--a", "true", "--b", "false", "--metric", "error_rate", "--match", ""]
    head, _, row, *_ = printed_by(capsys, "compare", "out.parquet", *groups, "--format", "markdown").splitlines()
    cells = dict(zip(head.split(" | "), row.split(" | "), strict=True))
    assert cells["errors of a"].endswith(" %")
    assert cells["common of a"].endswith(" %")
    assert {"| a", "difference", "ratio", "rows of a"} < {*cells}
