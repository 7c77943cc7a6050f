"""The locks that the bootstrap installs from."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from support.locks import GROUPS, LOCK_FILES
from support.paths import ROOT
from support.scripts import load

LOCK, *LONG_LOCKS, LOWEST = ((ROOT / name).read_text(encoding="utf-8") for name in LOCK_FILES)
LOCK_OF = dict(zip(GROUPS, LONG_LOCKS, strict=True))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def locked(lock: str = LOCK) -> list[tuple[Requirement, list[str]]]:
    entries = []
    for entry in re.split(r"\n(?=\S)", lock.strip()):
        requirement, *hashes = re.split(r" \\\n +--hash=", entry)
        entries.append((Requirement(requirement), hashes))
    return entries


LOCKS = pytest.mark.parametrize("lock", [LOCK, *LONG_LOCKS, LOWEST], ids=["all", *GROUPS, "lowest"])


@LOCKS
def test_the_lock_says_what_and_never_where_from(lock: str) -> None:
    assert "://" not in lock
    assert not re.search(r"^-", lock, flags=re.MULTILINE)  # no --index-url, --find-links, --extra-index-url


@LOCKS
def test_every_locked_requirement_is_one_version_with_its_hashes(lock: str) -> None:
    for requirement, hashes in locked(lock):
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), requirement
        assert requirement.url is None
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in hashes), requirement


@pytest.mark.parametrize("declared", [*PYPROJECT["project"]["dependencies"], *PYPROJECT["dependency-groups"]["dev"]])
def test_the_lock_holds_what_is_declared(declared: str) -> None:
    wanted = Requirement(declared)
    pins = [requirement for requirement, _ in locked() if requirement.name == wanted.name]
    assert pins
    for pin in pins:
        assert wanted.specifier.contains(str(pin.specifier).removeprefix("=="))


@pytest.mark.parametrize(("extra", "package"), [("spark", "pyspark"), ("mcp", "mcp")])
def test_an_extra_is_locked_apart_and_as_it_is_declared(extra: str, package: str) -> None:
    [declared] = PYPROJECT["dependency-groups"][extra]
    assert [declared] == PYPROJECT["project"]["optional-dependencies"][extra]
    [pin] = [requirement for requirement, _ in locked(LOCK_OF[extra]) if requirement.name == package]
    assert Requirement(declared).specifier.contains(str(pin.specifier).removeprefix("=="))
    assert not [requirement for requirement, _ in locked() if requirement.name == package]


def test_every_lock_belongs_to_a_dependency_group() -> None:
    assert {path.name for path in ROOT.glob("requirements*.lock")} == set(LOCK_FILES)
    assert set(load(ROOT / "dev.py").LONG_LOCKS) == set(GROUPS)
    assert set(PYPROJECT["dependency-groups"]) == {"dev", "lowest", *GROUPS}


EXTRAS = PYPROJECT["project"]["optional-dependencies"]


@pytest.mark.parametrize(
    "declared", [*PYPROJECT["project"]["dependencies"], *EXTRAS["duckdb"], *EXTRAS["spark"], *EXTRAS["xlsx"]]
)
def test_the_lowest_versions_are_locked(declared: str) -> None:
    wanted = Requirement(declared)
    (floor,) = [each.version for each in wanted.specifier if each.operator == ">="]
    (pin,) = [str(requirement.specifier) for requirement, _ in locked(LOWEST) if requirement.name == wanted.name]
    assert Version(pin.removeprefix("==")) == Version(floor)


def test_the_type_checker_is_locked_as_it_is_declared() -> None:
    [declared] = map(Requirement, PYPROJECT["dependency-groups"]["types"])
    [pin] = [requirement for requirement, _ in locked(LOCK_OF["types"]) if requirement.name == declared.name]
    assert declared.specifier.contains(str(pin.specifier).removeprefix("=="))


def test_the_locks_agree_on_what_they_share() -> None:
    pins = {(str(pin.name), str(pin.marker)): str(pin.specifier) for pin, _ in locked()}
    for group, least in (("site", 20), ("types", 1), ("mcp", 3), ("stores", 20), ("connect", 1)):
        shared = [pin for pin, _ in locked(LOCK_OF[group]) if (pin.name, str(pin.marker)) in pins]
        assert len(shared) >= least
        assert all(str(pin.specifier) == pins[pin.name, str(pin.marker)] for pin in shared)
