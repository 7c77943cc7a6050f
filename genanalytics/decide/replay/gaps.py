"""Calls of sessions with the call that each one continues, on every engine: its prompt, and the time since then."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from genanalytics.base.frames import TEXT
from genanalytics.bill.calls import add_attempts, add_prices, describe_guessed, name_apps, read_calls
from genanalytics.bill.flips import SMALLEST_PROMPT, link_calls
from genanalytics.bill.prices import prices as compute_prices
from genanalytics.bill.threads import FAR_BELOW, NOTHING
from genanalytics.metrics.declare import RowValue
from genanalytics.metrics.engines.memory import InMemory
from genanalytics.metrics.engines.source import (
    Records,
    add_micros,
    add_previous,
    collect,
    keep_rows,
    open_source,
    select_columns,
)
from genanalytics.units import Unit, format_count

SESSION = "session_id"
KEYS = (SESSION, "model", "provider_name")
"""The columns that a call shares with the one it continues: each provider has a separate cache."""
REQUIRED = (*KEYS, "requested_id", "created_at", "native_tokens_prompt", "native_tokens_cached")
"""The columns that are needed to link calls."""

OPTIONAL: Mapping[str, Any] = {
    "response_cache_source_id": nw.String,
    "upstream_inference_cost": nw.Float64,
    "is_byok": nw.Boolean,
}
"""The columns that are read if the data has them, and their types."""

GAP_MS = "ms since the previous call"
"""The time from the creation of the previous call to that of this one; a gap for the first call of a session."""
BEFORE = "prompt of the previous call"

_MICROS = "microseconds of a call"
_PREVIOUS = {_MICROS: "microseconds of the last call", "native_tokens_prompt": "prompt of the last call"}
_EARLIER = {old: old.replace("last call", "call before the last") for old in _PREVIOUS.values()}
_MICROS_PER_MS = 1_000

_REPLAYED = "of answers that were replayed"
OUTSIDE: Mapping[str, nw.Expr] = {
    _REPLAYED: ~nw.col("response_cache_source_id").is_null(),
    "without a session_id": nw.col(SESSION).is_null(),
    "whose model, provider, time or tokens are unknown": nw.any_horizontal(
        *(nw.col(name).is_null() for name in REQUIRED[1:]), ignore_nulls=False
    ),
    f"with a prompt below {SMALLEST_PROMPT:,} tokens, which no provider caches": nw.col("native_tokens_prompt")
    < SMALLEST_PROMPT,
}
"""Why calls are outside of sessions that use a cache; the first reason counts."""


def select_needed(data: Any, names: Iterable[str]) -> Any:  # noqa: ANN401 - of the same kind
    """Return data with only some columns and those of `OPTIONAL`, which are gaps if it lacks them."""
    columns = open_source(data).columns
    needed = select_columns(data, [*names, *OPTIONAL])
    gaps = [nw.lit(None).cast(dtype).alias(name) for name, dtype in OPTIONAL.items() if name not in columns]
    return nw.from_native(needed).with_columns(*gaps).to_native() if gaps else needed


def link_by_session(data: Any, names: Iterable[str]) -> Any:  # noqa: ANN401 - of the same kind
    """Return the calls of sessions with only some columns, `GAP_MS` and `BEFORE`, without calls that are `OUTSIDE`.

    A call continues the last call of its session with the same model and provider. If that one has less than half of
    the prompt of this call and of the call before, it is a side call, such as one for a title: then the call before
    counts.
    """
    inside = ~nw.any_horizontal(
        *(is_outside.fill_null(value=False) for is_outside in OUTSIDE.values()), ignore_nulls=False
    )
    rows = add_micros(keep_rows(data, inside), "created_at", _MICROS)
    rows = add_previous(add_previous(rows, KEYS, _PREVIOUS), KEYS, _EARLIER)
    last_micros, last_prompt = map(nw.col, _PREVIOUS.values())
    earlier_micros, earlier_prompt = map(nw.col, _EARLIER.values())
    is_aside = (last_prompt < FAR_BELOW * nw.col("native_tokens_prompt")) & (last_prompt < FAR_BELOW * earlier_prompt)
    is_aside = is_aside.fill_null(value=False)
    micros = nw.when(is_aside).then(earlier_micros).otherwise(last_micros)
    prompt = nw.when(is_aside).then(earlier_prompt).otherwise(last_prompt)
    columns = {GAP_MS: (nw.col(_MICROS) - micros) / _MICROS_PER_MS, BEFORE: prompt}
    linked = nw.from_native(rows).with_columns(value.alias(name) for name, value in columns.items())
    return select_columns(linked.to_native(), [*names, GAP_MS, BEFORE])


def guess_sessions(data: Records, prices: pd.DataFrame | None = None) -> tuple[Any, list[str]]:
    """Return data with a guessed `session_id` if no record has one and it is in memory, and the sentences about it.

    They are the sessions that `cache_flips` guesses. Data on an engine, or with sessions, stays as it is.

    Args:
        data: The data, with the columns `REQUIRED`.
        prices: The result of `ga.prices` of the data; computed if it is not given.
    """
    source = open_source(data)
    if not isinstance(source, InMemory) or source.table([SESSION])[SESSION].null_count < source.count():
        return data, []
    calls = read_calls(source)[0]
    if calls.empty:
        return data, []
    calls = add_attempts(add_prices(calls, compute_prices(data) if prices is None else prices))
    previous = link_calls(calls.assign(app=name_apps(calls)))
    sessions: list[str] = []
    for name, before in zip(calls["requested_id"].astype(TEXT), previous, strict=True):
        sessions.append(f"guessed from {name}" if before == NOTHING else sessions[before])
    frame = collect(data)
    by_id = pd.Series(sessions, index=calls["requested_id"])
    found = frame.assign(**{SESSION: frame["requested_id"].map(by_id).astype(TEXT)})
    return found, [describe_guessed(len(calls))]


@cache
def list_flags() -> Mapping[str, RowValue]:
    """Return for each reason in `OUTSIDE` the row value that is 1 where it is the first one that applies."""
    flags, before = {}, nw.lit(value=False)
    for reason, is_outside in OUTSIDE.items():
        known = is_outside.fill_null(value=False)
        flags[reason] = RowValue(
            f"calls {reason}",
            reason,
            Unit.COUNT,
            f"Calls {reason}",
            (*REQUIRED, "response_cache_source_id"),
            (known & ~before).cast(nw.Int64),
        )
        before = before | known
    return flags


def describe_outside(counts: Mapping[str, int]) -> list[str]:
    """Return the sentences about calls that are left out, given their number by reason."""
    return [f"{format_count(number, 'call')} left out, {reason}" for reason, number in counts.items() if number]
