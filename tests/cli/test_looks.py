"""The looks of tables on a real terminal."""

from pathlib import Path

import pytest

from genanalytics.base.text import measure
from genanalytics.files import write
from genanalytics.tables.style import Look, split_looks
from support.generations import frame_of
from support.terminals import run_on_terminal

DAYS = [f"2026-03-{day:02}T10:00:00Z" for day in range(1, 11)]
RECORDS = [
    *({"model": "anthropic/claude-4.5-sonnet-20250929", "created_at": day, "total_cost": 3.0} for day in DAYS),
    {"model": "\x1b[31mred", "created_at": DAYS[0], "total_cost": 10.0, "cache_discount": -1.0},
    {"model": "模型" * 8, "created_at": DAYS[1], "total_cost": 1.0, "cache_discount": 0.5},
]


@pytest.fixture
def records(tmp_path: Path) -> str:
    path = tmp_path / "records.parquet"
    write(frame_of(*RECORDS), path)
    return str(path)


def test_a_wide_terminal_shows_headings_gaps_losses_bars_and_trends(records: str) -> None:
    shown = run_on_terminal(["summary", records, "--by", "model"], columns=160)
    parts = split_looks(shown)
    assert "\x1b" not in "".join(parts[::2])
    assert "\\x1b[31mred" in shown
    looks = dict.fromkeys(zip(parts[1::4], parts[2::4], strict=True))
    assert {(Look.HEAD, "model"), (Look.DIM, "–"), (Look.LOSS, "−$1.000"), (Look.CHART, "███████▍")} <= looks.keys()
    assert any(text.startswith("───") for _, text in looks)
    assert (Look.HEAD, "cost per") in looks
    assert "██████████" in shown


def test_a_narrow_terminal_leaves_columns_out_and_says_which(records: str) -> None:
    shown = run_on_terminal(["summary", records, "--by", "model"], columns=60, NO_COLOR="1")
    assert "\x1b" not in shown
    assert max(map(measure, shown.splitlines())) <= 60
    note = " ".join(shown.split("Not shown")[1].split())
    assert note.startswith("for lack of width: cache_savings_rate, ")
    assert "--columns chooses." in note
    assert shown.count("total") == 1 + shown.count("so the total is")


def test_a_narrow_terminal_keeps_what_the_command_is_for(records: str) -> None:
    shown = run_on_terminal(["top", "generations", records, "-n", "2"], columns=60, NO_COLOR="1")
    assert "cost" in shown.splitlines()[0]
    assert max(map(measure, shown.splitlines())) <= 60
    assert "created_at, provider_name" in " ".join(shown.split())


def test_a_narrow_terminal_keeps_the_change_of_the_cost(records: str) -> None:
    period = ["--since", "2026-03-06", "--until", "2026-03-11"]
    shown = run_on_terminal(
        ["summary", records, *period, "--against", "previous", "--by", "model"], columns=60, NO_COLOR="1"
    )
    assert max(map(measure, shown.splitlines())) <= 60
    assert "the change of requests" in " ".join(shown.split())
    assert "the change of effective_cost" not in " ".join(shown.split())


@pytest.mark.long
def test_a_dumb_terminal_shows_plain_text(records: str) -> None:
    assert "\x1b" not in run_on_terminal(["summary", records, "--by", "model"], columns=160, TERM="dumb")
