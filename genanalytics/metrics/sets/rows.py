"""Conditions, classes and edges of rows that several statistics share."""

import narwhals.stable.v2 as nw

from genanalytics.metrics.declare import RowValue, Statistic
from genanalytics.units import Unit


def is_true(condition: nw.Expr) -> nw.Expr:
    """Return where a condition is known to be true: false for a gap."""
    return condition.fill_null(value=False)


def is_flagged(column: str) -> nw.Expr:
    """Return where a flag is known to be true."""
    return is_true(nw.col(column))


def finished_with(reason: str) -> nw.Expr:
    """Return where `finish_reason` is known to be this one."""
    return is_true(nw.col("finish_reason") == reason)


def _make_class(name: str, description: str, needs: tuple[str, ...], condition: nw.Expr) -> RowValue:
    """Return a class of rows: true or false for each, never null."""
    return RowValue(name, name, Unit.NONE, description, needs, condition)


def _make_edge(name: str, moment: nw.Expr) -> Statistic:
    description = f"When the {name} generation was created"
    return Statistic(name, name, Unit.TIME, description, own={name: moment}, needs=("created_at",))


TEXT_APIS = ("completions", "chat", "chat.completions", "chat_completions", "responses", "messages", "skin")
"""The values of `api_type` of APIs that answer with text."""

BYOK = is_flagged("is_byok")
REPLAYED = ~nw.col("response_cache_source_id").is_null()

SUCCESS = _make_class(
    "request_succeeded",  # "success" is a label of the user
    "Not cancelled, not an error, not replayed",
    ("cancelled", "finish_reason", "response_cache_source_id"),
    ~is_flagged("cancelled") & ~finished_with("error") & ~REPLAYED,
)
PAID_HERE = _make_class(
    "paid_here",
    "Neither paid with the user's own provider key nor replayed",
    ("is_byok", "response_cache_source_id"),
    ~BYOK & ~REPLAYED,
)

FIRST = _make_edge("first", nw.col("created_at").min())
LAST = _make_edge("last", nw.col("created_at").max())
