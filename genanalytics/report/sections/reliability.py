"""The section on reliability: how generations ended, what failures cost, and whose attempts fail."""

from collections.abc import Callable, Iterator, Mapping

import pandas as pd

from genanalytics.decide.losses.waste import CERTAIN
from genanalytics.errors import InputError
from genanalytics.metrics import REQUESTS, attempt_summary, summarize
from genanalytics.metrics.attempts import ATTEMPTS
from genanalytics.metrics.catalog import resolve
from genanalytics.metrics.engines.memory import InMemory
from genanalytics.metrics.engines.source import open_source
from genanalytics.metrics.grouping.calendar import TIME
from genanalytics.plots.reliability import choose_period
from genanalytics.report.blocks import Block, Section, Table, Text
from genanalytics.report.figures import FAILED
from genanalytics.report.given import Given
from genanalytics.report.sections.charts import draw_named
from genanalytics.report.tables import Shown, keep_intervals, list_shown, make_table, make_tables
from genanalytics.units import Unit, format_value, mark_lower_bound

METRICS = ("error_rate", "cancel_rate", "truncation_rate", "filter_rate", "fallback_rate")
"""The statistics of the section."""
_ERRORS = "error_rate"
_OF_ATTEMPTS = ("success_rate", "rate_limited", "fell_back", "wait_ms_p50", "wait_ms_p95", "lost_ms")
_OF_WASTE = {
    "requests": "Billed requests that ended like this; for fallbacks, requests with a failed attempt",
    "cost": "What they cost; a dollar is counted once, in the first row that it belongs to",
    "share": "Cost / all charges",
    "time_ms": "Time of failed requests and attempts",
}
_CLASS = "outcome or cause"


def make_reliability(given: Given) -> Section | None:
    """Return the section on reliability; None without any request."""
    if not given.figures.total[REQUESTS.name].iloc[0]:
        return None
    title = "Reliability, among recorded generations"
    if not any(map(given.knows, _ENDINGS)):
        return Section("reliability", title, "No record says how its generation ended.", [])
    return Section("reliability", title, _answer(given), [*_list_blocks(given)])


def _answer(given: Given) -> str:
    """Return the shares of failures, where they are known, and what they cost."""
    known = [describe for ending, describe in _ENDINGS.items() if given.knows(ending)]
    parts = [describe(given, "" if place else " of the generations") for place, describe in enumerate(known)]
    return f"{' and '.join(parts)}; {_describe_cost(given.wasted.ledger)}."


def _describe_errors(given: Given, noun: str) -> str:
    found = given.figures.tiles
    if not found[FAILED.name].iloc[0] and not found.attrs["lower_bounds"]:
        return "No generation ended in an error"
    share, failed = format_value(found[_ERRORS].iloc[0], Unit.SHARE), int(found[FAILED.name].iloc[0])
    mark = mark_lower_bound if FAILED.name in found.attrs["lower_bounds"] else str
    return f"{share}{noun} ended in an error ({mark(f'{failed:,}')})"


def _describe_cancelled(given: Given, noun: str) -> str:
    rate = given.figures.total["cancel_rate"].iloc[0]
    if not rate:
        return "none was cancelled" if not noun else "No generation was cancelled"
    share = format_value(rate, Unit.SHARE)
    return f"{share}{noun} were cancelled"


_ENDINGS: Mapping[str, Callable[[Given, str], str]] = {"error": _describe_errors, "cancelled": _describe_cancelled}
"""What is said of failures, by the class of the ledger that knows whether records tell them."""


def _describe_cost(wasted: pd.DataFrame) -> str:
    """Return what was certainly paid for nothing."""
    totals = wasted.attrs["totals"]
    judged = wasted[(wasted["kind"] == CERTAIN) & wasted["gap"].isna()]
    if judged.empty:
        return "what failures cost is unknown"
    if not totals["certain"]:
        return "nothing is known to be paid for an answer that could not be used"
    mark = mark_lower_bound if wasted.attrs["partial"] else str
    bill = totals["bill"]
    share = f" ({format_value(totals['certain'] / bill, Unit.SHARE)} of all charges)" if bill > 0 else ""
    lost = mark(format_value(totals["certain"], Unit.USD))
    return f"{lost}{share} was paid for answers that failed, were cancelled, filtered or empty"


def _list_blocks(given: Given) -> Iterator[Block]:
    ledger = given.wasted.ledger
    every = choose_period(given.data, given.tz)
    times = summarize(given.data, every=every, tz=given.tz, metrics=METRICS)
    caption = "How generations ended over time"
    numbers = make_table(times, [TIME], [REQUESTS, *resolve(METRICS)], name="outcomes-numbers", caption=caption)
    yield draw_named(given, "outcomes", numbers=numbers, height=0.9, every=every)
    yield from _list_providers(given)
    yield draw_named(given, "unused-cost", numbers=_list_losses(ledger), half=True, ledger=ledger)
    yield _draw_attempts(given)


def _list_providers(given: Given) -> Iterator[Table]:
    by = "provider_name"
    found = keep_intervals(summarize(given.data, by=by, tz=given.tz, metrics=METRICS, intervals=True), _ERRORS)
    yield from make_tables(
        found.sort_values(["requests", by], ascending=[False, True], kind="stable", ignore_index=True),
        [by],
        [REQUESTS, *resolve(METRICS)],
        name="reliability-providers",
        noun="provider",
        caption="How generations ended by provider, the one with most requests first",
    )


def _list_losses(wasted: pd.DataFrame) -> Table:
    """Return the ledger of waste; only what is certain is marked as a loss."""
    judged = wasted[wasted["gap"].isna()].rename(columns={"class": _CLASS})
    judged["cost_unknown"] = (judged["kind"] == CERTAIN) & wasted.attrs["partial"]  # the others are upper bounds
    gaps = wasted[wasted["gap"].notna()]
    return make_table(
        judged,
        [_CLASS],
        list_shown(judged, _OF_WASTE),
        name="unused-cost-numbers",
        caption="What was paid but not used",
        words=["kind"],
        losses=["cost"],
        notes=[f"Not judged: {row['class']}: {row['gap']}." for row in gaps.to_dict("records")],
    )


def _draw_attempts(given: Given) -> Block:
    """Return the attempts by provider; on an engine they can be too many."""
    found = None
    if isinstance(open_source(given.data), InMemory):
        summary = attempt_summary(given.data, by="provider_name", intervals=True)  # with the arguments of the chart
        found = keep_intervals(summary)
    if found is not None and found.empty:
        return Text("No record lists its attempts at providers.")
    try:
        numbers = None if found is None else _list_attempts(found)
        return draw_named(given, "attempts-by-provider", numbers=numbers, half=True)
    except InputError as error:
        return Text(f"Attempts by provider are not shown: {error}.")


def _list_attempts(found: pd.DataFrame) -> Table:
    without = found.attrs["without_attempts"]
    shown = [one for one in ATTEMPTS if one.name in _OF_ATTEMPTS]
    return make_table(
        found.sort_values(["attempts", "provider_name"], ascending=[False, True], ignore_index=True),
        ["provider_name"],
        [Shown("attempts", "attempts", Unit.COUNT, "Requests sent to the provider, with fallbacks"), *shown],
        name="attempts-by-provider-numbers",
        caption="Attempts by provider, the one with most attempts first",
        notes=[f"Requests without known attempts are not included: {without:,}."] if without else [],
    )
