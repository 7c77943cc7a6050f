"""The appendix: doubtful records, and the meaning of the numbers."""

from collections.abc import Iterator

import pandas as pd

from genanalytics.base.text import capitalize
from genanalytics.metrics import REQUESTS, quality
from genanalytics.metrics.catalog import resolve
from genanalytics.report.blocks import Block, Section, Table
from genanalytics.report.given import Given
from genanalytics.report.sections import caching, reliability, speed
from genanalytics.report.tables import list_shown, make_table, make_text_table
from genanalytics.units import format_count

DEFINED = (
    "effective_cost",
    "cost_share",
    "billed_cost",
    "byok_cost",
    "cost_unknown",
    "cost_per_request_p50",
    "usd_per_mtok",
    "cost_without_cache",
    *caching.METRICS,
    *speed.METRICS,
    *reliability.METRICS,
    "items",
)
"""The statistics with a definition."""
_OF_CHECKS = {"rows": "Doubtful records", "of": "Records that could be checked", "share": "Doubtful / checked records"}


def make_appendix(given: Given) -> Section | None:
    """Return the appendix, which is closed at first."""
    checks = quality(given.data)
    return Section("appendix", "Quality and definitions", _answer(checks), [*_list_blocks(checks)], folded=True)


def _answer(checks: pd.DataFrame) -> str:
    """Return how many checks passed, and the check with the most doubtful records."""
    failed, passed, unchecked = _divide(checks)
    if len(unchecked) == len(checks):
        return "No record could be checked."
    text = f"{len(passed)} of {format_count(len(checks), 'check')} of the records passed"
    if len(unchecked):
        text = f"{text}, {len(unchecked)} could not be made"
    if failed.empty:
        return f"{text}."
    first = failed.iloc[0]
    meaning = str(first["meaning"])
    return f"{text}. In {format_count(int(first['rows']), 'record')}: {meaning[:1].lower()}{meaning[1:]}."


def _divide(checks: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the checks that failed, those that passed, and those that no record allows."""
    checked = (checks["of"] > 0).fillna(value=False)
    failed = (checks["rows"] > 0).fillna(value=False)
    return checks[failed], checks[checked & ~failed], checks[~checked & ~failed]


def _list_blocks(checks: pd.DataFrame) -> Iterator[Block]:
    failed, passed, unchecked = _divide(checks)
    figures = list_shown(checks, _OF_CHECKS)
    if len(failed):
        yield make_table(failed, ["check"], figures, name="quality", caption="Doubtful records", words=["meaning"])
    for rows, name, what in ((passed, "quality-passed", "passed"), (unchecked, "quality-unchecked", "not possible")):
        if len(rows):
            folded = f"{format_count(len(rows), 'check')} {what}"
            yield make_table(
                rows,
                ["check"],
                figures,
                name=name,
                caption=capitalize(f"checks {what}"),
                words=["meaning"],
                folded=folded,
            )
    yield _define()


def _define() -> Table:
    rows = [(one.label, one.unit.value, one.description, one.name) for one in (REQUESTS, *resolve(DEFINED))]
    return make_text_table(
        rows,
        ("heading", "unit", "meaning", "name in data"),
        name="definitions",
        caption="Meaning of the numbers",
        folded=f"{format_count(len(rows), 'definition')}",
    )
