"""The report in a real browser, opened from disk."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from genanalytics import write_report
from genanalytics.records.frame import parse_frame
from genanalytics.records.parse import Row
from genanalytics.sandbox import sample

pytestmark = pytest.mark.long

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HOSTILE = [
    "<script>window.harmed = 1</script>",
    "<img src=x onerror='window.harmed = 1'>",
    "\"><svg onload='window.harmed = 1'>",
    "]]><b>",
    "{{ 7 * 7 }}{% raw %}",
    "\u202egnp.exe\u202c",
    "$\\frac{1}{2}$ and $5",
    "null\x00 and escape\x1b[31m",
    "x" * 10_000,
]


def frame_of(records: int = 400, **changes: list[str]) -> pd.DataFrame:
    """Return sample records, some columns of them with other values in turn."""
    made = sample(records)
    frame = parse_frame([Row(each, body_of(record), 1_760_000_000.0) for each, record in made.records.items()])
    for name, values in changes.items():
        frame[name] = pd.array([values[place % len(values)] for place in range(len(frame))], dtype="str")
    return frame


def body_of(record: object) -> bytes:
    return json.dumps({"data": record}).encode()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: run with --all")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine: apt install chromium")
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=chromium, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """Return what opens a report and gives the page; nothing but the file may be asked for, and nothing be said."""
    context = browser.new_context()
    asked: list[str] = []
    said: list[str] = []

    def open_report(frame: pd.DataFrame, **options: Any) -> Any:
        path = tmp_path / "report.html"
        write_report(frame, path, **options)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path.as_uri())
        assert asked == [path.as_uri()]
        return page

    yield open_report
    assert said == []
    assert len(asked) == 1
    context.close()


def test_a_click_sorts_a_table_and_a_second_one_turns_it_round(opened: Any) -> None:
    page = opened(frame_of())
    heading = page.locator("#cost > .scroll th", has_text="requests").first
    cells = page.locator("#cost > .scroll tbody tr td:nth-child(2)")

    def numbers() -> list[float]:
        return [float(value) for value in cells.evaluate_all("found => found.map(cell => cell.dataset.value)")]

    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert numbers() == sorted(numbers(), reverse=True)
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert numbers() == sorted(numbers())


def test_every_finding_leads_to_its_chart(opened: Any) -> None:
    page = opened(frame_of())
    targets = page.locator("#findings a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert targets
    assert all(page.locator(target).count() == 1 for target in targets)


def test_ids_are_unique_over_the_whole_page(opened: Any) -> None:
    page = opened(frame_of())
    ids = page.locator("[id]").evaluate_all("found => found.map(element => element.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_obstacle_for_anybody(opened: Any, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed: run with --all")
    page = opened(frame_of())
    page.emulate_media(color_scheme=scheme)
    found = axe.Axe().run(page).response["violations"]
    assert [each["id"] for each in found if each["impact"] in {"serious", "critical"}] == []


def test_what_strangers_wrote_does_nothing(opened: Any) -> None:
    page = opened(frame_of(model=HOSTILE, provider_name=HOSTILE), title=HOSTILE[0])
    assert page.evaluate("window.harmed") is None
    assert page.locator("script").count() == 1
    assert "{{ 7 * 7 }}" in page.content()
    assert page.title() == HOSTILE[0]
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_it_prints_on_a4_and_shows_in_the_dark(opened: Any) -> None:
    page = opened(frame_of())
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="light")
    assert dark != page.evaluate("getComputedStyle(document.body).backgroundColor")
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
