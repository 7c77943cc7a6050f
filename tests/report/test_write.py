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
from genanalytics.errors import InputError, OutputError
from genanalytics.records.coverage import Coverage
from genanalytics.records.frame import parse_frame, to_frame
from genanalytics.records.schema import ARROW_SCHEMA
from genanalytics.report.findings import compute_figures, find_findings
from genanalytics.report.page import clean

DAY = pd.Timestamp("2026-03-01T12:00Z")


def frame_of(*rows: dict[str, object]) -> pd.DataFrame:
    """Return records, fetched long after the last of them; what a row does not say is a gap."""
    told = [
        {"requested_id": f"gen-{place}", "fetched_at": DAY + pd.Timedelta(days=90)} | row
        for place, row in enumerate(rows)
    ]
    return to_frame(pa.Table.from_pylist(told, schema=ARROW_SCHEMA))


def said(frame: pd.DataFrame) -> list[tuple[str, str]]:
    return [(finding.figure, finding.text) for finding in find_findings(compute_figures(frame, tz="UTC"))]


def page_of(frame: pd.DataFrame, tmp_path: Path, **options: object) -> str:
    write_report(frame, tmp_path / "report.html", **options)  # type: ignore[arg-type]
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_largest_cost_is_named_with_its_share() -> None:
    found = said(frame_of({"model": "a", "total_cost": 3.0}, {"model": "b", "total_cost": 1.0}))
    assert found[0] == ("75.0 %", "a is the largest cost: $3.000 of $4.000, in 1 request.")


def test_a_change_of_cost_is_found_in_whole_days_with_the_model_that_changed_most() -> None:
    rows = [
        {"model": model, "total_cost": cost, "created_at": DAY + pd.Timedelta(days=day)}
        for day, costs in enumerate([(9.0, 9.0), (1.0, 1.0), (1.0, 1.0), (1.0, 4.0), (1.0, 6.0), (0.1, 0.1)])
        for model, cost in zip("ab", costs, strict=True)
    ]
    changed = "Cost per day changed from $2.000 to $6.000, in the 2 days to 2026-03-05 against the 2 days before"
    assert ("+200.0 %", f"{changed}; the largest part is b, +$4.000 per day.") in said(frame_of(*rows))


def test_the_first_and_the_last_day_are_left_out_of_a_change() -> None:
    costs = [50.0, 1.0, 1.0, 1.0, 1.0, 99.0]
    rows = [
        {"model": "a", "total_cost": cost, "created_at": DAY + pd.Timedelta(days=day)} for day, cost in enumerate(costs)
    ]
    assert not any("Cost per day changed" in text for _, text in said(frame_of(*rows)))


def test_caching_that_loses_money_is_described_with_both_sides() -> None:
    found = said(
        frame_of(
            {"model": "a", "total_cost": 2.0, "cache_discount": -0.5},
            {"model": "a", "total_cost": 1.0, "cache_discount": 0.25},
            {"model": "b", "total_cost": 1.0, "cache_discount": 4.0},
        )
    )
    sides = "cache reads saved $4.250, cache writes cost an extra $0.5000"
    text = f"Prompt caching saved $3.750 net, a savings rate of 48.4 %: {sides}."
    assert ("$3.750", text) in found
    text = "Caching loses money with a: cache writes cost an extra $0.5000, cache reads saved $0.2500."
    assert ("−$0.2500", text) in found


def test_no_discount_is_described_in_words_and_not_as_zero() -> None:
    text = "No record reports a discount, so savings and costs of prompt caching are unknown."
    assert ("no discount reported", text) in said(frame_of({"model": "a", "total_cost": 1.0}))


def test_a_tail_is_a_finding_if_its_interval_is_above_the_others() -> None:
    good: dict[str, object] = {"streamed": True, "cancelled": False, "finish_reason": "stop", "generation_time": 90_000}
    rows = [
        good | {"provider_name": name, "latency": base + 10 * place}
        for name, base in (("Slow", 20_000), ("Quick", 1_000), ("Brisk", 1_500))
        for place in range(200)
    ]
    found = [text for figure, text in said(frame_of(*rows)) if figure.startswith("p95")]
    assert len(found) == 1
    assert "At Slow one request in twenty waits 21.9 s or longer for its first token (95 % interval from" in found[0]
    assert "; the median of the other providers is 3.14 s" in found[0]
    few = [row for place, row in enumerate(rows) if place % 10 == 0]
    assert not any(figure.startswith("p95") for figure, _ in said(frame_of(*few)))


def test_costs_that_are_not_known_are_a_finding() -> None:
    found = said(frame_of({"model": "a", "total_cost": 1.0, "is_byok": True}))
    assert ("1 request", "The cost of 1 request is not fully known, so every total is a lower bound.") in found


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
    tiles = re.compile(r'<ul class="tiles">.*?</ul>', re.DOTALL)
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
    with pytest.raises(OutputError, match="cannot write"):
        write_report(parse_frame([]), tmp_path / "missing" / "page.html")


def test_a_long_text_keeps_its_ends() -> None:
    assert clean("a" * 50 + "b" * 50, 11) == "aaaaa…bbbbb"
