"""Periods of which every price, token and cause of a change is known."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

COMPONENTS = ("input", "output")


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Requests of a model at a provider; prices in nano-dollars per token.

    Attributes:
        model: The model.
        provider: The provider.
        requests: The number of requests.
        prompt: The mean tokens of a prompt.
        completion: The mean tokens of a completion.
        input_price: What a token of a prompt costs.
        output_price: What a token of a completion costs.
        cached: The share of a prompt that is read from the cache, at a tenth of the price.
        fields: Other columns.
    """

    model: str = "maker/m"
    provider: str = "P"
    requests: int = 100
    prompt: int = 2_000
    completion: int = 400
    input_price: int = 3_000
    output_price: int = 15_000
    cached: float = 0.0
    fields: Mapping[str, Any] | None = None


def make_period(*traffic: Traffic, start: str = "2026-08-01") -> pd.DataFrame:
    """Return the records of a period, a minute apart."""
    records = [record for place, one in enumerate(traffic) for record in _bill(one, f"{start}-{place}")]
    frame = pd.DataFrame(records)
    frame["created_at"] = pd.date_range(start, periods=len(frame), freq="min", tz="UTC", unit="us")
    texts = ("requested_id", "model", "provider_name")
    return frame.astype({**dict.fromkeys(texts, "str"), "total_cost": "Float64", "cache_discount": "Float64"})


def _bill(traffic: Traffic, name: str) -> Iterable[dict[str, Any]]:
    """Yield records whose tokens vary, with a mean that is exact for each hundred requests."""
    for place in range(traffic.requests):
        spread = (37 * place % 100 - 49.5) / 100
        prompt = round(traffic.prompt * (1 + spread))
        completion = round(traffic.completion * (1 + (61 * place % 100 - 49.5) / 100))
        cached = round(prompt * traffic.cached)
        saved = cached * traffic.input_price * 9 // 10
        nanos = prompt * traffic.input_price + completion * traffic.output_price - saved
        yield {
            "requested_id": f"gen-{name}-{place:05}",
            "model": traffic.model,
            "provider_name": traffic.provider,
            "native_tokens_prompt": prompt,
            "native_tokens_completion": completion,
            "native_tokens_cached": cached,
            "total_cost": nanos / 1e9,
            "cache_discount": saved / 1e9,
            "upstream_inference_cost": 0.0,
            "is_byok": False,
            **(traffic.fields or {}),
        }


def find_effects(before: Sequence[Traffic], after: Sequence[Traffic]) -> dict[str, float]:
    """Return the effects on the cost of two periods with the same cells, each in plain Python by its formula.

    L(a, b) ln(factor after / factor before), L(a, b) = (a - b) / (ln a - ln b), over cells and components.
    """
    found = dict.fromkeys(("requests", "mix", "input_tokens", "output_tokens", "price", "caching"), 0.0)
    everything = [sum(one.requests for one in side) for side in (before, after)]
    for was, now in zip(before, after, strict=True):
        sides = [(_add_up(was), everything[0]), (_add_up(now), everything[1])]
        for component in COMPONENTS:
            factors = []
            for sums, total in sides:
                tokens, gross, net = (sums[f"{kind} {component}"] for kind in ("tokens", "gross", "net"))
                rows = sums["requests"]
                factors.append((total, rows / total, tokens / rows, gross / tokens, net / gross, net))
            (*first, cost), (*second, other) = factors
            mean = cost if math.isclose(cost, other, rel_tol=1e-15) else (other - cost) / math.log(other / cost)
            names = ("requests", "mix", f"{component}_tokens", "price", "caching")
            for name, one, two in zip(names, first, second, strict=True):
                found[name] += mean * math.log(two / one)
    return {f"by_{name}": effect for name, effect in found.items()}


def _add_up(traffic: Traffic) -> dict[str, float]:
    records = list(_bill(traffic, "x"))
    prompt, completion = (math.fsum(r[f"native_tokens_{kind}"] for r in records) for kind in ("prompt", "completion"))
    net = math.fsum(r["total_cost"] for r in records) - completion * traffic.output_price / 1e9
    return {
        "requests": len(records),
        "tokens input": prompt,
        "tokens output": completion,
        "gross input": prompt * traffic.input_price / 1e9,
        "gross output": completion * traffic.output_price / 1e9,
        "net input": net,
        "net output": completion * traffic.output_price / 1e9,
    }
