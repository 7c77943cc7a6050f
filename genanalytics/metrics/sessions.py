"""Sessions: what each one cost, how long it was, and whether its cache writes paid back."""

import narwhals.stable.v2 as nw
import pandas as pd

from genanalytics.metrics.catalog import resolved
from genanalytics.metrics.declare import Statistic
from genanalytics.metrics.summary import summarize
from genanalytics.units import Unit

_SESSION = "session_id"
FIRST = Statistic(
    "first",
    "first",
    Unit.TIME,
    "When the first generation was created",
    needs=("created_at",),
    aggregates={"first": nw.col("created_at").min()},
)
LAST = Statistic(
    "last",
    "last",
    Unit.TIME,
    "When the last generation was created",
    needs=("created_at",),
    aggregates={"last": nw.col("created_at").max()},
)
SESSIONS: tuple[Statistic, ...] = (
    FIRST,
    LAST,
    *resolved(
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
"""What is said of a session, beside the number of its requests and how long it was."""

LENGTH = "length_ms"


def sessions(data: object) -> pd.DataFrame:
    """Return one row per session, the first one first.

    Args:
        data: What `summarize` takes: a frame, a DuckDB relation, a Spark data frame.

    Returns:
        `session_id`; `requests` (Int64); `first` and `last`, when its first and its last generation were created
        (datetime64[us, UTC]); `length_ms`, the time between the two (Float64); then cost, tokens and caching as
        `summarize` returns them: `cache_payback` below 1 is a session whose cache writes cost more than its reads
        saved, and `cost_share` is that of the cost of all rows. `attrs` holds `units`, `labels`, and
        `without_session`: how many rows have no `session_id` and are in no row here.

    Raises:
        MissingColumnError: The data lacks a column.
    """
    groups = summarize(data, by=_SESSION, metrics=SESSIONS)
    known = groups[groups[_SESSION].notna()]
    first, last = (pd.to_datetime(known[name], utc=True).dt.as_unit("us") for name in (FIRST.name, LAST.name))
    length = ((last - first) / pd.Timedelta(milliseconds=1)).astype("Float64")
    found = known.assign(**{FIRST.name: first, LAST.name: last})
    found.insert(list(found).index(LAST.name) + 1, LENGTH, length)
    found = found.sort_values([FIRST.name, _SESSION], ignore_index=True)
    found.attrs = {
        "units": groups.attrs["units"] | {LENGTH: Unit.MS.value},
        "labels": groups.attrs["labels"] | {LENGTH: "length"},
        "without_session": int(groups.loc[groups[_SESSION].isna(), "requests"].sum()),
    }
    return found
