"""The form of an answer: its columns, their units and labels, and the sums in words."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from genanalytics.base.frames import TEXT, Dtypes
from genanalytics.units import Unit, format_count, format_value

DTYPES: Dtypes = {
    "model": TEXT,
    "provider_name": TEXT,
    "to_model": TEXT,
    "to_provider": TEXT,
    "requests": "Int64",
    "requests_apart": "Int64",
    "cost": "Float64",
    "cost_apart": "Float64",
    "cost_there_low": "Float64",
    "cost_there_high": "Float64",
    "change_low": "Float64",
    "change_high": "Float64",
    "apart": TEXT,
    "assumed": TEXT,
    "refused": TEXT,
}
"""The columns of an answer."""

NANO_DIGITS = 9
"""The decimals of amounts in US$: the API bills in nano-dollars."""

_COUNTS = ("requests", "requests_apart")
_AMOUNTS = ("cost", "cost_apart", "cost_there_low", "cost_there_high", "change_low", "change_high")
_LABELS = {
    "requests": "compared",
    "requests_apart": "apart",
    "cost": "cost now",
    "cost_apart": "cost apart",
    "cost_there_low": "there at least",
    "cost_there_high": "there at most",
    "change_low": "change at least",
    "change_high": "change at most",
}


def arrange(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as an answer: `DTYPES`, with units and labels; the same model first, then the highest cost."""
    found = pd.DataFrame(list(rows), columns=[*DTYPES, "is_same"])
    for name in ("cost", "cost_apart", "cost_there_low", "cost_there_high"):
        found[name] = found[name].astype("Float64").round(NANO_DIGITS)
    for end in ("low", "high"):
        change = (found[f"cost_there_{end}"] - found["cost"]).round(NANO_DIGITS)
        found[f"change_{end}"] = change.mask((change == 0).fillna(value=False), 0.0)  # no negative zero
    found["order"] = ~found["is_same"].astype("boolean").fillna(value=True)
    found["refusals"] = found["refused"].notna()
    order = ["order", "refusals", "cost", "model", "provider_name", "to_model", "to_provider"]
    ascending = [name != "cost" for name in order]
    found = found.sort_values(order, ascending=ascending, kind="stable", ignore_index=True)
    for name in ("apart", "assumed"):
        found[name] = found[name].mask(found[name] == "")
    answer = found[list(DTYPES)].astype(DTYPES)
    answer.attrs = {
        "units": dict.fromkeys(_COUNTS, Unit.COUNT.value) | dict.fromkeys(_AMOUNTS, Unit.USD.value),
        "labels": dict(_LABELS),
    }
    return answer


def describe_total(found: pd.DataFrame, lacking: str = "alternative with a known price") -> Iterator[str]:
    """Yield the sum over all rows in words, if no request is in two of them, and what other requests lack."""
    answered = found[found["refused"].isna() & found[["cost_there_low", "cost_there_high"]].notna().all(axis=1)]
    if len(answered) > 1 and not found.duplicated(["model", "provider_name"]).any():
        low, high, cost = (float(answered[name].sum()) for name in ("cost_there_low", "cost_there_high", "cost"))
        requests = format_count(int(answered["requests"].sum()), "request")
        yield f"in all, {requests} that cost {_format(cost)} would have cost {format_bounds(low, high)} there"
    groups = found.drop_duplicates(["model", "provider_name"])
    answers = set(zip(answered["model"].fillna(""), answered["provider_name"].fillna(""), strict=True))
    names = zip(groups["model"].fillna(""), groups["provider_name"].fillna(""), strict=True)
    never = groups[np.array([name not in answers for name in names], dtype=bool)]
    number = int((never["requests"] + never["requests_apart"]).sum())
    if number:
        cost = float((never["cost"] + never["cost_apart"]).sum())
        yield f"{format_count(number, 'request')} for {_format(cost)} have no {lacking}"


def format_bounds(low: float, high: float) -> str:
    """Return two bounds in words; one amount if they show the same.

    >>> format_bounds(1.25, 2.5), format_bounds(3.0, 3.0)
    ('$1.250 to $2.500', '$3.000')
    """
    ends = dict.fromkeys((_format(low), _format(high)))
    return " to ".join(ends)


def _format(amount: float) -> str:
    return format_value(amount, Unit.USD)
