"""The hit rate of the prompt cache by the time since the previous call: why does caching miss?"""

from collections.abc import Sequence
from typing import NamedTuple

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from genanalytics.base.frames import TEXT
from genanalytics.base.opening import opens_paths
from genanalytics.base.remembering import remembers
from genanalytics.decide.replay.gaps import (
    GAP_MS,
    OPTIONAL,
    REQUIRED,
    describe_outside,
    guess_sessions,
    link_by_session,
    list_flags,
    select_needed,
)
from genanalytics.metrics.declare import RowValue, Sum, name_limits
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.metrics.engines.source import Records, open_source, uncover
from genanalytics.metrics.forms import ratio, total
from genanalytics.metrics.grouping.labels import check_columns, resolve_by
from genanalytics.metrics.summary import describe_completeness, summarize
from genanalytics.units import Unit


class Gap(NamedTuple):
    """A class of times since the previous call.

    Attributes:
        name: Its name.
        low_ms: The shortest time, which is not part of it; NaN for first calls.
        high_ms: The longest time.
    """

    name: str
    low_ms: float
    high_ms: float


_MINUTE = 60_000.0
GAPS = (
    Gap("first call", np.nan, np.nan),
    Gap("up to 10 s", -1.0, 10_000.0),
    Gap("10 to 60 s", 10_000.0, _MINUTE),
    Gap("1 to 5 min", _MINUTE, 5 * _MINUTE),
    Gap("5 to 10 min", 5 * _MINUTE, 10 * _MINUTE),
    Gap("10 to 60 min", 10 * _MINUTE, 60 * _MINUTE),
    Gap("1 to 6 h", 60 * _MINUTE, 360 * _MINUTE),
    Gap("above 6 h", 360 * _MINUTE, np.inf),
)
"""The classes; first calls of a session come first."""

_CLASS = "class of the gap"
_PROMPT, _CACHED = (
    RowValue(name, name, Unit.TOKENS, f"Sum of native_tokens_{name}", (f"native_tokens_{name}",), nw.col(column))
    for name, column in (("prompt", "native_tokens_prompt"), ("cached", "native_tokens_cached"))
)
_HIT_RATE = ratio(
    "hit_rate", "hit rate", Unit.SHARE, "cached / prompt", _CACHED, _PROMPT, known_together=True, bound="share"
)
_OTHERS = ("gap", "gap_low_ms", "gap_high_ms", "requests", "prompt", "cached", "hit_rate", *name_limits("hit_rate"))


@remembers
@opens_paths("data")
def hit_rate_by_gap(data: Records, *, by: str | Sequence[str] | None = None) -> pd.DataFrame:
    """Return the hit rate of the prompt cache by the time since the previous call of a session.

    If caching misses after long gaps, the cache expires before the next call. If it misses after short ones too, the
    calls reach another endpoint, or their prompts do not begin alike: `cache_flips` shows them.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame. If no record of a frame
            has a `session_id`, sessions are guessed as `cache_flips` does.
        by: The columns to group by; None for one group.

    Returns:
        A row per group and gap, in this order. The columns of `by`, and then these.

        - `gap` (str): `first call` for calls that continue none, else the time from the creation of the previous call
          of the session, with the same model and provider, to that of this one.
        - `gap_low_ms`, `gap_high_ms` (Float64): its limits; gaps for first calls.
        - `requests` (Int64): the calls. Prompts below 1,024 tokens are left out.
        - `prompt`, `cached` (Int64): the sums of `native_tokens_prompt` and `native_tokens_cached`.
        - `hit_rate` (Float64, 0 to 1): `cached` / `prompt`.
        - `hit_rate_low`, `hit_rate_high` (Float64): its 95 % interval; calls of a session depend on each other.

        `attrs` contains `units`, `labels`, `sums`, `notices`, `coverage` and `lower_bounds`.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: `by` names something that cannot be grouped by.

    >>> moments = pd.to_datetime(["2026-08-20 12:00:00", "2026-08-20 12:00:09", "2026-08-20 12:08:00"], utc=True)
    >>> frame = pd.DataFrame({
    ...     "session_id": "s", "model": "m", "provider_name": "p", "requested_id": list("abc"), "created_at": moments,
    ...     "native_tokens_prompt": [10_000, 12_500, 15_000], "native_tokens_cached": [0, 10_000, 0],
    ... })
    >>> hit_rate_by_gap(frame)[["gap", "requests", "hit_rate"]].to_dict("list")
    {'gap': ['first call', 'up to 10 s', '5 to 10 min'], 'requests': [1, 1, 1], 'hit_rate': [0.0, 0.8, 0.0]}
    """
    check_columns(open_source(data), REQUIRED, "hit_rate_by_gap")
    native, guessed = guess_sessions(uncover(data))
    keys = resolve_by(open_source(native), by, None, "UTC", others=_OTHERS)
    columns = [*REQUIRED, *OPTIONAL, *(key.column for key in keys)]
    needed = select_needed(native, columns)
    flags = list_flags()
    source = open_source(needed)
    counts = source.aggregate([], list(map(Sum, flags.values())), {}, []).to_table()
    linked = nw.from_native(link_by_session(needed, columns)).with_columns(_classify().alias(_CLASS)).to_native()
    names = [key.name for key in keys]
    summary = summarize(
        linked, by=[*names, _CLASS], metrics=[total(_PROMPT), total(_CACHED), _HIT_RATE], intervals=True
    )
    found = summary.astype({"prompt": "Int64", "cached": "Int64"})
    gaps = [GAPS[number] for number in found[_CLASS].astype(int)]
    found = found.drop(columns=_CLASS)
    described = {
        "gap": pd.Series([gap.name for gap in gaps], found.index, dtype=TEXT),
        "gap_low_ms": pd.Series([max(gap.low_ms, 0.0) for gap in gaps], found.index, dtype="Float64"),
        "gap_high_ms": pd.Series([gap.high_ms for gap in gaps], found.index, dtype="Float64"),
    }
    for place, (name, values) in enumerate(described.items()):
        found.insert(len(names) + place, name, values)
    found.attrs = {
        "units": {"requests": Unit.COUNT.value, **summary.attrs["units"]},
        "labels": {"requests": "requests", **summary.attrs["labels"]},
        "sums": ["requests", "prompt", "cached"],
        "notices": [
            *summary.attrs["notices"],
            *guessed,
            *describe_outside({reason: int(to_floats(counts[Sum(flag).name])[0]) for reason, flag in flags.items()}),
        ],
        **describe_completeness(data, ("requests", "prompt", "cached")),
    }
    return found


def _classify() -> nw.Expr:
    """Return the number of the class of each gap."""
    found = nw.lit(len(GAPS) - 1)
    for number in range(len(GAPS) - 2, 0, -1):
        found = nw.when(nw.col(GAP_MS) <= GAPS[number].high_ms).then(nw.lit(number)).otherwise(found)
    return nw.when(nw.col(GAP_MS).is_null()).then(nw.lit(0)).otherwise(found)
