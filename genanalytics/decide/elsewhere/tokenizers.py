"""How many tokens another model would count: the ratio of native to normalized tokens of both models."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import narwhals.stable.v2 as nw
import pandas as pd

from genanalytics.decide.elsewhere.usage import Row
from genanalytics.metrics.declare import RowValue, name_limits
from genanalytics.metrics.engines.source import Records, open_source
from genanalytics.metrics.forms import ratio
from genanalytics.metrics.summary import summarize
from genanalytics.units import Unit, format_count

SIDES = ("prompt", "completion")
"""The two counts of a request."""
FEWEST = 30
"""With fewer requests of a model, the ratio of its tokens is not known."""

_COLUMNS = tuple(f"{kind}tokens_{side}" for kind in ("", "native_") for side in SIDES)


@dataclass(frozen=True, slots=True)
class Factors:
    """By how much the tokens of requests would change with another tokenizer: the ends of each range.

    Attributes:
        prompt: The lowest and the highest factor of prompt tokens.
        completion: The same for completion tokens.
        words: What they are based on; why they are not known if `is_known` is false.
        is_known: Whether there is a range.
    """

    prompt: tuple[float, float] = (1.0, 1.0)
    completion: tuple[float, float] = (1.0, 1.0)
    words: str = ""
    is_known: bool = True


SAME = Factors()
"""The factors of the same model."""
UNKNOWN = Factors(
    words="the data has no normalized tokens (tokens_prompt, tokens_completion), by which tokenizers are compared",
    is_known=False,
)


def _make_value(name: str) -> RowValue:
    positive = nw.when((nw.col(name) > 0).fill_null(value=False)).then(nw.col(name))
    return RowValue(f"positive {name}", name, Unit.TOKENS, f"{name} above 0", (name,), positive)


_RATIOS = tuple(
    ratio(
        f"{side}_ratio",
        f"native {side} tokens per normalized one",
        Unit.RATIO,
        f"native_tokens_{side} / tokens_{side}",
        _make_value(f"native_tokens_{side}"),
        _make_value(f"tokens_{side}"),
    )
    for side in SIDES
)


def find_ratios(data: Records) -> pd.DataFrame | None:
    """Return the native tokens of each model per normalized token, with 95 % intervals; None without such columns.

    Returns:
        `model`, `requests`, and for both `SIDES` `<side>_ratio`, `<side>_ratio_low` and `<side>_ratio_high`.
    """
    if not set(_COLUMNS) <= set(open_source(data).columns):
        return None
    return summarize(data, by="model", metrics=list(_RATIOS), intervals=True)


def find_factors(usage: Sequence[Row], model: str, aliases: frozenset[str], ratios: pd.DataFrame | None) -> Factors:
    """Return by how much the tokens of requests would change at another model.

    Args:
        usage: The requests: rows of `read_usage`.
        model: The other model.
        aliases: Its other names.
        ratios: The result of `find_ratios`.
    """
    own = _find_own(usage)
    if ratios is None or own is None:
        return UNKNOWN
    known = ratios[ratios["model"].isin({model, *aliases}).fillna(value=False)]
    requests = float(sum(row["requests"] for row in usage))
    if len(known) and known["requests"].iloc[0] >= FEWEST:
        found = {side: _widen(known.iloc[0].to_dict(), side, requests) for side in SIDES}
        if not any(math.isnan(end) for ends in found.values() for end in ends):
            number = format_count(int(known["requests"].iloc[0]), "request")
            return _make_factors(found, own, f"tokens by the tokenizer of that model in {number}")
    ranges = {side: _find_range(ratios, side) for side in SIDES}
    return _make_factors(
        ranges, own, "how that model counts tokens is in no record: the range of all models of the data"
    )


def _find_own(usage: Sequence[Row]) -> Mapping[str, float] | None:
    """Return the native tokens per normalized one of these requests; None if they are not known."""
    found = {}
    for side in SIDES:
        counted, normal = (float(sum(row[f"{kind} {side}"] for row in usage)) for kind in ("counted", "normal"))
        if side == "completion" and counted == normal == 0:
            counted = normal = 1.0  # no answer has tokens
        if counted <= 0 or normal <= 0:
            return None
        found[side] = counted / normal
    return found


def _widen(row: Mapping[object, object], side: str, requests: float) -> tuple[float, float]:
    """Return the interval of a ratio, wide enough for the tokens of other requests.

    The mean of `requests` new ones varies too: the variances of both means add up, each inverse to its number.
    """
    name = f"{side}_ratio"
    number = float(str(row["requests"]))
    middle, low, high = (
        math.nan if pd.isna(row[each]) else float(str(row[each]))  # type: ignore[call-overload]
        for each in (name, *name_limits(name))
    )
    scale = math.sqrt(1 + number / max(requests, 1.0))
    return middle - scale * (middle - low), middle + scale * (high - middle)


def _find_range(ratios: pd.DataFrame, side: str) -> tuple[float, float]:
    """Return the lowest and the highest ratio of the models of the data; 1 is that of the normalized count itself."""
    enough = ratios[(ratios["requests"] >= FEWEST) & ratios[f"{side}_ratio"].notna()]
    known = [1.0, *enough[f"{side}_ratio"].astype(float)]
    return min(known), max(known)


def _make_factors(ends: Mapping[str, tuple[float, float]], own: Mapping[str, float], words: str) -> Factors:
    prompt, completion = ((ends[side][0] / own[side], ends[side][1] / own[side]) for side in SIDES)
    text = f"{words}, {prompt[0]:.3g} to {prompt[1]:.3g} times those of the prompts now"
    return Factors(prompt, completion, f"{text}; answers of the same length")
