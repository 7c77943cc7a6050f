"""Results that are computed once as long as they are asked for again: a page shows many of them twice."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, NamedTuple, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])


class _Memory(NamedTuple):
    """Data, and the results about it with their arguments: as long as these exist, no other objects have their ids."""

    data: object
    results: dict[Hashable, tuple[object, Any]]


_MEMORIES: ContextVar[Mapping[int, _Memory]] = ContextVar("memories", default={})  # noqa: B039 - never changed


@contextmanager
def remember(*data: object) -> Iterator[None]:
    """Remember the results about data until the block ends; nobody changes the data meanwhile."""
    before = _MEMORIES.get()
    token = _MEMORIES.set({id(each): _Memory(each, {}) for each in data} | dict(before))
    try:
        yield
    finally:
        _MEMORIES.reset(token)


def remember_too(data: object) -> None:
    """Remember the results about further data until the block of `remember` ends; nothing outside of a block."""
    memories = _MEMORIES.get()
    if memories and id(data) not in memories:
        _MEMORIES.set({**memories, id(data): _Memory(data, {})})


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
        memory = _MEMORIES.get().get(id(given[0])) if given else None
        if memory is None:
            return function(*given, **named)
        key = (function.__module__, function.__name__, _freeze(given[1:]), _freeze(sorted(named.items())))
        if key not in memory.results:
            memory.results[key] = ((given, named), function(*given, **named))
        return memory.results[key][1].copy()

    return cast("Function", call)


def _freeze(value: object) -> Hashable:
    """Return what is equal for equal texts and numbers, for lists of these, and for one and the same object."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple):
        return tuple(_freeze(each) for each in value)
    return ("object", id(value))
