"""Calls that lost the prompt cache of their session, what each loss cost at most, and what changed before it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from genanalytics.base.frames import TEXT, Dtypes
from genanalytics.base.opening import opens_paths
from genanalytics.bill.amounts import NANO_PER_MICRO, NANO_PER_USD
from genanalytics.bill.book import BY, check_prices
from genanalytics.bill.calls import (
    REQUIRED,
    SPLIT,
    add_attempts,
    add_prices,
    describe_guessed,
    describe_left_out,
    name_apps,
    read_calls,
)
from genanalytics.bill.items import Itemized
from genanalytics.bill.prices import prices as compute_prices
from genanalytics.bill.selection import read_all, select_sessions
from genanalytics.bill.threads import NOTHING, Calls, link_guessed, link_session
from genanalytics.metrics.engines.memory import InMemory
from genanalytics.metrics.engines.protocol import Source
from genanalytics.metrics.engines.source import Records, open_source
from genanalytics.metrics.grouping.labels import check_columns
from genanalytics.metrics.summary import describe_completeness
from genanalytics.units import Unit, format_count

SMALLEST_PROMPT = 1_024
"""Providers cache no shorter prompt."""
BLOCK = 128
"""Providers count cached tokens in blocks of up to this size, so fewer missing tokens are ordinary."""
ORDINARY_SHARE = 0.01
"""It is ordinary too that up to this share of the prompt is not read."""
CAUSES = (
    "shorter prompt",
    "model",
    "provider",
    "endpoint",
    "regime",
    "gap above 1 h",
    "gap above 10 min",
    "gap above 5 min",
    "failed attempt",
    "nothing visible",
)
"""What can have changed before a loss, in the order in which it is looked for."""

_LONGEST_GUESS_S = 3_600.0
_SHORT_S = 300.0
_GAPS_MIN = (60, 10, 5)
_SHORTER = 0.99
_SHORTER_OTHER_MODEL = 0.5
"""Models count tokens differently."""
_MICROS_PER_S = 1e6

_TOKENS = ("prompt", "previous_prompt", "cached", "lost_tokens")
_UNITS = {
    "created_at": Unit.TIME.value,
    "gap_ms": Unit.MS.value,
    **dict.fromkeys(_TOKENS, Unit.TOKENS.value),
    "loss": Unit.USD.value,
}
_LABELS = {
    "created_at": "created",
    "gap_ms": "gap",
    "prompt": "prompt",
    "previous_prompt": "previous prompt",
    "cached": "cached",
    "lost_tokens": "lost at most",
    "loss": "loss at most",
}
_DTYPES: Dtypes = {
    "session_id": TEXT,
    "requested_id": TEXT,
    "previous_id": TEXT,
    "created_at": "datetime64[us, UTC]",
    "model": TEXT,
    "provider_name": TEXT,
    "app_id": "Int64",
    "gap_ms": "Int64",
    **dict.fromkeys(_TOKENS, "Int64"),
    "loss": "Float64",
    "cause": TEXT,
}
_UPPER_BOUND = "losses are upper bounds: a part of the cache might have expired in any case"


@opens_paths("data")
def cache_flips(data: Records, prices: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return one row per call that lost the prompt cache of its session, in the order of time.

    A call lost the cache if it read fewer tokens than the previous call of its session and app had in its prompt, and
    the missing ones are more than `BLOCK` tokens and more than 1 % of what could be read. The previous call is the last
    one of like size: a prompt below half of the session's prompt belongs to a side call, such as one for a title,
    unless the session continues from it. A call with more than double the prompt of the first call of a session is not
    compared with it. Previous prompts below `SMALLEST_PROMPT` tokens and calls without any sign of caching do not
    count.

    If no record has a `session_id`, sessions are guessed: same app and model, a growing prompt, and at most one hour
    between two calls. There, a call that reads less than half of the previous prompt begins another session unless the
    endpoint or the price changed; if the prompt grew by at most 10 %, another provider, a failed attempt or a gap above
    5 min is enough.

    Args:
        data: Anything that `summarize` takes. Records without `native_tokens_cached`, and those without a `session_id`
            if others have one, are left out and counted in `notices`. On an engine, the calls of sessions that can have
            lost their cache are read, a portion of about 500,000 rows at a time. To guess sessions, all rows are read,
            at most 2 million.
        prices: The result of `ga.prices(data)`; computed if it is not given.

    Returns:
        `session_id`; `requested_id` and `previous_id` (str), the call and the one before it; `created_at`; `model`;
        `provider_name`; `app_id`; `gap_ms` (Int64), the time from the creation of the previous call to that of this
        one; `prompt`, `previous_prompt`, `cached` (Int64, tokens); `lost_tokens` (Int64), the tokens of the previous
        prompt that were not read, at most as many as this prompt could contain; `loss` (Float64, US$); `cause` (str).

        `loss` is `lost_tokens` times the difference between the price that was paid (that of writing for as many tokens
        as were written, that of input for the others) and the price of reading. It is an upper bound: a part of the
        cache might have expired in any case. It is a gap where a price is unknown, and for a shorter prompt, for which
        no loss is claimed.

        `cause` is the first of `CAUSES` that applies: `shorter prompt` (by more than 1 %; by half after a change of the
        model), `model`, `provider`, `endpoint` (of the attempts that succeeded), `regime` (another price of the same
        provider, where an endpoint is unknown), `gap above 1 h`, `gap above 10 min`, `gap above 5 min`,
        `failed attempt` (of this call), `nothing visible`.

        `attrs` contains `units`, `labels`, `sums`, `notices`, `coverage`, `lower_bounds`, and `compared`, the number of
        calls that follow another one of their session. `cache_flip_summary` adds the losses up by cause.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: No record has a `session_id`, and there are too many to guess sessions.

    >>> rows = [(10_000, 0, 50), (12_000, 9_990, 70), (13_000, 0, 20), (14_000, 12_990, 10), (15_000, 13_990, 90)]
    >>> frame = pd.DataFrame(rows, columns=[f"native_tokens_{name}" for name in ("prompt", "cached", "completion")])
    >>> saved = 0.18 * frame["native_tokens_cached"] / 1e6
    >>> frame = frame.assign(
    ...     requested_id=list("abcde"), session_id="s", model="m", provider_name="p", cache_discount=saved,
    ...     created_at=pd.date_range("2026-08-20", periods=5, freq="min", tz="UTC"),
    ...     total_cost=(0.2 * frame["native_tokens_prompt"] + 1.2 * frame["native_tokens_completion"]) / 1e6 - saved,
    ... )
    >>> flips = cache_flips(frame)
    >>> flips[["requested_id", "previous_id", "lost_tokens", "loss", "cause"]].to_dict("records")
    [{'requested_id': 'c', 'previous_id': 'b', 'lost_tokens': 12000, 'loss': 0.00216, 'cause': 'nothing visible'}]
    """
    source = open_source(data)
    check_columns(source, REQUIRED, "cache_flips")
    # the prices come from all rows: those that are left out here prove them too
    table = compute_prices(data) if prices is None else prices
    check_prices(table, "relation")
    is_divided = isinstance(data, Itemized) and data.prices is table
    result = _find_all(source, table, SPLIT if is_divided else ())
    found = result.flips
    notices = describe_left_out(result.left_out)
    if result.guessed:
        notices.append(describe_guessed(result.guessed))
    notices.extend(_describe_losses(found))
    found.attrs = {
        "units": dict(_UNITS),
        "labels": dict(_LABELS),
        "sums": ["lost_tokens", "loss"],
        **describe_completeness(data, ()),
        "notices": [*source.notices, *notices],
        "compared": result.compared,
    }
    return found


class _Result(NamedTuple):
    """Flips, and the numbers of records left out by reason, of calls without a session, and of compared calls."""

    flips: pd.DataFrame
    left_out: Mapping[str, int]
    guessed: int
    compared: int


def _find_all(source: Source, prices: pd.DataFrame, known: Sequence[str]) -> _Result:
    if isinstance(source, InMemory):
        return _find_in_memory(source, prices, known)
    selection = select_sessions(source, least_prompt=SMALLEST_PROMPT, block=BLOCK)
    if selection is None:
        return _find_in_memory(read_all(source), prices)
    parts = [_find_in_memory(part, prices).flips for part in selection.portions]
    some = [part for part in parts if len(part)]
    flips = pd.concat(some) if some else pd.DataFrame(columns=list(_DTYPES)).astype(_DTYPES)
    flips = flips.sort_values(["created_at", "requested_id"], kind="stable", ignore_index=True)
    return _Result(flips, selection.left_out, 0, selection.compared)


def _find_in_memory(source: InMemory, prices: pd.DataFrame, known: Sequence[str] = ()) -> _Result:
    calls, left_out = read_calls(source, known)
    calls = add_attempts(add_prices(calls, prices))
    calls = calls.assign(app=name_apps(calls))
    previous = link_calls(calls)
    guessed = calls["session_id"].isna().to_numpy()
    named = calls.loc[~guessed, ["session_id", "app_id"]]
    compared = int((previous[guessed] != NOTHING).sum()) + int(named.duplicated().sum())
    return _Result(_find_flips(calls, previous), left_out, int(guessed.sum()), compared)


def cache_flip_summary(flips: pd.DataFrame) -> pd.DataFrame:
    """Return the number and the loss of flips by cause, the highest loss first.

    Args:
        flips: The result of `cache_flips`, or some of its rows.

    Returns:
        `cause` (str); `flips` (Int64); `lost_tokens` (Int64); `loss` (Float64, US$), the sum of the known losses, a gap
        if none is known; `loss_unknown` (Int64), the number of flips without a known loss. `attrs` contains `units`,
        `labels`, and the `notices`, `coverage` and `lower_bounds` of the flips.

    >>> flips = pd.DataFrame({"cause": ["regime", "regime"], "lost_tokens": [10, 20], "loss": [0.25, None]})
    >>> cache_flip_summary(flips).to_dict("records")
    [{'cause': 'regime', 'flips': 2, 'lost_tokens': 30, 'loss': 0.25, 'loss_unknown': 1}]
    """
    known = flips.assign(nano=np.round(flips["loss"].astype("Float64") * NANO_PER_USD), gap=flips["loss"].isna())
    grouped = known.groupby("cause", sort=True)
    loss = grouped["nano"].sum(min_count=1) / NANO_PER_USD
    found = pd.DataFrame({"cause": loss.index.astype(TEXT)}).assign(
        flips=grouped.size().to_numpy(),
        lost_tokens=grouped["lost_tokens"].sum().to_numpy(),
        loss=loss.array,
        loss_unknown=grouped["gap"].sum().to_numpy(),
    )
    dtypes = {"flips": "Int64", "lost_tokens": "Int64", "loss": "Float64", "loss_unknown": "Int64"}
    found = found.astype(dtypes).sort_values("loss", ascending=False, kind="stable", ignore_index=True)
    found.attrs = {name: flips.attrs[name] for name in ("notices", "coverage", "lower_bounds") if name in flips.attrs}
    found.attrs["units"] = {
        **dict.fromkeys(("flips", "loss_unknown"), Unit.COUNT.value),
        "lost_tokens": Unit.TOKENS.value,
        "loss": Unit.USD.value,
    }
    labels = {"flips": "flips", "loss_unknown": "loss unknown"}
    found.attrs["labels"] = labels | {name: _LABELS[name] for name in ("lost_tokens", "loss")}
    return found


def _describe_losses(flips: pd.DataFrame) -> Iterable[str]:
    if flips.empty:
        return
    yield _UPPER_BOUND
    unknown = int((flips["loss"].isna() & (flips["cause"] != CAUSES[0])).sum())
    if unknown:
        yield f"the loss of {format_count(unknown, 'flip')} is unknown, since a price is not identified"


def link_calls(calls: pd.DataFrame) -> "np.ndarray":
    """Return the place of the previous call of each call; `NOTHING` without one."""
    previous = np.full(len(calls), NOTHING)
    moments = calls["created_at"].astype("int64").to_numpy() / _MICROS_PER_S
    providers, states = (
        calls.groupby(keys, dropna=False, sort=False).ngroup().to_numpy()
        for keys in (["provider_name"], ["provider_name", "endpoint", "level"])
    )
    columns = {
        "moments": moments,
        "prompts": calls["native_tokens_prompt"].to_numpy(dtype=float),
        "cached": calls["native_tokens_cached"].to_numpy(dtype=float),
        "providers": providers,
        "states": states,
        "retried": calls["retried"].to_numpy(),
    }
    has_session = calls["session_id"].notna()
    for known, keys in ((True, ["session_id", "app"]), (False, ["app", "model"])):
        part = calls[has_session == known]
        for places in part.groupby(keys, dropna=False, sort=False).indices.values():
            rows = part.index.to_numpy()[places]
            ordered = Calls(**{name: values[rows].tolist() for name, values in columns.items()})
            found = np.array(
                link_session(ordered) if known else link_guessed(ordered, longest_s=_LONGEST_GUESS_S, short_s=_SHORT_S)
            )
            previous[rows] = np.where(found == NOTHING, NOTHING, rows[found])
    return previous


def _find_flips(calls: pd.DataFrame, previous: "np.ndarray") -> pd.DataFrame:
    """Return the flips among calls that have a previous one."""
    places = np.flatnonzero(previous != NOTHING)
    previous = previous[places]
    prompts, cached = (calls[name].to_numpy(dtype=float) for name in ("native_tokens_prompt", "native_tokens_cached"))
    prompt, previous_prompt = prompts[places], prompts[previous]
    readable = np.minimum(prompt, previous_prompt)
    lost = readable - np.minimum(cached[places], prompt)
    is_lost = (lost > BLOCK) & (lost > ORDINARY_SHARE * readable) & (previous_prompt >= SMALLEST_PROMPT)
    is_lost &= _has_cache(calls)[previous] | calls["cache_read_price"].notna().to_numpy()[places]
    now, before, lost = calls.iloc[places[is_lost]], calls.iloc[previous[is_lost]], lost[is_lost]
    causes = _find_causes(now, before)
    columns = {
        **{name: now[name].array for name in ("session_id", "requested_id", "created_at", *BY, "app_id")},
        "previous_id": before["requested_id"].array,
        "gap_ms": _find_gaps(now, before) // np.timedelta64(1, "ms"),
        "prompt": now["native_tokens_prompt"].array,
        "previous_prompt": before["native_tokens_prompt"].array,
        "cached": now["native_tokens_cached"].array,
        "lost_tokens": lost.astype(np.int64),
        "loss": pd.array(_price_losses(now, lost), dtype="Float64"),
        "cause": causes,
    }
    found = pd.DataFrame(columns)[list(_DTYPES)].astype(_DTYPES)
    found["loss"] = found["loss"].mask(found["cause"] == CAUSES[0])
    return found


def _has_cache(calls: pd.DataFrame) -> "np.ndarray":
    """Return whether a call shows any sign of caching."""
    read = (calls["native_tokens_cached"] > 0).to_numpy(dtype=bool, na_value=False)
    if "cache_discount" not in calls:
        return read
    return read | (calls["cache_discount"] != 0).to_numpy(dtype=bool, na_value=False)


def _price_losses(calls: pd.DataFrame, lost: "np.ndarray") -> "np.ndarray":
    """Return US$ in whole nano-dollars: what lost tokens cost above the price of reading them; NaN if it is unknown."""
    of_input, of_reading, of_writing = (
        calls[name].to_numpy(dtype=float, na_value=np.nan)
        for name in ("input_price", "cache_read_price", "cache_write_price")
    )
    written = np.minimum(calls["cache_write_tokens"].to_numpy(dtype=float, na_value=0.0), lost)
    premium = np.where(written > 0, np.nan_to_num(of_writing - of_input) * written, 0.0)
    nano_dollars = np.round(((of_input - of_reading) * lost + premium) * NANO_PER_MICRO)
    unpaid = (calls["total_cost"] == 0).to_numpy(dtype=bool, na_value=False) & calls["regime"].isna().to_numpy()
    found: np.ndarray = np.where(unpaid, 0.0, nano_dollars) / NANO_PER_USD
    return found


def _find_causes(now: pd.DataFrame, before: pd.DataFrame) -> "np.ndarray":
    """Return the first of `CAUSES` that applies to each pair of calls."""
    same_model = _is_same(now, before, "model")
    prompt, previous_prompt = (rows["native_tokens_prompt"].to_numpy(dtype=float) for rows in (now, before))
    least = np.where(same_model, _SHORTER, _SHORTER_OTHER_MODEL) * previous_prompt
    known = now["endpoint"].notna().to_numpy() & before["endpoint"].notna().to_numpy()
    priced = now["level"].notna().to_numpy() & before["level"].notna().to_numpy()
    gap = _find_gaps(now, before)
    conditions = (
        prompt < least,
        ~same_model,
        ~_is_same(now, before, "provider_name"),
        known & ~_is_same(now, before, "endpoint"),
        ~known & priced & ~_is_same(now, before, "level"),
        *(gap > np.timedelta64(minutes, "m") for minutes in _GAPS_MIN),
        now["retried"].to_numpy(),
    )
    return np.select(conditions, CAUSES[:-1], CAUSES[-1])


def _find_gaps(now: pd.DataFrame, before: pd.DataFrame) -> "np.ndarray":
    gaps: np.ndarray = now["created_at"].to_numpy("datetime64[us]") - before["created_at"].to_numpy("datetime64[us]")
    return gaps


def _is_same(now: pd.DataFrame, before: pd.DataFrame, name: str) -> "np.ndarray":
    one, other = (rows[name].astype("object").where(rows[name].notna(), "") for rows in (now, before))
    same: np.ndarray = one.to_numpy() == other.to_numpy()
    return same
