"""Results that are computed once: of rows with equal content, and, while a page is written, of the same object.

`Memory` is for rows in memory. A caller can change them between two calls, so only their content tells that they are
the same. `remember` is for data of any engine, such as a view in a database, whose content is too large to read again.
"""

import hashlib
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, wraps
from typing import Any, Generic, NamedTuple, TypeVar, cast

import pyarrow as pa

Function = TypeVar("Function", bound=Callable[..., Any])
Result = TypeVar("Result")

_DIGEST_BYTES = 16


class Memory(Generic[Result]):
    """The last results by their keys, from any thread.

    Args:
        most: The number of results that are kept.

    >>> memory = Memory[int](most=1)
    >>> memory.recall("nine", lambda: 9), memory.recall("nine", lambda: 10)
    (9, 9)
    """

    def __init__(self, most: int) -> None:
        self._find_slot: Callable[[Hashable], list[Result]] = lru_cache(maxsize=most)(lambda _: [])

    def recall(self, key: Hashable, compute: Callable[[], Result]) -> Result:
        """Return the result of a key, which nobody may change; compute it if it is not among the last ones.

        Args:
            key: Everything that the result depends on: `digest` of rows, and arguments.
            compute: Returns the result. Threads that ask at the same time may each compute it.
        """
        slot = self._find_slot(key)
        if not slot:
            slot.append(compute())
        return slot[0]


def digest(table: pa.Table) -> bytes:
    """Return the digest of a table; tables with other names, types or values have other digests.

    Equal tables that are divided or allocated in other ways can have other digests too.

    >>> digest(pa.table({"a": [1, 2]})) == digest(pa.table({"a": [1, 2]}))
    True
    >>> digest(pa.table({"a": [1, 2]})) == digest(pa.table({"a": [1, None]}))
    False
    """
    hashed = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    with pa.PythonFile(_Hashing(hashed.update), "w") as sink, pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return hashed.digest()


class _Hashing:
    """A file that Arrow writes to; its content is only passed on to be digested."""

    closed = False

    def __init__(self, update: Callable[[Any], None]) -> None:
        self._update = update

    def write(self, content: Any) -> int:  # noqa: ANN401 - a buffer
        self._update(content)
        return len(content)

    def flush(self) -> None: ...

    def close(self) -> None: ...


class _Known(NamedTuple):
    """Data, and the results about it with their arguments: as long as these exist, no other objects have their ids."""

    data: object
    results: dict[Hashable, tuple[object, Any]]


_KNOWN: ContextVar[Mapping[int, _Known]] = ContextVar("known", default={})  # noqa: B039 - never changed


@contextmanager
def remember(*data: object) -> Iterator[None]:
    """Remember the results about data until the block ends; nobody changes the data meanwhile."""
    before = _KNOWN.get()
    token = _KNOWN.set({id(each): _Known(each, {}) for each in data} | dict(before))
    try:
        yield
    finally:
        _KNOWN.reset(token)


def remember_too(data: object) -> None:
    """Remember the results about further data until the block of `remember` ends; nothing outside of a block."""
    known = _KNOWN.get()
    if known and id(data) not in known:
        _KNOWN.set({**known, id(data): _Known(data, {})})


def remembers(function: Function) -> Function:
    """Return a function of data, which returns a frame, that computes nothing twice inside of `remember`.

    >>> import pandas as pd
    >>> @remembers
    ... def count(data: list[str], *, letter: str) -> pd.DataFrame:
    ...     print("counting")
    ...     return pd.DataFrame({letter: [word.count(letter) for word in data]})
    >>> words = ["nine", "one"]
    >>> with remember(words):
    ...     count(words, letter="n").equals(count(words, letter="n"))
    counting
    True
    """

    @wraps(function)
    def call(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - those of the function
        known = _KNOWN.get().get(id(given[0])) if given else None
        if known is None:
            return function(*given, **named)
        key = (function.__module__, function.__name__, _freeze(given[1:]), _freeze(sorted(named.items())))
        if key not in known.results:
            known.results[key] = ((given, named), function(*given, **named))
        return known.results[key][1].copy()

    return cast("Function", call)


def _freeze(value: object) -> Hashable:
    """Return what is equal for equal texts and numbers, for lists of these, and for one and the same object."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple):
        return tuple(_freeze(each) for each in value)
    return ("object", id(value))
