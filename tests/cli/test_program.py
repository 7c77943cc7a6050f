"""The program as a whole: its help, a path instead of a command, and periods up to now."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from genanalytics.cli.main import commands, run
from genanalytics.cli.sections import SECTIONS
from genanalytics.files import write
from support.generations import frame_of
from support.printed import objects_of, printed_by

NOW = datetime.now(UTC)
CREATED = {"a": NOW - timedelta(seconds=1), "b": NOW - timedelta(days=400)}


@pytest.fixture(autouse=True)
def _in_a_directory_with_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("platformdirs.user_config_path", lambda *_, **__: tmp_path / "config")
    records = ({"model": model, "created_at": moment.isoformat()} for model, moment in CREATED.items())
    write(frame_of(*records), "out.parquet")


def test_the_help_lists_every_command_once_in_the_order_of_work(capsys: pytest.CaptureFixture[str]) -> None:
    said = printed_by(capsys, "--help")
    titles = [said.index(f"\n{title}:\n") for title in SECTIONS]
    assert titles == sorted(titles)
    listed = re.findall(r"^ {2}([a-z][a-z-]*) {2,}[A-Z]", said, re.MULTILINE)
    assert listed == commands.list_commands(None)


def test_the_first_sentence_of_every_command_fits_a_terminal_of_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed_by(capsys, "--help").splitlines()[1:]
    assert not [line for line in lines if line.endswith("...")]
    assert max(map(len, lines[: lines.index("  Examples:")])) <= 80


def test_each_command_begins_its_help_with_the_sentence_of_the_program() -> None:
    sentences = {name: sentence for section in SECTIONS.values() for name, sentence in section.items()}
    assert sentences == {name: one.get_short_help_str(200) for name, one in commands.load_commands().items()}


def test_a_path_instead_of_a_command_shows_its_records_by_model(capsys: pytest.CaptureFixture[str]) -> None:
    expected = printed_by(capsys, "summary", "out.parquet", "--by", "model")
    assert printed_by(capsys, "out.parquet") == expected
    assert printed_by(capsys, "./out.parquet", "--by", "model") == expected
    by_provider = printed_by(capsys, "summary", "out.parquet", "--by", "provider_name", "--since", "30d")
    assert printed_by(capsys, "out.parquet", "--by", "provider_name", "--since", "30d") == by_provider
    by_month = printed_by(capsys, "summary", "out.parquet", "--every", "month")
    assert printed_by(capsys, "out.parquet", "--every", "month") == by_month


def test_a_command_wins_against_a_file_of_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    Path("out.parquet").rename("quality")
    assert "Show doubtful records." in printed_by(capsys, "quality", "--help")


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("sumary", "no command and no file 'sumary'; did you mean 'summary'? genanalytics --help lists the commands"),
        ("xyzzy", "no command and no file 'xyzzy'; genanalytics --help lists the commands"),
        ("missing.parquet", "cannot read missing.parquet"),
    ],
)
def test_a_word_that_is_neither_command_nor_file_is_refused(
    word: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([word]) == 2
    assert sentence in capsys.readouterr().err


def test_an_option_in_front_of_its_command_is_told_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--by", "model", "out.parquet"]) == 2
    assert "no option --by of the program: give a command or a PATH first" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["today", "week", "month"])
def test_a_period_shows_the_records_up_to_now(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert [row["model"] for row in objects_of(capsys, name, "out.parquet")] == ["a"]
    rows = objects_of(capsys, name, "out.parquet", "--against", "previous")
    assert [(row["model"], row["requests"], row["requests_change"]) for row in rows] == [("a", 1, 1)]


def test_the_data_of_all_commands_are_named_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = printed_by(capsys, "today", "out.parquet")
    assert run(["today"]) == 2
    said = capsys.readouterr().err
    assert (
        "give a PATH: a file or data set with records, or - for stdin; or name one for all commands in the variable"
        in said
    )
    Path("config").mkdir()
    Path("config/config.toml").write_text('data = "out.parquet"\n')
    assert printed_by(capsys, "today") == expected
    monkeypatch.setenv("GENANALYTICS_DATA", "missing.parquet")  # the environment wins
    assert run(["today"]) == 2
    assert "missing.parquet" in capsys.readouterr().err


def test_the_configuration_names_a_time_zone(capsys: pytest.CaptureFixture[str]) -> None:
    Path("config").mkdir()
    Path("config/config.toml").write_text('tz = "Asia/Tokyo"\n')
    assert run(["today", "out.parquet"]) == 0
    assert "(Asia/Tokyo)" in capsys.readouterr().err
    assert run(["today", "out.parquet", "--tz", "UTC"]) == 0
    assert "(UTC)" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["data = 1", "dta = 'x'", "data = ", 'tz = ["UTC"]', 'tz = "Mars/Base"'])
def test_a_configuration_that_cannot_be_used_is_named(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("config").mkdir()
    Path("config/config.toml").write_text(text)
    assert run(["summary", "out.parquet"]) == 2
    assert "configuration" in (said := capsys.readouterr().err)
    assert "config.toml" in said


def test_an_empty_period_says_when_the_records_were_created(capsys: pytest.CaptureFixture[str]) -> None:
    write(frame_of({"created_at": "2026-03-01T12:00:00Z"}), "old.parquet")
    assert run(["today", "old.parquet"]) == 0
    said = capsys.readouterr().err
    assert "no record was created in this period; the records are from 2026-03-01 12:00 to 2026-03-01 12:00" in said


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--since", "2026-09-02"], ["c", "d"]),
        (["--until", "2026-09-02"], ["a", "b"]),
        (["--since", "2026-09-01T12:00", "--until", "2026-09-02T12:00"], ["b", "c"]),
        (["--where", "created_at>=2026-09-02"], ["c", "d"]),
        (["--since", "2026-09-02", "--tz", "Asia/Tokyo"], ["b", "c", "d"]),
    ],
)
def test_times_choose_the_same_records_everywhere(
    options: list[str], expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    moments = pd.to_datetime(["2026-09-01T00:00", "2026-09-01T18:00", "2026-09-02T01:00", "2026-09-02T23:00"])
    records = ({"model": model, "created_at": f"{at.isoformat()}Z"} for model, at in zip("abcd", moments, strict=True))
    write(frame_of(*records), "days.parquet")
    for engine in ("pandas", "duckdb"):
        rows = objects_of(capsys, "summary", "days.parquet", "--by", "model", "--engine", engine, *options)
        assert sorted(row["model"] for row in rows) == expected


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--last", "wek"], "--last 'wek'; did you mean 'week'? give day, week, month or an age such as 7d or 12h"),
        (["--since", "soon"], "--since 'soon' is not a moment: give a date or time"),
        (
            ["--last", "week", "--since", "7d"],
            "--last and --since are ways to choose one period: give only one",
        ),
        (["--since", "2026-09-02", "--until", "2026-09-01"], "is not before --until 2026-09-01"),
        (["--against", "previous"], "a comparison with the previous period needs a period"),
        (["--by", "week"], "cannot group by 'week', which is a period: use every (--every week)"),
        (["--metrics", "total_cost"], "no statistic 'total_cost'; did you mean 'billed_cost'?"),
        (["--metrics", "cache_discount"], "did you mean 'net_cache_savings'?"),
    ],
)
def test_wrong_options_are_answered_with_what_the_user_meant(
    options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["summary", "out.parquet", *options]) == 2
    assert sentence in capsys.readouterr().err
