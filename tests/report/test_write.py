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
from genanalytics.records.coverage import Coverage
from genanalytics.records.frame import parse_frame, to_frame
from genanalytics.records.schema import ARROW_SCHEMA
from genanalytics.report.page import clean

DAY = pd.Timestamp("2026-03-01T12:00Z")


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
    of_frame = page_of(frame, tmp_path)
    of_scan = page_of(scan(tmp_path / "four.parquet"), tmp_path)
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
    assert run(["report", "one.parquet", "-o", "page.html", "--tz", "Europe/Berlin"]) == 0
    assert capsys.readouterr().err == "Wrote page.html.\n"
    page = Path("page.html").read_text(encoding="utf-8")
    assert hashlib.sha256(Path("one.parquet").read_bytes()).hexdigest() in page
    assert "25.0 % of the ids have a record (3 of 4 missing), so totals are lower bounds." in page
    assert "2026-03-01 13:00" in page
    assert "≥ $1.00" in page


def test_a_page_of_a_frame_shows_its_coverage_in_each_total(tmp_path: Path) -> None:
    frame = frame_of(*({"model": name, "total_cost": 1.0, "created_at": DAY} for name in "ab"))
    assert "<dt>Coverage</dt><dd><bdi>unknown</bdi></dd>" in page_of(frame, tmp_path)
    frame.attrs["coverage"] = Coverage.of([], found=2).to_json()
    assert "≥" not in page_of(frame, tmp_path)
    frame.attrs["coverage"] = Coverage.of(["gen-x", "gen-y"], found=2).to_json()
    page = page_of(frame, tmp_path)
    assert "≥ $2.00" in page
    assert "≥ 2" in page
    assert "50.0 % of the ids have a record (2 of 4 missing), so totals are lower bounds." in page
    assert "coverage 50.0 %: totals are lower bounds" in page
    some = page_of(frame.head(1), tmp_path)
    assert "coverage 50.0 % of all requested ids, unknown among these: totals are lower bounds" in " ".join(
        some.split()
    )


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
