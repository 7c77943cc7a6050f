"""Data sets of format 1, in which each commit was a folder with hard links: taken over when they are written again."""

import os
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from genanalytics.dataset.content import Manifest
from genanalytics.dataset.directory import COMMITS
from genanalytics.dataset.failures import FAILURES_FILE
from genanalytics.dataset.folder import CURRENT, Folder
from genanalytics.dataset.inside import find_missing
from genanalytics.dataset.manifest import MANIFEST, load_manifest
from genanalytics.errors import InputError


class _Taker(Protocol):
    """The place that takes the files over."""

    @property
    def inode(self) -> int: ...
    def take(self, path: str, name: str) -> None: ...
    def publish(self, manifest: Manifest) -> None: ...


def adopt(directory: Path, disk: _Taker) -> None:
    """Publish the last commit of a data set of format 1, if it is one, in the format of today.

    Its files get names in the folder of the files; no row is read or written.

    Raises:
        InputError: Its manifest is that of another commit, or a file is missing.
        OSError: The file system has no hard links, or it cannot be written.
    """
    current = directory / CURRENT
    if not current.exists():
        return
    commit = Folder(directory)
    commit.root = os.path.realpath(current)
    manifest = load_manifest(commit, MANIFEST)
    if current.readlink() != Path(COMMITS, f"{manifest.commit:08d}"):
        msg = (
            f"the manifest.json of {directory} is that of another commit ({manifest.commit}): restore the data set from"
            " a copy"
        )
        raise InputError(msg)
    missing = find_missing(directory, commit.root, manifest.list_names())
    if missing:
        msg = f"cannot write the data set {directory}: {missing[0]} is missing; restore the data set from a copy"
        raise InputError(msg)
    first = f"failures/{manifest.commit:08d}-whole.parquet"
    for name in manifest.list_names():
        disk.take(commit.locate(name), first if name == FAILURES_FILE else name)
    whole = tuple(
        replace(file, path=first if file.path == FAILURES_FILE else file.path) for file in manifest.failure_files
    )
    disk.publish(replace(manifest, failure_files=whole, inode=disk.inode))


def remove_commits(directory: Path) -> None:
    """Remove the commits of a data set of format 1 after it was taken over."""
    current = directory / CURRENT
    if os.path.lexists(current):
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            shutil.rmtree(COMMITS, ignore_errors=True, dir_fd=handle)
        finally:
            os.close(handle)
        with suppress(FileNotFoundError):
            current.unlink()
