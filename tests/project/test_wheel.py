"""The wheel as people get it: built, installed alone into an empty environment, and used there."""

import importlib.util
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from support.paths import ROOT

pytestmark = pytest.mark.long


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Return what a command prints, as it runs without this test's measuring and without the caller's key."""
    unwanted = ("PYTHON", "COV", "OPENROUTER_", "GENANALYTICS_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder)
    [wheel] = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of programs of an environment that holds this wheel, and borrows the rest from this one."""
    environment = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", environment)
    base = {"base": str(environment)}
    scripts, packages = (Path(sysconfig.get_path(kind, "venv", base)) for kind in ("scripts", "purelib"))
    # Path files are not followed further: what the borrowed folder's own ones name, such as the checkout, stays out.
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    python = scripts / "python"
    if importlib.util.find_spec("pip") is None:
        run(python, "-m", "ensurepip")
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--ignore-installed", wheel)
    return scripts


def test_it_holds_the_package_its_types_and_its_sandbox_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    packaged = {name for name in names if ".dist-info/" not in name}
    assert {name.split("/")[0] for name in packaged} == {"genanalytics"}
    assert "genanalytics/py.typed" in packaged
    assert any(name.startswith("genanalytics/sandbox/") for name in packaged)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    here = (path for path in (ROOT / "genanalytics").rglob("*") if path.is_file() and path.suffix != ".pyc")
    assert packaged == {path.relative_to(ROOT).as_posix() for path in here}


def test_the_environment_has_it_from_the_wheel(programs: Path, tmp_path: Path) -> None:
    place = run(programs / "python", "-c", "import genanalytics; print(genanalytics.__file__)", cwd=tmp_path)
    assert Path(place.strip()).is_relative_to(programs.parent)


def test_help_and_version_answer(programs: Path, tmp_path: Path) -> None:
    assert "demo" in run(programs / "genanalytics", "--help", cwd=tmp_path)
    assert "demo" in run(programs / "python", "-m", "genanalytics", "--help", cwd=tmp_path)
    version = run(programs / "python", "-c", "import genanalytics; print(genanalytics.__version__)", cwd=tmp_path)
    assert version.strip() in run(programs / "genanalytics", "--version", cwd=tmp_path)


def test_the_demonstration_runs_in_an_empty_directory(programs: Path, tmp_path: Path) -> None:
    run(programs / "genanalytics", "demo", cwd=tmp_path)
    assert (tmp_path / "genanalytics-demo" / "generations.parquet").is_file()
