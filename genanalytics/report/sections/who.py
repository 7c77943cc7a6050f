"""Who causes the cost: labels, apps, users, sessions, and the most expensive requests."""

from collections.abc import Iterator

import pandas as pd

from genanalytics.base.text import capitalize, name_group
from genanalytics.metrics import REQUESTS, summarize
from genanalytics.metrics.catalog import resolve
from genanalytics.metrics.concentration import CostShares, add_up_costs
from genanalytics.metrics.engines.source import open_source
from genanalytics.metrics.expensive import COST, SHARE, most_expensive
from genanalytics.plots.groups import name_subject
from genanalytics.report.blocks import Block, Section, Table
from genanalytics.report.given import Given
from genanalytics.report.page import clean
from genanalytics.report.sections.charts import draw_named
from genanalytics.report.tables import list_shown, make_number_cells, make_table, rank, sum_rest
from genanalytics.units import Unit, format_count, format_value

_SESSION = "session_id"
_KEYS = ("app_id", "external_user", _SESSION)
_FIGURES = ("effective_cost", "cost_share", "cost_per_request_p50", "error_rate")
_COST, _TOKENS = "effective_cost", ("native_tokens_prompt", "native_tokens_completion")
_REQUEST, _ABOUT_REQUEST = ("model",), ("provider_name", "created_at", "requested_id")
"""The columns before and after the figures of a request; a phone shows the first ones."""
_LEAST_GROUPS = 2
_LONGEST = 400
_TOP, _LEAST = 0.01, 100
"""The shares of the most expensive 1 % need at least so many requests, or sessions."""
_LARGE = 0.1
"""A smaller share of the cost is not in the answer of the section."""
_MOST_WITHOUT = 0.5
"""If a larger share of the cost has no group, the answer says so."""


def make_who(given: Given) -> Section | None:
    """Return the section: a table for each key that the data has, and the most expensive requests."""
    columns = open_source(given.data).columns
    keys = [*given.labels, *(name for name in _KEYS if name in columns)]
    metrics = [*_FIGURES, "cost_unknown"]
    found = {key: rank(summarize(given.data, by=key, tz=given.tz, metrics=metrics)) for key in keys}
    shown = {key: summary for key, summary in found.items() if summary[key].notna().sum() >= _LEAST_GROUPS}
    requests, shares = _tabulate_requests(given), add_up_costs(given.data)
    blocks: list[Block] = [_tabulate(key, summary) for key, summary in shown.items()]
    blocks += [requests] if requests.rows else []
    if not blocks:
        return None
    if shares.groups >= _LEAST and 0 < shares.cost >= max(shares.costs):  # with refunds, shares are above 1
        by = _SESSION if _SESSION in shown and shown[_SESSION][_SESSION].notna().sum() >= _LEAST else None
        blocks.append(draw_named(given, "concentration", by=by, half=True))
    return Section("who", "Who", clean(_describe(shown, shares), _LONGEST), blocks)


def _describe(shown: dict[str, pd.DataFrame], shares: CostShares) -> str:
    """Return the answer of the section: the first of each key, with its share; and that of a few requests."""
    parts = [part for key, summary in shown.items() if (part := _describe_first(key, summary))]
    parts += filter(None, [_describe_requests(shares)])
    return f"{capitalize('; '.join(parts))}." if parts else "Nobody has a large share of the cost."


def _describe_requests(shares: CostShares) -> str:
    """Return the share of the cost that the most expensive requests have; empty for few requests, and with refunds."""
    if shares.groups < _LEAST or shares.has_refunds or shares.cost <= 0:
        return ""
    part = format_value(shares.find_share(shares.count_top(_TOP)), Unit.SHARE)
    about = "about " if shares.accuracy else ""
    known = "known " if shares.unknown else ""
    return f"the most expensive {100 * _TOP:g} % of the requests make {about}{part} of the {known}cost"


def _describe_first(key: str, summary: pd.DataFrame) -> str:
    """Return the most expensive group and its share, or the share without a group; empty if no share is large."""
    noun, is_known = name_subject(key), summary[key].notna()
    cost = "the known cost" if summary["cost_unknown"].sum() else "the cost"
    without = summary.loc[~is_known, "cost_share"].sum()
    if without > _MOST_WITHOUT:
        return f"{format_value(float(without), Unit.SHARE)} of {cost} has no {noun}"
    named = summary[is_known]
    share = named["cost_share"].iloc[0]
    if pd.isna(share) or share < _LARGE:
        return ""
    of = format_count(len(named), noun)
    return f"of {of}, {name_group(named[key].iloc[0])} has {format_value(float(share), Unit.SHARE)} of {cost}"


def _tabulate(key: str, summary: pd.DataFrame) -> Table:
    """Return the table of the groups; a note has the figures of requests without a group."""
    statistics = resolve(_FIGURES)
    noun = name_subject(key)
    return make_table(
        sum_rest(summary[summary[key].notna()]),
        [key],
        [statistics[0], REQUESTS, *statistics[1:]],
        name=f"cost-by-{_make_id(key)}",
        caption=f"Cost by {noun}",
        bar=_COST,
        notes=[*_describe_without(key, summary)],
    )


def _describe_without(key: str, summary: pd.DataFrame) -> Iterator[str]:
    """Yield the figures of the requests without a group, if there are any."""
    without = summary[summary[key].isna()]
    if len(without):
        figures = (REQUESTS, *resolve((_COST, "cost_share")))
        requests, cost, share = (make_number_cells(without, figure)[0].text for figure in figures)
        yield f"Not in the table: requests without {name_subject(key)}: {requests}; their cost: {cost} ({share})."


def _tabulate_requests(given: Given) -> Table:
    """Return the ten most expensive requests."""
    rows = most_expensive(given.data)
    by, words = ([name for name in names if name in rows] for names in (_REQUEST, _ABOUT_REQUEST))
    if "created_at" in rows:
        rows = rows.assign(created_at=rows["created_at"].dt.tz_convert(given.tz).dt.floor("s"))
    has_shares = given.figures.models["cost_share"].notna().any()  # of refunds there are none
    shown = (COST, *([SHARE] if has_shares else []), *_TOKENS)
    figures = list_shown(rows, {name: "" for name in shown if name in rows})
    caption = "The ten most expensive requests"
    return make_table(rows, by, figures, name="most-expensive", caption=caption, words=words, bar=COST)


def _make_id(key: str) -> str:
    return "".join(character if character.isascii() and character.isalnum() else "-" for character in key)
