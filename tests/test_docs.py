"""What the documents say about the code is what the code says."""

import doctest
import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import genanalytics as ga
from genanalytics.activity import COLUMN_OF
from genanalytics.demo import run_demo
from genanalytics.frame import from_rows
from genanalytics.metrics import reference
from genanalytics.parse import Row
from genanalytics.plots import CHARTS
from genanalytics.sandbox import sample

ROOT = Path(__file__).parent.parent
MADE = sample(60).records


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATE = load(ROOT / "docs" / "generate.py")


@pytest.mark.parametrize("page", GENERATE.PAGES)
def test_the_pages_that_are_made_from_the_code_are_current(page: str) -> None:
    written = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert written == GENERATE.PAGES[page](), "make them anew: python3 dev.py docs"


def test_the_page_of_statistics_is_that_of_the_declarations() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text().endswith(reference())


def test_the_readme_tells_the_exit_codes() -> None:
    assert GENERATE.exit_codes() in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_of_the_readme_is_that_of_the_demo(tmp_path: Path) -> None:
    said: list[str] = []
    run_demo(tmp_path, said.append, width=1000)
    shown = re.search(r"```text\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert shown is not None
    printed = "\n".join(said).splitlines()
    for line in shown[1].splitlines():
        assert line == "..." or line in printed


def test_the_gallery_shows_every_chart_and_how_to_draw_it() -> None:
    text = (ROOT / "docs" / "gallery.md").read_text()
    for name, chart in CHARTS.items():
        assert f"## {chart.question}\n" in text
        assert f"$ genanalytics plot {name} " in text
        assert f"ga.plots.{chart.draw.__name__}(frame" in text
        assert f"![{name}](gallery/{name}.png)" in text


def test_the_pictures_of_the_gallery_are_its_charts_and_small() -> None:
    pictures = list((ROOT / "docs" / "gallery").iterdir())
    assert {picture.name for picture in pictures} == {f"{name}.png" for name in CHARTS}
    assert max(picture.stat().st_size for picture in pictures) < 150_000


def test_links_between_the_documents_lead_somewhere() -> None:
    for document in [*ROOT.glob("*.md"), *ROOT.glob("*/*.md")]:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name} links to {link}"


@pytest.fixture
def records_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a page find what it reads: a directory of records."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "generations").mkdir()
    bodies = [Row(name, json.dumps({"data": record}).encode(), 1.8e9) for name, record in MADE.items()]
    for place in range(2):
        ga.write_parquet(from_rows(bodies[place::2]), f"generations/{place}.parquet")


@pytest.mark.usefixtures("records_here")
@pytest.mark.parametrize(("page", "examples"), [("ids.md", 4), ("scale.md", 12)])
def test_the_examples_of_a_page_are_what_python_says(page: str, examples: int) -> None:
    assert doctest.testfile(str(ROOT / "docs" / page), module_relative=False) == (0, examples)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("records_here", "spark")
def test_the_lines_for_a_cluster_run_on_one() -> None:
    text = (ROOT / "docs" / "scale.md").read_text()
    opened, table = re.findall(r"```python\n([^>`]*?spark\.?[^>`]*?)```", text)
    names: dict[str, Any] = {}
    exec(opened, names)  # noqa: S102 - what it says is what is tested
    assert names["summary"]["requests"].sum() == len(MADE)
    names["records"].createOrReplaceTempView("generations")
    found = eval(table.replace("lake.", ""), names)  # noqa: S307
    assert found["requests"].sum() == len(MADE)


def test_every_column_of_an_export_is_told() -> None:
    told = (ROOT / "docs" / "activity.md").read_text()
    assert [name for name in COLUMN_OF if f"`{name}`" not in told] == []
