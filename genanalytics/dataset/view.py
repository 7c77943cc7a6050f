"""What readers without the manifest see of a data set on disk: `data`, `failures.parquet` and `manifest.json`.

Each partition is a folder in `data` with one link for each of its files. A commit adds a link to it. If it replaces
files or adds several, a folder with the new links is made aside, and exchanged with the old one in one step.
"""

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from genanalytics.base.atomic import sync
from genanalytics.base.exchange import exchange
from genanalytics.dataset.content import Manifest
from genanalytics.dataset.directory import DATA, MODE, NEXT
from genanalytics.dataset.failures import FAILURES_FILE
from genanalytics.dataset.folder import FILES
from genanalytics.dataset.manifest import MANIFEST
from genanalytics.dataset.place import name_manifest

_Links = Mapping[str, str]
"""The names of links in one folder, and where they lead."""


class View:
    """The visible names of a data set.

    Args:
        directory: The data set.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._next = directory / FILES / NEXT
        self._shown: dict[str, dict[str, str]] | None = None

    def show(self, manifest: Manifest) -> None:
        """Bring the visible names to the content of a manifest; what an interrupted writer left is repaired.

        Raises:
            OSError: They cannot be written.
        """
        wanted = _list_links(manifest)
        if self._shown is None:
            self._prepare(wanted)
            self._shown = self._read(wanted)
        shown, self._shown = self._shown, None  # after an error they are read again
        changed = [folder for folder in sorted(wanted.keys() | shown.keys()) if wanted.get(folder) != shown.get(folder)]
        for folder in changed:
            self._change(folder, shown.get(folder), wanted.get(folder))
        if changed:
            sync(self._directory / DATA)
        points = {FAILURES_FILE: manifest.failure_files[0].path, MANIFEST: name_manifest(manifest.commit)}
        moved = [name for name, target in points.items() if self._point(name, target)]
        if moved:
            sync(self._directory)
        self._shown = wanted

    def _prepare(self, wanted: Mapping[str, _Links]) -> None:
        """Remove folders in the making, and replace the link `data` of format 1 by a folder with the same rows."""
        for path in self._next.iterdir():
            _remove(path)
        data = self._directory / DATA
        if data.is_symlink():
            staged = self._next / DATA
            _make_folder(staged)
            for folder, links in wanted.items():
                (staged / folder).mkdir(MODE, exist_ok=True)
                _add_links(staged / folder, links)
                sync(staged / folder)
            sync(staged)
            exchange(staged, data)
            staged.unlink()
            sync(self._directory)
        with suppress(FileExistsError):
            data.mkdir(MODE)

    def _read(self, wanted: Mapping[str, object]) -> dict[str, dict[str, str]]:
        """Return the links that are there in each folder of `data`; "" is `data` itself."""
        data = self._directory / DATA
        folders = {path.name for path in data.iterdir() if path.is_dir() and not path.is_symlink()}
        shown = {folder: _read_links(data / folder) for folder in folders | {""}}
        return {folder: links for folder, links in shown.items() if folder in wanted or links}

    def _change(self, folder: str, shown: _Links | None, wanted: _Links | None) -> None:
        place = self._directory / DATA / folder
        if wanted is None:
            if folder:
                place.rename(self._next / folder)
                self._dispose(self._next / folder, place)
                return
            wanted = {}
        if shown is None and folder:
            with suppress(FileExistsError):
                place.mkdir(MODE)
        added = dict(wanted.items() - (shown or {}).items())
        if len(added) == len(wanted) - len(shown or {}) <= 1:
            _add_links(place, added)
        elif folder:
            staged = self._next / folder
            _make_folder(staged)
            _add_links(staged, wanted)
            exchange(staged, place)
            self._dispose(staged, place)
        else:
            self._change_all(wanted)
        sync(place)

    def _change_all(self, wanted: _Links) -> None:
        """Exchange `data` itself, which has no partitions."""
        place, staged = self._directory / DATA, self._next / DATA
        _make_folder(staged)
        _add_links(staged, wanted)
        exchange(staged, place)
        self._dispose(staged, place)

    def _dispose(self, old: Path, place: Path) -> None:
        """Remove a folder that is no longer shown; other files in it, as of a file manager, move to its successor."""
        for path in old.iterdir():
            if path.is_symlink():
                path.unlink()
            else:
                place.mkdir(MODE, exist_ok=True)
                path.rename(place / path.name)
        old.rmdir()

    def _point(self, name: str, target: str) -> bool:
        """Let a visible name lead to a file, and return whether it led elsewhere before."""
        path, aim = self._directory / name, Path(FILES, target)
        if path.is_symlink() and path.readlink() == aim:
            return False
        link = self._next / name
        link.unlink(missing_ok=True)
        link.symlink_to(aim)
        link.rename(path)
        return True


def _list_links(manifest: Manifest) -> dict[str, dict[str, str]]:
    """Return the links of each folder in `data`; "" is `data` itself."""
    links: dict[str, dict[str, str]] = {}
    for file in manifest.files:
        folder, _, name = file.path.removeprefix(f"{DATA}/").rpartition("/")
        up = "../.." if folder else ".."
        links.setdefault(folder, {})[name] = f"{up}/{FILES}/{file.path}"
    return links


def _read_links(folder: Path) -> dict[str, str]:
    with os.scandir(folder) as entries:
        return {entry.name: os.readlink(entry.path) for entry in entries if entry.is_symlink()}  # noqa: PTH115 - fast


def _add_links(folder: Path, links: _Links) -> None:
    for name, target in links.items():
        os.symlink(target, f"{folder}/{name}")  # noqa: PTH211 - fast


def _make_folder(path: Path) -> None:
    if os.path.lexists(path):
        _remove(path)
    path.mkdir(MODE)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
