"""What the documents say about the code is what the code says."""

import inspect
import re
from pathlib import Path

import pytest

import genanalytics
from genanalytics import Client, __all__, metrics, plots, sandbox
from genanalytics.cli.demo import run_demo
from genanalytics.fetching.answers import Outcome
from genanalytics.plots import CHARTS
from genanalytics.records.exported import COLUMN_OF
from genanalytics.report import findings
from support.examples import make_sample
from support.generations import parse_records
from support.paths import DOCS, ROOT
from support.scripts import load

GENERATE = load(DOCS / "generate.py")
GALLERY = load(DOCS / "gallery.py")


@pytest.mark.parametrize("page", GENERATE.PAGES)
def test_the_pages_that_are_made_from_the_code_are_current(page: str) -> None:
    written = (DOCS / page).read_text(encoding="utf-8")
    assert written == GENERATE.PAGES[page](), "make them anew: python3 dev.py docs"


def test_the_page_of_statistics_is_that_of_the_declarations() -> None:
    assert (DOCS / "metrics.md").read_text().endswith(GENERATE.make_reference())


def test_the_table_of_the_readme_is_that_of_the_demo(tmp_path: Path) -> None:
    said: list[str] = []
    run_demo(tmp_path, said.append, width=1000)
    shown = re.search(r"```text\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert shown is not None
    printed = "\n".join(said).splitlines()
    for line in shown[1].splitlines():
        assert line == "..." or line in printed


def test_the_answers_of_the_readme_are_those_of_its_table_and_of_a_comparison() -> None:
    answers, table = re.findall(r"Its answers(.*?)\n## |```text\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    money, caching, latency = re.findall(r"\*\* (.*?)\n(?=\n|-)", answers[0].replace("\n  ", " "), re.DOTALL)
    figures = re.findall(r"\$[\d.]+|[\d.]+ %", money + caching)
    assert len(figures) == 5
    assert [figure for figure in figures if figure not in table[1]] == []
    found = genanalytics.compare(
        parse_records(make_sample().records), by="provider_name", a="Azure", b="OpenAI", metric="ttft_ms_p50"
    )
    assert [figure for figure in re.findall(r"[\d.]+ m?s", latency) if figure not in found.answer] == []
    assert "Azure is 1.24 s higher than OpenAI" in found.answer


def test_the_gallery_shows_every_chart_and_how_to_draw_it() -> None:
    text = (DOCS / "gallery.md").read_text()
    for name, chart in CHARTS.items():
        assert f"## {chart.question}\n" in text
        assert f"$ genanalytics plot {name} " in text
        assert f"ga.plots.{chart.draw.__name__}(frame" in text
        for suffix in GALLERY.SUFFIXES.values():
            assert f'"gallery/{name}{suffix}.png"' in text
    assert text == GALLERY.put_grid(text), "draw it anew: python3 dev.py gallery"


def test_each_thumbnail_leads_to_its_chart() -> None:
    text = (DOCS / "gallery.md").read_text()
    anchors = re.findall(r"\]\(#([^)]+)\)", GALLERY.make_grid())
    headings = [
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall("^## (.+)", text, re.MULTILINE)
    ]
    assert len(anchors) == 2 * len(CHARTS)
    assert set(anchors) <= set(headings)


def test_the_pictures_of_the_gallery_are_its_charts_light_and_dark_and_small() -> None:
    names = {f"{name}{suffix}.png" for name in CHARTS for suffix in GALLERY.SUFFIXES.values()}
    for folder in (DOCS / "gallery", DOCS / "gallery" / "thumbs"):
        assert {picture.name for picture in folder.glob("*.png")} == names
    pictures = list((DOCS / "gallery").rglob("*.png"))
    assert max(picture.stat().st_size for picture in pictures) < 200_000
    assert sum(picture.stat().st_size for picture in pictures) < 6_000_000


def test_links_between_the_documents_lead_somewhere() -> None:
    for document in [*ROOT.glob("*.md"), *ROOT.glob("*/*.md")]:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name} links to {link}"


def test_every_column_of_an_export_is_told() -> None:
    told = (DOCS / "activity.md").read_text()
    assert [name for name in COLUMN_OF if f"`{name}`" not in told] == []


def test_every_outcome_is_told_as_the_failures_explain_themselves() -> None:
    told = (DOCS / "fetching.md").read_text().replace("`", "")
    for outcome in Outcome:
        row = f"| {outcome} | {outcome.meaning} | {outcome.next_step} |".replace("  ", " ")
        assert row in told


def test_every_option_of_a_client_is_told() -> None:
    told = (DOCS / "fetching.md").read_text()
    options = [name for name in inspect.signature(Client).parameters if name != "api_key"]
    assert re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", told, re.MULTILINE)[-len(options) :] == options


def test_the_rules_of_findings_are_those_of_the_report() -> None:
    told = (DOCS / "gallery.md").read_text()
    change, loss = f"{100 * findings.NOTABLE_CHANGE:g} %", f"{100 * findings.NOTABLE_LOSS:g} %"
    assert f"| more than {change}, between at least {findings.LEAST_DAYS} pairs of whole days |" in told
    assert f"| the loss is above {loss} of the total cost " in told
    assert len(re.findall(rf"\| at least {findings.LEAST_REQUESTS} requests[,;] ", told)) == 2
    assert f"is at least {findings.LONG_TAIL:g} times the share at all other providers" in told


def test_the_guide_leads_to_every_page() -> None:
    links = set(re.findall(r"\]\((\w+\.md)", (DOCS / "README.md").read_text()))
    assert links == {page.name for page in DOCS.glob("*.md")} - {"README.md"}


def test_the_overview_of_the_reference_leads_to_every_function() -> None:
    named = set(re.findall(r"^   ([\w.]+)$", (DOCS / "api" / "index.rst").read_text(), re.MULTILINE))
    functions = {name for name in __all__ if inspect.isroutine(getattr(genanalytics, name))}
    assert {*functions, *(f"plots.{chart.draw.__name__}" for chart in CHARTS.values())} <= named


def test_every_public_name_has_its_entry_in_the_reference() -> None:
    text = "\n".join(page.read_text() for page in (DOCS / "api").glob("*.rst"))
    entries = re.findall(r"^\.\. (?:auto\w+|py:data):: ((?:.|\n {13})+)", text, re.MULTILINE)
    told = {name.rpartition(".")[2] for entry in entries for name in re.findall(r"[\w.]+", entry.partition("(")[0])}
    public = {*__all__, *metrics.__all__, *plots.__all__, *sandbox.__all__} - {"__version__", "metrics", "plots"}
    others = {
        "genanalytics",
        "Coverage",
        "format_value",
        "Attempt",
        "Bill",
        "Line",
        "MedianComparison",
        "Meter",
        "Regime",
        "SessionShare",
        "Tokens",
        "ClientOptions",
        "SummaryOptions",
    }  # documented, but not public names
    assert told - others == public
