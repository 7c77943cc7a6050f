"""What the report shows, section by section, and the file that it becomes."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from genanalytics._version import __version__
from genanalytics.base.atomic import replacing
from genanalytics.dataset import manifest as dataset
from genanalytics.errors import InputError
from genanalytics.metrics import REQUESTS, Statistic, quality, resolved, summarize
from genanalytics.plots import chart_of
from genanalytics.plots.groups import period_of
from genanalytics.report.findings import Figures, figures, findings
from genanalytics.report.page import Chart, Section, Table, Tile, definitions, readable, rendered, table_of, text_table
from genanalytics.report.svg import drawn
from genanalytics.units import Unit, counted, write

_SUFFIXES = (".html", ".htm")
_HOURLY = pd.Timedelta(days=3)
_DAILY = pd.Timedelta(days=100)
_WEEKLY = pd.Timedelta(days=730)


@dataclass(frozen=True, slots=True)
class _Drawing:
    """A chart of the report.

    Attributes:
        chart: Its name in `plots.CHARTS`.
        title: What it is called.
        metrics: The statistics that it draws.
        by: What it tells apart, and what the chart's own option is called if it has one for that.
        timed: Whether it is over time.
    """

    chart: str
    title: str
    metrics: tuple[str, ...]
    by: str = ""
    timed: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    """A section of the report: its charts, and a table of a statistic set by a key."""

    name: str
    title: str
    drawings: tuple[_Drawing, ...]
    by: str
    metrics: tuple[str, ...]


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
        "caching",
        "Prompt caching",
        (
            _Drawing(
                "cache-waterfall",
                "Cost with and without prompt caching",
                ("cost_without_cache", "write_premium", "read_savings", "billed_cost"),
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
        (_Drawing("outcomes", "How generations ended, over time", ("reliability",), timed=True),),
        "provider_name",
        ("error_rate", "cancel_rate", "truncation_rate", "filter_rate", "fallback_rate"),
    ),
)


def write_report(
    data: object,
    path: str | os.PathLike[str],
    *,
    title: str = "Generations",
    tz: str = "UTC",
    coverage: float | None = None,
    sources: Sequence[str | os.PathLike[str]] = (),
) -> None:
    """Write a report as one HTML file that needs nothing else: findings in words, charts, their numbers, definitions.

    The same data gives the same bytes. Nothing but numbers and the names of groups gets onto the page.

    Args:
        data: What `summarize` takes: a frame as `fetch` returns it, a DuckDB relation, a Spark data frame.
        path: The file.
        title: What the report is called.
        tz: The zone of days and other stretches of time, by its IANA name.
        coverage: The share of the ids asked for that have a record (0 to 1), where that is known; below 1, totals are
            lower bounds.
        sources: The files or data sets that the data was read from; the report names them with their SHA-256, which of
            a data set is that of its manifest.

    Raises:
        InputError: The zone is unknown, the data is nothing that statistics can be computed of, or the file's name does
            not end in .html.
        MissingColumnError: The data lacks a column that a statistic is made of.
        OutputError: The file cannot be written.
    """
    if Path(path).suffix.lower() not in _SUFFIXES:
        msg = f"cannot write {os.fspath(path)!r}: a report is a page; give it a name that ends in {_SUFFIXES[0]}"
        raise InputError(msg)
    summaries = figures(data, tz=tz)
    period = period_of(data)
    every = _every(period)
    total = summaries.total.iloc[0]
    sections = [_section(part, data, summaries, every=every, tz=tz) for part in _PARTS]
    shown = [statistic for part in _PARTS for name in part.metrics for statistic in resolved([name])]
    content = {
        "title": readable(title),
        "asked": _about(total, period, tz, coverage, sources),
        "tiles": _tiles(total, lacking=(coverage is not None and coverage < 1) or total["cost_unknown"] > 0),
        "findings": findings(summaries),
        "sections": sections,
        "charts": {chart.name: chart.title for section in sections for chart in section.charts},
        "quality": _quality(data),
        "definitions": definitions(list(dict.fromkeys(shown))),
        "version": __version__,
    }
    page = rendered(content)
    with replacing(Path(path)) as part:
        part.write_text(page, encoding="utf-8")


def _section(part: _Part, data: object, summaries: Figures, *, every: str, tz: str) -> Section:
    groups = {"model": summaries.models, "provider_name": summaries.providers}[part.by]
    dearest = groups.sort_values(["effective_cost", "requests"], ascending=False, kind="stable", ignore_index=True)
    statistics = [REQUESTS, *resolved(part.metrics)]
    table = table_of(dearest, [part.by], statistics, f"{part.title} by {part.by.replace('_', ' ')}")
    charts = [_chart(drawing, data, every=every, tz=tz) for drawing in part.drawings]
    return Section(part.name, part.title, charts, table)


def _chart(drawing: _Drawing, data: object, *, every: str, tz: str) -> Chart:
    chart = chart_of(drawing.chart)
    options: dict[str, str] = {"tz": tz} | ({"by": drawing.by} if drawing.by else {})
    timed = {"every": every} if drawing.timed else {}  # not every chart has that option
    statistics = resolved(drawing.metrics)
    numbers = summarize(data, by=drawing.by or None, tz=tz, metrics=statistics, every=timed.get("every"))
    keys = [name for name in ("time", drawing.by) if name in numbers.columns]
    description = f"{chart.question} {_read_out(numbers, keys, statistics)}"
    return Chart(
        drawing.chart,
        drawing.title,
        chart.question,
        Markup(  # noqa: S704 - made here, of escaped parts
            drawn(
                lambda axes: chart.draw(data, ax=axes, **options, **timed),
                name=drawing.chart,
                title=drawing.title,
                description=description,
            )
        ),
        table_of(numbers, keys, [REQUESTS, *statistics], drawing.title),
    )


def _read_out(numbers: pd.DataFrame, keys: Sequence[str], statistics: Sequence[Statistic]) -> str:
    """Return in words what a chart shows, for those who do not see it: how many groups, and the largest."""
    if numbers.empty:
        return "There is nothing to show."
    first = statistics[0]
    known = numbers.dropna(subset=[first.name])
    if not keys:
        row = numbers.iloc[0]
        return "; ".join(f"{each.label} {write(_plain(row[each.name]), each.unit)}" for each in statistics) + "."
    if known.empty:
        return f"{counted(len(numbers), 'group')}, none with a known {first.label}."
    top = known.iloc[int(known[first.name].argmax())]
    named = ", ".join(readable(str(top[key])) for key in keys)
    largest = write(top[first.name], first.unit)
    return f"{counted(len(numbers), 'group')}; the largest {first.label} is {largest} ({named})."


def _about(
    total: "pd.Series[Any]",
    period: "tuple[pd.Timestamp, pd.Timestamp] | None",
    tz: str,
    coverage: float | None,
    sources: Sequence[str | os.PathLike[str]],
) -> list[tuple[str, str]]:
    """Return what the report is about, as names and texts."""
    rows = [("Records", f"{int(total['requests']):,}")]
    if coverage is not None:
        rows.append(("Coverage", f"{write(coverage, Unit.SHARE)} of the ids asked for have a record"))
    if period is not None:
        first, last = (moment.tz_convert(tz) for moment in period)
        rows.append(("Period", f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"))
    rows.append(("Time zone", tz))
    rows += [("Made from", _identified(Path(source))) for source in sources]
    rows.append(("Made with", f"genanalytics {__version__}"))
    return [(name, readable(text, 200)) for name, text in rows]


def _identified(source: Path) -> str:
    """Return the name of a file or a data set, and what tells its content from any other."""
    file = source / dataset.MANIFEST if source.is_dir() else source
    if not file.is_file():
        return source.name
    with file.open("rb") as stream:
        return f"{source.name}, SHA-256 {hashlib.file_digest(stream, 'sha256').hexdigest()}"


def _tiles(total: "pd.Series[Any]", *, lacking: bool) -> list[Tile]:
    def figure(name: str, unit: Unit) -> str:
        return write(_plain(total[name]), unit)

    at_least = "≥ " if lacking else ""
    return [
        Tile(
            "cost",
            f"{at_least}{figure('effective_cost', Unit.USD)}",
            f"{figure('cost_per_request_p50', Unit.USD)} median",
        ),
        Tile(
            "cache savings", figure("net_cache_savings", Unit.USD), f"{figure('cache_savings_rate', Unit.SHARE)} saved"
        ),
        Tile("requests", figure("requests", Unit.COUNT)),
        Tile("first token, p50", figure("ttft_ms_p50", Unit.MS), f"p95 {figure('ttft_ms_p95', Unit.MS)}"),
        Tile("errors", figure("error_rate", Unit.SHARE)),
        Tile("cancelled", figure("cancel_rate", Unit.SHARE)),
    ]


def _quality(data: object) -> Table:
    checks = quality(data)
    rows = [
        (
            str(row["check"]),
            write(_plain(row["rows"]), Unit.COUNT),
            write(_plain(row["share"]), Unit.SHARE),
            str(row["meaning"]),
        )
        for _, row in checks.iterrows()
    ]
    return text_table("What in the data is doubtful", ("check", "rows", "share", "meaning"), rows)


def _every(period: "tuple[pd.Timestamp, pd.Timestamp] | None") -> str:
    """Return the stretch of time that gives a chart of a period neither a handful of bars nor a thousand."""
    length = pd.Timedelta(0) if period is None else period[1] - period[0]
    if length <= _HOURLY:
        return "hour"
    if length <= _DAILY:
        return "day"
    return "week" if length <= _WEEKLY else "month"


def _plain(value: Any) -> float | None:  # noqa: ANN401 - a cell of a frame
    return None if pd.isna(value) else float(value)
