"""What a generation was: conditions and classes of rows that several statistics share."""

import narwhals.stable.v2 as nw

from genanalytics.metrics.declare import RowValue
from genanalytics.units import Unit


def flagged(column: str) -> nw.Expr:
    """Return where a flag is known to be true."""
    return nw.col(column).fill_null(value=False)


def finished_with(reason: str) -> nw.Expr:
    """Return where `finish_reason` is known to be this one."""
    return (nw.col("finish_reason") == reason).fill_null(value=False)


def row_class(name: str, description: str, needs: tuple[str, ...], condition: nw.Expr) -> RowValue:
    """Return a class of rows: true or false for each, never null."""
    return RowValue(name, name, Unit.NONE, description, needs, condition)


BYOK = flagged("is_byok")
REPLAYED = ~nw.col("response_cache_source_id").is_null()

SUCCESS = row_class(
    "success",
    "Not cancelled, not an error, not replayed",
    ("cancelled", "finish_reason", "response_cache_source_id"),
    ~flagged("cancelled") & ~finished_with("error") & ~REPLAYED,
)
PAID_HERE = row_class(
    "paid_here",
    "Neither paid by the user's own provider key nor replayed",
    ("is_byok", "response_cache_source_id"),
    ~BYOK & ~REPLAYED,
)
