"""Set up `.venv` next to this file, once, and run genanalytics, its tests or its checks in it.

    python3 dev.py demo [options]       run `genanalytics demo`
    python3 dev.py run [arguments]      run `genanalytics` with these arguments
    python3 dev.py test [--all]         run the tests (--all: with the long ones and the coverage floor)
    python3 dev.py test ARGUMENTS       run pytest with these arguments
    python3 dev.py gallery              draw the charts of docs/gallery.md again
    python3 dev.py pictures             draw the report of README.md again, with Chromium
    python3 dev.py notebooks [NAME ...] execute all notebooks again, or these, and store their outputs
    python3 dev.py bench SCRIPT [NAME]  run a script of benchmarks/, such as `bench fetch`
    python3 dev.py site                 build the documentation as a site in site/html; a warning is an error
    python3 dev.py docs                 write the generated files again: docs/cli.md, docs/metrics.md, data/
    python3 dev.py check [--all]        check format, lint, types and imports, then run the tests (CI: --all)
    python3 dev.py lock [--upgrade]     write the requirements locks again from pyproject.toml
    python3 dev.py setup                set up only

Needs Python 3.11 or newer with pip, and nothing else.
"""

# Every Python since 2.7 must be able to parse this file: otherwise an old one would report a SyntaxError instead of the
# version that is needed. So types are in comments, and there are no f-strings and no unpacking in lists.
import sys

NEEDED = (3, 11)


def refusal(version):
    # type: (tuple[int, ...]) -> str
    """Return the message that refuses a Python of this version; empty if the version is new enough."""
    if version[:2] >= NEEDED:
        return ""
    found, needed = (".".join(str(number) for number in numbers) for numbers in (version[:3], NEEDED))
    message = "dev.py: genanalytics needs Python {needed} or newer, and this is {found}: try python{needed} dev.py"
    return message.format(found=found, needed=needed)


if refusal(sys.version_info[:3]):
    sys.exit(refusal(sys.version_info[:3]))

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sysconfig
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent
LOCK = ROOT / "requirements.lock"
LONG_GROUPS = ("spark", "connect", "stores", "mcp", "browser", "site", "types")
LONG_LOCKS = {name: ROOT / "requirements-{}.lock".format(name) for name in LONG_GROUPS}
VENV = ROOT / ".venv"
STAMP = VENV / "made-from.sha256"
LOWEST_LOCK = ROOT / "requirements-lowest.lock"
LOWEST_VENV = ROOT / ".venv-lowest"
LOWEST_FITS = (3, 12)
"""The newest Python for which the lowest NumPy is built."""


def folder(kind, venv=VENV):
    # type: (str, Path) -> str
    """Return the path of the "scripts" or the "purelib" of an environment on this operating system."""
    return sysconfig.get_path(kind, "venv", {"base": str(venv)})


def tool(name, venv=VENV):
    # type: (str, Path) -> str
    """Return the path of a program of an environment; empty if it does not exist or cannot be started."""
    return shutil.which(name, path=folder("scripts", venv)) or ""


def digest():
    # type: () -> str
    """Return the SHA-256 of everything that `.venv` depends on: Python, directory, lock and packaging."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packaging = [pyproject["build-system"], pyproject["project"], pyproject["tool"]["hatch"]]
    made_from = [sys.version, sys.base_prefix, str(ROOT), LOCK.read_text(encoding="utf-8"), packaging]
    return hashlib.sha256(repr(made_from).encode()).hexdigest()


def is_ready():
    # type: () -> bool
    """Return whether `.venv` is complete and up to date, and its Python still exists."""
    return bool(tool("python")) and STAMP.is_file() and STAMP.read_text(encoding="utf-8") == digest()


def set_up():
    # type: () -> None
    """Make `.venv` again unless it is ready; the stamp is written last, so that an interrupted set-up is repeated."""
    if is_ready():
        return
    say("dev.py: setting up .venv (once, about a minute)")
    make_venv()
    pip(VENV, "--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirement", str(LOCK))
    pip(VENV, "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    STAMP.write_text(digest(), encoding="utf-8")


def set_up_long(*names):
    # type: (*str) -> None
    """Install the dependency groups that this machine can use; the tests of the others are skipped with a reason."""
    usable = {"spark": has_java(), "connect": has_java(), "browser": has_browser()}
    for name in names:
        lock = LONG_LOCKS[name]
        wanted, stamp = lock.read_text(encoding="utf-8"), VENV / (name + "-made-from.lock")
        if not usable.get(name, True) or (stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted):
            continue
        say("dev.py: installing into .venv (once): " + name)
        pip(VENV, "--require-hashes", "--no-deps", "--no-build-isolation", "--requirement", str(lock))
        stamp.write_text(wanted, encoding="utf-8")


def set_up_lowest():
    # type: () -> None
    """Make `.venv-lowest` with the lowest versions that are declared; its tests are skipped where there is none."""
    wanted, stamp = LOWEST_LOCK.read_text(encoding="utf-8"), LOWEST_VENV / "made-from.lock"
    if sys.version_info[:2] > LOWEST_FITS or (stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted):
        return
    say("dev.py: setting up .venv-lowest (once, about a minute)")
    make_venv(LOWEST_VENV)
    options = ("--require-hashes", "--no-deps", "--only-binary", ":all:", "--no-binary", "pyspark")
    pip(LOWEST_VENV, *(options + ("--requirement", str(LOWEST_LOCK))))
    stamp.write_text(wanted, encoding="utf-8")


def has_java():
    # type: () -> bool
    """Return whether Spark would find a Java."""
    return bool(os.environ.get("JAVA_HOME") or shutil.which("java"))


def has_browser():
    # type: () -> bool
    """Return whether there is a Chromium for the tests of the report."""
    return any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))


def make_venv(venv=VENV):
    # type: (Path) -> None
    """Make an environment with only pip: from Python's bundle, or from the package index if Debian left that out."""
    step(sys.executable, "-m", "venv", "--clear", "--without-pip", str(venv))
    ensurepip = [tool("python", venv), "-m", "ensurepip", "--default-pip"]
    if subprocess.call(ensurepip, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0:
        return
    if importlib.util.find_spec("pip") is None:
        sys.exit(
            "dev.py: {} has neither pip nor ensurepip: install one of them "
            "(Debian, Ubuntu: apt install python3-pip), then run this again".format(sys.executable)
        )
    # --target, not --python: it is known to every pip and allowed where the host's Python is externally managed
    step(sys.executable, "-m", "pip", "install", "-qq", "--target", folder("purelib", venv), "pip")


def pip(venv, *arguments):
    # type: (Path, *str) -> None
    """Install into an environment; isolated (-I), so that packages on a PYTHONPATH do not count as installed."""
    step(tool("python", venv), "-I", "-m", "pip", "install", "-qq", "--disable-pip-version-check", *arguments)


def step(*command):
    # type: (*str) -> None
    """Run a command; exit if it fails."""
    code = subprocess.call(command)
    if code != 0:
        sys.exit("dev.py: stopped, because a command ended with exit code {}: {}".format(code, " ".join(command)))


def become(program, arguments):
    # type: (str, list[str]) -> int
    """Replace this process by a program of `.venv`, which gets Ctrl-C and sets the exit code. Windows waits for it."""
    command = [tool(program)] + arguments
    if os.name != "nt":
        os.execv(command[0], command)
    return subprocess.call(command)


def run(arguments):
    # type: (list[str]) -> int
    """Run genanalytics in the current directory."""
    set_up()
    return become("genanalytics", arguments)


def demo(arguments):
    # type: (list[str]) -> int
    """Run `genanalytics demo` in the current directory."""
    return run(["demo"] + arguments)


def test(arguments):
    # type: (list[str]) -> int
    """Run the tests: the short ones, all of them with the coverage floor, or pytest with the given arguments."""
    set_up()
    if "--all" in arguments:
        set_up_long(*LONG_LOCKS)
        set_up_lowest()
    os.chdir(str(ROOT))
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # with it, each process of a test compiles all modules again
    spread = ["--numprocesses", "auto", "--dist", "worksteal"]
    options = {(): spread, ("--all",): ["--cov"] + spread}  # coverage makes a run 1.5 times as long
    return become("pytest", options.get(tuple(arguments), []) + arguments)


def check(arguments):
    # type: (list[str]) -> int
    """Run the checks of CI, up to the first failure."""
    set_up()
    os.chdir(str(ROOT))
    for command in ("ruff format --check", "ruff check", "mypy", "lint-imports"):
        say("$ " + command)
        words = command.split()
        code = subprocess.call([tool(words[0])] + words[1:])
        if code != 0:
            return code
    say("$ " + " ".join(["dev.py", "test"] + arguments))
    return test(arguments)


def bench(arguments):
    # type: (list[str]) -> int
    """Run a script of benchmarks/ by its name."""
    script = ROOT / "benchmarks" / (arguments[0] + ".py" if arguments else "")
    if not script.is_file():
        return usage(2)
    set_up()
    return become("python", [str(script)] + arguments[1:])


def docs(arguments):
    # type: (list[str]) -> int
    """Write the generated files again: those of data/, then the pages of docs/."""
    if arguments:
        return usage(2)
    set_up()
    step(tool("python"), str(ROOT / "data" / "generate.py"))
    return become("python", [str(ROOT / "docs" / "generate.py")])


def site(arguments):
    # type: (list[str]) -> int
    """Build the documentation as a site."""
    if arguments:
        return usage(2)
    set_up()
    set_up_long("site")
    os.chdir(str(ROOT))
    return become("sphinx-build", ["-M", "html", ".", "site", "-c", "docs", "--fail-on-warning", "--quiet"])


def gallery(arguments):
    # type: (list[str]) -> int
    """Draw the charts of docs/gallery.md again."""
    if arguments:
        return usage(2)
    set_up()
    return become("python", [str(ROOT / "docs" / "gallery.py")])


def pictures(arguments):
    # type: (list[str]) -> int
    """Draw the report of README.md again."""
    if arguments:
        return usage(2)
    set_up()
    set_up_long("browser")
    return become("python", [str(ROOT / "docs" / "sample_report.py")])


def notebooks(arguments):
    # type: (list[str]) -> int
    """Execute the notebooks with these names again; without a name, all of them."""
    set_up()
    if not arguments or "04_large_data" in arguments:  # it has cells for Spark
        set_up_long("spark")
    return become("python", [str(ROOT / "notebooks" / "execute.py")] + arguments)


def lock(arguments):
    # type: (list[str]) -> int
    """Write the locks again with uv, which keeps pinned versions that still fit; --upgrade takes the newest."""
    uv = tool("uv") or shutil.which("uv")
    if uv is None:
        set_up()
        pip(VENV, "uv")
        uv = tool("uv")
    os.chdir(str(ROOT))
    options = "--quiet --universal --python-version 3.11 --generate-hashes"
    plain = "--no-header --no-annotate --no-emit-index-url --no-emit-find-links --output-file"
    sources = {
        LOCK: ["--only-binary", ":all:", "--group", "dev", "pyproject.toml"],
    }
    for group, path in LONG_LOCKS.items():  # consistent with the first lock; Spark has no wheel
        sources[path] = ["--constraint", LOCK.name, "--group", group]
    lowest = ["--resolution", "lowest-direct", "--group", "lowest", "--extra", "duckdb", "--extra", "spark"]
    sources[LOWEST_LOCK] = lowest + ["pyproject.toml"]
    for path, source in sources.items():
        compiled = [uv, "pip", "compile"] + options.split() + plain.split() + [path.name] + source + arguments
        code = subprocess.call(compiled)
        if code != 0:
            return code
    return 0


def setup(arguments):
    # type: (list[str]) -> int
    """Set up, and do nothing else."""
    if arguments:
        return usage(2)
    set_up()
    return 0


def usage(code):
    # type: (int) -> int
    """Print how to use this file, and return the exit code."""
    say(str(__doc__))
    return code


def say(line):
    # type: (str) -> None
    """Print a line on stderr; stdout is for the programs that run here."""
    sys.stderr.write(line + "\n")


COMMANDS = {
    "demo": demo,
    "run": run,
    "test": test,
    "gallery": gallery,
    "pictures": pictures,
    "notebooks": notebooks,
    "bench": bench,
    "docs": docs,
    "site": site,
    "check": check,
    "lock": lock,
    "setup": setup,
}


def main(arguments):
    # type: (list[str]) -> int
    """Run one command and return its exit code."""
    if arguments[:1] in (["-h"], ["--help"]):
        return usage(0)
    if not arguments or arguments[0] not in COMMANDS:
        return usage(2)
    try:
        return COMMANDS[arguments[0]](arguments[1:])
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
