"""The site builds where there is no network, without a warning, and what it links to is there."""

import os
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import genanalytics as ga
from genanalytics import metrics, plots, sandbox
from support.paths import ROOT

pytest.importorskip("sphinx", reason="sphinx is not installed: python3 dev.py site")
pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

SOURCES = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "data",
    "docs",
    "genanalytics",
    "notebooks",
    "tests",
    "benchmarks",
)
NOTEBOOK = """{"cells": [{"cell_type": "markdown", "id": "title", "metadata": {}, "source": ["# Of this test"]},
{"cell_type": "code", "id": "sum", "execution_count": 1, "metadata": {}, "source": ["1 / 0  # is not run"], "outputs": [
{"output_type": "stream", "name": "stdout", "text": ["what was committed\\n"]}]}],
"metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the site, built from a copy of the sources and one notebook more."""
    root = tmp_path_factory.mktemp("site")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
        elif source.exists():
            shutil.copy(source, root / name)
    (root / "notebooks" / "of_this_test.ipynb").write_text(NOTEBOOK)
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
    command = [sys.executable, "-m", "sphinx", "-M", "html", ".", "site", "-c", "docs", "--fail-on-warning", "--quiet"]
    done = subprocess.run(
        command,
        cwd=root,
        env=os.environ | nowhere | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return root / "site" / "html"


class Page(HTMLParser):
    """What a page links to and loads, and what in it can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.ids: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids.add(found.get("id") or "")
        if tag == "a":
            self.links.append(found.get("href") or "")
        elif tag in {"img", "script", "iframe"}:
            self.loaded.append(found.get("src") or "")
        elif tag == "link" and found.get("rel") in {"stylesheet", "icon", "preload"}:
            self.loaded.append(found.get("href") or "")


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html") if "_static" not in path.parts}


def within(page: Path, links: list[str]) -> Iterator[tuple[Path, str]]:
    """Yield the file and the place in it that each link leads to, of those that lead somewhere inside."""
    for link in links:
        parts = urlsplit(link)
        if not parts.scheme:
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            yield (target / "index.html" if target.is_dir() else target), unquote(parts.fragment)


def test_every_link_inside_leads_somewhere(pages: dict[Path, Page]) -> None:
    assert len(pages) > 25
    for path, page in pages.items():
        for target, place in within(path, page.links):
            assert target.is_file(), f"{path.name} links to {target}"
            assert not place or place in pages[target].ids, f"{path.name} links to {target.name}#{place}"


def test_a_page_loads_nothing_from_elsewhere(pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        loaded = [source for source in page.loaded if source]  # a script of the page's own has none
        assert [source for source in loaded if urlsplit(source).netloc] == []
        assert [target for target, _ in within(path, loaded) if not target.is_file()] == []


def test_every_public_name_has_its_entry(site: Path) -> None:
    lines = zlib.decompress((site / "objects.inv").read_bytes().split(b"\n", 4)[4]).decode().splitlines()
    entries = {line.split(" ", 1)[0] for line in lines if " py:" in line}
    public = {f"genanalytics.{name}" for name in ga.__all__ if name not in {"__version__", "metrics", "plots"}}
    public |= {f"genanalytics.plots.{name}" for name in plots.__all__}
    public |= {f"genanalytics.sandbox.{name}" for name in sandbox.__all__}
    public |= {f"genanalytics.metrics.{name}" for name in metrics.__all__ if name not in ga.__all__}
    assert public - entries == set()


def test_the_readme_is_what_comes_first(site: Path) -> None:
    assert (site / "index.html").read_bytes() == (site / "README.html").read_bytes()


def test_the_report_on_the_sample_can_be_opened(site: Path, pages: dict[Path, Page]) -> None:
    report = site / "sample-report.html"
    assert "OpenRouter in September 2026" in report.read_text(encoding="utf-8")
    linking = {page for page, found in pages.items() if report in [target for target, _ in within(page, found.links)]}
    assert {site / "README.html", site / "docs" / "README.html"} <= linking


def test_a_picture_has_a_form_for_the_light_and_one_for_the_dark(site: Path) -> None:
    shown = (site / "README.html").read_text(encoding="utf-8")
    images = re.findall(r'<img alt="[^"]+" class="only-(\w+)" src="_images/report-(\w+)\.png"', shown)
    assert images == [("light", "light"), ("dark", "dark")]


def test_a_notebook_is_shown_as_it_was_committed(site: Path) -> None:
    shown = (site / "notebooks" / "of_this_test.html").read_text(encoding="utf-8")
    assert "what was committed" in shown
    assert "ZeroDivisionError" not in shown
    assert 'href="of_this_test.html"' in (site / "notebooks" / "README.html").read_text(encoding="utf-8")


def test_the_site_is_small(site: Path) -> None:
    assert sum(file.stat().st_size for file in site.rglob("*") if file.is_file()) < 40_000_000
