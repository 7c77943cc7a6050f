"""What a report is about, in one line, and where it comes from."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from genanalytics._version import __version__
from genanalytics.dataset.manifest import MANIFEST
from genanalytics.records.coverage import COVERAGE, Coverage, describe_coverage
from genanalytics.report.page import clean
from genanalytics.units import format_count, mark_lower_bound

Span = tuple[pd.Timestamp, pd.Timestamp]
"""The moments of the first and the last generation."""
_LONGEST = 200


def describe_scope(total: pd.DataFrame, period: Span | None, tz: str) -> str:
    """Return one line about the records: their number, period, time zone and coverage.

    Args:
        total: One row, as `summarize` returns it.
        period: Their first and last moment; None if no record has a time.
        tz: The time zone.
    """
    requests = format_count(int(total["requests"].iloc[0]), "request")
    if "requests" in total.attrs["lower_bounds"]:
        requests = mark_lower_bound(requests)
    days = "" if period is None else describe_days(period, tz)
    return ", ".join(filter(None, [requests, days, tz, _describe_share(find_coverage(total))]))


def describe_days(period: Span, tz: str) -> str:
    """Return the first and the last day of a period.

    >>> describe_days((pd.Timestamp("2026-09-01T08:00Z"), pd.Timestamp("2026-09-30T20:00Z")), "UTC")
    '1–30 Sep 2026'
    >>> describe_days((pd.Timestamp("2026-08-31T23:00Z"), pd.Timestamp("2026-09-02T20:00Z")), "UTC")
    '31 Aug – 2 Sep 2026'
    """
    first, last = (moment.tz_convert(tz) for moment in period)
    end = f"{last.day} {last:%b %Y}"
    if first.date() == last.date():
        return end
    if first.year != last.year:
        return f"{first.day} {first:%b %Y} – {end}"
    return f"{first.day}–{end}" if first.month == last.month else f"{first.day} {first:%b} – {end}"


def count_days(period: Span, tz: str) -> int:
    """Return the number of days from the first to the last one.

    >>> count_days((pd.Timestamp("2026-09-01T08:00Z"), pd.Timestamp("2026-09-30T20:00Z")), "UTC")
    30
    """
    first, last = (moment.tz_convert(tz).date() for moment in period)
    return (last - first).days + 1


def find_coverage(total: pd.DataFrame) -> Coverage | None:
    """Return the coverage of the records of a summary; None if it is unknown."""
    return Coverage.from_json(total.attrs[COVERAGE])


def _describe_share(coverage: Coverage | None) -> str:
    if coverage is None:
        return "coverage unknown"
    if not coverage.is_partial:
        return "all requested ids covered"
    return f"{coverage.format_share()}{' of all requested ids' if coverage.part else ''} covered"


def describe_origin(
    total: pd.DataFrame, period: Span | None, tz: str, sources: Sequence[str | os.PathLike[str]], versus: str
) -> list[tuple[str, str]]:
    """Return names and texts about the origin of a page: coverage, period, files with their hashes, version."""
    rows = [("Records", f"{int(total['requests'].iloc[0]):,}"), ("Coverage", _describe_coverage(total))]
    rows += [("Notice", notice) for notice in total.attrs["notices"]]
    if period is not None:
        first, last = (moment.tz_convert(tz) for moment in period)
        rows.append(("Period", f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"))
    rows.append(("Time zone", tz))
    if versus:
        rows.append(("Compared with", versus))
    rows += [("Made from", _identify(Path(source))) for source in sources]
    rows.append(("Made with", f"genanalytics {__version__}"))
    return [(name, clean(text, _LONGEST)) for name, text in rows]


def _describe_coverage(total: pd.DataFrame) -> str:
    coverage = find_coverage(total)
    if coverage is None:
        return "unknown"
    if not coverage.is_partial:
        return "100.0 % of the requested ids have a record"
    return describe_coverage(coverage).removeprefix("Coverage: ")


def _identify(source: Path) -> str:
    """Return the name of a file or a data set, and its hash."""
    file = source / MANIFEST if source.is_dir() else source
    if not file.is_file():
        return source.name
    with file.open("rb") as stream:
        return f"{source.name}, SHA-256 {hashlib.file_digest(stream, 'sha256').hexdigest()}"
