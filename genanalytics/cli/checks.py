"""The checks of `doctor`: Python, packages, API key, service, cache.

No part of the API key is ever shown.
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
from genanalytics.cache.contents import count_contents
from genanalytics.errors import CacheError, InputError, KeyRefusedError
from genanalytics.fetching.answers import Answer, Outcome
from genanalytics.fetching.client import TOO_MANY, Client
from genanalytics.fetching.environment import BASE_URL_VARIABLE, CACHE_DIR_VARIABLE
from genanalytics.fetching.secret import KEY_VARIABLE, Secret, check_api_key
from genanalytics.fetching.transport import check_base_url
from genanalytics.units import Unit, format_count, format_value

HARMLESS_ID = "gen-0000000000-genanalyticsDoctor00"
"""An id that no generation has: the service's answer depends on the API key alone."""

_TIMEOUT_S = 10.0
_OTHER_CACHE = f"name another directory: --cache-dir or {CACHE_DIR_VARIABLE}"


class State(StrEnum):
    """The severity of a finding."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        check: python, packages, key, service or cache.
        state: Whether a fetch can run with it.
        found: The result, in a few words.
        next_step: What to do about it; empty if there is nothing to do.
        details: The same as plain values, for programs.
    """

    check: str
    state: State
    found: str
    next_step: str = ""
    details: Mapping[str, object] = field(default_factory=dict)


def check_all(api_key: Secret, *, base_url: str, cache_dir: Path, offline: bool = False) -> Iterator[Finding]:
    """Yield the result of each check as soon as it is known; problems are findings, not exceptions.

    Args:
        api_key: The API key, or an empty one.
        base_url: The URL of the API. It gets one request, for an id that no generation has.
        cache_dir: The directory of the cache. A damaged cache file is set aside, as by every command that opens it.
        offline: Send nothing.
    """
    versions = {"version": platform.python_version(), "platform": platform.platform()}
    yield Finding("python", State.OK, f"{versions['version']} on {versions['platform']}", details=versions)
    yield check_packages()
    try:
        check_api_key(api_key)
        unusable = ""
    except KeyRefusedError as error:
        unusable = str(error)
    try:
        base_url = check_base_url(base_url)
        wrong_url = ""
    except InputError as error:
        wrong_url = str(error)
    reply = None
    if not (offline or wrong_url):
        reply = _ask(Secret("none") if unusable else api_key, base_url)  # a refusal shows that the service is there
    yield _judge_api_key(unusable, reply)
    if wrong_url:
        yield Finding("service", State.PROBLEM, wrong_url, f"correct --base-url or {BASE_URL_VARIABLE}")
    else:
        yield _judge_service(base_url, reply)
    yield check_cache(cache_dir)


def check_packages(distribution: str = "genanalytics") -> Finding:
    """Return whether the declared dependencies of a distribution are installed, in declared versions."""
    try:
        declared = [Requirement(text) for text in metadata.requires(distribution) or ()]
    except metadata.PackageNotFoundError:
        return Finding("packages", State.NOTE, f"{distribution} runs from source and is not installed")
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


def check_cache(directory: Path) -> Finding:
    """Return what a cache contains, whether it is sound and whether it can be written; none is created."""
    directory = directory.expanduser()
    if not (directory / FILE_NAME).exists():
        return _check_place(directory)
    try:
        with Archive(directory) as archive:
            held = count_contents(archive)
            refusal, notices = archive.refusal, archive.take_notices()
    except CacheError as error:
        return Finding("cache", State.PROBLEM, str(error), _OTHER_CACHE)
    size = format_count(held.size, "byte")
    found = f"{archive.path}: {format_count(held.entries, 'answer')}, {held.damaged:,} damaged, {size}"
    details = {"path": str(archive.path), "writable": not refusal, **asdict(held)}
    if refusal:
        return Finding("cache", State.PROBLEM, refusal, _OTHER_CACHE, details)
    if notices:
        found = f"{found}; {'; '.join(notices)}"
        return Finding("cache", State.NOTE, found, "keep that file: it may hold records", details)
    if held.damaged or held.set_aside:
        aside = f"; set aside: {', '.join(held.set_aside)}" if held.set_aside else ""
        return Finding("cache", State.NOTE, found + aside, "damaged answers are asked for again when needed", details)
    return Finding("cache", State.OK, found, details=details)


def _check_place(directory: Path) -> Finding:
    nearest = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    writable = nearest.is_dir() and os.access(nearest, os.W_OK)
    details = {"path": str(directory / FILE_NAME), "writable": writable, "entries": 0}
    if writable:
        return Finding("cache", State.OK, f"none in {directory} yet; the first fetch creates it", details=details)
    found = f"none in {directory}, and {nearest} cannot be written"
    return Finding("cache", State.PROBLEM, found, _OTHER_CACHE, details)


@dataclass(frozen=True, slots=True)
class _Reply:
    """The answer of the service, None if it refused the API key (401), and its time in ms."""

    answer: Answer | None
    ms: float

    @property
    def accepts_api_key(self) -> bool:
        """Whether the answer is one that the service gives only for a key it accepts: for an unknown id, 404."""
        return self.answer is not None and self.answer.outcome is not Outcome.FAILED


def _ask(api_key: Secret, base_url: str) -> _Reply:
    with (
        TemporaryDirectory(prefix="genanalytics-") as cache_dir,  # the user's cache is not touched
        Client(
            api_key.reveal(), base_url=base_url, account="doctor", cache_dir=cache_dir, timeout_s=_TIMEOUT_S
        ) as client,
    ):
        started = time.monotonic()
        try:
            answer = client.ask(HARMLESS_ID, attempt=1, accept_mismatch=True, stopped=Event())
        except KeyRefusedError:
            answer = None
        return _Reply(answer, 1_000 * (time.monotonic() - started))


def _judge_api_key(unusable: str, reply: _Reply | None) -> Finding:
    if unusable:
        return Finding("key", State.PROBLEM, unusable, details={"usable": False, "accepted": None})
    if reply is not None and reply.answer is None:
        next_step = f"check {KEY_VARIABLE} or --api-key-file; the key may have been deleted"
        details = {"usable": True, "accepted": False}
        return Finding("key", State.PROBLEM, "the service refuses it (401)", next_step, details)
    if reply is not None and reply.accepts_api_key:
        return Finding("key", State.OK, "the service accepts it", details={"usable": True, "accepted": True})
    found = "there is one; whether the service accepts it is unknown"
    return Finding("key", State.NOTE, found, details={"usable": True, "accepted": None})


def _judge_service(base_url: str, reply: _Reply | None) -> Finding:
    if reply is None:
        return Finding("service", State.NOTE, f"{base_url} was not asked", details={"base_url": base_url, "ms": None})
    answer = reply.answer
    status = 401 if answer is None else answer.status
    details = {"base_url": base_url, "status": status, "ms": round(reply.ms, 1)}
    if answer is None or reply.accepts_api_key:
        found = f"{base_url} answered in {format_value(reply.ms, Unit.MS)}"
        return Finding("service", State.OK, found, details=details)
    if status in TOO_MANY:
        return Finding("service", State.NOTE, f"{base_url}: {answer.message}", "ask again in a while", details)
    next_step = f"check the network, HTTPS_PROXY, and --base-url or {BASE_URL_VARIABLE}"
    return Finding("service", State.PROBLEM, f"{base_url}: {answer.message}", next_step, details)
