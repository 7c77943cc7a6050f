"""Where a Delta table is: a folder or a URL, and the options with which its store is opened."""

import os
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from genanalytics.base.content import unreadable
from genanalytics.base.stores.address import Address, is_store_url, is_url, parse_url
from genanalytics.base.stores.find import has_name_of_object, has_objects, has_pattern
from genanalytics.base.stores.parts import AT_ONCE
from genanalytics.base.stores.reasons import find_reason
from genanalytics.base.stores.store import allows_http, find_options
from genanalytics.base.text import explain
from genanalytics.errors import InputError

LOG = "_delta_log"
_UNUSABLE = re.compile(r"[][^|\\]|%[0-9A-Fa-f]{2}")
"""Characters in a path with which deltalake 1.6 panics, or opens another path."""
_BOUNDS = {
    "max_retries": "3",
    "retry_timeout": "20s",
    "timeout": "60s",
    "connect_timeout": "5s",
}
"""An unreachable store is an error after seconds, not minutes."""


def is_delta(place: str | os.PathLike[str]) -> bool:
    """Return whether a folder or a URL of an object store is a Delta table.

    Raises:
        InputError: The store cannot be asked.
    """
    if not is_store_url(place):
        return not is_url(place) and Path(place, LOG).is_dir()
    url = os.fspath(place)
    parse_url(url)  # so that an error names this URL, not the one of the log
    if has_name_of_object(url) or has_pattern(url):
        return False
    try:
        return has_objects(f"{url.rstrip('/')}/{LOG}")
    except OSError as error:
        msg = f"cannot read {url}: {error}"
        raise InputError(msg) from error


def check_files(place: str, files: Iterable[Path]) -> None:
    """Refuse a file, a directory or a glob with files of a Delta table, some of which its log has replaced.

    Raises:
        InputError: It has some.
    """
    for folder in sorted({folder for file in files for folder in file.absolute().parents}):
        if is_delta(folder):
            raise _make_part(place, str(folder), is_file=Path(place).is_file())


def check_objects(place: str, found: Iterable[Address]) -> None:
    """Refuse a prefix or a glob with objects of a Delta table, some of which its log has replaced.

    Raises:
        InputError: It has some, or the store cannot be asked.
    """
    folders = {
        replace(one, key=str(folder).strip("/"))
        for one in found
        for folder in PurePosixPath("/", one.key).parents
        if "=" not in folder.name  # which is a partition of a table
    }
    asked = sorted(map(str, folders))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            table = next((url for url, has_log in zip(asked, pool.map(_has_log, asked), strict=True) if has_log), None)
        except OSError as error:
            raise unreadable(place, error) from error
    if table is not None:
        raise _make_part(place, table, is_file=False)


def _make_part(place: str, table: str, *, is_file: bool) -> InputError:
    what = "is a file" if is_file else "contains files"
    return InputError(f"{place} {what} of a Delta table, which may have been replaced: give the table itself, {table}")


def _has_log(url: str) -> bool:
    try:
        return has_objects(f"{url}/{LOG}")
    except PermissionError:  # such as of the bucket, of which a user may see one folder only
        return False


def make_storage_options(place: str | os.PathLike[str]) -> dict[str, str]:
    """Return the options with which `deltalake` opens a place, for what it does not find in the environment itself.

    A commit on S3 and its likes is a conditional write: only the first of two writers succeeds.

    >>> make_storage_options("generations")
    {}
    """
    if not is_store_url(place):
        return {}
    address = parse_url(place)
    options = {**find_options(address), **_BOUNDS}
    options["allow_http"] = str(allows_http(options)).lower()
    if address.kind == "s3":
        options["aws_conditional_put"] = "etag"
    return options


def import_deltalake(place: str | os.PathLike[str]) -> Any:  # noqa: ANN401 - a package without these names in old versions
    """Return the package `deltalake`.

    Raises:
        InputError: It is not installed.
    """
    try:
        import deltalake  # noqa: PLC0415 - an extra
    except ImportError as error:
        msg = f"{os.fspath(place)} is a Delta table, which needs deltalake: pip install 'genanalytics[delta]'"
        raise InputError(msg) from error
    return deltalake


def list_errors() -> tuple[type[Exception], ...]:
    """Return the errors of the package `deltalake`, which raises plain ones too."""
    from deltalake.exceptions import DeltaError  # noqa: PLC0415 - an extra

    return (DeltaError, OSError, ValueError)


def check_path(place: str | os.PathLike[str]) -> None:
    """Refuse a path that `deltalake` cannot open.

    Raises:
        InputError: It is one.
    """
    path = os.fspath(place) if is_store_url(place) else Path(os.path.abspath(place)).as_posix()  # noqa: PTH100
    found = _UNUSABLE.search(path)
    if found is not None:
        msg = f"deltalake cannot open the path {path}, which contains {found[0]!r}: rename it, or give another one"
        raise InputError(msg)


def make_unreadable(place: str | os.PathLike[str], error: Exception) -> InputError:
    """Return the error of a table that cannot be read, in one line."""
    return InputError(f"cannot read the Delta table {os.fspath(place)}: {find_cause(place, error)}")


def find_cause(place: str | os.PathLike[str], error: Exception) -> str:
    """Return the reason of an error of `deltalake` in a few words."""
    return find_reason(str(error)) if is_store_url(place) else explain(error)
