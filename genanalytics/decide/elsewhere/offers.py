"""Providers and their latest prices, as recovered from billed records, without tiers and other choices of a caller."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from genanalytics.base.text import is_missing
from genanalytics.bill.book import BY, PRICES
from genanalytics.bill.levels import CHANGEOVER, LONG_PROMPT
from genanalytics.bill.regimes import CACHE_UNKNOWN, KNOWN
from genanalytics.decide.elsewhere.price_list import Band, Offer, Sheet
from genanalytics.decide.elsewhere.usage import COMPARED
from genanalytics.units import format_count

_FEWEST = 5
"""A price needs at least this many requests to replace the one with most requests."""
_NOT_SEEN = "no request there was billed at a price"
_ONLY_TIERS = "all requests there were batches, of a service tier or paid with an own key"


def list_recovered(prices: pd.DataFrame, usage: pd.DataFrame) -> list[Offer]:
    """Return the offers of the data: a model at a provider, at its latest price.

    Args:
        prices: The result of `ga.prices`.
        usage: The result of `read_usage` of the same data.
    """
    return [
        _read_group(str(model), provider, group, _select(usage, model, provider))
        for (model, provider), group in prices.groupby([*BY], dropna=False, sort=True)
        if not is_missing(model)
    ]


def list_batches(prices: pd.DataFrame, usage: pd.DataFrame) -> list[Offer]:
    """Return the offers of batches: the prices of regimes that only batches used."""
    found = []
    for (model, provider), group in prices.groupby([*BY], dropna=False, sort=True):
        known = group[group["identified"].isin([KNOWN, CACHE_UNKNOWN]) & group["regime"].notna()]
        own = _select(usage, model, provider)
        batched = own.groupby("regime")["batch"].all()
        known = known[known["regime"].isin(batched[batched].index)]
        if not known.empty:
            row = known.sort_values("requests", kind="stable").iloc[-1]
            sheet = _read_sheet(row)
            longest = own.loc[(own["regime"] == row["regime"]).fillna(value=False), "longest"].max()
            words = f"at the batch price of {format_count(int(row['requests']), 'request')}: {sheet}"
            found.append(_make_offer(model, provider, _make_bands([(longest, sheet)]), words))
    return found


def scale_offers(offers: list[Offer], factor: float) -> list[Offer]:
    """Return offers with all prices of tokens multiplied."""
    return [
        Offer(
            model=offer.model,
            provider_name=offer.provider_name,
            bands=tuple(Band(band.upto, band.sheet and _scale(band.sheet, factor)) for band in offer.bands),
            context=offer.context,
            refusal=offer.refusal,
            assumed=(f"at {factor:g} times the present prices",),
        )
        for offer in offers
    ]


def _scale(sheet: Sheet, factor: float) -> Sheet:
    names = ("input", "output", "read", "write", "long_write")
    return replace(sheet, **{name: factor * getattr(sheet, name) for name in names})


def _select(usage: pd.DataFrame, model: object, provider: object) -> pd.DataFrame:
    same = pd.Series(data=True, index=usage.index)
    for name, value in zip(BY, (model, provider), strict=True):
        same &= usage[name].isna() if is_missing(value) else usage[name] == value
    return usage[same]


def _read_group(model: str, provider: object, prices: pd.DataFrame, usage: pd.DataFrame) -> Offer:
    known = prices[prices["identified"].isin([KNOWN, CACHE_UNKNOWN]) & prices["regime"].notna()]
    if known.empty:
        reasons = prices.sort_values("requests", kind="stable")["identified"]
        return _make_offer(model, provider, (), refusal=str(reasons.iloc[-1]) if len(reasons) else _NOT_SEEN)
    rows = [row for row in map(_describe(usage), known.to_dict("records")) if row is not None]
    if not rows:
        return _make_offer(model, provider, (), refusal=_ONLY_TIERS)
    main = _choose_main(rows)
    sheet = _add_long_writes(main["sheet"], rows)
    longer = [row for row in rows if _is_longer(row, main)]
    bands = _make_bands([(main["longest"], sheet), *((row["longest"], row["sheet"]) for row in longer[:1])], longer)
    words = f"at the price of {format_count(main['requests'], 'request')} there: {sheet}"
    if main["changed"]:
        words = f"{words}, from {main['first']:%Y-%m-%d} on"
    return _make_offer(model, provider, bands, words, *_name_others(main, rows))


def _describe(usage: pd.DataFrame) -> Any:  # noqa: ANN401 - a function
    """Return a function that describes a regime by its plain requests; None without any."""

    def describe(price: Mapping[Any, Any]) -> dict[str, Any] | None:
        own = usage[(usage["regime"] == price["regime"]).fillna(value=False) & (usage["reason"] == COMPARED)]
        if own.empty:
            return None
        return {
            "sheet": _read_sheet(price),
            "requests": int(own["requests"].sum()),
            "shortest": float(own["shortest"].min()),
            "longest": float(own["longest"].max()),
            "first": own["first"].min(),
            "last": own["last"].max(),
            "changed": False,
        }

    return describe


def _choose_main(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the regime with most requests, or the last one of those that followed it."""
    main = max(rows, key=lambda row: row["requests"])
    later = [row for row in rows if row["requests"] >= _FEWEST and _follows(row, main) and not _is_longer(row, main)]
    if not later:
        return main
    return max(later, key=lambda row: row["first"]) | {"changed": True}


def _name_others(main: Mapping[str, Any], rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield in words which other prices were charged at the same time, as for a region or a discount."""
    for row in rows:
        is_apart = pd.notna(row["first"]) and pd.notna(main["first"]) and row["last"] < main["first"]
        same = (row["sheet"].input, row["sheet"].output) == (main["sheet"].input, main["sheet"].output)
        if not (same or is_apart or _is_longer(row, main) or _follows(main, row)):
            yield f"{row['requests']:,} others there at {row['sheet']}"


def _follows(row: Mapping[str, Any], main: Mapping[str, Any]) -> bool:
    if any(pd.isna(row[name]) or pd.isna(main[name]) for name in ("first", "last")):
        return False
    common = main["last"] - row["first"]
    period = min(row["last"] - row["first"], main["last"] - main["first"])
    return bool(row["last"] > main["last"] and common <= CHANGEOVER * period)


def _is_longer(row: Mapping[str, Any], main: Mapping[str, Any]) -> bool:
    return bool(row["shortest"] > main["longest"] and row["shortest"] >= LONG_PROMPT)


def _make_bands(priced: list[tuple[float, Sheet]], longer: list[dict[str, Any]] | None = None) -> tuple[Band, ...]:
    """Return bands out of the longest prompt and the prices of each; between and beyond them no price is known."""
    (longest, sheet), *others = priced
    bands = [Band(max(longest, LONG_PROMPT), sheet)]  # no provider has another price for shorter prompts
    for row, (most, long_sheet) in zip(longer or (), others, strict=False):
        bands += [Band(row["shortest"] - 1, None), Band(most, long_sheet)]
    return (*bands, Band(math.inf, None))


def _add_long_writes(sheet: Sheet, rows: list[dict[str, Any]]) -> Sheet:
    """Return a sheet with the prices of shorter and longer cache writes, if regimes differ in nothing else."""
    alike = [row["sheet"] for row in rows if (row["sheet"].input, row["sheet"].output) == (sheet.input, sheet.output)]
    writes = [other.write for other in alike if not math.isnan(other.write)]
    if not writes or min(writes) == max(writes):
        return sheet
    return replace(sheet, write=min(writes), long_write=max(writes))


def _read_sheet(row: Mapping[Any, Any] | pd.Series) -> Sheet:
    of_input, read, write, output, request = (math.nan if pd.isna(row[name]) else float(row[name]) for name in PRICES)
    return Sheet(of_input, output, read, write, 0.0 if math.isnan(request) else request)


def _make_offer(model: object, provider: object, bands: tuple[Band, ...], *words: str, refusal: str = "") -> Offer:
    return Offer(
        model=str(model),
        provider_name=None if is_missing(provider) else str(provider),
        bands=bands,
        refusal=f"the prices there are not known: {refusal}" if refusal else "",
        assumed=words,
    )
