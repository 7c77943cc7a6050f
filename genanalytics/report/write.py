"""The sections of the report, and the file."""

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from genanalytics._version import __version__
from genanalytics.base.atomic import check_writable, replace_file
from genanalytics.base.opening import opens_paths
from genanalytics.base.text import capitalize, name_group
from genanalytics.bill.regimes import KNOWN
from genanalytics.dataset.manifest import MANIFEST
from genanalytics.decide.advice.recommend import recommend
from genanalytics.errors import InputError, PoorerResultError
from genanalytics.metrics import REQUESTS, Statistic, quality, summarize
from genanalytics.metrics.catalog import resolve
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.grouping.calendar import TIME, Period
from genanalytics.metrics.sets.items import ITEM_VALUES
from genanalytics.plots import find_chart
from genanalytics.plots.groups import find_period
from genanalytics.records.coverage import COVERAGE, Coverage, describe_coverage
from genanalytics.report.actions import list_advice
from genanalytics.report.bill import Bill, make_price_table, make_table_of_times
from genanalytics.report.figures import Figures, compute_figures
from genanalytics.report.findings import find_findings
from genanalytics.report.page import Chart, Section, Table, Tile, clean, define, make_table, make_text_table, render
from genanalytics.report.svg import draw_svg
from genanalytics.units import Unit, format_count, format_value, mark_lower_bound

_SUFFIXES = (".html", ".htm")
_HEAD_BYTES = 4_096
_COVERAGE = re.compile(rb'<meta name="genanalytics-coverage" content="(\d+) of (\d+)">')
"""The number of records and of requested ids in the head of a page."""
_MOST_DAYS: Mapping[Period, int] = {"hour": 3, "day": 100, "week": 730}
"""The longest time in days that charts divide into such periods; a longer one is divided into months."""


@dataclass(frozen=True, slots=True)
class _Drawing:
    """A chart of the report.

    Attributes:
        chart: Its name in `plots.CHARTS`.
        title: Its title.
        metrics: The statistics in it.
        by: Its groups, for a chart with the option `by`.
        timed: Whether it has the option `every`.
    """

    chart: str
    title: str
    metrics: tuple[str, ...]
    by: str = ""
    timed: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    """A section of the report: its charts, and a table of statistics by group."""

    name: str
    title: str
    drawings: tuple[_Drawing, ...]
    by: str
    metrics: tuple[str, ...]
    itemized: bool = False
    """Whether it needs the items of each record."""


_ITEMS = tuple(value.name for value in ITEM_VALUES)
_PARTS = (
    _Part(
        "cost",
        "Cost",
        (
            _Drawing("cost-over-time", "Cost over time by model", ("effective_cost",), "model", timed=True),
            _Drawing("cost-ranking", "Cost by model", ("effective_cost", "cost_share"), "model"),
        ),
        "model",
        ("effective_cost", "cost_share", "billed_cost", "byok_cost", "cost_per_request_p50", "usd_per_mtok"),
    ),
    _Part(
        "items",
        "Items of the bill",
        (
            _Drawing(
                "items-over-time", "Items of the bill over time", ("billed_cost", *_ITEMS, "byok_cost"), timed=True
            ),
        ),
        "model",
        ("billed_cost", *_ITEMS, "reasoning_cost"),
        itemized=True,
    ),
    _Part(
        "caching",
        "Prompt caching",
        (
            _Drawing(
                "cache-waterfall",
                "Cost with and without prompt caching",
                ("cost_without_cache", "write_premium", "read_savings", "effective_cost", "cost_unknown"),
            ),
            _Drawing("cache-savings-rate", "Savings rate by model", ("cache_savings_rate", "cache_coverage"), "model"),
        ),
        "model",
        ("net_cache_savings", "cache_savings_rate", "read_savings", "write_premium", "cache_payback", "cache_hit_rate"),
    ),
    _Part(
        "latency",
        "Latency and throughput",
        (
            _Drawing("latency-tails", "Time to first token by provider", ("ttft_ms",), "provider_name"),
            _Drawing("latency-heatmap", "Time to first token over time", ("ttft_ms",), timed=True),
            _Drawing(
                "speed-against-price", "Speed against price by model", ("tps_decode_p50", "usd_per_mtok"), "model"
            ),
        ),
        "provider_name",
        ("ttft_ms_p50", "ttft_ms_p95", "e2e_ms_p50", "e2e_ms_p95", "tps_decode_p50", "ttft_ms_n"),
    ),
    _Part(
        "reliability",
        "Reliability, among recorded generations",
        (_Drawing("outcomes", "How generations ended over time", ("reliability",), timed=True),),
        "provider_name",
        ("error_rate", "cancel_rate", "truncation_rate", "filter_rate", "fallback_rate"),
    ),
)


@opens_paths("data")
def write_report(
    data: Records,
    path: str | os.PathLike[str],
    *,
    title: str = "Generations",
    tz: str = "UTC",
    sources: Sequence[str | os.PathLike[str]] = (),
    force: bool = False,
) -> None:
    """Write a report as one self-contained HTML file: what to do, findings, charts, their numbers, definitions.

    The same data gives the same bytes. The page contains only numbers and the names of groups. If some of the requested
    ids have no record, each count and each sum is shown as a lower bound.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        path: The file.
        title: The title of the report.
        tz: The time zone of days and other periods, by its IANA name.
        sources: The files or data sets of the data. The report names them with their SHA-256; for a data set, with the
            SHA-256 of its manifest.
        force: Whether to replace a report even if it is made from more records of at least as many requested ids.

    Raises:
        InputError: There is no such time zone, the data has a wrong type, or the name of the file does not end in
            .html.
        MissingColumnError: The data lacks a column.
        PoorerResultError: The file is a report of more records, although at least as many ids were requested for the
            new one. The file stays as it is.
        OutputError: The file cannot be written.
    """
    check_target(path)
    summaries = compute_figures(data, tz=tz)
    period = find_period(data)
    every = _choose_period(period)
    sections = [_make_section(part, data, summaries, every=every, tz=tz) for part in _PARTS]
    place = next(place for place, part in enumerate(_PARTS) if part.itemized)
    sections.insert(place + 1, _make_price_section(data, summaries.bill, tz=tz))
    recommended = recommend(summaries.bill.itemized, tz=tz, prices=summaries.bill.prices)
    shown = [statistic for part in _PARTS for name in part.metrics for statistic in resolve([name])]
    content = {
        "title": clean(title),
        "subject": _describe_subject(summaries.total, period, tz, sources),
        "tiles": _make_tiles(summaries.total),
        "actions": list_advice(recommended, [Path(source).name for source in sources]),
        "notices": [clean(f"{capitalize(notice)}.", 400) for notice in recommended.attrs["notices"]],
        "findings": find_findings(summaries),
        "sections": sections,
        "charts": {chart.name: chart.title for section in sections for chart in section.charts},
        "quality": _make_quality_table(data),
        "definitions": define(list(dict.fromkeys(shown))),
        "version": __version__,
    }
    coverage = Coverage.from_json(summaries.total.attrs[COVERAGE])
    if not force:
        _check_replacement(Path(path), coverage)
    page = render(content | {"coverage": "" if coverage is None else f"{coverage.found} of {coverage.asked}"})
    with replace_file(Path(path)) as part:
        part.write_text(page, encoding="utf-8")


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


def _make_section(part: _Part, data: Records, summaries: Figures, *, every: Period, tz: str) -> Section:
    groups = {"model": summaries.models, "provider_name": summaries.providers}[part.by]
    if part.itemized:
        groups = summaries.bill.models
    ranked = groups.sort_values(["effective_cost", "requests"], ascending=False, kind="stable", ignore_index=True)
    statistics = [REQUESTS, *resolve(part.metrics)]
    table = make_table(ranked, [part.by], statistics, f"{part.title} by {part.by.replace('_', ' ')}")
    itemized = summaries.bill.itemized if part.itemized else None
    charts = [_make_chart(drawing, data, every=every, tz=tz, itemized=itemized) for drawing in part.drawings]
    return Section(part.name, part.title, charts, table)


def _make_price_section(data: Records, bill: Bill, *, tz: str) -> Section:
    title = "Unit prices over time"
    known = bill.prices["identified"].eq(KNOWN)
    regimes = f"{format_count(int(known.sum()), 'price regime')} with known prices."
    options = {"tz": tz, "prices": bill.prices, "model": bill.model_of_change}
    numbers = make_table_of_times(bill.prices, title, tz=tz)
    chart = _draw(_Drawing("unit-prices", title, ()), data, options, in_words=regimes, numbers=numbers)
    return Section("prices", "Prices", [chart], make_price_table(bill.prices, "Unit prices by model and provider"))


def _make_chart(drawing: _Drawing, data: Records, *, every: Period, tz: str, itemized: Records | None) -> Chart:
    options: dict[str, Any] = {"tz": tz} if itemized is None else {"tz": tz, "itemized": itemized}
    if drawing.by:
        options["by"] = drawing.by
    if drawing.timed:
        options["every"] = every
    statistics = resolve(drawing.metrics)
    rows = data if itemized is None else itemized
    numbers = summarize(rows, by=drawing.by or None, tz=tz, metrics=statistics, every=every if drawing.timed else None)
    by = [name for name in (TIME, drawing.by) if name in numbers.columns]
    table = make_table(numbers, by, [REQUESTS, *statistics], drawing.title)
    return _draw(drawing, data, options, in_words=_read_out(numbers, by, statistics), numbers=table)


def _draw(drawing: _Drawing, data: Records, options: Mapping[str, Any], *, in_words: str, numbers: Table) -> Chart:
    """Return a chart of the page; `in_words` is its content for screen readers."""
    chart = find_chart(drawing.chart)
    svg = draw_svg(
        lambda axes: chart.draw(data, ax=axes, **options),
        name=drawing.chart,
        title=drawing.title,
        description=f"{chart.question} {in_words}",
    )
    return Chart(drawing.chart, drawing.title, chart.question, Markup(svg), numbers)  # noqa: S704 - made here from escaped parts


def _read_out(numbers: pd.DataFrame, by: Sequence[str], statistics: Sequence[Statistic]) -> str:
    """Return the content of a chart in words, for screen readers: the number of groups, and the largest one."""
    if numbers.empty:
        return "No data."
    first = statistics[0]
    known = numbers.dropna(subset=[first.name])
    if not by:
        row = numbers.iloc[0]
        return "; ".join(f"{one.label} {_format_figure(numbers, one, row)}" for one in statistics) + "."
    if known.empty:
        return f"{format_count(len(numbers), 'group')}, none with a known {first.label}."
    top = known.iloc[int(known[first.name].argmax())]
    named = ", ".join(clean(name_group(top[name])) for name in by)
    largest = _format_figure(numbers, first, top)
    return f"{format_count(len(numbers), 'group')}; the largest {first.label} is {largest} ({named})."


def _format_figure(summary: pd.DataFrame, statistic: Statistic, row: "pd.Series[Any]") -> str:
    text = format_value(row[statistic.name], statistic.unit)
    return mark_lower_bound(text) if statistic.name in summary.attrs["lower_bounds"] else text


def _describe_subject(
    total: pd.DataFrame,
    period: "tuple[pd.Timestamp, pd.Timestamp] | None",
    tz: str,
    sources: Sequence[str | os.PathLike[str]],
) -> list[tuple[str, str]]:
    """Return names and texts about the data."""
    rows = [("Records", f"{int(total['requests'].iloc[0]):,}"), ("Coverage", _describe_coverage(total))]
    rows += [("Notice", notice) for notice in total.attrs["notices"]]
    if period is not None:
        first, last = (moment.tz_convert(tz) for moment in period)
        rows.append(("Period", f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"))
    rows.append(("Time zone", tz))
    rows += [("Made from", _identify(Path(source))) for source in sources]
    rows.append(("Made with", f"genanalytics {__version__}"))
    return [(name, clean(text, 200)) for name, text in rows]


def _describe_coverage(total: pd.DataFrame) -> str:
    coverage = Coverage.from_json(total.attrs[COVERAGE])
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


def _make_tiles(total: pd.DataFrame) -> list[Tile]:
    row = total.iloc[0]
    bounds = [*total.attrs["lower_bounds"], *(["effective_cost"] if row["cost_unknown"] > 0 else [])]

    def figure(name: str, unit: Unit) -> str:
        text = format_value(row[name], unit)
        return mark_lower_bound(text) if name in bounds else text

    return [
        Tile("cost", figure("effective_cost", Unit.USD), f"{figure('cost_per_request_p50', Unit.USD)} median"),
        Tile(
            "cache savings", figure("net_cache_savings", Unit.USD), f"{figure('cache_savings_rate', Unit.SHARE)} saved"
        ),
        Tile("requests", figure("requests", Unit.COUNT)),
        Tile("first token, p50", figure("ttft_ms_p50", Unit.MS), f"p95 {figure('ttft_ms_p95', Unit.MS)}"),
        Tile("errors", figure("error_rate", Unit.SHARE)),
        Tile("cancelled", figure("cancel_rate", Unit.SHARE)),
    ]


def _make_quality_table(data: Records) -> Table:
    columns = ("check", "rows", "share", "meaning")
    checks = quality(data)
    mark = mark_lower_bound if "rows" in checks.attrs["lower_bounds"] else str
    rows = [
        (check, mark(format_value(number, Unit.COUNT)), format_value(share, Unit.SHARE), meaning)
        for check, number, share, meaning in checks[list(columns)].itertuples(index=False)
    ]
    return make_text_table("Doubtful records", columns, rows)


def _choose_period(period: "tuple[pd.Timestamp, pd.Timestamp] | None") -> Period:
    """Return the length of the bars of a chart, so that there are neither too few nor too many."""
    length = pd.Timedelta(0) if period is None else period[1] - period[0]
    return next((every for every, days in _MOST_DAYS.items() if length <= pd.Timedelta(days=days)), "month")
