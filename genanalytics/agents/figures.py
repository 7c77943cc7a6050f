"""The tools that show figures: overview, summary, top, show, prices, quality."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from genanalytics.agents.answer import MOST_ROWS, WIDTH, Answer, format_rows
from genanalytics.agents.arguments import Argument
from genanalytics.agents.kept import Query
from genanalytics.agents.tool import BY, LIMIT, Tool
from genanalytics.base.text import name_group
from genanalytics.bill.book import BY as BY_OF_PRICES
from genanalytics.bill.explain import explain
from genanalytics.bill.prices import prices
from genanalytics.metrics.catalog import SETS, resolve_one
from genanalytics.metrics.engines.source import uncover
from genanalytics.metrics.grouping.calendar import PERIODS, TIME, Period
from genanalytics.metrics.grouping.keys import DERIVED
from genanalytics.metrics.quality import quality
from genanalytics.metrics.sets.cost import EFFECTIVE_COST, REQUESTS
from genanalytics.metrics.summary import OPEN
from genanalytics.metrics.where.choose import describe_times, is_empty
from genanalytics.tables.notes import describe_rounding, list_notices
from genanalytics.tables.overview import choose_names, overview, rank_groups
from genanalytics.tables.prices import NO_PRICE, SEEN, describe_unexplained, list_prices, name_groups_of_prices
from genanalytics.tables.quality import COLUMNS, choose_doubtful, conclude_quality, list_doubts
from genanalytics.tables.trim import sort_rows
from genanalytics.units import format_count

_FILES = 3
_MODELS = 10
_TOP = 10
_NO_RECORDS = ("There are no such records.",)
_COST = (EFFECTIVE_COST.name, "cost_share")


def answer_overview(query: Query) -> Answer:
    """Return what the records are: how many, when, what they cost, and the columns for other questions."""
    if is_empty(uncover(query.data)):
        return Answer(_NO_RECORDS, notes=query.notices)
    names = choose_names(None)
    models = rank_groups(query.data, ["model"], tz=query.tz, metrics=names)
    table = format_rows(models, ["model"], [REQUESTS.name, *names], limit=_MODELS)
    first = [*_describe_files(query), "", *_describe_total(query)]
    return Answer(first, table, [*_list_columns(query.data), *query.notices])


def answer_summary(
    query: Query,
    *,
    by: Sequence[str] = (),
    every: Period | None = None,
    metrics: Sequence[str] | None = None,
    intervals: bool = False,
    limit: int = MOST_ROWS,
) -> Answer:
    """Return the statistics of all records together, and those of groups."""
    if is_empty(uncover(query.data)):
        return Answer(_NO_RECORDS, notes=query.notices)
    total = _describe_total(query, metrics=metrics, intervals=intervals)
    columns = [*([TIME] if every else []), *by]
    if not columns:
        return Answer(total, notes=query.notices)
    names = choose_names(metrics)
    groups = rank_groups(query.data, by, every=every, tz=query.tz, metrics=names, intervals=intervals)
    if every and by:
        groups = groups[groups[REQUESTS.name] > 0]  # each group has a row for every period; most are empty
    table = format_rows(groups, columns, [REQUESTS.name, *names], limit=limit)
    notes = [*describe_rounding(groups.head(limit), names), *_describe_open(groups), *query.notices]
    return Answer(["All together:", *total], table, notes, "group by fewer columns, or give where or since")


def answer_top(query: Query, *, by: Sequence[str], metric: str = EFFECTIVE_COST.name, limit: int = _TOP) -> Answer:
    """Return the groups with the highest value of a statistic."""
    if is_empty(uncover(query.data)):
        return Answer(_NO_RECORDS, notes=query.notices)
    statistic = resolve_one(metric)
    names = list(dict.fromkeys(name for name in (statistic.name, *_COST) if name != REQUESTS.name))
    groups = rank_groups(query.data, by, tz=query.tz, metrics=names)
    ranked = sort_rows(groups, f"{statistic.name}:desc")
    number = format_count(len(groups), "group")
    first = f"{number} by {', '.join(by)}; the highest value of {statistic.label} comes first."
    table = format_rows(ranked, by, [REQUESTS.name, *names], limit=limit)
    notes = [*describe_rounding(ranked.head(limit), names), *list_notices(groups), *query.notices]
    return Answer([first], table, notes, "give a smaller limit")


def answer_show(query: Query, *, generation_id: str) -> Answer:
    """Return one generation in full."""
    page = str(explain(generation_id.strip(), query.data))
    return Answer((), page.split("\n"), query.notices)


def answer_prices(query: Query, *, by: Sequence[str] = BY_OF_PRICES, limit: int = MOST_ROWS) -> Answer:
    """Return the unit prices that were charged."""
    found = prices(query.data, by=list(by))
    notes = [*describe_unexplained(found), *list_notices(found), *query.notices]
    if found.empty:
        return Answer([NO_PRICE], notes=notes)
    moments = {name: found[name].dt.tz_convert(query.tz) for name in SEEN}
    names = ["requests", "explained_share", *SEEN, *list_prices(found), "identified", "relation"]
    table = format_rows(found.assign(**moments), name_groups_of_prices(found), names, limit=limit)
    return Answer((), table, notes)


def answer_quality(query: Query) -> Answer:
    """Return the doubtful records by check."""
    found = quality(query.data)
    notes = [*list_notices(found), *query.notices]
    doubtful = choose_doubtful(found)
    if doubtful.empty:
        return Answer((conclude_quality(found),), notes=notes)
    table = format_rows(doubtful, ["check"], COLUMNS)
    return Answer((), [*table, "", *chain(*list_doubts(doubtful))], notes)


def _describe_files(query: Query) -> Iterator[str]:
    requests = rank_groups(query.data, tz=query.tz, metrics=[EFFECTIVE_COST.name])[REQUESTS.name].iloc[0]
    more = len(query.paths) - _FILES
    files = ", ".join([*query.paths[:_FILES], *([f"{format_count(more, 'more file')}"] if more > 0 else [])])
    records = format_count(int(requests), "record")
    yield f"{records} in {files}; {describe_times(uncover(query.data), query.tz)}."
    yield f"Times are {query.tz}, money is US dollars."


def _describe_total(query: Query, **options: Any) -> list[str]:  # noqa: ANN401 - options of overview
    return str(overview(query.data, tz=query.tz, width=WIDTH, **options)).split("\n")


def _describe_open(groups: pd.DataFrame) -> Iterator[str]:
    """Yield a line on the periods that were still running at the last fetch."""
    if OPEN not in groups:
        return
    running = groups.loc[groups[OPEN].fillna(value=False), TIME].unique()
    if len(running):
        yield f"Still running at the last fetch, so records may be missing: {', '.join(map(name_group, running))}."


def _list_columns(data: Any) -> Iterator[str]:  # noqa: ANN401 - of any engine
    """Yield the columns that form groups, with the number of their values, and all others."""
    frame = nw.from_native(uncover(data)).lazy()
    types = frame.collect_schema()
    texts = [name for name, dtype in types.items() if dtype in {nw.String, nw.Categorical, nw.Boolean}]
    counts = frame.select(nw.col(name).n_unique().alias(name) for name in texts).collect(backend="pyarrow")
    several = [f"{name} ({counts.item(0, name):,})" for name in texts if counts.item(0, name) > 1]
    others = [name for name in types if name not in texts]
    yield f"Columns of texts and flags with more than one value (how many, with a gap as one): {', '.join(several)}."
    yield f"Other columns for conditions: {', '.join([*others, *DERIVED])}."


FIGURES = (
    Tool(
        "overview",
        "What do the records contain?",
        "Start here. Number of records, their period, total cost in US$, cache savings and latency, the most expensive"
        " models, and the columns that other tools can group by and filter.",
        answer_overview,
    ),
    Tool(
        "summary",
        "What are cost, cache savings, latency, tokens and errors, by group and over time?",
        "Statistics of all records, by group and by period. Use it for trends (every) and comparisons (by). A value"
        " marked with >= or the sign for it is a lower bound; an en dash is unknown, which is not zero.",
        answer_summary,
        (
            BY,
            Argument("every", "text", "Group by this period too; empty periods are included.", choices=PERIODS),
            Argument(
                "metrics",
                "names",
                f"Statistics or sets of them: {', '.join(SETS)}; or names such as effective_cost, usd_per_mtok,"
                " cache_hit_rate, ttft_ms_p95, e2e_ms_p50, error_rate. Default: cost, cache savings, latency.",
            ),
            Argument("intervals", "flag", "Show the 95 % interval of each figure too."),
            LIMIT,
        ),
    ),
    Tool(
        "top",
        "Which models, apps, users or sessions are highest?",
        "The groups with the highest value of one statistic, with their cost and share of cost. For single requests,"
        " group by requested_id.",
        answer_top,
        (
            replace(BY, required=True),
            Argument("metric", "text", "The statistic, such as effective_cost (default), requests or error_rate."),
            replace(LIMIT, meaning="Show this many groups (default: 10)."),
        ),
    ),
    Tool(
        "show",
        "What happened in this generation?",
        "One generation in full: attempts at providers, tokens, unit prices, its cost as a sum, and how it compares"
        " with its model. Ids come from top by requested_id, and from the examples of waste and quality.",
        answer_show,
        (Argument("generation_id", "text", "Give the id of the generation, such as gen-1788...", required=True),),
        choice=(),
    ),
    Tool(
        "prices",
        "At which unit prices were requests billed?",
        "US$ per million tokens for input, cache reads, cache writes and output, recovered from the records, by model"
        " and provider. Each row is a regime: a set of prices that explains the cost of its requests exactly.",
        answer_prices,
        (replace(BY, meaning="Find prices for each group by these columns (default: model, provider_name)."), LIMIT),
    ),
    Tool(
        "quality",
        "Which records are doubtful?",
        "Contradictions, missing values, and wrong ids, with two example ids each. Ask before you rely on figures.",
        answer_quality,
    ),
)
