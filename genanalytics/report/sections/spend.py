"""What was spent, why that changed, and on what."""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from genanalytics.base.text import name_group
from genanalytics.decide.mix.cost_change import cost_change
from genanalytics.metrics import EFFECTIVE_COST, REQUESTS, summarize
from genanalytics.metrics.against import name_changes
from genanalytics.metrics.catalog import resolve
from genanalytics.metrics.grouping.calendar import TIME
from genanalytics.metrics.sets.items import ITEM_VALUES
from genanalytics.report.blocks import Block, Cell, Column, Section, Table, Text
from genanalytics.report.given import Given
from genanalytics.report.page import clean
from genanalytics.report.scope import count_days, describe_days
from genanalytics.report.sections.charts import draw_named
from genanalytics.report.tables import list_trends, make_table, rank, sum_rest
from genanalytics.report.tiles import find_change_per_day, find_versus, format_figure
from genanalytics.report.words import read_out
from genanalytics.tables.changes import describe_changes, format_changes
from genanalytics.units import Unit, format_count, format_value

_COST, _CHANGE = EFFECTIVE_COST.name, "change"
_OF_MODELS = (
    "effective_cost",
    "cost_share",
    "cost_per_request_p50",
    "usd_per_mtok",
    "cache_savings_rate",
)
_LONGEST = 400
_ITEMS = ("billed_cost", *(value.name for value in ITEM_VALUES), "byok_cost")


def make_spend(given: Given) -> Section | None:
    """Return the section: cost over time, what moved it, items of the bill, and the cost of each model."""
    if not given.figures.total[REQUESTS.name].iloc[0]:
        return None
    return Section("spend", "Spend", clean(_describe(given), _LONGEST), list(_list_blocks(given)))


def _list_blocks(given: Given) -> Iterator[Block]:
    yield _draw_cost(given)
    if given.ahead.expected is None or not _is_within(given):  # else the charts say it
        yield Text(clean(given.ahead.answer, _LONGEST), soft=given.ahead.expected is None)
    if given.previous is not None:
        yield _draw_bridge(given)
    if given.figures.period is not None and (given.previous is not None or _is_within(given)):
        yield draw_named(given, "cumulative-cost", against=given.previous, ahead=given.ahead, half=True)
    yield from _tabulate_models(given)
    yield _draw_items(given)


def _describe(given: Given) -> str:
    """Return the answer of the section: the spend, its change, and the most expensive model."""
    tiles, period, models = given.figures.tiles, given.figures.period, given.figures.models
    if pd.isna(tiles[_COST].iloc[0]):
        return "No cost is known."
    amount = format_figure(tiles, _COST, Unit.USD)
    days = "" if period is None else f" in {format_count(count_days(period, given.tz), 'day')}"
    return f"{amount}{days}{_describe_change(given)}{_describe_largest(models)}."


def _describe_change(given: Given) -> str:
    if given.previous is None or given.figures.before is None:
        return ""
    tiles = given.figures.tiles
    certainty = tiles[name_changes(_COST)[-1]].iloc[0]
    (text,) = format_changes(tiles, _COST, Unit.USD)
    if text in {"new", "gone"} or pd.isna(certainty):
        return ""
    notes = [_describe_per_day(given), "records or costs are missing" if certainty == "incomplete" else ""]
    words = "; ".join(filter(None, notes))
    change = text.removesuffix(f" {certainty}")
    sign = "more" if change.startswith("+") else "less" if change.startswith("−") else ""
    compared = f"{change.lstrip('+−')} {sign} than" if sign else "as much as"
    return f", {compared} {describe_days(given.figures.before, given.tz)}{f' ({words})' if words else ''}"


def _describe_per_day(given: Given) -> str:
    """Return the change per day; empty if both periods have as many days."""
    spans = [span for span in (given.figures.period, given.figures.before) if span is not None]
    change = find_change_per_day(given)
    if change is None or len({count_days(span, given.tz) for span in spans}) == 1:
        return ""
    return f"{change.text} per day"


def _describe_largest(models: pd.DataFrame) -> str:
    known = rank(models.dropna(subset=["cost_share"]))
    if len(known) <= 1 or known["cost_share"].iloc[0] <= 0:
        return ""
    share = format_value(float(known["cost_share"].iloc[0]), Unit.SHARE)
    of = "the known cost" if models["cost_unknown"].sum() else "it"
    return f"; {share} of {of} is {name_group(known['model'].iloc[0], missing='a model without a name')}"


def _draw_cost(given: Given) -> Block:
    every = given.every
    numbers = given.figures.over_time
    by = [TIME, "model"]
    caption = f"Cost per {every} by model"
    return draw_named(
        given,
        "cost-over-time",
        numbers=make_table(numbers, by, [EFFECTIVE_COST, REQUESTS], name="cost-over-time-numbers", caption=caption),
        in_words=read_out(numbers, by, [EFFECTIVE_COST]),
        every=every,
        against=given.previous,
        ahead=given.ahead if _is_within(given) else None,
        colors=given.colors,
    )


def _is_within(given: Given) -> bool:
    """Return whether the forecast is about a month that the records begin, in a chart of days."""
    ahead, period = given.ahead, given.figures.period
    if given.every != "day" or ahead.expected is None or ahead.first is None or period is None:
        return False
    return ahead.first <= period[1].tz_convert(given.tz).date()


def _draw_bridge(given: Given) -> Block:
    """Return the chart of what changed the cost, out of the items of both periods."""
    itemized, before = replace(given, data=given.figures.bill.itemized), given.figures.items_before
    change = None if before is None else cost_change(before, itemized.data, by=None, tz=given.tz)
    return draw_named(itemized, "cost-bridge", against=before, change=change, half=True)


def _draw_items(given: Given) -> Block:
    every, itemized = given.every, given.figures.bill.itemized
    statistics = resolve(_ITEMS)
    numbers = summarize(itemized, every=every, tz=given.tz, metrics=[*statistics, "byok_unknown"])
    caption = f"Items of the bill per {every}"
    return draw_named(
        given,
        "items-over-time",
        numbers=make_table(numbers, [TIME], statistics, name="items-over-time-numbers", caption=caption),
        in_words=read_out(numbers, [TIME], statistics),
        every=every,
        itemized=itemized,
    )


def _tabulate_models(given: Given) -> Iterator[Table]:
    """Yield the table of the most expensive models, with their cost over time and its change."""
    ranked, statistics = rank(given.figures.models), resolve(_OF_MODELS)
    trends = list_trends(given.figures.over_time, "model", _COST)
    shown = sum_rest(ranked)
    table = make_table(
        shown,
        ["model"],
        [*statistics[:1], REQUESTS, *statistics[1:]],
        name="cost-by-model",
        caption="Cost by model",
        bar=_COST,
        trends=trends,
    )
    yield _add_changes(given, table, shown["model"]) if given.figures.models_before is not None else table
    if len(shown) < len(ranked):
        folded = f"All {format_count(len(ranked), 'model')}"
        yield make_table(
            ranked,
            ["model"],
            [statistics[0], REQUESTS, *statistics[1:]],
            name="cost-by-model-all",
            caption="Cost by model",
            folded=folded,
        )


def _add_changes(given: Given, table: Table, models: "pd.Series[str]") -> Table:
    """Return a table of models with the change of the cost of each after its cost."""
    before = given.figures.models_before
    assert before is not None  # noqa: S101 - for mypy: the caller asked
    texts = dict(zip(before["model"], format_changes(before, _COST, Unit.USD), strict=True))
    values = dict(zip(before["model"], before[name_changes(_COST)[1]], strict=True))
    place = next(place for place, column in enumerate(table.columns) if column.label == EFFECTIVE_COST.label) + 1
    cells = [
        Cell(texts.get(model, ""), "" if pd.isna(values.get(model)) else repr(float(values[model])), numeric=True)
        for model in models
    ]
    heading = Column(_CHANGE, definition=f"Change of the cost against {find_versus(given)}", of_change=True)
    rows = [
        [*row[:place], cells[each] if each < len(cells) else Cell(""), *row[place:]]
        for each, row in enumerate(table.rows)
    ]
    notes = [*table.notes, *describe_changes(before, [_COST])]
    return replace(table, columns=[*table.columns[:place], heading, *table.columns[place:]], rows=rows, notes=notes)
