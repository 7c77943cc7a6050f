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


def check_links(path: str | os.PathLike[str], root: str, names: Iterable[str]) -> None:
    """Refuse a data set on this machine with links that lead out of it.

    Args:
        path: The data set.
        root: The directory of the commit, or of a copy.
        names: The files, relative to `root`.

    Raises:
        InputError: There is one.
    """
    if not Path(root).is_relative_to(os.path.realpath(path)):
        raise _make_outside(path, os.path.relpath(root, os.path.realpath(path)))
    files = [Path(root, name) for name in names]
    places = {file.parent for file in files} | {file for file in files if file.is_symlink()}
    for place in places:
        if not Path(os.path.realpath(place)).is_relative_to(root):
            raise _make_outside(path, os.path.relpath(place, root))


def _is_inside(name: str) -> bool:
    """Return whether a path of a manifest leads into its data set.

    >>> [_is_inside(name) for name in ("data/month=2026-09/1.parquet", "/etc/x", "data/../../x", "data//x", "x")]
    [True, False, False, False, False]
    """
    first, *rest = name.split("/")
    is_plain = all(part not in {"", ".", ".."} and "\\" not in part and "\0" not in part for part in rest)
    return name == FAILURES_FILE or (first in {"data", "failures"} and len(rest) > 0 and is_plain)


def _make_outside(path: str | os.PathLike[str], name: str) -> InputError:
    return InputError(
        f"cannot read {os.fspath(path)}: {name!r} in its manifest.json or among its links leads out of the data set;"
        " restore the data set from a copy that you trust"
    )
