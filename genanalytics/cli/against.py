"""The records to compare with: `--against previous|PATH`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import click

from genanalytics.cli.options import FILE, Command, print_notices
from genanalytics.cli.records import Selection

PREVIOUS = "previous"


def takes_against(text: str) -> Callable[[Command], Command]:
    """Return a decorator that lets a command take `against`; the text is its help."""
    return click.option("--against", metavar="previous|PATH", type=FILE, help=text)


@contextmanager
def open_both(selection: Selection, against: str | None) -> Iterator[tuple[Any, Any]]:
    """Yield the records, and the records to compare them with; None without `against`.

    Raises:
        InputError: `against` is `previous`, and there is no period.
    """
    if against is None:
        with selection.open() as data:
            yield data, None
        return
    if against != PREVIOUS:
        with selection.open() as data, replace(selection, paths=(against,)).open() as other:
            yield data, other
        return
    now = selection.find_time_range()
    before = now.find_previous()
    from genanalytics.metrics.where.choose import choose_rows

    with selection.open_all() as data:
        chosen = selection.choose_rows(data, now)
        other, (period, *notices) = choose_rows(data, selection.where, before, tz=selection.tz)
        print_notices([f"compared with {period}", *notices])
        yield chosen, other
