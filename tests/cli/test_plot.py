from pathlib import Path

import pytest

from genanalytics.cli.main import run
from genanalytics.files import write
from genanalytics.plots import CHARTS
from support.generations import frame_of, on


@pytest.fixture(autouse=True)
def _records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    frame = frame_of(on("2026-03-01"), on("2026-03-02", model="b", provider_name="Q", total_cost=3.0))
    write(frame, "records.parquet")


@pytest.mark.parametrize(("suffix", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_a_chart_is_drawn_into_a_file(suffix: str, magic: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plot", "cost-over-time", "records.parquet", "-o", f"cost.{suffix}"]) == 0
    assert Path(f"cost.{suffix}").read_bytes().startswith(magic)
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", f"Wrote cost.{suffix}.\n")


def svg(*arguments: str) -> str:
    """Return the picture that a command draws, whose texts differ wherever the picture does."""
    assert run(["plot", *arguments, "-o", "chart.svg"]) == 0
    return Path("chart.svg").read_text()


def test_options_reach_the_chart() -> None:
    usual = svg("cost-over-time", "records.parquet")
    assert svg("cost_over_time", "records.parquet") == usual
    for options in (
        ["--by", "provider_name"],
        ["--every", "week"],
        ["--tz", "Asia/Tokyo"],
        ["--where", "model=b"],
        ["--top", "1", "--by", "provider_name"],
        ["--title", "Spend"],
        ["--width", "6"],
        ["--height", "4"],
        ["--theme", "dark"],
    ):
        assert svg("cost-over-time", "records.parquet", *options) != usual
    assert svg("latency-heatmap", "records.parquet") != svg("latency-heatmap", "records.parquet", "--metric", "e2e_ms")
    assert svg("hour-of-week", "records.parquet") != svg("hour-of-week", "records.parquet", "--metric", "error_rate")


def test_a_chart_compares_with_the_previous_period_or_with_other_records(capsys: pytest.CaptureFixture[str]) -> None:
    """The first record cost $1, the second one $3."""
    days = ["--since", "2026-03-02", "--until", "2026-03-03"]
    picture = svg("cost-bridge", "records.parquet", *days, "--against", "previous")
    assert "compared with records of 2026-03-01" in capsys.readouterr().err
    assert "$2.000 more than before" in picture
    write(frame_of(on("2026-02-01", total_cost=6.0)), "other.parquet")
    assert "$2.000 less than before" in svg("cost-bridge", "records.parquet", "--against", "other.parquet")
    assert "February 2026" in svg("cumulative-cost", "records.parquet", "--against", "other.parquet")


def test_every_chart_is_listed_with_its_question(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plot", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(CHARTS)
    assert all(line.endswith(chart.question) for line, chart in zip(lines, CHARTS.values(), strict=True))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["cost-ranks", "records.parquet", "-o", "x.png"], "no chart 'cost-ranks'; did you mean 'cost-ranking'? there"),
        (
            ["cost-ranking", "records.parquet", "-o", "x.png", "--every", "day"],
            "cost_ranking has no option 'every'; it has by, tz, top, title\n",
        ),
        (
            ["cost-ranking", "records.parquet", "-o", "x.xyz"],
            "cannot draw into 'x.xyz': give a name that ends in .png",
        ),
        (["cost-ranking", "records.parquet", "-o", "x.png", "--by", "modle"], "did you mean 'model'?"),
        (
            ["cost-ranking", "records.parquet", "-o", "x.png", "--against", "previous"],
            "cost_ranking compares no periods, as cost_bridge, cumulative_cost",
        ),
        (["cost-bridge", "records.parquet", "-o", "x.png", "--against", "previous"], "needs a period: give --last"),
        (["cost-ranking", "records.parquet"], "Missing option '-o'"),
        (["outcomes", "records.parquet", "-o", "x.png", "--top", "3"], "outcomes has no option 'top'"),
        (["outcomes", "records.parquet", "-o", "x.png", "--width", "1"], "width is 1: give a number from 2 to 60, in"),
        (["outcomes", "records.parquet", "-o", "x.png", "--dpi", "nan"], "dpi is nan: give a number from 30 to 1000"),
        (["cost-ranking", "nowhere.parquet", "-o", "x.png"], "nowhere.parquet"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["plot", *arguments]) == 2
    assert told in capsys.readouterr().err
    assert not Path("x.png").exists()
