"""What the report says, and that it says it harmlessly; tests/test_report_page.py opens it in a browser."""

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
from genanalytics.records.frame import from_rows, from_table
from genanalytics.records.schema import ARROW_SCHEMA
from genanalytics.report.findings import figures, findings
from genanalytics.report.page import readable

DAY = pd.Timestamp("2026-03-01T12:00Z")


def frame_of(*rows: dict[str, object]) -> pd.DataFrame:
    """Return records, fetched long after the last of them; what a row does not say is a gap."""
    told = [
        {"requested_id": f"gen-{place}", "fetched_at": DAY + pd.Timedelta(days=90)} | row
        for place, row in enumerate(rows)
    ]
    return from_table(pa.Table.from_pylist(told, schema=ARROW_SCHEMA))


def said(frame: pd.DataFrame) -> list[tuple[str, str]]:
    return [(finding.figure, finding.text) for finding in findings(figures(frame, tz="UTC"))]


def page_of(frame: pd.DataFrame, tmp_path: Path, **options: object) -> str:
    write_report(frame, tmp_path / "report.html", **options)  # type: ignore[arg-type]
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_largest_cost_is_named_with_its_share() -> None:
    found = said(frame_of({"model": "a", "total_cost": 3.0}, {"model": "b", "total_cost": 1.0}))
    assert found[0] == ("75.0 %", "a is the largest cost: $3.000 of $4.000, in 1 request.")


def test_what_moved_is_told_by_whole_days_and_the_model_that_moved_it_most() -> None:
    rows = [
        {"model": model, "total_cost": cost, "created_at": DAY + pd.Timedelta(days=day)}
        for day, costs in enumerate([(9.0, 9.0), (1.0, 1.0), (1.0, 1.0), (1.0, 4.0), (1.0, 6.0), (0.1, 0.1)])
        for model, cost in zip("ab", costs, strict=True)
    ]
    compared = "Cost per day went from $2.000 to $6.000, the 2 days to 2026-03-05 against those before"
    assert ("+200.0 %", f"{compared}; b moved it most, by +$4.000 a day.") in said(frame_of(*rows))


def test_the_outer_days_which_need_not_be_whole_move_nothing() -> None:
    costs = [50.0, 1.0, 1.0, 1.0, 1.0, 99.0]
    rows = [
        {"model": "a", "total_cost": cost, "created_at": DAY + pd.Timedelta(days=day)} for day, cost in enumerate(costs)
    ]
    assert not any("Cost per day went" in text for _, text in said(frame_of(*rows)))


def test_caching_that_loses_money_is_said_with_both_sides() -> None:
    found = said(
        frame_of(
            {"model": "a", "total_cost": 2.0, "cache_discount": -0.5},
            {"model": "a", "total_cost": 1.0, "cache_discount": 0.25},
            {"model": "b", "total_cost": 1.0, "cache_discount": 4.0},
        )
    )
    sides = "reads saved $4.250, writes cost $0.5000 on top"
    text = f"Prompt caching saved $3.750 on balance, a savings rate of 48.4 %: {sides}."
    assert ("$3.750", text) in found
    text = "Caching loses money with a: what was written cost $0.5000 on top and was read for $0.2500."
    assert ("−$0.2500", text) in found


def test_no_discount_is_said_in_words_and_not_as_zero() -> None:
    text = "No record reports a discount, so nothing can be said about what prompt caching saved or cost."
    assert ("no discount reported", text) in said(frame_of({"model": "a", "total_cost": 1.0}))


def test_a_tail_is_singled_out_when_it_is_surely_longer() -> None:
    good: dict[str, object] = {"streamed": True, "cancelled": False, "finish_reason": "stop", "generation_time": 90_000}
    rows = [
        good | {"provider_name": name, "latency": base + 10 * place}
        for name, base in (("Slow", 20_000), ("Quick", 1_000), ("Brisk", 1_500))
        for place in range(200)
    ]
    found = [text for figure, text in said(frame_of(*rows)) if figure.startswith("p95")]
    assert len(found) == 1
    assert "waits 21.9 s (95 % interval from" in found[0]
    assert "or longer for its first token at Slow; the median of the other providers is 3.14 s" in found[0]
    few = [row for place, row in enumerate(rows) if place % 10 == 0]
    assert not any(figure.startswith("p95") for figure, _ in said(frame_of(*few)))


def test_costs_that_are_not_known_are_a_finding() -> None:
    found = said(frame_of({"model": "a", "total_cost": 1.0, "is_byok": True}))
    assert ("1 request", "The cost of 1 request is not known in full, so every total is a lower bound.") in found


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
    page = page_of(from_rows([]), tmp_path)
    assert "<dt>Records</dt><dd><bdi>0</bdi></dd>" in page


def test_the_command_names_its_file_by_hash_and_the_coverage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_parquet(frame_of({"model": "a", "total_cost": 1.0, "created_at": DAY}), "one.parquet", asked=4)
    assert run(["report", "one.parquet", "-o", "page.html", "--tz", "Europe/Berlin"]) == 0
    assert capsys.readouterr().err == "Wrote page.html.\n"
    page = Path("page.html").read_text(encoding="utf-8")
    assert hashlib.sha256(Path("one.parquet").read_bytes()).hexdigest() in page
    assert "25.0 % of the ids asked for have a record" in page
    assert "2026-03-01 13:00" in page
    assert "≥ $1.00" in page


def test_a_place_that_is_not_there_is_told_before_the_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "nothing.parquet", "-o", "missing/page.html"]) == 2
    assert "there is no directory 'missing'" in capsys.readouterr().err


def test_what_is_no_page_by_its_name_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"page.txt': a report is a page; give it a name that ends in .html"):
        write_report(from_rows([]), tmp_path / "page.txt")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_zone_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no time zone 'Berlin'"):
        write_report(from_rows([]), tmp_path / "page.html", tz="Berlin")
    with pytest.raises(OutputError, match="cannot write"):
        write_report(from_rows([]), tmp_path / "missing" / "page.html")


def test_a_long_text_keeps_its_ends() -> None:
    assert readable("a" * 50 + "b" * 50, 11) == "aaaaa…bbbbb"
