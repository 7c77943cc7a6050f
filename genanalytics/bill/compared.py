"""A generation next to its session and to the median of its model."""

from collections.abc import Mapping
from typing import Any

import narwhals.stable.v2 as nw

from genanalytics.base.text import is_missing
from genanalytics.bill.explanation import MedianComparison, SessionShare
from genanalytics.metrics.engines.source import keep_rows, open_source
from genanalytics.metrics.summary import summarize
from genanalytics.units import Unit

_COMPARED = (
    ("cost", Unit.USD, "cost_per_request"),
    ("time to first token", Unit.MS, "ttft_ms"),
    ("generation time", Unit.MS, "e2e_ms"),
)
"""Label, unit, and the name of the statistics."""


def compare_with_model(row: Mapping[str, Any], data: Any) -> tuple[MedianComparison, ...]:  # noqa: ANN401 - of any engine
    """Return cost, TTFT and generation time next to their medians over the model's rows; nothing without a model."""
    if row["model"] is None:
        return ()
    names = [f"{name}_{part}" for _, _, name in _COMPARED for part in ("p50", "n")]
    found = summarize(keep_rows(data, nw.col("model") == nw.lit(row["model"])), metrics=names).iloc[0]
    own = {
        "cost_per_request": find_cost(row),
        "ttft_ms": row["latency"] if row["streamed"] else None,
        "e2e_ms": row["generation_time"] or None,
    }
    return tuple(
        MedianComparison(label, unit, own[name], _to_float(found[f"{name}_p50"]), int(found[f"{name}_n"] or 0))
        for label, unit, name in _COMPARED
    )


def find_session_share(row: Mapping[str, Any], data: Any) -> SessionShare | None:  # noqa: ANN401 - of any engine
    """Return the place of a row in its session; None without one."""
    session, created = row["session_id"], row["created_at"]
    if session is None or "session_id" not in open_source(data).columns:
        return None
    rows = keep_rows(data, nw.col("session_id") == nw.lit(session))
    found = summarize(rows, metrics=["effective_cost"]).iloc[0]
    requests, cost, own = int(found["requests"]), _to_float(found["effective_cost"]), find_cost(row)
    if not open_source(keep_rows(rows, nw.col("requested_id") == nw.lit(row["requested_id"]))).count():
        requests, cost = requests + 1, (cost or 0.0) + (own or 0.0)
    earlier = None if created is None else keep_rows(rows, nw.col("created_at") < nw.lit(created))
    place = None if earlier is None else open_source(earlier).count() + 1
    return SessionShare(session, place, requests, cost, own / cost if own is not None and cost else None)


def find_cost(row: Mapping[str, Any]) -> float | None:
    """Return the cost of a row in US$: the charge, and that of the provider to the user's own key."""
    upstream = row["upstream_inference_cost"] if row["is_byok"] else 0.0
    if row["total_cost"] is None or upstream is None:
        return None
    return float(row["total_cost"] + upstream)


def _to_float(value: Any) -> float | None:  # noqa: ANN401 - a number or a gap
    return None if is_missing(value) else float(value)
