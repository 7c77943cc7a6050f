"""What a run needs, looked at piece by piece: Python, packages, key, service, cache.

The key is never shown, nor a part of it.
"""

import os
import platform
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from packaging.requirements import Requirement

from genanalytics.cache.archive import FILE_NAME, Archive
from genanalytics.cache.contents import contents
from genanalytics.errors import CacheError, InputError, KeyRefusedError
from genanalytics.fetching.answers import Answer, Outcome
from genanalytics.fetching.client import BASE_URL_VARIABLE, CACHE_DIR_VARIABLE, TOO_MANY, Client
from genanalytics.fetching.transport import KEY_VARIABLE, Secret, checked_base_url, checked_key
from genanalytics.units import Unit, counted, write

HARMLESS_ID = "gen-0000000000-genanalyticsDoctor00"
"""An id that no generation has: what the service says of it tells of the key alone."""

_TIMEOUT_S = 10.0


class State(StrEnum):
    """How a finding is meant."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: What: python, packages, key, service or cache.
        state: Whether a run can go on with it.
        found: What was found, in a few words.
        next_step: What to do about it; empty where there is nothing to do.
        details: The same as plain values, for programs.
    """

    check: str
    state: State
    found: str
    next_step: str = ""
    details: Mapping[str, object] = field(default_factory=dict)


def examine(key: Secret, *, base_url: str, cache_dir: Path, offline: bool = False) -> Iterator[Finding]:
    """Yield what a run would find, each as soon as it is known; what is broken is a finding, not an exception.

    Args:
        key: The API key, or an empty one.
        base_url: Where the API is. It is asked once, for an id that no generation has.
        cache_dir: The directory of the cache. A damaged file in it is set aside, as by every command that opens it.
        offline: Send nothing.
    """
    versions = {"version": platform.python_version(), "platform": platform.platform()}
    yield Finding("python", State.OK, f"{versions['version']} on {versions['platform']}", details=versions)
    yield packages()
    try:
        checked_key(key)
        unusable = ""
    except KeyRefusedError as error:
        unusable = str(error)
    try:
        base_url = checked_base_url(base_url)
        wrong_url = ""
    except InputError as error:
        wrong_url = str(error)
    asked = None
    if not (offline or wrong_url):
        asked = _ask(Secret("none") if unusable else key, base_url)  # a refusal shows that the service is there
    yield _key_finding(unusable, asked)
    if wrong_url:
        yield Finding("service", State.PROBLEM, wrong_url, f"correct --base-url or {BASE_URL_VARIABLE}")
    else:
        yield _service_finding(base_url, asked)
    yield cache(cache_dir)


def packages(distribution: str = "genanalytics") -> Finding:
    """Return whether what a distribution declares is installed, in versions that it declares."""
    try:
        declared = [Requirement(text) for text in metadata.requires(distribution) or ()]
    except metadata.PackageNotFoundError:
        return Finding("packages", State.NOTE, f"{distribution} runs from its source, without being installed")
    versions = {distribution: metadata.version(distribution)}
    wrong = []
    for requirement in declared:
        try:
            versions[requirement.name] = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                wrong.append(f"{requirement.name}{requirement.specifier}")
        else:
            if not requirement.specifier.contains(versions[requirement.name], prereleases=True):
                wrong.append(f"{requirement.name}{requirement.specifier}")
    found = ", ".join(f"{name} {version}" for name, version in versions.items())
    details = {"versions": versions, "not_as_declared": wrong}
    if not wrong:
        return Finding("packages", State.OK, found, details=details)
    install = " ".join(["pip install", *(f"'{requirement}'" for requirement in wrong)])
    return Finding("packages", State.PROBLEM, f"{found}; it needs {', '.join(wrong)}", install, details)


def cache(directory: Path) -> Finding:
    """Return what is in a cache, whether it is sound, and whether it can be written; none is made."""
    directory = directory.expanduser()
    if not (directory / FILE_NAME).exists():
        return _place_for_a_cache(directory)
    elsewhere = f"name another directory: --cache-dir or {CACHE_DIR_VARIABLE}"
    try:
        archive = Archive(directory)
        try:
            held = contents(archive)
            refusal, news = archive.refusal, archive.take_news()
        finally:
            archive.close()  # type: ignore[no-untyped-call]
    except CacheError as error:
        return Finding("cache", State.PROBLEM, str(error), elsewhere)
    found = f"{archive.path}: {counted(held.entries, 'answer')}, {held.damaged:,} damaged, {counted(held.size, 'byte')}"
    details = {"path": str(archive.path), "writable": not refusal, **asdict(held)}
    if refusal:
        return Finding("cache", State.PROBLEM, refusal, elsewhere, details)
    if news:
        return Finding(
            "cache", State.NOTE, f"{found}; {'; '.join(news)}", "keep that file: it may hold records", details
        )
    if held.damaged or held.set_aside:
        aside = f"; set aside: {', '.join(held.set_aside)}" if held.set_aside else ""
        return Finding("cache", State.NOTE, found + aside, "damaged answers are asked for again when needed", details)
    return Finding("cache", State.OK, found, details=details)


def _place_for_a_cache(directory: Path) -> Finding:
    nearest = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    writable = nearest.is_dir() and os.access(nearest, os.W_OK)
    details = {"path": str(directory / FILE_NAME), "writable": writable, "entries": 0}
    if writable:
        return Finding("cache", State.OK, f"none in {directory} yet; the first fetch makes it", details=details)
    return Finding(
        "cache",
        State.PROBLEM,
        f"none in {directory}, and {nearest} cannot be written",
        f"name another directory: --cache-dir or {CACHE_DIR_VARIABLE}",
        details,
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the service said: an answer, or none where it refused the key (401), and how many ms that took."""

    answer: Answer | None
    ms: float

    @property
    def knows_the_key(self) -> bool:
        """Whether it said what is said to a key that it takes: where the id is none of its own, 404."""
        return self.answer is not None and self.answer.outcome is not Outcome.FAILED


def _ask(key: Secret, base_url: str) -> _Asked:
    with (
        TemporaryDirectory(prefix="genanalytics-") as nowhere,  # the user's cache is not touched
        Client.from_env(
            api_key=key, base_url=base_url, account="doctor", cache_dir=nowhere, timeout_s=_TIMEOUT_S
        ) as client,
    ):
        started = time.monotonic()
        try:
            answer = client.ask(HARMLESS_ID, attempt=1, accept_mismatch=True, stopped=Event())
        except KeyRefusedError:
            answer = None
        return _Asked(answer, 1_000 * (time.monotonic() - started))


def _key_finding(unusable: str, asked: _Asked | None) -> Finding:
    if unusable:
        return Finding("key", State.PROBLEM, unusable, details={"usable": False, "accepted": None})
    if asked is not None and asked.answer is None:
        next_step = f"check {KEY_VARIABLE} or --api-key-file; the key may have been deleted"
        return Finding(
            "key", State.PROBLEM, "the service refuses it (401)", next_step, {"usable": True, "accepted": False}
        )
    if asked is not None and asked.knows_the_key:
        return Finding("key", State.OK, "the service takes it", details={"usable": True, "accepted": True})
    return Finding(
        "key",
        State.NOTE,
        "there is one; the service was not asked, or did not say",
        details={"usable": True, "accepted": None},
    )


def _service_finding(base_url: str, asked: _Asked | None) -> Finding:
    if asked is None:
        return Finding("service", State.NOTE, f"{base_url} was not asked", details={"base_url": base_url, "ms": None})
    answer = asked.answer
    status = 401 if answer is None else answer.status
    details = {"base_url": base_url, "status": status, "ms": round(asked.ms, 1)}
    if answer is None or asked.knows_the_key:
        return Finding("service", State.OK, f"{base_url} answered in {write(asked.ms, Unit.MS)}", details=details)
    if status in TOO_MANY:
        return Finding("service", State.NOTE, f"{base_url}: {answer.message}", "ask again in a while", details)
    return Finding(
        "service",
        State.PROBLEM,
        f"{base_url}: {answer.message}",
        f"check the network, HTTPS_PROXY, and --base-url or {BASE_URL_VARIABLE}",
        details,
    )
