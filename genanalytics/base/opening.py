"""Paths in the place of records: functions of records take both, and do not know how files are read."""

import os
from collections.abc import Callable
from functools import wraps
from pkgutil import resolve_name
from typing import Any, Literal, TypeVar, cast

Place = Literal["any", "memory"]
"""Where the records of a path may be: on any engine, or in memory only."""
Function = TypeVar("Function", bound=Callable[..., Any])

OPENER = "genanalytics.opening:open_records"
"""The function that opens a path. It is named here and loaded at the first path, since it imports the statistics."""


def opens_paths(*names: str, place: Place = "any") -> Callable[[Function], Function]:
    """Return a decorator for a function of records: it opens each path that is given in their place.

    Args:
        names: The parameters that take records.
        place: Where the function needs the records.

    >>> @opens_paths("data")
    ... def count_rows(data: Any) -> int:
    ...     return len(data)
    >>> count_rows([1, 2])
    2
    """

    def decorate(function: Function) -> Function:
        parameters = function.__code__.co_varnames[: function.__code__.co_argcount]

        @wraps(function)
        def call(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - those of the function
            places = zip(parameters, given, strict=False)
            opened = [open_path(value, place) if name in names else value for name, value in places]
            named |= {name: open_path(named[name], place) for name in names if name in named}
            return function(*opened, *given[len(parameters) :], **named)

        return cast("Function", call)

    return decorate


def open_path(records: object, place: Place) -> Any:  # noqa: ANN401 - records of any kind
    """Return the records of a path; anything else as it is."""
    return resolve_name(OPENER)(records, place) if isinstance(records, str | os.PathLike) else records
