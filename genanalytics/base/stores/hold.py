"""Objects as files of this machine, for readers that need a whole file."""

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path

from genanalytics.base.content import unreadable
from genanalytics.base.stores.address import parse_url
from genanalytics.base.stores.parts import iterate_parts
from genanalytics.base.stores.store import Store
from genanalytics.errors import GenAnalyticsError

_SUFFIXES = re.compile(r"(?:\.[A-Za-z0-9]{1,8}){1,2}$")


@contextmanager
def hold_object(url: str | os.PathLike[str], *, sidecars: Sequence[str] = ()) -> Iterator[Path]:
    """Yield a temporary copy of an object, with its suffix. Errors name the URL instead.

    Args:
        url: The URL.
        sidecars: What follows the URL in the names of other objects to copy, if they exist.

    Raises:
        InputError: There is no such object, the store does not answer or refuses, or obstore is not installed.
    """
    address = parse_url(url)
    store = Store(replace(address, key=""))
    suffix = _SUFFIXES.search(address.key)
    with tempfile.TemporaryDirectory(prefix="genanalytics-") as directory:
        path = Path(directory).resolve() / f"object{suffix[0] if suffix else ''}"
        try:
            _copy(store, address.key, path)
            for ending in sidecars:
                with suppress(FileNotFoundError):
                    _copy(store, address.key + ending, path.with_name(path.name + ending))
        except OSError as error:
            raise unreadable(str(address), error) from error
        try:
            yield path
        except GenAnalyticsError as error:
            error.args = (str(error).replace(str(path), str(address)), *error.args[1:])
            raise


def _copy(store: Store, key: str, path: Path) -> None:
    parts = iterate_parts(store, key)
    first = next(parts)  # before the file is made
    with path.open("wb") as copy:
        for part in chain([first], parts):
            copy.write(part)
