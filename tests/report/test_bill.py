"""Items, prices and the cost of surcharges and price changes in the report."""

import html
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import genanalytics as ga
from genanalytics.records.coverage import Coverage
from genanalytics.report.bill import compute_bill, find_price_findings
from genanalytics.report.figures import compute_figures
from genanalytics.report.findings import find_findings
from genanalytics.units import Unit, format_value
from support.billed import USUAL, bill_call, find_extra, frame_surcharged, list_surcharged
from support.generations import frame_of


def find_extras(data: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - of any engine
    """Return figures and texts of the findings about surcharges and price changes."""
    return [(one.figure, one.text) for one in find_price_findings(compute_bill(data))]


def page_of(data: Any, tmp_path: Path, **options: Any) -> str:  # noqa: ANN401 - of any engine
    ga.write_report(data, tmp_path / "report.html", **options)
    return html.unescape((tmp_path / "report.html").read_text(encoding="utf-8"))


def section(page: str, name: str) -> str:
    """Return the text of a section, without its charts."""
    (found,) = re.findall(rf'<section id="{name}".*?>(.*?)</section>', page, re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", re.sub(r"<svg.*?</svg>", "", found, flags=re.DOTALL)).split())


def test_a_surcharge_is_a_finding_with_its_exact_cost() -> None:
    extra = format_value(find_extra(list_surcharged()), Unit.USD)
    text = (
        f"maker/m at P: 1.1 times the price on 10 of 40 requests, at the same time. This cost an extra {extra}, 9.1 %"
    )
    frame, finding = frame_surcharged(), (extra, f"{text} of the cost of these requests.")
    assert find_extras(frame) == [finding]
    assert finding in [(one.figure, one.text) for one in find_findings(compute_figures(frame, tz="UTC"))]


def test_a_surcharge_of_a_model_without_a_name_is_a_finding() -> None:
    ((_, text),) = find_extras(frame_surcharged().assign(model=pd.Series(pd.NA, range(40), dtype="str")))
    assert text.startswith("not given at P: 1.1 times the price on 10 of 40 requests")


def test_a_price_change_is_a_finding_with_its_moment_and_its_cost_since() -> None:
    calls = [bill_call(place, USUAL if place < 20 else USUAL.times(120)) for place in range(40)]
    extra = format_value(sum(call["total_cost"] for call in calls[20:]) / 6, Unit.USD)
    ((figure, text),) = find_extras(frame_of(*calls))
    assert figure == extra
    assert "1.2 times the price on 20 of 40 requests, from 2026-03-02 08:00 UTC on." in text
    assert f"This cost an extra {extra} since then, 16.7 % of the cost" in text


def test_a_lower_price_is_a_saving() -> None:
    calls = [bill_call(place, USUAL if place < 20 else USUAL.times(50)) for place in range(40)]
    ((figure, text),) = find_extras(frame_of(*calls))
    assert figure.startswith("−$")
    assert text.endswith(f"This saved {figure[1:]} since then.")


def test_what_the_caller_chose_is_no_surcharge() -> None:
    calls = [bill_call(place, USUAL, service_tier="default") for place in range(40)]
    calls += [bill_call(place, USUAL.times(200), service_tier="priority") for place in range(20)]
    assert find_extras(frame_of(*calls)) == []


def test_prices_per_request_are_no_surcharges() -> None:
    images = [
        {"total_cost": 0.01 if place % 3 else 0.04, "native_tokens_prompt": None, "native_tokens_completion": None}
        for place in range(40)
    ]
    assert find_extras(frame_of(*images)) == []


def test_of_many_surcharges_the_largest_have_a_finding_each() -> None:
    calls = [call | {"model": f"m{number}"} for number in range(7) for call in list_surcharged(20 + 4 * number)]
    found = find_extras(frame_of(*calls))
    assert len(found) == 6
    assert found[0][1].startswith("m6 at P: 1.1 times the price on 11 of 44 requests")
    assert found[-1][1] == f"Surcharges and price changes in 2 other price regimes cost an extra {found[-1][0]}."


def test_missing_records_make_an_extra_cost_a_lower_bound() -> None:
    frame = frame_surcharged()
    frame.attrs["coverage"] = Coverage.of(["gen-x"], found=len(frame)).to_json()
    ((figure, text),) = find_extras(frame)
    assert figure.startswith("≥ $")
    assert f"This cost an extra {figure}" in text


def test_the_page_shows_items(tmp_path: Path) -> None:
    spend = section(page_of(frame_surcharged(), tmp_path, sections=["spend"]), "spend")
    assert "cache writes" in spend
    assert format_value(ga.itemize(frame_surcharged())["output_cost"].sum(), Unit.USD)[:6] in spend


def test_a_relation_gives_the_findings_of_the_frame(tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    frame = frame_surcharged()
    ga.write_parquet(frame, tmp_path / "frame.parquet")
    assert find_extras(ga.scan(tmp_path / "frame.parquet")) == find_extras(frame)


def test_names_of_strangers_are_text(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    calls = [call | {"model": evil, "provider_name": evil} for call in list_surcharged()]
    ga.write_report(frame_of(*calls), tmp_path / "report.html", sections=["act-on", "prices"])
    raw = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert raw.count("<script>") == 1
    assert f"{html.escape(evil)} at " in raw
