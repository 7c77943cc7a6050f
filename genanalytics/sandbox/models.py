"""The list of models with their prices, as `GET /models` returns it."""

import re

from genanalytics.sandbox.bill import LONG_PROMPT_TOKENS
from genanalytics.sandbox.catalog import MODELS, SONNET, Model
from genanalytics.sandbox.prices import Price, Terms

_NANO_DIGITS = 9
_CONTEXT_TOKENS = 400_000


def list_models() -> list[dict[str, object]]:
    """Return each model of the sample, with prices in US$ as text.

    >>> pricing = list_models()[0]["pricing"]
    >>> {name: pricing[name] for name in ("prompt", "completion", "input_cache_read")}
    {'prompt': '0.0000002', 'completion': '0.0000012', 'input_cache_read': '0.00000002'}
    """
    return [
        {
            "id": re.sub(r"-\d{8}$", "", model.slug),
            "canonical_slug": model.slug,
            "name": model.slug.partition("/")[2],
            "context_length": _CONTEXT_TOKENS,
            "pricing": _describe_pricing(model),
        }
        for model in MODELS
    ]


def _describe_pricing(model: Model) -> dict[str, object]:
    pricing: dict[str, object] = dict(_describe_price(model.price))
    if model is SONNET:
        longer = _describe_price(model.price.apply(Terms.LONG_PROMPT))
        # a condition holds for prompts above its length
        pricing["overrides"] = [{"min_prompt_tokens": LONG_PROMPT_TOKENS - 1, **longer}]
    return pricing


def _describe_price(price: Price) -> dict[str, str]:
    described = {"prompt": price.prompt, "completion": price.completion, "request": price.request}
    if price.cache_read:
        described |= {"input_cache_read": price.cache_read, "input_cache_write": price.cache_write}
        described["input_cache_write_1h"] = price.apply(Terms.ONE_HOUR).cache_write
    return {name: _format(nano_dollars) for name, nano_dollars in described.items()}


def _format(nano_dollars: int) -> str:
    """Return nano-dollars as US$ without an exponent.

    >>> _format(200), _format(0), _format(14_000_000)
    ('0.0000002', '0', '0.014')
    """
    text = f"{nano_dollars // 10**_NANO_DIGITS}.{nano_dollars % 10**_NANO_DIGITS:0{_NANO_DIGITS}d}"
    return text.rstrip("0").rstrip(".")
