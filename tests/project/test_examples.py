"""Every Python block and every console block of the documents runs, and prints what the page shows."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import pytest

import genanalytics as ga
from genanalytics.sandbox import Sandbox
from support.examples import Reader, blocks, furnish, make_sample, matches
from support.paths import ROOT

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SKILL = ROOT / "genanalytics" / "agents" / "SKILL.md"
PAGES = {
    page.relative_to(ROOT).as_posix(): page
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", SKILL, *sorted((ROOT / "docs").glob("*.md")))
}
LONG = {"docs/gallery.md"}
"""Pages that take long: every chart twice."""
RUN = [
    pytest.param(name, marks=[pytest.mark.long] if name in LONG else [])
    for name, page in PAGES.items()
    if any(block.language in {"python", "console"} for block in blocks(page))
]

NOT_RUN = {
    "README.md": ["sets up an environment"],
    "CONTRIBUTING.md": ["makes a release", "makes environments, with uv", "makes an environment, with uv"],
    "docs/agents.md": ["installs the package"],
    "docs/cli.md": [
        "runs until it is stopped",
        "needs an object store",
        "needs an object store",
        "serves until its client ends",
        "serves until it is stopped",
    ],
    "docs/delta.md": [
        "installs a package",
        "needs ids and deltalake",
        "needs ids and a store",
        "needs a table",
    ],
    "docs/export.md": ["needs Spark", "needs an object store"],
    "docs/scale.md": [
        "installs a package",
        "installs a package",
        "needs an object store",
        "installs a package",
        "needs Spark",
        "needs Spark",
        "installs a package",
        "needs Ibis",
    ],
    "docs/recipes.md": ["depends on the current time"],
    "docs/select.md": ["depends on the current time"],
    "docs/start.md": ["installs the package", "serves until it is stopped"],
    "docs/stores.md": ["needs an object store"] * 4,
    "docs/watch.md": ["runs until it is stopped", "runs until it is stopped"],
}
"""The blocks that are not run, by page, with the reasons on the pages."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(make_sample()) as served:
        yield served


@pytest.fixture(scope="module")
def furnished(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the files that the documents use, and the cache of a fetch."""
    directory = tmp_path_factory.mktemp("examples") / "here"
    cache = directory.parent / "cache"
    with ga.Client("any-key-will-do", base_url=sandbox.base_url, cache_dir=cache) as client:
        furnish(directory, make_sample(), client)
    shutil.move(cache, directory / "cache")
    return directory


@pytest.fixture
def here(furnished: Path, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change to a copy of that directory, with an API key, the sandbox as the service, and no other network."""
    shutil.copytree(furnished, tmp_path / "here", symlinks=True)
    for name, value in {
        "OPENROUTER_API_KEY": "any-key-will-do",
        "OPENROUTER_MANAGEMENT_KEY": "any-management-key",
        "GENANALYTICS_BASE_URL": sandbox.base_url,
        "GENANALYTICS_CACHE_DIR": "cache",
        "HOME": str(tmp_path / "here"),
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path / "here")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", RUN)
def test_a_page_does_what_it_says(name: str, sandbox: Sandbox) -> None:
    reader = Reader(PAGES[name], sandbox.base_url)
    for block in blocks(PAGES[name]):
        if block.language in {"python", "console"} and not block.reason:
            reader.do(block)
            plt.close("all")  # as after a cell of a notebook
    if reader.lacking:
        pytest.skip(f"all was run but for what needs {', '.join(sorted(reader.lacking))}, which this machine lacks")


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", ["docs/scale.md", "docs/export.md"])
def test_what_needs_spark_runs_on_a_session(name: str, spark: "SparkSession", sandbox: Sandbox) -> None:
    reader = Reader(PAGES[name], sandbox.base_url, {"ga": ga, "spark": spark})
    spark.read.parquet(f"{Path.cwd()}/generations/data").createOrReplaceTempView("generations")
    for block in blocks(PAGES[name]):
        if block.reason == "needs Spark":  # which has no catalog here, and began in another directory
            code = block.code.replace("lake.", "").replace('"generations/', f'"{Path.cwd()}/generations/')
            reader.do(replace(block, code=code))


def test_no_block_is_passed_over_in_silence() -> None:
    told = {name: [block.reason for block in blocks(page) if block.reason] for name, page in PAGES.items()}
    assert {name: reasons for name, reasons in told.items() if reasons} == NOT_RUN


@pytest.mark.parametrize("name", PAGES)
def test_the_language_of_a_block_says_whether_it_runs(name: str) -> None:
    assert {block.language for block in blocks(PAGES[name])} <= {"python", "console", "text", "sql"}


def test_dots_stand_for_anything() -> None:
    assert matches("a ... c\n...\nlast\n", "a b c\nmore\nand more\nlast")
    assert not matches("a ... c", "a b d")
