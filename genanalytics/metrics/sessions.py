"""Sessions: cost, length and caching of each."""

import pandas as pd

from genanalytics.base.opening import opens_paths
from genanalytics.metrics.catalog import resolve
from genanalytics.metrics.declare import Statistic
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.sets.rows import FIRST, LAST
from genanalytics.metrics.summary import summarize
from genanalytics.units import Unit

_SESSION = "session_id"
_LENGTH = "length_ms"

SESSIONS: tuple[Statistic, ...] = (
    FIRST,
    LAST,
    *resolve(
        [
            "effective_cost",
            "cost_unknown",
            "cost_share",
            "tokens_in",
            "tokens_out",
            "net_cache_savings",
            "read_savings",
            "write_premium",
            "cache_payback",
            "cost_without_cache",
            "cache_savings_rate",
            "cache_coverage",
            "cache_hit_rate",
        ]
    ),
)
"""The statistics of a session, besides the number of its requests and its length."""


@opens_paths("data")
def sessions(data: Records) -> pd.DataFrame:
    """Return one row per session, the first one first.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.

    Returns:
        `session_id`; `requests` (Int64); `first` and `last`, when its first and its last generation were created
        (datetime64[us, UTC]); `length_ms`, the time between the two (Float64); then cost, tokens and caching as
        `summarize` returns them. In a session with a `cache_payback` below 1, cache writes cost more than cache reads
        saved. `cost_share` is the share of the cost of all rows. `attrs` contains those of `summarize`, and
        `without_session`: the number of rows without a `session_id`, which are in no row here.

    Raises:
        MissingColumnError: The data lacks a column.
    """
    groups = summarize(data, by=_SESSION, metrics=SESSIONS)
    known = groups[groups[_SESSION].notna()]
    first, last = (pd.to_datetime(known[name], utc=True).dt.as_unit("us") for name in (FIRST.name, LAST.name))
    length = ((last - first) / pd.Timedelta(milliseconds=1)).astype("Float64")
    found = known.assign(**{FIRST.name: first, LAST.name: last})
    found.insert(list(found).index(LAST.name) + 1, _LENGTH, length)
    found = found.sort_values([FIRST.name, _SESSION], ignore_index=True)
    found.attrs = groups.attrs | {
        "units": groups.attrs["units"] | {_LENGTH: Unit.MS.value},
        "labels": groups.attrs["labels"] | {_LENGTH: "length"},
        "without_session": int(groups.loc[groups[_SESSION].isna(), "requests"].sum()),
    }
    return found
