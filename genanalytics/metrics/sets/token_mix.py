"""What the tokens were: parts of the prompt and of the completion, which add up to all known tokens."""

import narwhals.stable.v2 as nw

from genanalytics.metrics.declare import RowValue, Statistic
from genanalytics.metrics.forms import total
from genanalytics.metrics.sets.rows import REPLAYED
from genanalytics.units import Unit

_PROMPT, _COMPLETION = nw.col("native_tokens_prompt"), nw.col("native_tokens_completion")
_NEEDS = ("native_tokens_prompt", "native_tokens_completion", "response_cache_source_id")
_OF_PROMPT = (*_NEEDS, "native_tokens_cached", "cache_read_tokens", "cache_write_tokens")
_OF_COMPLETION = (*_NEEDS, "native_tokens_reasoning", "native_tokens_completion_images")


def _make_part(name: str, label: str, description: str, needs: tuple[str | RowValue, ...], part: nw.Expr) -> RowValue:
    return RowValue(name, label, Unit.TOKENS, description, needs, nw.when(~REPLAYED).then(part))


def _limit(part: nw.Expr, whole: nw.Expr) -> nw.Expr:
    """Return a part that is at most the whole and not below 0; missing where either is."""
    least = nw.when(part < whole).then(part).otherwise(whole)
    known = ~part.is_null() & ~whole.is_null()
    return nw.when(known).then(nw.when(least > 0).then(least).otherwise(nw.lit(0)))


_RECORDED = nw.col("native_tokens_cached")
_READ = nw.when(_RECORDED.is_null()).then(nw.col("cache_read_tokens")).otherwise(_RECORDED)
CACHE_READ = _make_part(
    "cache_read_part",
    "cache reads",
    "Prompt tokens that were read from the prompt cache",
    _OF_PROMPT,
    _limit(_READ, _PROMPT),
)
CACHE_WRITE = _make_part(
    "cache_write_part",
    "cache writes",
    "Prompt tokens that were written to the prompt cache, where a price shows their number",
    (*_OF_PROMPT, CACHE_READ),
    _limit(nw.col("cache_write_tokens").fill_null(0), _PROMPT - CACHE_READ.column),
)
UNCACHED = _make_part(
    "uncached_part",
    "uncached prompt",
    "Prompt tokens that were neither read from the prompt cache nor known to be written to it",
    (*_OF_PROMPT, CACHE_READ, CACHE_WRITE),
    _PROMPT - CACHE_READ.column - CACHE_WRITE.column,
)
CACHE_UNKNOWN = _make_part(
    "cache_unknown_part",
    "cache unknown",
    "Prompt tokens of rows that do not say how many were cached",
    (*_OF_PROMPT, CACHE_READ),
    nw.when(CACHE_READ.column.is_null()).then(_PROMPT),
)
REASONING = _make_part(
    "reasoning_part",
    "reasoning",
    "Completion tokens for reasoning",
    _OF_COMPLETION,
    _limit(nw.col("native_tokens_reasoning"), _COMPLETION),
)
_IMAGES = _limit(nw.col("native_tokens_completion_images").fill_null(0), _COMPLETION)
ANSWER = _make_part(
    "answer_part",
    "answer",
    "Completion tokens that are not reasoning; of rows that do not say how many were reasoning, those of images",
    (*_OF_COMPLETION, REASONING),
    nw.when(REASONING.column.is_null()).then(_IMAGES).otherwise(_COMPLETION - REASONING.column),
)
REASONING_UNKNOWN = _make_part(
    "reasoning_unknown_part",
    "reasoning unknown",
    "Completion tokens of rows that do not say how many were reasoning, without those of images",
    (*_OF_COMPLETION, REASONING),
    nw.when(REASONING.column.is_null()).then(_COMPLETION - _IMAGES),
)
REPLAYED_TOKENS = RowValue(
    "replayed_part",
    "replayed",
    Unit.TOKENS,
    "Tokens of answers that the service replayed, which no provider processed",
    _NEEDS,
    nw.when(REPLAYED).then(_PROMPT.fill_null(0) + _COMPLETION.fill_null(0)),
)
TOKENS_UNKNOWN = RowValue(
    "tokens_unknown",
    "tokens unknown",
    Unit.COUNT,
    "Number of rows with an unknown number of tokens in the prompt or the completion",
    _NEEDS,
    (_PROMPT.is_null() | _COMPLETION.is_null()).cast(nw.Int64),
)

PARTS = (
    UNCACHED,
    CACHE_READ,
    CACHE_WRITE,
    CACHE_UNKNOWN,
    REASONING,
    ANSWER,
    REASONING_UNKNOWN,
    REPLAYED_TOKENS,
)
"""The parts, which add up to `tokens_in` and `tokens_out`: those of the prompt, then those of the completion."""
TOKEN_MIX: tuple[Statistic, ...] = (*map(total, PARTS), total(TOKENS_UNKNOWN))
"""The statistics of the parts, over the rows that `ga.itemize` returns."""
