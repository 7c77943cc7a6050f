"""The section on prompt caching: what it saves, where it loses, and why it misses."""

from collections.abc import Iterator

import pandas as pd

from genanalytics.base.text import capitalize
from genanalytics.bill.flips import cache_flip_summary
from genanalytics.decide.losses.ledger import FLIPPED
from genanalytics.decide.losses.waste import Measured
from genanalytics.decide.replay.hit_rate import hit_rate_by_gap
from genanalytics.metrics import REQUESTS, sessions, summarize
from genanalytics.metrics.catalog import resolve
from genanalytics.report.blocks import Block, Section, Text
from genanalytics.report.given import Given
from genanalytics.report.sections.charts import draw_named
from genanalytics.report.tables import keep_intervals, list_shown, make_table, make_tables, sum_rest
from genanalytics.units import Unit, format_count, format_value, mark_lower_bound

METRICS = (
    "cache_savings_rate",
    "net_cache_savings",
    "read_savings",
    "write_premium",
    "cache_hit_rate",
    "cache_coverage",
)
"""The statistics of the section."""
_STEPS = ("cost_without_cache", "write_premium", "read_savings", "effective_cost", "cost_unknown")
_RATE, _NET = "cache_savings_rate", "net_cache_savings"
_OF_SESSIONS = ("effective_cost", "read_savings", "write_premium", _NET, "cache_hit_rate")
_OF_FLIPS = {
    "flips": "Calls that read much less of the cache than the call before them left there",
    "lost_tokens": "Tokens of the call before that were not read, at most",
    "loss": "Lost tokens times the difference between the paid price and that of reading: at most this much was lost",
    "loss_unknown": "Calls whose loss is unknown, since a price is unknown",
}
_OF_GAPS = {
    "requests": "Calls with a prompt of at least 1,024 tokens",
    "hit_rate": "Cached tokens / tokens of the prompts",
}


def make_caching(given: Given) -> Section | None:
    """Return the section on prompt caching; None without any request."""
    total = given.figures.total.iloc[0]
    if not total[REQUESTS.name]:
        return None
    title = "Prompt caching"
    if pd.isna(total[_NET]):
        return Section("caching", title, "No record reports a discount, so what caching saved is unknown.", [])
    losing = _find_losing(given)
    return Section("caching", title, _answer(given.figures.total, losing), [*_list_blocks(given, losing)])


def _answer(totals: pd.DataFrame, losing: pd.DataFrame) -> str:
    """Return what caching saved, and what it lost in some sessions."""
    total = totals.iloc[0]
    net, rate = float(total[_NET]), total[_RATE]
    is_share = pd.notna(rate) and total["cost_without_cache"] > 0 and 0 <= rate <= 1  # not with refunds
    known = total["cache_coverage"]
    where = f" where a discount is reported ({format_value(known, Unit.SHARE)} of the requests)" if known < 1 else ""
    share = f", a savings rate of {format_value(rate, Unit.SHARE)}" if is_share and net >= 0 else ""
    verb = "saved" if net >= 0 else "cost an extra"
    text = f"Caching {verb} {format_value(abs(net), Unit.USD)} net{share}{where}"
    if losing.empty:
        return f"{text}."
    mark = mark_lower_bound if losing.attrs["lower_bounds"] else str
    lost = format_value(-losing[_NET].sum(), Unit.USD)
    return f"{text}; {mark(format_count(len(losing), 'session'))} lost {mark(lost)}."


def _find_losing(given: Given) -> pd.DataFrame:
    """Return the sessions where caching costs more than it saves, the largest loss first."""
    found = sessions(given.data)
    losing = found[(found[_NET] < 0).fillna(value=False)]
    return losing.sort_values([_NET, "session_id"], kind="stable", ignore_index=True)


def _list_blocks(given: Given, losing: pd.DataFrame) -> Iterator[Block]:
    rates = summarize(given.data, by="model", tz=given.tz, metrics=[*METRICS, "cost_without_cache"], intervals=True)
    ranked = keep_intervals(rates, _RATE).sort_values(
        "cost_without_cache", ascending=False, kind="stable", ignore_index=True
    )
    yield _draw_bridge(given)
    yield _draw_rates(given, ranked)
    figures = [REQUESTS, *resolve(METRICS)]
    reported = ranked[ranked["cache_coverage"] > 0]
    caption = "Caching by model, the largest cost without caching first"
    yield from make_tables(reported, ["model"], figures, name="caching-models", noun="model", caption=caption)
    if len(reported) < len(ranked):
        without = format_count(len(ranked) - len(reported), "other model")
        yield Text(f"No discount is reported for {without}.")
    yield _list_losing(losing)
    yield from _list_flips(given.wasted)
    yield _draw_gaps(given)


def _draw_bridge(given: Given) -> Block:
    steps = resolve(_STEPS)
    total = given.figures.total
    numbers = make_table(
        total, [], [REQUESTS, *steps], name="cache-waterfall-numbers", caption="Costs and savings of prompt caching"
    )
    words = "; ".join(f"{one.label} {format_value(total[one.name].iloc[0], one.unit)}" for one in steps)
    return draw_named(given, "cache-waterfall", numbers=numbers, in_words=f"{words}.", half=True, height=0.75)


def _draw_rates(given: Given, ranked: pd.DataFrame) -> Block:
    numbers = make_table(
        ranked,
        ["model"],
        resolve([_RATE, "cost_without_cache"]),
        name="cache-savings-rate-numbers",
        caption="Savings rate by model",
    )
    return draw_named(given, "cache-savings-rate", numbers=numbers, half=True, height=0.75)


def _list_losing(losing: pd.DataFrame) -> Block:
    """Return the sessions that lose, at most ten and the sum of the others; or that there are none."""
    if losing.empty:
        return Text("Caching lost money in no session with a reported discount.")
    rest = losing.attrs["without_session"]
    notes = [f"Requests without a session are not included: {rest:,}."] if rest else []
    return make_table(
        sum_rest(losing),
        ["session_id"],
        [REQUESTS, *resolve(_OF_SESSIONS)],
        name="losing-sessions",
        caption=f"Caching lost money in {format_count(len(losing), 'session')}, the largest loss first",
        notes=notes,
    )


def _list_flips(wasted: Measured) -> Iterator[Block]:
    """Yield the calls that lost the cache of their session, by cause."""
    flips = wasted.flips
    if flips is None:
        gap = wasted.ledger.set_index("class")["gap"][FLIPPED]
        yield Text(f"Lost caches are unknown: {gap}.")
        return
    compared = f"{format_count(flips.attrs['compared'], 'call')} that {_follow(flips.attrs['compared'])} another one"
    if flips.empty:
        yield Text(f"No call lost the cache of its session, among {compared}.")
        return
    found = cache_flip_summary(flips)
    found.attrs["lower_bounds"] = []  # a loss is an upper bound
    unknown = found["loss_unknown"].sum() > 0
    definitions = {name: text for name, text in _OF_FLIPS.items() if name != "loss_unknown" or unknown}
    yield make_table(
        found,
        ["cause"],
        list_shown(found, definitions),
        name="lost-caches",
        caption=f"Calls that lost the cache of their session, among {compared}, by what changed before",
        losses=["loss"],
        notes=[f"{capitalize(notice)}." for notice in found.attrs["notices"]],
    )


def _follow(number: int) -> str:
    return "follows" if number == 1 else "follow"


def _draw_gaps(given: Given) -> Block:
    rates = hit_rate_by_gap(given.data, by=None)  # with the arguments of the chart
    figures = list_shown(rates, _OF_GAPS)
    numbers = make_table(
        rates, ["gap"], figures, name="hit-rate-by-gap-numbers", caption="Hit rate by the time since the previous call"
    )
    return draw_named(given, "hit-rate-by-gap", numbers=numbers, height=0.75)
