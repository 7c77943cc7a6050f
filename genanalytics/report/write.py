"""The report as a file."""

import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd

from genanalytics.base.atomic import check_writable, replace_file
from genanalytics.base.collecting import look_at_new_objects
from genanalytics.base.opening import opens_paths
from genanalytics.base.remembering import remember
from genanalytics.base.text import list_names, suggest
from genanalytics.decide.labelling.labels import add_labels
from genanalytics.errors import InputError, PoorerResultError
from genanalytics.metrics.engines.source import Records
from genanalytics.records.coverage import Coverage
from genanalytics.report.blocks import Page
from genanalytics.report.given import Given, make_given
from genanalytics.report.page import clean, render
from genanalytics.report.scope import describe_origin, describe_scope, find_coverage
from genanalytics.report.sections import SECTIONS
from genanalytics.report.tiles import find_versus, make_tiles

if TYPE_CHECKING:
    from genanalytics.decide.labelling.label_table import Labels

_SUFFIXES = (".html", ".htm")
_HEAD_BYTES = 4_096
_COVERAGE = re.compile(rb'<meta name="genanalytics-coverage" content="(\d+) of (\d+)">')
"""The number of records and of requested ids in the head of a page."""
_KEY, _LABEL = "external_user", "customer"
"""The key of labels in a dict, and the name of its labels."""


class Framed(Protocol):
    """The result of `fetch`: a frame with its coverage."""

    @property
    def frame(self) -> pd.DataFrame:
        """The records."""


@opens_paths("data", "against")
def write_report(
    data: Records | Framed,
    path: str | os.PathLike[str],
    *,
    against: Records | Framed | None = None,
    title: str = "Generations",
    tz: str = "UTC",
    sources: Sequence[str | os.PathLike[str]] = (),
    options: Sequence[tuple[str, str]] = (),
    labels: "Labels | None" = None,
    sections: Sequence[str] | None = None,
    force: bool = False,
) -> None:
    """Write a report as one self-contained HTML file: what to do, spend, prices, caching, speed, reliability.

    Each section begins with its answer in one sentence. The same data gives the same bytes. The page contains only
    numbers and the names of groups. If some of the requested ids have no record, each count and each sum is shown as a
    lower bound.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame, the path of a file; or
            the result of `fetch`.
        path: The file.
        against: Records of another period. Then the page shows the changes since that period, and why the cost moved.
        title: The title of the report.
        tz: The time zone of days and other periods, by its IANA name.
        sources: The files or data sets of the data. The report names them with their SHA-256; for a data set, with the
            SHA-256 of its manifest.
        options: The options of the command line that choose the data out of the sources, for the commands on the page,
            such as `[("--since", "2026-09-01")]`.
        labels: Further columns by key, as `label` takes them, such as the customer: a section shows the cost of each.
            The keys of a file or a frame are in its first column, which has the name of a column of the records. The
            keys of a dict are values of `external_user`, and its labels are named `customer`.
        sections: The names of the sections to show, such as `spend`; None for all.
        force: Whether to replace a report even if it is made from more records of at least as many requested ids.

    Raises:
        InputError: There is no such time zone or section, the data has a wrong type, labels cannot be added, or the
            name of the file does not end in .html.
        MissingColumnError: The data lacks a column.
        PoorerResultError: The file is a report of more records, although at least as many ids were requested for the
            new one. The file stays as it is.
        OutputError: The file cannot be written.
    """
    check_target(path)
    check_sections(sections)
    records, before = (_add_labels(_find_records(each), labels) for each in (data, against))
    with remember(records, before), look_at_new_objects():
        files = [Path(source).name for source in sources]
        given = make_given(records, previous=before, tz=tz, files=files, options=options)
        page = _make_page(given, title, sources, SECTIONS if sections is None else sections)
    if not force:
        _check_replacement(Path(path), find_coverage(given.figures.total))
    text = render(page)
    with replace_file(Path(path)) as part:
        part.write_text(text, encoding="utf-8")


def check_target(path: str | os.PathLike[str]) -> None:
    """Check that a report could be written to a file, before the work that would be lost.

    Raises:
        InputError: The name does not end in .html, or its directory does not exist.
        OutputError: The directory cannot be written.
    """
    if Path(path).suffix.lower() not in _SUFFIXES:
        msg = f"cannot write a report to {os.fspath(path)!r}: give a name that ends in {_SUFFIXES[0]}"
        raise InputError(msg)
    check_writable(path)


def check_sections(names: Sequence[str] | None) -> None:
    """Check the names of sections.

    Raises:
        InputError: There is no such section, or no name is given.

    >>> check_sections(["spend", "speeds"])
    Traceback (most recent call last):
    genanalytics.errors.InputError: no section 'speeds'; did you mean 'speed'? there are act-on, spend, who, prices, \
caching, speed, reliability, when, appendix
    """
    if names is None:
        return
    if isinstance(names, str) or not names:
        msg = f"sections={names!r}: give a list of names; there are {', '.join(SECTIONS)}"
        raise InputError(msg)
    for name in names:
        if name not in SECTIONS:
            msg = f"no section {name!r}; {suggest(name, SECTIONS)}there are {list_names(SECTIONS)}"
            raise InputError(msg)


def _find_records(data: Any) -> Any:  # noqa: ANN401 - of any engine
    """Return the records of the result of `fetch`; anything else as it is."""
    frame = None if isinstance(data, pd.DataFrame) else getattr(data, "frame", None)
    return frame if isinstance(frame, pd.DataFrame) else data


def _add_labels(data: Any, labels: "Labels | None") -> Any:  # noqa: ANN401 - of the same kind
    if data is None or labels is None:
        return data
    named = {"on": _KEY, "name": _LABEL} if isinstance(labels, dict) else {"on": None}
    return add_labels(data, labels, **named)[0]


def _make_page(given: Given, title: str, sources: Sequence[str | os.PathLike[str]], names: Collection[str]) -> Page:
    total, period, versus = given.figures.total, given.figures.period, find_versus(given)
    made = (SECTIONS[name](given) for name in SECTIONS if name in names)
    coverage = find_coverage(total)
    return Page(
        title=clean(title),
        scope=describe_scope(total, period, given.tz),
        tiles=make_tiles(given),
        sections=[section for section in made if section is not None],
        foot=describe_origin(total, period, given.tz, sources, versus),
        versus=versus,
        coverage="" if coverage is None else f"{coverage.found} of {coverage.asked}",
    )


def _check_replacement(path: Path, coverage: Coverage | None) -> None:
    """Refuse to replace a report by one with fewer records of at least as many requested ids."""
    if coverage is None or coverage.part or not coverage.is_partial or not path.is_file():
        return
    with path.open("rb") as stream:
        before = _COVERAGE.search(stream.read(_HEAD_BYTES))
    if before is not None and coverage.found < int(before[1]) and coverage.asked >= int(before[2]):
        msg = (
            f"{path} was not replaced: it shows {int(before[1]):,} records, and the new report {coverage.found:,} of at"
            " least as many requested ids. Name another file, or replace it with force=True (--force)"
        )
        raise PoorerResultError(msg)
