"""Paths in the place of records: functions of records take both, and do not know how files are read."""

import os
from collections.abc import Callable, Sequence
from functools import wraps
from inspect import CO_VARKEYWORDS
from pkgutil import resolve_name
from typing import Any, Literal, TypeVar, cast

from genanalytics.base.text import list_names, suggest

Place = Literal["any", "memory"]
"""Where the records of a path may be: on any engine, or in memory only."""
Function = TypeVar("Function", bound=Callable[..., Any])

_OF_SELECT = ("where", "since", "until", "last", "period")
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
        code = function.__code__
        parameters = code.co_varnames[: code.co_argcount]
        keywords = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        takes_any = bool(code.co_flags & CO_VARKEYWORDS)

        @wraps(function)
        def call(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - those of the function
            unknown = [] if takes_any else [name for name in named if name not in keywords]
            if unknown:
                raise TypeError(_refuse(function.__name__, unknown[0], keywords))
            places = zip(parameters, given, strict=False)
            opened = [open_path(value, place) if name in names else value for name, value in places]
            named |= {name: open_path(named[name], place) for name in names if name in named}
            return function(*opened, *given[len(parameters) :], **named)

        return cast("Function", call)

    return decorate


def _refuse(function: str, name: str, keywords: Sequence[str]) -> str:
    """Return the message that refuses an argument: records are chosen by `select`, which other functions do not do."""
    if name in _OF_SELECT:
        return f"{function} has no argument {name!r}: choose records first, with ga.select(data, {name}=...)"
    return f"{function} has no argument {name!r}; {suggest(name, keywords)}there are {list_names(keywords, near=name)}"


def open_path(records: object, place: Place) -> Any:  # noqa: ANN401 - records of any kind
    """Return the records of a path; anything else as it is."""
    return resolve_name(OPENER)(records, place) if isinstance(records, str | os.PathLike) else records
