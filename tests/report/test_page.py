"""A page in a real browser, opened from disk."""

import csv
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from genanalytics import write_report
from genanalytics.plots.content import add_columns, add_series, find_content
from genanalytics.plots.style import draw_legend, style_axes, write_title
from genanalytics.records.frame import parse_frame
from genanalytics.records.parse import Row
from genanalytics.report.blocks import Block, Cell, Change, Chart, Column, Fact, Facts, Page, Section, Table, Text, Tile
from genanalytics.report.page import render
from genanalytics.report.svg import draw_chart
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
    "{{ 7 * 7 }}{% raw 7 %}",
    "$\\frac{1}{2}$ and $5",
    "x" * 400,
]
SIZES = {"wide": (1400, 900), "middle": (800, 900), "phone": (390, 800)}
ROWS = 24


def make_table(name: str, *, rows: int = ROWS, folded: str = "") -> Table:
    """Return a table of models and their costs, the last of them unknown; every name is hostile in its turn."""
    columns = [
        Column("model", numeric=False),
        Column("cost", definition="What was paid."),
        *(Column(f"figure {number} of many") for number in range(8)),
        Column("change", of_change=True),
    ]
    made = [
        [
            Cell(HOSTILE[row % len(HOSTILE)]),
            Cell(
                f"{'≥ ' if row == 1 else ''}${row}.00",
                str(float(row)),
                numeric=True,
                bar=row / rows,
                trend=[1, 2, None, 3],
            ),
            *(Cell(f"{number * row:,}", str(number * row), numeric=True) for number in range(8)),
            Cell("+1.0 %", "0.01", numeric=True),
        ]
        for row in range(rows - 1)
    ]
    gap = [Cell("=SUM(A1)"), Cell("–", numeric=True), *[Cell("–", numeric=True)] * 9]
    return Table(name, f"Costs of {name}", columns, [*made, gap], ["A note."], folded)


def draw_bars(ax: Axes) -> None:
    """Draw two stacked series with a legend, a text for each bar, and a name that is hostile."""
    with style_axes(ax) as axes:
        write_title(axes, "Cost per day", ["an upper bound"])
        for label, bottom in (("first", 0.0), (HOSTILE[1], 1.0)):
            add_series(axes, label, axes.bar(range(5), [1.0] * 5, bottom=bottom, label=label))
        find_content(axes).earlier = [HOSTILE[1]]
        draw_legend(axes, [Patch(color=f"C{place}", label=label) for place, label in enumerate(("first", HOSTILE[1]))])
        add_columns(
            axes,
            [day - 0.5 for day in range(5)],
            [day + 0.5 for day in range(5)],
            [f"day {day}\n$2.00" for day in range(5)],
        )


@pytest.fixture(scope="module")
def chart() -> Chart:
    numbers = make_table("costs-numbers", rows=3)
    return draw_chart(draw_bars, name="costs", question="When?", numbers=numbers, in_words="5 days.")


@pytest.fixture(scope="module")
def page(chart: Chart) -> Page:
    change = Change("+12.3 %", "1-31 Aug 2026", alarming=True, certainty="sure")
    advice = Fact(
        "$12.00", "Move these requests to a cheaper model.", "hidden", commands=[("Details", "genanalytics waste")]
    )
    users = replace(make_table("users"), has_rest=True)
    spend: list[Block] = [chart, make_table("models"), make_table("hidden", folded="All models"), users]
    return Page(
        HOSTILE[0],
        "400 requests, 1-30 Sep 2026, UTC, 97.1 % covered",
        [Tile(label, "$412.00", "$13.20 a day", change, [1, 2, None, 4], "spend") for label in ("spend", "saved")],
        [
            Section("act-on", "Act on", "One action saves $12 a month.", [Facts("advice", [advice])]),
            Section("spend", "Spend", "Spend rose by 12.3 %.", spend),
            Section(
                "appendix", "Appendix", "16 of 17 checks passed.", [Text("A word."), make_table("all")], folded=True
            ),
        ],
        [("Made with", "genanalytics")],
        "1-31 Aug 2026",
        "389 of 400",
    )


@pytest.fixture(scope="module")
def file(page: Page, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(render(page), encoding="utf-8")
    return path


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
def opened(browser: Any, file: Path) -> Iterator[Any]:
    """Return the page, open on a wide screen; nothing but its file may be asked for, and nothing be said."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    asked: list[str] = []
    said: list[str] = []
    tab = context.new_page()
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.goto(file.as_uri())
    yield tab
    assert said == []
    assert [url for url in asked if not url.startswith("blob:")] == [file.as_uri()]
    context.close()


def resize(tab: Any, size: str) -> None:
    width, height = SIZES[size]
    tab.set_viewport_size({"width": width, "height": height})


def read_column(tab: Any, table: str, place: int) -> list[str]:
    cells = tab.locator(f"[data-name='{table}'] tbody tr:visible > :nth-child({place})")
    found: list[str] = cells.evaluate_all("found => found.map(cell => cell.dataset.value ?? cell.textContent)")
    return found


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_wider_than_the_window_and_one_drawing_of_a_chart_is_shown(opened: Any, size: str) -> None:
    resize(opened, size)
    opened.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    assert opened.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    shown = {kind: opened.locator(f"#costs .{kind}").is_visible() for kind in ("wide", "narrow")}
    assert shown == {"wide": size != "phone", "narrow": size == "phone"}


def test_a_phone_shows_no_text_below_11_pixels_and_names_with_room(opened: Any) -> None:
    resize(opened, "phone")
    sizes = opened.locator("#costs .narrow text").evaluate_all(
        "texts => texts.map(text => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a)"
    )
    assert min(sizes) >= 11
    letters = "cell => { const probe = document.createElement('span'); probe.textContent = '0'.repeat(14);"
    letters += (
        " cell.append(probe); const least = probe.offsetWidth; probe.remove(); return [cell.clientWidth, least]; }"
    )
    found = opened.locator("[data-name='models'] tbody tr > :first-child").evaluate_all(
        f"cells => cells.map({letters})"
    )
    assert all(width >= 0.95 * least for width, least in found)


def test_no_serious_obstacle_for_anybody(opened: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed: run with --all")
    opened.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    found = axe.Axe().run(opened).response["violations"]
    opened.emulate_media(color_scheme="dark")
    found += axe.Axe().run(opened, options={"runOnly": ["color-contrast"]}).response["violations"]
    assert [each["id"] for each in found if each["impact"] in {"serious", "critical"}] == []


def test_colors_follow_the_scheme(opened: Any) -> None:
    looks = []
    for scheme in ("light", "dark"):
        opened.emulate_media(color_scheme=scheme)
        looks.append(
            [
                opened.evaluate("getComputedStyle(document.body).backgroundColor"),
                opened.locator("#costs .wide text").first.evaluate("text => getComputedStyle(text).fill"),
            ]
        )
    assert all(one != other for one, other in zip(*looks, strict=True))
    assert "background" not in opened.locator("#costs svg").first.evaluate("svg => svg.outerHTML")


def test_a_click_sorts_a_table_and_a_second_one_reverses_it(opened: Any) -> None:
    heading = opened.locator("[data-name='models'] th", has_text="cost")
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    known = read_column(opened, "models", 2)
    assert known == [*(str(float(row)) for row in reversed(range(ROWS - 1))), ""]
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert read_column(opened, "models", 2) == [*reversed(known[:-1]), ""]


def test_the_row_of_all_others_stays_last_and_no_filter_shows_it(opened: Any) -> None:
    heading = opened.locator("[data-name='users'] th", has_text="cost")
    for _ in range(2):
        heading.locator("button").click()
        assert opened.locator("[data-name='users'] tr").last.text_content().startswith("=SUM(A1)")
    opened.get_by_label("Filter rows of: Costs of users").fill("raw 7")
    assert not opened.locator("[data-name='users'] tr").last.is_visible()


def test_long_tables_have_a_filter(opened: Any) -> None:
    opened.get_by_label("Filter rows of: Costs of models").fill("raw 7")
    left = read_column(opened, "models", 1)
    assert left
    assert set(left) == {HOSTILE[4]}
    assert opened.get_by_text(f"{len(left)} of {ROWS} rows").is_visible()
    assert opened.get_by_label("Filter rows of: Costs of costs-numbers").count() == 0


def test_a_table_can_be_saved_as_csv_without_formulas(opened: Any, tmp_path: Path) -> None:
    with opened.expect_download() as download:
        opened.get_by_label("Download CSV: Costs of models").click()
    assert download.value.suggested_filename == "models.csv"
    download.value.save_as(tmp_path / "models.csv")
    with (tmp_path / "models.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows[0][:4] == ["model", "cost", "cost is a lower bound", "figure 0 of many"]
    assert rows[2][1] == "1.0"
    assert [row[2] for row in rows[1:4]] == ["no", "yes", "no"]
    assert rows[-1][:3] == ["'=SUM(A1)", "", "no"]
    assert len(rows) == ROWS + 1


def test_a_legend_entry_shows_its_series_alone_and_then_all_again(opened: Any) -> None:
    entry = opened.locator("#costs .legend button").first
    marks = opened.locator("#costs .wide svg [data-series='1']")
    entry.focus()
    for pressed, dim in (("true", True), ("false", False)):
        opened.keyboard.press("Enter")
        assert entry.get_attribute("aria-pressed") == pressed
        found = marks.evaluate_all("marks => marks.map(mark => mark.classList.contains('off'))")
        assert found
        assert all(one is dim for one in found)


def test_the_pointer_and_the_keyboard_read_values(opened: Any) -> None:
    tip = opened.locator("#tip")
    value = opened.locator("#costs .wide [data-tip]").first
    text = value.get_attribute("data-tip")
    assert text
    value.scroll_into_view_if_needed()
    value.hover()
    assert tip.inner_text() == text
    opened.mouse.move(0, 0)
    assert not tip.is_visible()
    opened.locator("#costs .wide svg").focus()
    opened.keyboard.press("ArrowRight")
    assert tip.inner_text() == text
    opened.keyboard.press("Escape")
    assert not tip.is_visible()
    resize(opened, "phone")
    opened.locator("#costs .narrow [data-tip]").first.hover()
    assert tip.inner_text() == text


def test_the_switch_hides_what_is_about_the_period_before(opened: Any) -> None:
    changes = opened.locator(".versus:visible")
    assert changes.count() > ROWS
    assert opened.locator("#costs .wide .versus").count() > 0
    opened.get_by_label("Compare with 1-31 Aug 2026").uncheck()
    assert changes.count() == 0


def test_a_link_opens_the_closed_part_that_it_leads_to(opened: Any) -> None:
    table = opened.locator("[data-name='hidden']")
    assert not table.is_visible()
    opened.locator("#advice a").click()
    assert table.is_visible()
    opened.locator("nav a", has_text="Appendix").click()
    assert opened.locator("[data-name='all']").is_visible()


def test_what_strangers_wrote_does_nothing(opened: Any) -> None:
    assert opened.evaluate("window.harmed") is None
    assert opened.locator("script").count() == 1
    assert opened.title() == HOSTILE[0]


def test_it_is_readable_without_script(browser: Any, file: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(file.as_uri())
    assert tab.locator("[data-name='models']").is_visible()
    tab.locator("summary", has_text="All models").click()
    assert tab.locator("[data-name='hidden']").is_visible()
    assert tab.locator("input[type=search]").count() == 0
    context.close()


def test_paper_has_the_open_parts_alone(opened: Any) -> None:
    printed = opened.pdf(prefer_css_page_size=True)
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 3
    opened.emulate_media(media="print")
    shown = {name: opened.locator(name).first.is_visible() for name in ("#models", "nav", ".tools", "#appendix h2")}
    assert shown == {"#models": True, "nav": False, ".tools": False, "#appendix h2": False}
    assert opened.locator("#costs .wide").is_visible()


def test_ids_are_unique_and_every_reference_has_one(opened: Any) -> None:
    ids = opened.locator("[id]").evaluate_all("found => found.map(element => element.id)")
    assert len(ids) == len(set(ids))
    text = re.sub(r"<script>.*?</script>", "", opened.content(), flags=re.DOTALL)
    references = re.findall(r'(?:url\(|href="|described[a-z]*="|labelledby=")#?([^)"]+)', text)
    assert references
    assert set(references) <= set(ids)


def test_a_report_of_hostile_records_is_harmless_and_fits_a_phone(browser: Any, tmp_path: Path) -> None:
    names = [*HOSTILE, "\u202egnp.exe\u202c", "null\x00 and escape\x1b[31m", "x" * 10_000, ""]
    made = sample(60)
    rows = [Row(each, json.dumps({"data": record}).encode(), 1.76e9) for each, record in made.records.items()]
    frame = parse_frame(rows)
    for column in ("model", "provider_name", "session_id"):
        frame[column] = pd.array([names[place % len(names)] for place in range(len(frame))], dtype="str")
    write_report(frame, tmp_path / "report.html", sections=["spend", "who"], title=HOSTILE[0])
    context = browser.new_context(viewport={"width": 390, "height": 800})
    tab = context.new_page()
    tab.goto((tmp_path / "report.html").as_uri())
    assert tab.evaluate("window.harmed") is None
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    text = tab.inner_text("body")
    assert "\u202e" not in text
    assert r"\u202egnp.exe\u202c" in text
    assert '""' in text
    ids = tab.locator("[id]").evaluate_all("found => found.map(element => element.id)")
    assert len(ids) == len(set(ids))
    context.close()
