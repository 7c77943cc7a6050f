"""Providers and their latest prices, as recovered from billed records, without tiers and other choices of a caller."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from genanalytics.base.text import is_missing
from genanalytics.bill.levels import CHANGEOVER, LONG_PROMPT
from genanalytics.bill.regimes import CACHE_UNKNOWN, KNOWN
from genanalytics.decide.elsewhere.price_list import Band, Offer, Sheet, read_sheet
from genanalytics.decide.elsewhere.usage import COMPARED, Row, RowsByGroup
from genanalytics.units import format_count

_FEWEST = 5
"""A price needs at least this many requests to replace the one with most requests."""
_ONLY_TIERS = "all requests there were batches, of a service tier or paid with an own key"


def list_recovered(prices: RowsByGroup, usage: RowsByGroup) -> list[Offer]:
    """Return the offers of the data: a model at a provider, at its latest price.

    Args:
        prices: The rows of `ga.prices` by group.
        usage: The result of `read_usage` of the same data.
    """
    return [
        _read_group(model, provider, rows, usage.get((model, provider), ()))
        for (model, provider), rows in prices.items()
        if model is not None
    ]


def list_batches(prices: RowsByGroup, usage: RowsByGroup) -> list[Offer]:
    """Return the offers of batches: the prices of regimes that only batches used."""
    found = []
    for group, rows in prices.items():
        own = [cell for cell in usage.get(group, ()) if not is_missing(cell["regime"])]
        others = {cell["regime"] for cell in own if not cell["batch"]}
        batched = {cell["regime"] for cell in own} - others
        known = [row for row in _list_known(rows) if row["regime"] in batched]
        if known:
            row = _find_largest(known)
            sheet = read_sheet(row)
            longest = max(cell["longest"] for cell in own if cell["regime"] == row["regime"])
            words = f"at the batch price of {format_count(int(row['requests']), 'request')}: {sheet}"
            found.append(_make_offer(*group, _make_bands([(longest, sheet)]), words))
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


def _list_known(prices: Iterable[Row]) -> list[Row]:
    return [row for row in prices if row["identified"] in {KNOWN, CACHE_UNKNOWN} and not is_missing(row["regime"])]


def _find_largest(rows: Sequence[Row]) -> Row:
    """Return the row with most requests, the last one of several; an unknown number is the largest."""
    return max(reversed(rows), key=lambda row: math.inf if is_missing(row["requests"]) else row["requests"])


def _read_group(model: str, provider: str | None, prices: Sequence[Row], usage: Sequence[Row]) -> Offer:
    known = _list_known(prices)
    if not known:
        return _make_offer(model, provider, (), refusal=str(_find_largest(prices)["identified"]))
    compared = [cell for cell in usage if cell["reason"] == COMPARED]
    rows = [row for row in (_describe(price, compared) for price in known) if row is not None]
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


def _describe(price: Row, compared: Iterable[Row]) -> dict[str, Any] | None:
    """Return what is known of a regime by its plain requests; None without any."""
    own = [cell for cell in compared if cell["regime"] == price["regime"]]
    if not own:
        return None
    return {
        "sheet": read_sheet(price),
        "requests": int(sum(cell["requests"] for cell in own)),
        "shortest": min(cell["shortest"] for cell in own),
        "longest": max(cell["longest"] for cell in own),
        "first": min((cell["first"] for cell in own if not is_missing(cell["first"])), default=pd.NaT),
        "last": max((cell["last"] for cell in own if not is_missing(cell["last"])), default=pd.NaT),
        "changed": False,
    }


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
        is_apart = not is_missing(row["first"]) and not is_missing(main["first"]) and row["last"] < main["first"]
        same = (row["sheet"].input, row["sheet"].output) == (main["sheet"].input, main["sheet"].output)
        if not (same or is_apart or _is_longer(row, main) or _follows(main, row)):
            yield f"{row['requests']:,} others there at {row['sheet']}"


def _follows(row: Mapping[str, Any], main: Mapping[str, Any]) -> bool:
    if any(is_missing(row[name]) or is_missing(main[name]) for name in ("first", "last")):
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


def _make_offer(
    model: str | None, provider: str | None, bands: tuple[Band, ...], *words: str, refusal: str = ""
) -> Offer:
    return Offer(
        model=str(model),
        provider_name=provider,
        bands=bands,
        refusal=f"the prices there are not known: {refusal}" if refusal else "",
        assumed=words,
    )
