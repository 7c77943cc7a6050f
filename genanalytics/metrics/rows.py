"""Classes of rows: what a generation was, as conditions that are never null."""

import narwhals.stable.v2 as nw


def flagged(column: str) -> nw.Expr:
    """Return where a flag is known to be true."""
    return nw.col(column).fill_null(value=False)


BYOK = flagged("is_byok")
CANCELLED = flagged("cancelled")
STREAMED = flagged("streamed")
REPLAYED = ~nw.col("response_cache_source_id").is_null()
ERROR = (nw.col("finish_reason") == "error").fill_null(value=False)
SUCCESS = ~CANCELLED & ~ERROR & ~REPLAYED
SUCCESS_NEEDS = ("cancelled", "finish_reason", "response_cache_source_id")
