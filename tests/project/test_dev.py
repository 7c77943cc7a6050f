"""The bootstrap: what it refuses, when it sets up, and what it starts."""

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from support.locks import LOCK_FILES
from support.paths import ROOT
from support.scripts import load


class Host:
    """A checkout of its own whose bootstrap starts nothing: each command is written down and answered with a code."""

    def __init__(self, root: Path) -> None:
        root.mkdir()
        for name in ("dev.py", "pyproject.toml", *LOCK_FILES):
            shutil.copy(ROOT / name, root)
        self.root = root
        self.dev = load(root / "dev.py")
        self.calls: list[list[str]] = []
        self.failing = ""

    def call(self, command: tuple[str, ...] | list[str], **_: object) -> int:
        self.calls.append(list(command))
        if "venv" in command:
            self.install("python", venv=Path(command[-1]))
        return 7 if self.failing and self.failing in command else 0

    def install(self, program: str, script: str = "exit 0", venv: Path | None = None) -> None:
        path = Path(self.dev.folder("scripts", venv or self.dev.VENV)) / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    def rewrite(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text(encoding="utf-8")
        assert old in text
        (self.root / name).write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host(tmp_path / "checkout")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "call", host.call)
    return host


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 6, 15), (3, 10, 14)])
def test_an_old_python_is_refused_in_a_sentence(host: Host, version: tuple[int, ...]) -> None:
    sentence = host.dev.refusal(version)
    assert ".".join(map(str, version)) in sentence
    assert "3.11 or newer" in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 14, 1), (4, 0, 0)])
def test_a_new_enough_python_is_not_refused(host: Host, version: tuple[int, ...]) -> None:
    assert host.dev.refusal(version) == ""


def test_the_first_python_needed_is_the_one_the_package_requires(host: Host) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert ">=" + ".".join(map(str, host.dev.NEEDED)) == project["requires-python"]


def test_an_old_python_can_parse_the_file() -> None:
    source = (ROOT / "dev.py").read_bytes().decode("ascii")  # Python 2 reads nothing else without being told
    for node in ast.walk(ast.parse(source, feature_version=(3, 7))):
        assert not isinstance(node, ast.JoinedStr | ast.AnnAssign | ast.Nonlocal | ast.YieldFrom | ast.AsyncFunctionDef)
        if isinstance(node, ast.FunctionDef):
            assert node.returns is None
            assert not node.args.kwonlyargs
            assert not any(argument.annotation for argument in ast.walk(node.args) if isinstance(argument, ast.arg))
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            assert not any(isinstance(element, ast.Starred) for element in node.elts)


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["python2.7", "python3.8"])
def test_an_old_python_of_this_machine_is_refused(name: str) -> None:
    python = shutil.which(name)
    if python is None or run(python, "-V").returncode != 0:  # a version manager's stand-in is found, but does not start
        pytest.skip(f"no {name} on the PATH")
    answer = run(python, ROOT / "dev.py", "demo")
    assert answer.returncode == 1
    assert answer.stderr.startswith("dev.py: genanalytics needs Python 3.11 or newer")
    assert answer.stderr.count("\n") == 1


def test_set_up_installs_the_lock_by_hash_and_then_the_project(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.dev.set_up()
    venv, ensurepip, lock, project = host.calls
    assert venv[1:] == ["-m", "venv", "--clear", "--without-pip", str(host.root / ".venv")]
    assert ensurepip[1:3] == ["-m", "ensurepip"]
    assert {"--require-hashes", "--no-deps", str(host.root / "requirements.lock")} <= set(lock)
    assert {"--editable", "--no-deps", "--no-build-isolation", str(host.root)} <= set(project)
    assert capsys.readouterr().err == "dev.py: setting up .venv (once, about a minute)\n"


def test_set_up_happens_once(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.dev.set_up()
    host.calls.clear()
    capsys.readouterr()
    host.dev.set_up()
    assert host.calls == []
    assert capsys.readouterr().err == ""


def test_ready_is_told_without_starting_a_process(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.dev.set_up()
    monkeypatch.setattr(subprocess, "Popen", None)
    assert host.dev.is_ready()


CHANGES: dict[str, Callable[[Host], object]] = {
    "another version in the lock": lambda host: host.rewrite("requirements.lock", "click==", "click==0.0."),
    "another dependency": lambda host: host.rewrite("pyproject.toml", "dependencies = [", 'dependencies = ["attrs",'),
    "another command": lambda host: host.rewrite(
        "pyproject.toml", "genanalytics.__main__:main", "genanalytics.__main__:other"
    ),
    "its Python is gone": lambda host: Path(host.dev.tool("python")).unlink(),
    "set-up was interrupted": lambda host: host.dev.STAMP.unlink(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_that_matters_sets_up_again(host: Host, change: Callable[[Host], object]) -> None:
    host.dev.set_up()
    change(host)
    assert not host.dev.is_ready()


def test_another_python_sets_up_again(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.dev.set_up()
    monkeypatch.setattr(sys, "version", "3.99.0 (of tomorrow)")
    assert not host.dev.is_ready()


def test_a_moved_checkout_sets_up_again(host: Host) -> None:
    host.dev.set_up()
    moved = host.root.rename(host.root.with_name("moved"))
    assert not load(moved / "dev.py").is_ready()


def test_a_change_to_a_tool_does_not_set_up_again(host: Host) -> None:
    host.dev.set_up()
    host.rewrite("pyproject.toml", "line-length = 120", "line-length = 100")
    assert host.dev.is_ready()


@pytest.mark.parametrize("failing", ["venv", "--require-hashes", "--editable"])
def test_a_failed_set_up_names_the_command_and_is_not_taken_for_complete(host: Host, failing: str) -> None:
    host.failing = failing
    with pytest.raises(SystemExit, match=rf"^dev.py: stopped, because a command ended with exit code 7: .*{failing}"):
        host.dev.set_up()
    assert not host.dev.is_ready()


def test_where_python_bundles_no_pip_the_hosts_pip_fetches_one(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.failing = "ensurepip"
    monkeypatch.setattr(importlib.util, "find_spec", {"pip": object()}.get)
    host.dev.make_venv()
    assert host.calls[-1][0] == sys.executable
    assert host.calls[-1][-3:] == ["--target", host.dev.folder("purelib"), "pip"]


def test_where_there_is_no_pip_at_all_the_next_step_is_named(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.failing = "ensurepip"
    monkeypatch.setattr(importlib.util, "find_spec", {}.get)
    with pytest.raises(SystemExit, match=r"neither pip nor ensurepip: install one of them .*python3-pip"):
        host.dev.make_venv()


@pytest.mark.parametrize("installs", [1, 0])
@pytest.mark.parametrize(
    ("needed", "lock"), [("has_java", "spark"), ("has_java", "connect"), ("has_browser", "browser")]
)
def test_the_long_tests_have_what_the_machine_can_use(
    host: Host, monkeypatch: pytest.MonkeyPatch, needed: str, lock: str, installs: int
) -> None:
    monkeypatch.setattr(host.dev, "become", lambda *_: 0)
    monkeypatch.setattr(host.dev, needed, lambda: bool(installs))
    for _ in range(2):  # once and not again
        host.dev.main(["test", "--all"])
    installed = [call for call in host.calls if str(host.root / f"requirements-{lock}.lock") in call]
    assert len(installed) == installs
    assert all("--require-hashes" in call for call in installed)


@pytest.mark.parametrize(("version", "installs"), [((3, 11, 7), 1), ((3, 12, 1), 1), ((3, 13, 0), 0)])
def test_the_long_tests_get_the_lowest_versions_where_numpy_is_built_for_python(
    host: Host, monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...], installs: int
) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    monkeypatch.setattr(host.dev, "become", lambda *_: 0)
    for _ in range(2):  # once and not again
        host.dev.main(["test", "--all"])
    lock, venv = str(host.root / "requirements-lowest.lock"), str(host.root / ".venv-lowest")
    assert sum(lock in call and call[0].startswith(venv) for call in host.calls) == installs
    assert sum(call[-1] == venv for call in host.calls) == installs


def test_the_site_is_built_with_what_its_lock_holds(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.dev, "become", lambda *_: 0)
    for _ in range(2):  # once and not again
        host.dev.main(["site"])
    assert sum(str(host.root / "requirements-site.lock") in call for call in host.calls) == 1
    assert not any(str(host.root / "requirements-spark.lock") in call for call in host.calls)


def test_the_long_tests_get_the_second_type_checker(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.dev, "become", lambda *_: 0)
    for _ in range(2):  # once and not again
        host.dev.main(["test", "--all"])
    assert sum(str(host.root / "requirements-types.lock") in call for call in host.calls) == 1


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["setup", "twice"], ["docs", "cli"]])
def test_a_wrong_use_is_answered_with_the_usage(
    host: Host, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert host.dev.main(arguments) == 2
    assert "python3 dev.py demo" in capsys.readouterr().err
    assert host.calls == []


def test_the_usage_names_every_command(host: Host) -> None:
    assert set(re.findall(r"python3 dev\.py (\w+)", str(host.dev.__doc__))) == set(host.dev.COMMANDS)
    assert host.dev.main(["--help"]) == 0


SPREAD = ["--numprocesses", "auto", "--dist", "worksteal"]


@pytest.mark.parametrize(
    ("arguments", "program", "given"),
    [
        (["demo", "--count", "5"], "genanalytics", ["demo", "--count", "5"]),
        (["run", "--version"], "genanalytics", ["--version"]),
        (["test"], "pytest", SPREAD),
        (["test", "--all"], "pytest", ["--cov", *SPREAD, "--all"]),
        (["test", "-k", "cost"], "pytest", ["-k", "cost"]),
        (["site"], "sphinx-build", ["-M", "html", ".", "site", "-c", "docs", "--fail-on-warning", "--quiet"]),
        (["check", "--all"], "pytest", ["--cov", *SPREAD, "--all"]),
    ],
)
def test_a_command_sets_up_and_becomes_its_program(
    host: Host, monkeypatch: pytest.MonkeyPatch, arguments: list[str], program: str, given: list[str]
) -> None:
    became: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(host.dev, "become", lambda *command: became.append(command))
    host.dev.main(arguments)
    assert became == [(program, given)]
    assert host.dev.is_ready()


def test_docs_writes_the_files_of_data_and_then_the_pages(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(host.dev, "become", lambda *command: became.append(command))
    host.dev.set_up()
    host.calls.clear()
    host.dev.main(["docs"])
    assert host.calls == [[host.dev.tool("python"), str(host.root / "data" / "generate.py")]]
    assert became == [("python", [str(host.root / "docs" / "generate.py")])]


@pytest.mark.skipif(sys.platform == "win32", reason="the program is a shell script")
def test_the_exit_code_is_the_programs(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.dev.set_up()
    host.install("genanalytics", 'echo "$@"; exit 41')
    monkeypatch.undo()
    answer = run(sys.executable, host.root / "dev.py", "run", "two words", "--x")
    assert (answer.returncode, answer.stdout, answer.stderr) == (41, "two words --x\n", "")


def test_the_gallery_is_drawn_by_its_script(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(host.dev, "become", lambda *command: became.append(command))
    host.dev.main(["gallery"])
    assert became == [("python", [str(host.root / "docs" / "gallery.py")])]
    assert host.dev.main(["gallery", "cost"]) == 2


def test_the_pictures_are_drawn_by_their_script_in_a_browser(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[tuple[str, list[str]]] = []
    installed: list[str] = []
    monkeypatch.setattr(host.dev, "become", lambda *command: became.append(command))
    monkeypatch.setattr(host.dev, "set_up_long", lambda *needed: installed.extend(needed))
    host.dev.main(["pictures"])
    assert became == [("python", [str(host.root / "docs" / "sample_report.py")])]
    assert installed == ["browser"]
    assert host.dev.main(["pictures", "light"]) == 2


@pytest.mark.parametrize(
    ("names", "needs"), [(["01_first_look"], []), (["01_first_look", "04_large_data"], ["spark"]), ([], ["spark"])]
)
def test_notebooks_are_executed_by_their_script_with_spark_where_they_need_it(
    host: Host, monkeypatch: pytest.MonkeyPatch, names: list[str], needs: list[str]
) -> None:
    became: list[tuple[str, list[str]]] = []
    installed: list[str] = []
    monkeypatch.setattr(host.dev, "become", lambda *command: became.append(command))
    monkeypatch.setattr(host.dev, "set_up_long", lambda *needed: installed.extend(needed))
    host.dev.main(["notebooks", *names])
    assert became == [("python", [str(host.root / "notebooks" / "execute.py"), *names])]
    assert installed == needs


def test_check_ends_with_the_first_failure(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.dev.set_up()
    for program in ("ruff", "mypy", "lint-imports"):
        host.install(program)
    host.calls.clear()
    host.failing = host.dev.tool("mypy")
    assert host.dev.main(["check"]) == 7
    assert [Path(program).name for program, *_ in host.calls] == ["ruff", "ruff", "mypy"]
    assert capsys.readouterr().err.endswith("$ ruff format --check\n$ ruff check\n$ mypy\n")


def test_lock_uses_the_uv_that_is_there_and_needs_no_set_up(host: Host) -> None:
    host.install("uv")
    assert host.dev.main(["lock", "--upgrade"]) == 0
    for command in host.calls:
        assert command[:3] == [host.dev.tool("uv"), "pip", "compile"]
        assert {"--universal", "--generate-hashes", "--no-emit-index-url"} <= set(command)
        assert command[-1] == "--upgrade"
    made = [command[command.index("--output-file") + 1] for command in host.calls]
    assert made == LOCK_FILES


def test_lock_ends_with_the_first_failure(host: Host) -> None:
    host.install("uv")
    host.failing = "requirements.lock"
    assert host.dev.main(["lock"]) == 7
    assert len(host.calls) == 1


def test_lock_installs_uv_where_there_is_none(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    host.dev.main(["lock"])
    *_, install = (call for call in host.calls if call[1:3] != ["pip", "compile"])
    assert install[-1] == "uv"
    assert [call[1:3] for call in host.calls[-len(LOCK_FILES) :]] == [["pip", "compile"]] * len(LOCK_FILES)
