"""What other lifetimes of the prompt cache would have cost, from the gaps between the calls of sessions."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.base.frames import TEXT, Dtypes
from genanalytics.base.opening import opens_paths
from genanalytics.bill.book import check_prices, list_keys
from genanalytics.bill.items import Itemized, itemize
from genanalytics.bill.prices import prices as compute_prices
from genanalytics.bill.split import COLUMNS, NEEDS as BILL_NEEDS
from genanalytics.decide.replay.gaps import (
    OPTIONAL,
    REQUIRED,
    SESSION,
    describe_outside,
    guess_sessions,
    link_by_session,
    list_flags,
    select_needed,
)
from genanalytics.decide.replay.lifetimes import (
    ASSUMED,
    GAIN,
    LIFETIMES,
    MULTIPLES,
    NEEDS,
    OFF,
    PREMIUM,
    PROMPT,
    READ,
    READABLE,
    SUMS,
    USES,
    WRITTEN,
    find_terms,
    make_steps,
)
from genanalytics.decide.replay.policies import (
    COST,
    REQUESTS,
    SESSIONS,
    SessionSums,
    choose,
    divide,
    find_changes,
    name_figures,
    sum_sessions,
)
from genanalytics.errors import InputError
from genanalytics.metrics.declare import Count, Sum
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.metrics.engines.protocol import PLACE
from genanalytics.metrics.engines.source import Records, attach, keep_rows, open_source, uncover
from genanalytics.metrics.grouping.labels import check_columns, label_groups, resolve_by
from genanalytics.metrics.summary import describe_completeness
from genanalytics.units import Unit

BY = ("app_id", "model")
"""The default columns to group by."""
_UNPRICED = "since no price explains their cost"
_AMOUNTS = ("native_tokens_completion", "total_cost", "cache_discount")
_COST_COLUMNS = ("total_cost", "upstream_inference_cost", "is_byok", SESSION)
_NEEDED = (*REQUIRED, *OPTIONAL, *BILL_NEEDS)
_DTYPES: Dtypes = {
    "requests": "Int64",
    "sessions": "Int64",
    "hit_rate": "Float64",
    "reads_per_write": "Float64",
    "break_even_reads": "Float64",
    "as_seen": "Float64",
    "off": "Float64",
    **{name: "Float64" for lifetime in LIFETIMES for name in name_figures(lifetime)},
    "best": TEXT,
    "difference": "Float64",
    "difference_low": "Float64",
    "difference_high": "Float64",
    "reason": TEXT,
}
_UNITS = {name: Unit.USD.value for name, dtype in _DTYPES.items() if dtype == "Float64"} | {
    **dict.fromkeys(("requests", "sessions"), Unit.COUNT.value),
    "hit_rate": Unit.SHARE.value,
    **dict.fromkeys(("reads_per_write", "break_even_reads"), Unit.RATIO.value),
}

_LABELS = {name: name.replace("_", " ") for name in _UNITS} | {
    "off": "cost without caching",
    "as_seen": "cost as seen",
    "five_min": "5 min",
    "five_min_least": "5 min at least",
    "five_min_most": "5 min at most",
    "one_hour": "1 h",
    "one_hour_least": "1 h at least",
    "one_hour_most": "1 h at most",
    "break_even_reads": "break-even reads",
    "difference": "less than as seen",
}


@opens_paths("data")
def cache_replay(
    data: Records,
    *,
    by: str | Sequence[str] = BY,
    prices: pd.DataFrame | None = None,
    five_min_write: float | None = None,
    one_hour_write: float | None = None,
) -> pd.DataFrame:
    """Return what the calls of sessions would have cost without a prompt cache, and with one of another lifetime.

    Each call is compared with the one that it continues: the last one of its session with the same model and provider.
    A call within the lifetime reads from the cache, a later one reads nothing and writes its prompt again. Reads
    refresh the lifetime. What a prompt costs follows from the prices of the data (`ga.prices`).

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame. If no record of a frame
            has a `session_id`, sessions are guessed as `cache_flips` does.
        by: The columns to group by.
        prices: The result of `ga.prices(data)`, perhaps with more or changed prices; computed if it is not given.
        five_min_write: The price of writes to a cache of five minutes as a multiple of the input price; None for the
            one in the data.
        one_hour_write: The same for a cache of one hour.

    Returns:
        The columns of `by`, and then these; the highest `as_seen` comes first.

        - `requests`, `sessions` (Int64): the replayed calls, with prompts of at least 1,024 tokens.
        - `hit_rate` (Float64, 0 to 1): tokens read / tokens of the prompts.
        - `reads_per_write` (Float64): tokens read / tokens written; a gap if nothing written is known.
        - `break_even_reads` (Float64): the number of reads of a written token that pay for writing it: (write price -
          input price) / (input price - read price).
        - `as_seen` (Float64, US$): the cost of these calls, with that of the user's own key (BYOK).
        - `off` (Float64, US$): the same without any cache: the cost plus `cache_discount`.
        - `five_min`, `five_min_least`, `five_min_most` (Float64, US$): with a lifetime of five minutes, neutral,
          optimistic and pessimistic; docs/decide.md says how they differ. A neutral figure is a gap if the group has
          never used the cache.
        - `one_hour`, `one_hour_least`, `one_hour_most` (Float64, US$): the same with a lifetime of one hour.
        - `best` (str): `off`, `five_min` or `one_hour` if its pessimistic figure is lower than `as_seen` by at least
          1 %, and by more than chance explains; else a gap.
        - `difference`, `difference_low`, `difference_high` (Float64, US$): `as_seen` less that figure, and its 95 %
          interval for as many like sessions.
        - `reason` (str): why there is no `best`.

        `attrs` contains `units`, `labels`, `sums`, `notices`, `coverage` and `lower_bounds`.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: `by` or a multiple cannot be used.

    >>> rows = [(10_000, 0), (12_000, 9_990), (13_000, 0), (14_000, 12_990), (15_000, 13_990)]
    >>> frame = pd.DataFrame(rows, columns=["native_tokens_prompt", "native_tokens_cached"])
    >>> saved = 0.18 * frame["native_tokens_cached"] / 1e6
    >>> frame = frame.assign(
    ...     requested_id=list("abcde"), session_id="s", model="m", provider_name="p", app_id=1, cache_discount=saved,
    ...     created_at=pd.date_range("2026-08-20", periods=5, freq="min", tz="UTC"),
    ...     native_tokens_completion=[50, 70, 20, 10, 90],
    ... )
    >>> output = 1.2 * frame["native_tokens_completion"] / 1e6
    >>> frame["total_cost"] = 0.2 * frame["native_tokens_prompt"] / 1e6 + output - saved
    >>> cache_replay(frame)[["requests", "hit_rate", "as_seen", "off"]].round(4).to_dict("records")
    [{'requests': 5, 'hit_rate': 0.5777, 'as_seen': 0.0064, 'off': 0.0131}]
    """
    multiples = check_multiples({"five_min": five_min_write, "one_hour": one_hour_write})
    check_columns(open_source(data), (*REQUIRED, *_AMOUNTS), "cache_replay")
    table = compute_prices(data) if prices is None else prices
    check_prices(table)
    native, guessed = guess_sessions(uncover(data), table)
    keys = resolve_by(open_source(native), by, None, "UTC", others=tuple(_DTYPES))
    by_columns = [key.column for key in keys]
    needed = [*by_columns, *_NEEDED, *list_keys(table)]
    if isinstance(data, Itemized) and data.prices is table:
        itemized = select_needed(native, [*needed, *COLUMNS])
    else:
        itemized = itemize(select_needed(native, needed), table)
    source = open_source(itemized)
    flags = list_flags()
    groups = source.aggregate(keys, [Count(), *map(Sum, flags.values())], {}, []).to_table()
    places = groups.select([key.group for key in keys]).append_column(PLACE, pa.array(np.arange(len(groups))))
    regimes = resolve_by(source, [*list_keys(table), "regime"], None, "UTC", others=())
    terms = find_terms(table, regimes, multiples)
    linked = link_by_session(itemized, [*by_columns, *_COST_COLUMNS, *NEEDS, *list_keys(table), "regime"])
    added = open_source(linked).extend(regimes, terms.groups, NEEDS, make_steps(), SUMS)
    # rows without known prices have gaps
    replayed = keep_rows(attach(linked, added, SUMS), ~nw.col(PROMPT).is_null())
    sums = sum_sessions(replayed, keys, places)
    found = _arrange(sums, label_groups(groups, keys))
    outside = {reason: _add_up(groups, Sum(flag).name) for reason, flag in flags.items()}
    outside[_UNPRICED] = _add_up(groups, Count().name) - sum(outside.values()) - int(found["requests"].sum())
    found.attrs = {
        "units": dict(_UNITS),
        "labels": dict(_LABELS),
        "sums": ["requests", "as_seen"],
        "notices": [*source.notices, *guessed, *_describe(found, sums, outside, terms.assumed)],
        **describe_completeness(data, ("requests", "as_seen")),
    }
    return found


def check_multiples(given: Mapping[str, float | None]) -> Mapping[str, float | None]:
    """Return prices of writes as multiples of the input price, by lifetime.

    Raises:
        InputError: One is no number above 0.
    """
    for lifetime, multiple in given.items():
        if multiple is not None and not (0 < multiple < np.inf):
            msg = f"{lifetime}_write={multiple!r} is no multiple of the input price: give a number such as 1.25"
            raise InputError(msg, arguments=[f"{lifetime}_write"])
    return given


def _arrange(sums: SessionSums, labels: pd.DataFrame) -> pd.DataFrame:
    """Return the public table."""
    of_group = sums.groups
    as_seen = of_group[COST]
    is_known = of_group[READABLE] > 0
    changes = find_changes(sums)
    columns: dict[str, Any] = {
        "requests": of_group[REQUESTS],
        "sessions": of_group[SESSIONS],
        "hit_rate": divide(of_group[READ], of_group[PROMPT]),
        "reads_per_write": divide(np.where(of_group[WRITTEN] > 0, of_group[READ], 0.0), of_group[WRITTEN]),
        "break_even_reads": np.where(is_known, _find_break_even(of_group), np.nan),
        "as_seen": as_seen,
        "off": as_seen + of_group[OFF],
    }
    for name, change in changes.items():
        columns[name] = np.where(is_known, as_seen + np.bincount(sums.places, change, len(as_seen)), np.nan)
    found = pd.DataFrame(columns).assign(**choose(sums, changes, is_known)).astype(_DTYPES)
    found = pd.concat([labels, found[list(_DTYPES)]], axis=1)[of_group[REQUESTS] > 0]
    order = ["as_seen", *labels.columns]
    return found.sort_values(order, ascending=[False, *[True] * (len(order) - 1)], kind="stable", ignore_index=True)


def _find_break_even(of_group: "Mapping[str, np.ndarray]") -> "np.ndarray":
    """Return the reads of a written token that pay for writing it; 0 if writing costs no more than input."""
    used = of_group[USES] > 0
    return np.where(used & (of_group[PREMIUM] == 0), 0.0, divide(of_group[PREMIUM], of_group[GAIN]))


def _add_up(groups: pa.Table, name: str) -> int:
    return int(np.nansum(to_floats(groups[name])))


def _describe(
    found: pd.DataFrame, sums: SessionSums, outside: Mapping[str, int], assumed: Sequence[str]
) -> Iterable[str]:
    yield from describe_outside(outside)
    if found.empty:
        yield "No call can be replayed: sessions need a session_id, prompts of 1,024 tokens and known prices"
    if sums.groups[ASSUMED].any():
        yield (
            f"The price of writes for another lifetime is not in the data for {', '.join(assumed)}: the figures assume"
            f" {MULTIPLES['five_min']} times the input price for five minutes, {MULTIPLES['one_hour']:g} times for an"
            " hour, or the one that was paid; give five_min_write or one_hour_write"
        )
    if ((sums.groups[USES] == 0) & (sums.groups[READABLE] > 0)).any():
        yield (
            "Groups that have never used the cache would cost at least the figure for prompts that only grow, and at"
            " most that without a hit"
        )
