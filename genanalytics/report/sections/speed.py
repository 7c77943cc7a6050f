"""The section on speed: latency of providers, latency over time, and speed against price."""

from collections.abc import Iterator

import pandas as pd

from genanalytics.base.text import name_group, shorten
from genanalytics.metrics import REQUESTS, summarize
from genanalytics.metrics.catalog import resolve
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.metrics.grouping.calendar import TIME
from genanalytics.plots.percentiles import has_enough
from genanalytics.report.blocks import Block, Section
from genanalytics.report.given import Given
from genanalytics.report.sections.charts import draw_named
from genanalytics.report.tables import keep_intervals, make_table, make_tables, rank
from genanalytics.units import Unit, format_count, format_value

METRICS = ("ttft_ms_p50", "ttft_ms_p95", "ttft_ms_p99", "ttft_ms_n", "e2e_ms_p50", "tps_decode_p50")
"""The statistics of the section."""
_TAILS = ("ttft_ms_p50", "ttft_ms_p95", "ttft_ms_p99", "ttft_ms_n")
_PRICED = ("tps_decode_p50", "usd_per_mtok", "effective_cost")
_P50, _P95, _N = "ttft_ms_p50", "ttft_ms_p95", "ttft_ms_n"
_MEDIAN, _SLOW = 0.5, 0.95
"""The levels of the percentiles of an answer."""
_LONGEST = 40


def make_speed(given: Given) -> Section | None:
    """Return the section on speed; None without any request."""
    total = given.figures.total.iloc[0]
    if not total[REQUESTS.name]:
        return None
    title = "Speed"
    if pd.isna(total[_P50]) and pd.isna(total["e2e_ms_p50"]):
        return Section("speed", title, "No successful request has a known time.", [])
    return Section("speed", title, _answer(given), [*_list_blocks(given)])


def _answer(given: Given) -> str:
    """Return the time to the first token: the median, the slow end, and the fastest and the slowest provider."""
    total = given.figures.total.iloc[0]
    if pd.isna(total[_P50]):
        return f"The median answer takes {_ms(total['e2e_ms_p50'])}; no streamed request has a known time."
    median, known = _ms(total[_P50]), int(total[_N])
    if not has_enough(known, _SLOW):
        few = format_count(known, "streamed request")
        return f"The median time to the first token is {median}, of {few}: too few to tell how slow the slowest are."
    slow = _ms(total[_P95])
    return f"Half of the first tokens come within {median}, and 95 % within {slow}{_name_extremes(given)}."


def _name_extremes(given: Given) -> str:
    """Return the providers with the lowest and the highest p95 among those with enough requests."""
    providers = given.figures.providers
    judged = providers[has_enough(to_floats(providers[_N]), _SLOW)]
    if len(judged) < 2:  # noqa: PLR2004 - one provider cannot be compared
        return ""
    ranked = judged.sort_values([_P95, _N], kind="stable")
    ends = (ranked.iloc[place] for place in (0, -1))
    named = [(shorten(name_group(row["provider_name"]), _LONGEST), _ms(row[_P95])) for row in ends]
    (fastest, least), (slowest, most) = named
    return f"; at {fastest} 95 % come within {least}, at {slowest} within {most}"


def _ms(value: float) -> str:
    return format_value(value, Unit.MS)


def _list_blocks(given: Given) -> Iterator[Block]:
    by = "provider_name"
    found = summarize(given.data, by=by, tz=given.tz, metrics=METRICS, intervals=True)
    ranked = keep_intervals(found, _P50, _P95).sort_values([_P95, by], kind="stable", ignore_index=True)
    yield draw_named(given, "latency-percentiles", by=by)
    yield from make_tables(
        ranked,
        [by],
        resolve(METRICS),
        name="speed-providers",
        noun="provider",
        caption="Speed by provider, the lowest p95 first",
        notes=["Providers can serve different models: compare the same model before you choose."],
    )
    if has_enough(int(given.figures.total[_N].iloc[0]), _MEDIAN):
        yield _draw_over_time(given)
    yield _draw_prices(given)


def _draw_over_time(given: Given) -> Block:
    times = summarize(given.data, every=given.every, tz=given.tz, metrics=_TAILS)
    caption = "Time to the first token over time"
    numbers = make_table(times, [TIME], resolve(_TAILS), name="latency-heatmap-numbers", caption=caption)
    return draw_named(given, "latency-heatmap", numbers=numbers, half=True, every=given.every)


def _draw_prices(given: Given) -> Block:
    models = rank(given.figures.models)
    known = models[models["tps_decode_p50"].notna() & models["usd_per_mtok"].notna()]
    numbers = make_table(
        known, ["model"], resolve(_PRICED), name="speed-against-price-numbers", caption="Speed and price by model"
    )
    return draw_named(given, "speed-against-price", numbers=numbers, half=True)
