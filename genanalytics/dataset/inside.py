"""Paths of a data set that lead out of it: a manifest or a link may come from somebody else."""

import os
from collections.abc import Iterable
from pathlib import Path

from genanalytics.dataset.failures import FAILURES_FILE
from genanalytics.errors import InputError


def check_names(path: str | os.PathLike[str], names: Iterable[str]) -> None:
    """Refuse a data set whose manifest names a file outside of it.

    Raises:
        InputError: There is one.
    """
    for name in names:
        if not _is_inside(name):
            raise _make_outside(path, name)


def find_missing(path: str | os.PathLike[str], root: str, names: Iterable[str]) -> list[str]:
    """Return the files that a data set on this machine lacks; refuse links that lead out of it.

    Args:
        path: The data set.
        root: The folder with the files, or a copy.
        names: The files, relative to `root`.

    Raises:
        InputError: There is such a link.
    """
    real = os.path.realpath(root)
    if not Path(real).is_relative_to(os.path.realpath(path)):
        raise _make_outside(path, os.path.relpath(real, os.path.realpath(path)))
    folders: dict[str, list[str]] = {}
    for name in names:
        folder, _, file = name.rpartition("/")
        folders.setdefault(folder, []).append(file)
    missing = []
    for folder, files in folders.items():
        place = f"{real}/{folder}"
        if not Path(os.path.realpath(place)).is_relative_to(real):
            raise _make_outside(path, folder)
        is_link = _list_folder(place)
        missing += [f"{folder}/{file}".removeprefix("/") for file in files if file not in is_link]
        for file in files:
            if is_link.get(file) and not Path(os.path.realpath(f"{place}/{file}")).is_relative_to(real):
                raise _make_outside(path, f"{folder}/{file}")
    return missing


def _list_folder(place: str) -> dict[str, bool]:
    """Return the names in a folder, and whether each is a link; none if there is no folder."""
    try:
        with os.scandir(place) as entries:
            return {entry.name: entry.is_symlink() for entry in entries}
    except (FileNotFoundError, NotADirectoryError):
        return {}


def _is_inside(name: str) -> bool:
    """Return whether a path of a manifest leads into its data set.

    >>> [_is_inside(name) for name in ("data/month=2026-09/1.parquet", "/etc/x", "data/../../x", "data//x", "x")]
    [True, False, False, False, False]
    """
    first, *rest = name.split("/")
    is_plain = all(part not in {"", ".", ".."} and "\\" not in part and "\0" not in part for part in rest)
    return name == FAILURES_FILE or (first in {"data", "young", "failures", "ids"} and len(rest) > 0 and is_plain)


def _make_outside(path: str | os.PathLike[str], name: str) -> InputError:
    return InputError(
        f"cannot read {os.fspath(path)}: {name!r} in its manifest or among its links leads out of the data set;"
        " restore the data set from a copy that you trust"
    )
