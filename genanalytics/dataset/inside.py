"""Paths of a data set that lead out of it, or to no file: a manifest or a link may come from somebody else."""

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
    """Return the files that a data set on this machine lacks; refuse links that lead out of it, and pipes.

    Args:
        path: The data set.
        root: The folder with the files, or a copy.
        names: The files, relative to `root`.

    Raises:
        InputError: There is such a link, or a name of something else than a file.
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
        entries = _list_folder(place)
        missing += [f"{folder}/{file}".removeprefix("/") for file in files if file not in entries]
        for entry in (entries[file] for file in files if file in entries):
            _check_file(path, entry, real)
    return missing


def _check_file(path: str | os.PathLike[str], entry: os.DirEntry[str], real: str) -> None:
    if entry.is_symlink() and not Path(os.path.realpath(entry.path)).is_relative_to(real):
        raise _make_outside(path, os.path.relpath(entry.path, real))
    if not entry.is_file() and Path(entry.path).exists():  # reading a pipe would wait for its writer
        msg = f"cannot read {os.fspath(path)}: {entry.path} is not a regular file; restore the data set from a copy"
        raise InputError(msg)


def _list_folder(place: str) -> dict[str, os.DirEntry[str]]:
    """Return what is in a folder, by its name; nothing if there is no folder."""
    try:
        with os.scandir(place) as entries:
            return {entry.name: entry for entry in entries}
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
