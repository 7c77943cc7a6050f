"""Tokens as the providers count and bill them."""

import narwhals.stable.v2 as nw

from genanalytics.metrics.declare import RowValue, Statistic
from genanalytics.metrics.forms import ratio, total
from genanalytics.units import Unit


def _make_native(name: str, label: str, description: str, column: str) -> RowValue:
    return RowValue(name, label, Unit.TOKENS, description, (column,), nw.col(column))


IN = _make_native(
    "tokens_in",
    "tokens in",
    "Sum of native_tokens_prompt: the prompts as billed, including cached parts",
    "native_tokens_prompt",
)
OUT = _make_native(
    "tokens_out",
    "tokens out",
    "Sum of native_tokens_completion: the completions as billed, including reasoning",
    "native_tokens_completion",
)
_REASONING = _make_native("reasoning_tokens", "reasoning", "Sum of native_tokens_reasoning", "native_tokens_reasoning")

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
        bound="share",
    ),
)
