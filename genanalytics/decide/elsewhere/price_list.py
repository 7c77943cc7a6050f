"""Prices at which requests could be sent: those of a table, or of the service's list of models."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from genanalytics.base.text import is_missing
from genanalytics.bill.book import PRICES
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.units import Unit, format_value

BEYOND = "with a prompt longer than those of a known price there"

_PER_MTOK = 1e6
_KEYS = {
    "input_price": "prompt",
    "cache_read_price": "input_cache_read",
    "cache_write_price": "input_cache_write",
    "long_write_price": "input_cache_write_1h",
    "output_price": "completion",
    "request_price": "request",
}
"""The keys of the service's prices, by the names of the columns of `ga.prices`."""
_REQUIRED = ("model", "input_price", "output_price")
_UNCACHED = "the list has no price of cached tokens: they cost as much as input"
_UNUSABLE = "a given price of input or output is missing or negative, or a given price is infinite"
_SHAPES = "give a table with model, input_price and output_price, or the JSON of the service's list of models"


@dataclass(frozen=True, slots=True)
class Sheet:
    """Prices in US$ per million tokens, `request` in US$ per request; NaN where a price is not known.

    Attributes:
        input: The price of prompt tokens.
        output: The price of completion tokens.
        read: The price of tokens that the cache reads.
        write: The price of tokens that are written to the cache.
        request: The price of a request in addition to its tokens.
        long_write: The price of tokens that are written to the cache for longer.
    """

    input: float
    output: float
    read: float
    write: float
    request: float = 0.0
    long_write: float = math.nan

    def __str__(self) -> str:
        values = (format_value(price, Unit.USD_PER_MTOK) for price in (self.input, self.output))
        tokens = " and ".join(f"{text} {of}" for text, of in zip(values, ("in", "out"), strict=True))
        return f"{tokens}, and {format_value(self.request, Unit.USD)} per request" if self.request else tokens


@dataclass(frozen=True, slots=True)
class Band:
    """The prices of prompts of up to a number of tokens.

    Attributes:
        upto: The longest prompt, in tokens.
        sheet: The prices; None if they are not known.
    """

    upto: float
    sheet: Sheet | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A model at a provider, with its prices.

    Attributes:
        model: The model.
        provider_name: The provider; None if the prices are those of a list without providers.
        aliases: Other names of the model.
        bands: The prices by length of the prompt, shorter ones first.
        context: The most tokens of prompt and answer together.
        refusal: Why there are no prices; empty if there are.
        assumed: What is assumed about the prices, in words.
    """

    model: str
    provider_name: str | None = None
    aliases: frozenset[str] = frozenset()
    bands: tuple[Band, ...] = ()
    context: float = math.inf
    refusal: str = ""
    assumed: tuple[str, ...] = ()

    def is_of(self, model: object) -> bool:
        """Return whether it is an offer of a model."""
        return model == self.model or model in self.aliases

    def find_sheet(self, prompt: float, factor: float = 1.0) -> Sheet | None:
        """Return the prices of a prompt of `prompt` times `factor` tokens; None if they are not known."""
        return next((band.sheet for band in self.bands if prompt <= find_limit(band.upto, factor)), None)


def find_limit(upto: float, factor: float) -> float:
    """Return the highest number of tokens that times `factor` is at most `upto`.

    >>> find_limit(1_000, 1.5), find_limit(math.inf, 1.5)
    (666, inf)
    """
    return upto if math.isinf(upto) else math.floor(upto / factor)


def read_offers(prices: Any) -> list[Offer]:  # noqa: ANN401 - a frame, or parsed JSON
    """Return the offers in a table or in the parsed JSON of the service.

    Args:
        prices: A frame with `model`, `input_price` and `output_price` (US$ per million tokens), and perhaps
            `provider_name`, `cache_read_price`, `cache_write_price`, `request_price` and `context_length`; or the
            answer of `GET /models` or of `GET /models/{author}/{slug}/endpoints`, or a list of such answers.

    Raises:
        InputError: It is something else.
        MissingColumnError: The table lacks a column.
    """
    if isinstance(prices, pd.DataFrame):
        return list(_read_table(prices))
    found = [_read_entry(entry) for entry in _list_entries(prices)]
    if not found:
        msg = f"the prices contain no model: {_SHAPES}"
        raise InputError(msg)
    return found


def _read_table(table: pd.DataFrame) -> Iterator[Offer]:
    missing = [name for name in _REQUIRED if name not in table]
    if missing:
        msg = f"the table of prices has no column {', '.join(map(repr, missing))}: {_SHAPES}"
        raise MissingColumnError(msg)
    for row in table.to_dict("records"):
        numbers = {name: _to_number(row.get(name), name) for name in (*PRICES, "context_length")}
        sheet = _make_sheet(numbers)
        if sheet is not None:  # a table need not know the prices of the cache, while a list is complete
            sheet = replace(sheet, read=numbers["cache_read_price"], write=numbers["cache_write_price"])
        yield Offer(
            model=str(row["model"]),
            provider_name=None if is_missing(row.get("provider_name")) else str(row["provider_name"]),
            bands=() if sheet is None else (Band(math.inf, sheet),),
            context=math.inf if math.isnan(numbers["context_length"]) else numbers["context_length"],
            refusal="" if sheet else _UNUSABLE,
            assumed=() if sheet is None else (f"at given prices: {sheet}",),
        )


def _list_entries(document: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 - parsed JSON
    """Yield the entries with prices in parsed JSON.

    Raises:
        InputError: The JSON has another form.
    """
    if isinstance(document, Sequence) and not isinstance(document, str | bytes):
        for part in document:
            yield from _list_entries(part)
    elif isinstance(document, Mapping) and "data" in document:
        yield from _list_entries(document["data"])
    elif isinstance(document, Mapping) and isinstance(document.get("endpoints"), Sequence):
        for endpoint in document["endpoints"]:
            yield {"id": document.get("id"), **endpoint}
    elif isinstance(document, Mapping) and "pricing" in document and document.get("id"):
        yield document
    else:
        msg = f"prices of type {type(document).__name__} cannot be read: {_SHAPES}"
        raise InputError(msg)


def _read_entry(entry: Mapping[str, Any]) -> Offer:
    """Return a model of the service's list, or an endpoint of a model, as an offer."""
    names = [str(entry[name]) for name in ("canonical_slug", "id", "model_id") if entry.get(name)]
    context = _to_number(entry.get("context_length"), "context_length")
    provider = entry.get("provider_name")
    bands = tuple(_read_bands(entry["pricing"]))
    refusal = "" if bands else "the list has no fixed price of it"
    by_hour = any("utc_start" in each for each in entry["pricing"].get("overrides") or ())
    return Offer(
        model=names[0],
        provider_name=None if provider is None else str(provider),
        aliases=frozenset(names),
        bands=bands,
        context=math.inf if math.isnan(context) else context,
        refusal=refusal,
        assumed=(
            *([f"at list prices: {bands[0].sheet}"] if bands else []),
            *([_UNCACHED] if bands and is_missing(entry["pricing"].get("input_cache_read")) else []),
            *(["other prices of the list at certain hours are left out"] if by_hour else []),
        ),
    )


def read_sheet(row: Mapping[Any, Any]) -> Sheet:
    """Return the prices of a row of `ga.prices`."""
    of_input, read, write, output, request = (
        math.nan if is_missing(row[name]) else float(row[name]) for name in PRICES
    )
    return Sheet(of_input, output, read, write, 0.0 if math.isnan(request) else request)


def _read_bands(pricing: Mapping[str, Any]) -> Iterator[Band]:
    """Yield the prices of each range of prompts: an override holds for prompts strictly above its length."""
    base = _read_prices(pricing)
    sheet = _make_sheet(base)
    if sheet is None:
        return
    overrides = [
        (float(each["min_prompt_tokens"]), _read_prices(each))
        for each in pricing.get("overrides") or ()
        if each.get("min_prompt_tokens") is not None and "utc_start" not in each
    ]
    starts = sorted({start for start, _ in overrides})
    for start, end in zip([-1.0, *starts], [*starts, math.inf], strict=True):
        numbers = dict(base)
        for least, others in overrides:  # later ones win
            if least <= start:
                numbers |= {name: price for name, price in others.items() if not math.isnan(price)}
        yield Band(end, _make_sheet(numbers))


def _read_prices(pricing: Mapping[str, Any]) -> dict[str, float]:
    prices = pricing.get("prices")
    given = {**pricing, **prices} if isinstance(prices, Mapping) else pricing
    scale = {name: 1.0 if name == "request_price" else _PER_MTOK for name in _KEYS}
    # a price per token has few digits; rounding removes those that the multiplication adds
    return {name: float(f"{scale[name] * _to_number(given.get(key), key):.12g}") for name, key in _KEYS.items()}


def _make_sheet(numbers: Mapping[str, float]) -> Sheet | None:
    """Return given prices as a sheet; None without a price of input or output, or if a price is infinite.

    Cached tokens without a price cost as much as input.
    """
    given = numbers["input_price"]
    if not (given >= 0 and numbers["output_price"] >= 0):  # -1: no fixed price
        return None
    if any(math.isinf(price) for name, price in numbers.items() if name in _KEYS):
        return None
    read, write = (
        given if math.isnan(numbers[name]) or numbers[name] < 0 else numbers[name]
        for name in ("cache_read_price", "cache_write_price")
    )
    request = numbers["request_price"] if numbers["request_price"] > 0 else 0.0
    sheet = Sheet(given, numbers["output_price"], read, write, request)
    return replace(sheet, long_write=numbers.get("long_write_price", math.nan))


def _to_number(value: object, name: str) -> float:
    if is_missing(value):
        return math.nan
    try:
        return float(value)  # type: ignore[arg-type] # anything else raises
    except (TypeError, ValueError) as error:
        msg = f"{name} is {value!r}: give a number"
        raise InputError(msg) from error
