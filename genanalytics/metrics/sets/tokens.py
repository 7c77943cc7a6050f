"""Tokens as the providers count and bill them."""

import narwhals.stable.v2 as nw

from genanalytics.metrics.declare import RowValue, Statistic, ratio, total
from genanalytics.units import Unit


def _native(name: str, label: str, description: str, column: str) -> RowValue:
    return RowValue(name, label, Unit.TOKENS, description, (column,), nw.col(column))


IN = _native(
    "tokens_in",
    "tokens in",
    "Sum of native_tokens_prompt: the prompts as billed, cached parts included",
    "native_tokens_prompt",
)
OUT = _native(
    "tokens_out",
    "tokens out",
    "Sum of native_tokens_completion: the completions as billed, reasoning included",
    "native_tokens_completion",
)
_REASONING = _native("reasoning_tokens", "reasoning", "Sum of native_tokens_reasoning", "native_tokens_reasoning")

TOKENS: tuple[Statistic, ...] = (
    total(IN),
    total(OUT),
    ratio(
        "reasoning_share",
        "reasoning share",
        Unit.SHARE,
        "native_tokens_reasoning / native_tokens_completion, over the rows with both",
        _REASONING,
        OUT,
    ),
)
