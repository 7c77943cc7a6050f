"""A ledger of waste: what was certainly paid for nothing, what at most, and the time that was lost."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from genanalytics.base.frames import TEXT, Dtypes
from genanalytics.base.opening import opens_paths
from genanalytics.bill.book import check_prices
from genanalytics.bill.flips import cache_flips
from genanalytics.bill.items import Itemized, divide_once
from genanalytics.bill.price_changes import compare_regimes
from genanalytics.bill.prices import prices as compute_prices
from genanalytics.bill.regimes import KNOWN
from genanalytics.decide.losses.fallbacks import Fallbacks, find_fallbacks
from genanalytics.decide.losses.ledger import (
    CLASSES,
    ENDINGS,
    FLIPPED,
    REPEATED,
    SURCHARGED,
    TIMED,
    UNREAD,
    add_amounts,
    find_examples,
    read_rows,
    sum_classes,
)
from genanalytics.decide.losses.repeats import MOST_IDS, Repeats, find_repeats
from genanalytics.errors import InputError
from genanalytics.metrics.engines.protocol import Source
from genanalytics.metrics.engines.source import Records, hold, open_source
from genanalytics.metrics.grouping.labels import check_columns
from genanalytics.metrics.summary import describe_completeness
from genanalytics.units import Unit, format_count, format_value

CERTAIN, UPPER_BOUND, SUSPECTED, TIME_ONLY = "certain", "upper bound", "suspected", "time"
"""The kinds of a class."""
FALLBACK = "fallback"
WITHIN_S = 10.0
"""The longest time in seconds between a request and its near-duplicate, unless the caller gives another one."""

_EMPTY = pd.DataFrame({"requested_id": pd.array([], dtype=TEXT), "loss": np.array([], dtype=float)})
_NOTABLE = 1e-6
_NO_MOMENTS = "the data has no column created_at"
_REQUIRED = ("requested_id", "total_cost", "model", "provider_name", "native_tokens_prompt", "native_tokens_completion")


class _Class(NamedTuple):
    """What kind of dollars a class has, and what usually helps."""

    kind: str
    advice: str


_LEDGER: Mapping[str, _Class] = {
    "cancelled": _Class(CERTAIN, "Cancel earlier or stream less: providers bill what was generated until then"),
    "error": _Class(CERTAIN, "Retry at another provider, and exclude those that fail after they have generated"),
    "truncated": _Class(UPPER_BOUND, "Raise max_tokens or ask for shorter answers; a cut answer may have been of use"),
    "filtered": _Class(CERTAIN, "Check prompts before they are sent, or use a model with another filter"),
    "empty answer": _Class(
        CERTAIN, "Look at the stop sequences and prompts of the examples; report it to the provider"
    ),
    REPEATED: _Class(
        SUSPECTED, "Send one request per click, and retry only after a failure; samples in parallel are no waste"
    ),
    UNREAD: _Class(UPPER_BOUND, "Do not mark for the cache what no later request reads within its lifetime"),
    FLIPPED: _Class(UPPER_BOUND, "Pin the provider of a session, and keep the beginning of its prompt unchanged"),
    SURCHARGED: _Class(UPPER_BOUND, "Set provider preferences or a maximum price, so that the lowest price is used"),
    FALLBACK: _Class(TIME_ONLY, "Put providers that refuse requests at the end of the order"),
}
_AMOUNTS = ("cost", "cost_low", "cost_high")
_LABELS = {
    "requests": "requests",
    "cost": "cost",
    "cost_low": "cost low",
    "cost_high": "cost high",
    "share": "share of bill",
    "time_ms": "time",
}
_DTYPES: Dtypes = {
    "class": TEXT,
    "kind": TEXT,
    "requests": "Int64",
    **dict.fromkeys((*_AMOUNTS, "share"), "Float64"),
    "time_ms": "Int64",
    "examples": TEXT,
    "advice": TEXT,
    "gap": TEXT,
}


@opens_paths("data")
def waste(data: Records, *, prices: pd.DataFrame | None = None, within_s: float = WITHIN_S) -> pd.DataFrame:
    """Return a ledger of waste: one row per class; the classes never add up to more than the bill.

    A dollar is counted once, in the first class that it belongs to. The classes from `cancelled` to `near-duplicate`
    take the whole cost of a request; each later one takes a part of what earlier ones have left of it. A row of the
    user's own key costs what its provider charged and the fee of the service. Replayed and free requests are no waste.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.
        prices: The result of `ga.prices(data)`; computed if it is not given.
        within_s: Near-duplicates come at most this many seconds after the request that they repeat.

    Returns:
        The classes in this order.

        - `cancelled`, `error`: the client cancelled, or the answer ended in an error, and it was billed.
        - `truncated`: billed for an answer that was cut at the token limit; it may have been useful.
        - `filtered`: a content filter ended the answer.
        - `empty answer`: a text model generated no token, and it was not for an image.
        - `near-duplicate`: a request like another one (caller, model, session and sizes of the prompt) up to `within_s`
          seconds before. Only the excess over chance counts. Retries that the client needed and samples
          in parallel look the same, so these are *suspected* and in neither total.
        - `cache write never read`: the premium of tokens written to the cache that no later call of the session read
          within an hour. A notice says how much of it no call of the app read at all.
        - `cache flip`: the loss of `ga.cache_flips`.
        - `surcharge`: the part of the cost above the lowest price at the same time, from `ga.price_changes`.
        - `fallback`: attempts that failed before another one succeeded. They cost time, not money.

        The columns: `class` and `kind` (str: `certain`, `upper bound`, `suspected`, `time`); `requests` (Int64), those
        with dollars in the class; `cost` (Float64, US$); `cost_low`, `cost_high` (Float64, US$), the 95 % interval of
        the cost of near-duplicates; `share` (Float64, 0 to 1) of all charges; `time_ms` (Int64), the time of failed
        requests and attempts; `examples` (str), the ids of the three most expensive requests (for `fallback` the
        slowest); `advice` (str), what usually helps; `gap` (str), why a class cannot be judged. Then its numbers are
        gaps.

        `attrs` contains `units`, `labels`, `notices`, `coverage`, `lower_bounds`, and `partial`, whether some
        costs are unknown or records are missing; and `totals` in US$: `bill` (all charges, without refunds), `certain`,
        `upper bound`, `suspected`.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: `within_s` is not above 0.

    >>> frame = pd.DataFrame({
    ...     "requested_id": ["a", "b", "c"], "model": "m", "provider_name": "p", "total_cost": [1.0, 2.0, 5.0],
    ...     "native_tokens_prompt": [10, 20, 30], "native_tokens_completion": [5, 6, 7],
    ...     "cancelled": [False, True, False], "finish_reason": ["stop", None, "length"],
    ... })
    >>> found = waste(frame)
    >>> found[["class", "kind", "requests", "cost"]].head(3).to_dict("records")[::2]
    [{'class': 'cancelled', 'kind': 'certain', 'requests': 1, 'cost': 2.0}, \
{'class': 'truncated', 'kind': 'upper bound', 'requests': 1, 'cost': 5.0}]
    >>> found.attrs["totals"]["certain"], found["gap"].iloc[7]
    (2.0, 'the data has no column created_at')
    """
    return measure_waste(data, prices, within_s).ledger


class Measured(NamedTuple):
    """The ledger of waste, and what it is made of.

    Attributes:
        ledger: The result of `waste`.
        by_day: US$ of each class for each day in UTC (`ledger.sum_classes`).
        changes: The result of `ga.price_changes`.
        flips: The result of `ga.cache_flips`; None if they cannot be found, for which the ledger has the reason.
    """

    ledger: pd.DataFrame
    by_day: pd.DataFrame
    changes: pd.DataFrame
    flips: pd.DataFrame | None


def check_within(within_s: float) -> None:
    """Check the time within which a request is suspected to repeat another one.

    Raises:
        InputError: It is no number of seconds above 0.
    """
    if not 0 < within_s < np.inf:
        msg = f"within_s={within_s!r}: give a number of seconds above 0"
        raise InputError(msg, arguments=["within_s"])


def measure_waste(data: Records, prices: pd.DataFrame | None, within_s: float = WITHIN_S) -> Measured:
    """Return the ledger of waste with what it is made of; arguments and errors as of `waste`."""
    check_within(within_s)
    source = open_source(data)
    check_columns(source, _REQUIRED, "waste")
    table = compute_prices(data) if prices is None else prices
    check_prices(table, "identified", "relation")
    with divide_once(data, table) as divided:
        findings = _collect(divided, within_s)
    found = pd.DataFrame([_make_row(name, findings) for name in _LEDGER], columns=list(_DTYPES)).astype(_DTYPES)
    found.attrs = {
        "units": {
            "requests": Unit.COUNT.value,
            **dict.fromkeys(_AMOUNTS, Unit.USD.value),
            "share": Unit.SHARE.value,
            "time_ms": Unit.MS.value,
        },
        "labels": dict(_LABELS),
        "notices": [*findings.notices, *_describe(findings, within_s), *findings.notices_of_flips],
        **describe_completeness(data, ()),
        "partial": bool(findings.sums["cost unknown"]) or bool(describe_completeness(data, ("cost",))["lower_bounds"]),
        "totals": {
            "bill": findings.sums["bill"],
            **{
                kind: float(found.loc[found["kind"] == kind, "cost"].sum())
                for kind in (CERTAIN, UPPER_BOUND, SUSPECTED)
            },
        },
    }
    return Measured(found, findings.by_day, findings.changes, findings.flips)


class _Findings(NamedTuple):
    """What the ledger is made of: sums, near-duplicates, ids of examples, reasons for gaps, fallbacks, notices."""

    by_day: pd.DataFrame
    changes: pd.DataFrame
    flips: pd.DataFrame | None
    sums: Mapping[str, float]
    repeats: Repeats
    examples: Mapping[str, list[str]]
    gaps: Mapping[str, str]
    fallbacks: Fallbacks
    notices: list[str]
    notices_of_flips: list[str]


def _collect(data: Itemized, within_s: float) -> _Findings:
    source, table = open_source(data), data.prices
    changes = compare_regimes(data, table)
    rows = read_rows(source, table, changes)
    repeats = find_repeats(rows, within_s)
    flips, gap = _find_flips(data, source, table)
    gaps = {FLIPPED: gap} if gap else {}
    losses = _EMPTY if flips is None else flips.loc[flips["loss"] > 0, ["requested_id", "loss"]].astype({"loss": float})
    of_flips = [] if flips is None else [notice for notice in flips.attrs["notices"] if notice not in source.notices]
    repeated = pd.DataFrame({"requested_id": pd.array(repeats.ids, dtype=TEXT), "repeated": 1.0})
    last = source.find_latest("created_at") if "created_at" in source.columns else None
    marks = pd.concat([losses, repeated], ignore_index=True)
    with hold(add_amounts(rows, marks, 0 if last is None else int(last.value // 1_000))) as amounts:
        sums, by_day = sum_classes(amounts)
        examples = find_examples(amounts, [name for name in CLASSES if sums[f"requests {name}"]])
    fallbacks = find_fallbacks(source)
    gaps |= {FALLBACK: fallbacks.gap} if fallbacks.gap else {}
    gaps |= dict(_list_gaps(source, table, sums))
    notices = source.notices, [f"cache flips: {notice}" for notice in of_flips]
    return _Findings(by_day, changes, flips, sums, repeats, examples, gaps, fallbacks, *notices)


def _find_flips(data: Records, source: Source, table: pd.DataFrame) -> tuple[pd.DataFrame | None, str]:
    """Return the cache flips; or None, and why they are unknown."""
    if "created_at" not in source.columns:
        return None, _NO_MOMENTS
    try:
        flips = cache_flips(data, table)
    except InputError as error:
        return None, str(error)
    if not flips.attrs["compared"]:
        return None, "no call with native_tokens_cached follows one of its session"
    return flips, ""


def _list_gaps(source: Source, table: pd.DataFrame, sums: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """Yield the classes that cannot be judged, each with the reason."""
    if not sums["rows"]:
        yield from dict.fromkeys(_LEDGER, "there is no request").items()
        return
    if not sums["cancelled known"]:
        yield ENDINGS[0], "no record says whether it was cancelled"
    if not sums["ending known"]:
        yield from dict.fromkeys(ENDINGS[1:], "no record has a finish_reason").items()
    elif not sums["answer known"]:
        yield ENDINGS[-1], "no record has native_tokens_completion"
    if not sums["callers"]:
        yield REPEATED, "no record has app_id, external_user or session_id, so callers are unknown"
    if not sums["sessions"]:
        yield UNREAD, "no record has a session_id, so no later call of a session is known"
    elif not sums["writes judged"]:
        yield UNREAD, "no known price shows what was written to the cache"
    if not (table["identified"] == KNOWN).any():
        yield SURCHARGED, "no price is known"
    if "created_at" not in source.columns:
        yield from dict.fromkeys((REPEATED, UNREAD), _NO_MOMENTS).items()


def _make_row(name: str, findings: _Findings) -> dict[str, Any]:
    """Return a row of the ledger; one with a gap has no numbers."""
    row: dict[str, Any] = {"class": name, "kind": _LEDGER[name].kind, "advice": _LEDGER[name].advice}
    if name in findings.gaps:
        return row | {"gap": findings.gaps[name]}
    if name == FALLBACK:
        fallbacks = findings.fallbacks
        numbers = {"requests": fallbacks.requests, "cost": 0.0, "share": 0.0, "time_ms": fallbacks.time_ms}
        return row | numbers | {"examples": ", ".join(fallbacks.examples)}
    sums, repeats = findings.sums, findings.repeats
    cost = sums[f"cost {name}"]
    row["requests"] = round(sums[f"requests {name}"])
    if name == REPEATED:
        cost = min(repeats.cost, cost)
        row |= {"cost_low": min(repeats.cost_low, cost), "cost_high": repeats.cost_high} if repeats.ids else {}
    if name in TIMED:
        row["time_ms"] = round(sums[f"time {name}"])
    share = cost / sums["bill"] if sums["bill"] > 0 else None
    return row | {"cost": cost, "share": share, "examples": ", ".join(findings.examples.get(name, []))}


def _describe_others(findings: _Findings) -> Iterator[str]:
    """Yield how much of lost caches and surcharges is in earlier classes."""
    surcharges = findings.changes.loc[findings.changes["kind"] == SURCHARGED, "extra_cost"]
    flips = 0.0 if findings.flips is None else float(findings.flips["loss"].sum())
    for name, amount in ((FLIPPED, flips), (SURCHARGED, float(surcharges.clip(lower=0).sum()))):
        earlier = amount - findings.sums[f"cost {name}"]
        if name not in findings.gaps and earlier > _NOTABLE:
            whole, part = (format_value(value, Unit.USD) for value in (amount, earlier))
            yield f"{name}: {whole} in all, of which {part} are dollars of earlier classes"


def _describe(findings: _Findings, within_s: float) -> Iterator[str]:
    sums, repeats = findings.sums, findings.repeats
    unknown = round(sum(sums[f"unknown {name}"] for name in ENDINGS))
    if unknown:
        yield f"the cost of {format_count(unknown, 'request')} that ended badly is unknown, wholly or in part"
    yield from _describe_others(findings)
    if sums["refunds"]:
        refunds = f"{format_value(sums['refunded'], Unit.USD)} in {format_count(round(sums['refunds']), 'record')}"
        yield f"refunds ({refunds}) are in no class and not subtracted: records do not say which charges they repay"
    if sums["unfinished"] and ENDINGS[1] not in findings.gaps:
        unfinished = format_count(round(sums["unfinished"]), "request")
        yield f"{unfinished} ({format_value(sums['unfinished cost'], Unit.USD)}) without finish_reason cannot be judged"
    if sums["unpriced"] and SURCHARGED not in findings.gaps:
        unpriced = format_count(round(sums["unpriced"]), "request")
        yield (
            f"no price explains {unpriced} ({format_value(sums['unpriced cost'], Unit.USD)}): their cache writes and"
            " surcharges cannot be judged"
        )
    if sums[f"cost {UNREAD}"] > 0 and UNREAD not in findings.gaps:
        least = format_value(sums["unread at least"], Unit.USD)
        yield f"cache writes never read: no call of the same app read those of {least} within an hour"
    if REPEATED not in findings.gaps and repeats.requests:
        found = f"{format_count(repeats.requests, 'request')} like another one up to {within_s:g} s before"
        chance = f"by chance there would be {repeats.chance:.1f}"
        reason = "too many to list them: give fewer rows" if repeats.requests > MOST_IDS else "too few to suspect any"
        yield f"{found}, {chance}" + ("" if repeats.ids else f": {reason}")
    if REPEATED not in findings.gaps and repeats.uncertain:
        uncertain = format_count(repeats.uncertain, "repetition")
        yield f"{uncertain} of a frequent prompt size not judged: chance alone can explain them"
