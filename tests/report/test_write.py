"""The content of the report, and its safety; test_page.py opens it in a browser."""

import hashlib
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pandas as pd
import pyarrow as pa
import pytest

from genanalytics import scan, write_parquet, write_report
from genanalytics.cli.main import run
from genanalytics.errors import InputError
from genanalytics.fetching.result import FetchResult, Stats
from genanalytics.records.coverage import Coverage
from genanalytics.records.frame import parse_frame, to_frame
from genanalytics.records.schema import ARROW_SCHEMA
from genanalytics.report.page import clean

DAY = pd.Timestamp("2026-03-01T12:00Z")
ACT_ON: dict[str, list[str]] = {"sections": ["act-on"]}
"""The head of the page alone, which needs no chart."""


def frame_of(*rows: dict[str, object]) -> pd.DataFrame:
    """Return records, fetched long after the last of them; what a row does not say is a gap."""
    told = [
        {"requested_id": f"gen-{place}", "fetched_at": DAY + pd.Timedelta(days=90)} | row
        for place, row in enumerate(rows)
    ]
    return to_frame(pa.Table.from_pylist(told, schema=ARROW_SCHEMA))


def page_of(frame: pd.DataFrame, tmp_path: Path, **options: object) -> str:
    write_report(frame, tmp_path / "report.html", **options)  # type: ignore[arg-type]
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_policy_allows_the_pages_own_style_and_script_alone(tmp_path: Path) -> None:
    page = page_of(frame_of({"model": "a", "total_cost": 1.0, "created_at": DAY}), tmp_path)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src &#39;none&#39;")
    assert "style=" not in page
    assert not re.search(r"\son[a-z]+=", page)
    assert not re.search(r"(?:src|href)=\"(?!#)", page)


def test_what_strangers_wrote_is_text(tmp_path: Path) -> None:
    hostile = [
        "<script>alert(1)</script>",
        '"><svg onload=alert(1)>',
        "]]>",
        "{{ 7 * 7 }}",
        "a\x00b\x1b[31m",
        "x" * 10_000,
    ]
    rows = [{"model": text, "provider_name": text, "total_cost": 1.0, "created_at": DAY} for text in hostile]
    page = page_of(frame_of(*rows), tmp_path, title=hostile[0])
    assert page.count("<script>") == 1
    assert "<svg onload" not in page
    assert "{{ 7 * 7 }}" in page
    assert "\x00" not in page
    assert len(page) < 2_000_000
    for svg in re.findall(r"<svg .*?</svg>", page, re.DOTALL):
        ET.fromstring(svg)  # noqa: S314 - made here


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    frame = frame_of({"model": "a", "total_cost": 1.0, "created_at": DAY}, {"model": None, "total_cost": 2.0})
    assert page_of(frame, tmp_path) == page_of(frame, tmp_path)


def test_a_scan_gives_the_report_of_the_frame(tmp_path: Path) -> None:
    frame = frame_of(*({"model": name, "total_cost": 1.0, "latency": 10, "created_at": DAY} for name in "abca"))
    write_parquet(frame, tmp_path / "four.parquet")
    of_frame = page_of(frame, tmp_path, **ACT_ON)
    of_scan = page_of(scan(tmp_path / "four.parquet"), tmp_path, **ACT_ON)
    tiles = re.compile(r'<ul class="tiles".*?</ul>', re.DOTALL)
    assert tiles.findall(of_scan) == tiles.findall(of_frame) != []


def test_nothing_at_all_is_a_report_too(tmp_path: Path) -> None:
    page = page_of(parse_frame([]), tmp_path)
    assert "<dt>Records</dt><dd><bdi>0</bdi></dd>" in page


def test_the_command_names_its_file_by_hash_and_the_coverage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    frame = frame_of({"model": "a", "total_cost": 1.0, "created_at": DAY})
    frame.attrs["coverage"] = Coverage(4, 1, ("x", "y", "z")).to_json()
    write_parquet(frame, "one.parquet")
    assert run(["report", "one.parquet", "-o", "page.html", "--tz", "Europe/Berlin", "--sections", "act-on"]) == 0
    assert capsys.readouterr().err == "Wrote page.html.\n"
    page = Path("page.html").read_text(encoding="utf-8")
    assert hashlib.sha256(Path("one.parquet").read_bytes()).hexdigest() in page
    assert "25.0 % of the ids have a record (3 of 4 missing), so totals are lower bounds." in page
    assert "2026-03-01 13:00" in page
    assert "≥ $1.00" in page


def test_a_page_of_a_frame_shows_its_coverage_in_each_total(tmp_path: Path) -> None:
    frame = frame_of(*({"model": name, "total_cost": 1.0, "created_at": DAY} for name in "ab"))
    assert "<dt>Coverage</dt><dd><bdi>unknown</bdi></dd>" in page_of(frame, tmp_path, **ACT_ON)
    frame.attrs["coverage"] = Coverage.of([], found=2).to_json()
    assert "≥" not in page_of(frame, tmp_path, **ACT_ON)
    frame.attrs["coverage"] = Coverage.of(["gen-x", "gen-y"], found=2).to_json()
    page = page_of(frame, tmp_path, **ACT_ON)
    assert "≥ $2.00" in page
    assert "≥ 2" in page
    assert "50.0 % of the ids have a record (2 of 4 missing), so totals are lower bounds." in page
    assert "50.0 % covered" in page
    assert "50.0 % of all requested ids covered" in page_of(frame.head(1), tmp_path, **ACT_ON)


def test_a_missing_directory_is_reported_before_the_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "nothing.parquet", "-o", "missing/page.html"]) == 2
    assert "there is no directory 'missing'" in capsys.readouterr().err


def test_a_report_needs_the_suffix_of_a_page(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot write a report to '.*page.txt': give a name that ends in .html"):
        write_report(parse_frame([]), tmp_path / "page.txt")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_zone_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no time zone 'Berlin'"):
        write_report(parse_frame([]), tmp_path / "page.html", tz="Berlin")


def test_a_long_text_keeps_its_ends() -> None:
    assert clean("a" * 50 + "b" * 50, 11) == "aaaaa…bbbbb"


def test_a_report_that_cannot_be_written_is_refused_before_the_data_is_read(tmp_path: Path) -> None:
    no_records = pd.DataFrame({"other": [1]})
    with pytest.raises(InputError, match=r"there is no directory '.*no'; create it first"):
        write_report(no_records, tmp_path / "no" / "report.html")


def test_sections_are_chosen_by_name(tmp_path: Path) -> None:
    frame = frame_of({"model": "a", "total_cost": 1.0, "created_at": DAY})
    page = page_of(frame, tmp_path, sections=["who", "act-on"])
    assert re.findall(r'<section id="([^"]*)"', page) == ["act-on", "who"]
    with pytest.raises(InputError, match=r"no section 'whom'; did you mean 'who'\?"):
        write_report(frame, tmp_path / "other.html", sections=["whom"])
    with pytest.raises(InputError, match=r"sections='who': give a list of names; there are act-on, spend, who"):
        write_report(frame, tmp_path / "other.html", sections="who")


def test_labels_are_added_to_both_periods(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"external_user": user, "total_cost": 1.0, "created_at": DAY} for user in ("u1", "u2", "u2")
    ]
    labels = {"u1": "Acme", "u2": "Bit"}
    page = page_of(frame_of(*rows), tmp_path, labels=labels, against=frame_of(*rows[:1]), sections=["who"])
    assert "Cost by customer" in page
    assert "Of 2 customers, Bit has 66.7 % of the cost" in page
    table = tmp_path / "labels.csv"
    table.write_text("external_user,team\nu1,red\nu2,blue\n", encoding="utf-8")
    assert "Of 2 teams, blue has 66.7 %" in page_of(frame_of(*rows), tmp_path, labels=table, sections=["who"])


def test_a_comparison_names_its_days(tmp_path: Path) -> None:
    rows = [{"model": "a", "total_cost": 2.0, "created_at": DAY + pd.Timedelta(days=day)} for day in (0, 1)]
    before = [row | {"total_cost": 1.0, "created_at": DAY - pd.Timedelta(days=9)} for row in rows[:1]]
    page = page_of(frame_of(*rows), tmp_path, against=frame_of(*before), **ACT_ON)
    assert "against 20 Feb 2026" in page
    assert "+300.0 %" in page
    assert "against" not in page_of(frame_of(*rows), tmp_path, **ACT_ON)


def test_a_result_of_fetch_brings_its_coverage(tmp_path: Path) -> None:
    frame = frame_of({"model": "a", "total_cost": 1.0, "created_at": DAY})
    frame.attrs["coverage"] = Coverage.of(["gen-x"], found=1).to_json()
    stats = Stats(2, 2, {"ok": 1, "not_found": 1}, requests=2, from_cache=0, not_stored=0, seconds=1.0)
    page = page_of(FetchResult(frame, pd.DataFrame(), stats), tmp_path, **ACT_ON)  # type: ignore[arg-type]
    assert "≥ 1 request, 1 Mar 2026, UTC, 50.0 % covered" in page


def test_the_command_compares_with_the_period_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [{"model": "a", "total_cost": 1.0, "created_at": DAY + pd.Timedelta(days=day)} for day in (0, 1, 2)]
    write_parquet(frame_of(*rows), "three.parquet")
    chosen = ["--since", "2026-03-02", "--until", "2026-03-04", "--against", "previous", "--sections", "act-on"]
    assert run(["report", "three.parquet", "-o", "page.html", "--title", "March", *chosen]) == 0
    assert "compared with records of 2026-02-28 to 2026-03-01" in capsys.readouterr().err
    page = Path("page.html").read_text(encoding="utf-8")
    assert "<title>March</title>" in page
    assert "+100.0 %" in page
    assert run(["report", "three.parquet", "--sections", "spend,nothing"]) == 2
    assert "no section 'nothing'" in capsys.readouterr().err
