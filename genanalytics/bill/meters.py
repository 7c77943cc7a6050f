"""Bills as lines of exact decimals: what each meter counted, at which price, and the US$ that this makes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from enum import StrEnum
from typing import Any

import pandas as pd

from genanalytics.base.text import is_missing
from genanalytics.bill.book import PRICES, RESOLUTIONS, list_keys
from genanalytics.errors import InputError
from genanalytics.records.exported import EXPORTED
from genanalytics.records.frame import to_arrow

PER = Decimal(1_000_000)
"""The number of tokens that a token price is for."""

_NANO = Decimal("1e-9")
_LARGEST = Decimal("1e20")
_SMALLEST = Decimal("1e-18")
_EXACT = Context(prec=60)
"""More digits than any product or sum of amounts and prices has."""
_COUNTS = ("native_tokens_prompt", "native_tokens_completion", "native_tokens_cached")
_UNITS = 2
"""The charge and the saving of a row lose less than one unit each."""
_READ = ("source", *_COUNTS, "total_cost", "cache_discount", "upstream_inference_cost", "is_byok")


class Meter(StrEnum):
    """What a line of a bill counts."""

    INPUT = "input"
    CACHE_READ = "cache read"
    CACHE_WRITE = "cache write"
    OUTPUT = "output"
    REQUEST = "request"
    FEE = "fee"
    """What an explained request paid in addition to its tokens."""
    ROUNDING = "rounding"
    """What is left because the amounts are not given with all of their digits."""
    UNEXPLAINED = "unexplained"

    @property
    def counts_tokens(self) -> bool:
        """Whether the quantity is a number of tokens, and the price one per million of them."""
        return self in _OF_TOKENS


_OF_TOKENS = frozenset({Meter.INPUT, Meter.CACHE_READ, Meter.CACHE_WRITE, Meter.OUTPUT, Meter.UNEXPLAINED})


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a bill.

    Attributes:
        meter: What is counted.
        quantity: Tokens or requests; None if it is unknown.
        price: US$ per million tokens, or per request; None if it is unknown.
        usd: The amount in US$; None if it is unknown.
        list_usd: The amount without prompt caching: tokens of the prompt at the price of input.
    """

    meter: Meter
    quantity: int | None
    price: Decimal | None
    usd: Decimal | None
    list_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Bill:
    """The lines of one amount, which add up to it exactly.

    Attributes:
        lines: The lines.
        total: The amount in US$; None if the record has none.
        saved: What prompt caching saved on it (negative: cost); None if the record reports none.
    """

    lines: tuple[Line, ...]
    total: Decimal | None
    saved: Decimal | None


def list_bills(itemized: pd.DataFrame, prices: pd.DataFrame) -> Iterator[tuple[Bill, Bill | None]]:
    """Yield for each row the bill of the service, and the bill of the provider to the user's own key.

    Args:
        itemized: The result of `itemize` of a frame.
        prices: The table of `prices` that it was itemized with.

    Raises:
        InputError: An amount has more than 20 digits before the point.
    """
    keys = list_keys(prices)
    sheets = {_make_key(sheet, keys): sheet for sheet in prices[prices["regime"].notna()].to_dict("records")}
    items = [name for name in itemized if str(name).endswith(("_cost", "_tokens"))]
    wanted = dict.fromkeys([*keys, "regime", *items, *(name for name in _READ if name in itemized)])
    columns = {name: column.to_pylist() for name, column in _read_columns(itemized[list(wanted)]).items()}
    units = {name: Decimal(repr(prices.attrs.get(name, {}).get("unit", 0.0))) for name in RESOLUTIONS}
    for row in _iterate(columns, len(itemized)):
        sheet = sheets.get(_make_key(row, keys), {})
        discount = to_decimal(row.get("cache_discount"))
        charged, upstream = (to_decimal(row.get(name)) for name in ("total_cost", "upstream_inference_cost"))
        unit = units[RESOLUTIONS[row.get("source") == EXPORTED]]
        bills: tuple[Bill, Bill | None]
        with localcontext(_EXACT):
            if row.get("is_byok"):
                fee = Line(Meter.FEE, 1, None, charged, charged)
                bills = Bill((fee,), charged, None), _make_bill(_Amount(upstream, discount, unit, "byok_"), row, sheet)
            else:
                bills = _make_bill(_Amount(charged, discount, unit, ""), row, sheet), None
        yield bills


def to_decimal(amount: object) -> Decimal | None:
    """Return an amount with the digits that it is written with, to 18 places; a cast would show the nearest double.

    Raises:
        InputError: It has more than 20 digits before the point.

    >>> to_decimal(0.1), to_decimal(None)
    (Decimal('0.100000000000000000'), None)
    """
    if is_missing(amount):
        return None
    exact = Decimal(repr(float(str(amount))))
    if not abs(exact) < _LARGEST:
        msg = f"the amount {amount} has more than 20 digits before the point: it cannot be written as a decimal"
        raise InputError(msg)
    return exact.quantize(_SMALLEST, context=_EXACT)


def _make_free_lines(row: Mapping[str, Any]) -> tuple[Line, ...]:
    """Return the lines of a request that was free: its tokens at a price of 0."""
    zero, cached = Decimal(0), row.get("native_tokens_cached") or 0
    prompt = row.get("native_tokens_prompt")
    counts = {
        Meter.INPUT: None if prompt is None else prompt - cached,
        Meter.CACHE_READ: cached,
        Meter.OUTPUT: row.get("native_tokens_completion"),
    }
    lines = tuple(Line(meter, count, zero, zero, zero) for meter, count in counts.items() if count)
    return lines or (Line(Meter.REQUEST, 1, zero, zero, zero),)


def _read_columns(frame: pd.DataFrame) -> Mapping[str, Any]:
    table = to_arrow(frame)
    return {name: table[name] for name in table.column_names}


def _iterate(columns: Mapping[str, list[Any]], rows: int) -> Iterator[dict[str, Any]]:
    for place in range(rows):
        yield {name: values[place] for name, values in columns.items()}


def _make_key(row: Mapping[Any, Any], keys: list[str]) -> tuple[object, ...]:
    return tuple(None if is_missing(row[name]) else row[name] for name in (*keys, "regime"))


@dataclass(frozen=True, slots=True)
class _Amount:
    """An amount that a bill adds up to, what caching saved on it, the unit of both, and the prefix of its items."""

    total: Decimal | None
    saved: Decimal | None
    unit: Decimal
    prefix: str


def _make_bill(amount: _Amount, row: Mapping[str, Any], sheet: Mapping[Any, Any]) -> Bill:
    total, saved = amount.total, amount.saved
    if total is None or row[f"{amount.prefix}unexplained_cost"] or (row["regime"] is None and (total or saved)):
        return Bill(_leave_unexplained(amount, row), total, saved)
    if row["regime"] is None:
        return Bill(_make_free_lines(row), total, saved)
    lines = tuple(_price_meters(row, sheet, amount.prefix))
    rest = total - sum((line.usd or 0 for line in lines), Decimal(0))
    listed = total + (saved or 0) - sum((line.list_usd or 0 for line in lines), Decimal(0))
    if rest or listed or not lines:
        meter = Meter.ROUNDING if abs(rest) <= _UNITS * amount.unit else Meter.FEE
        lines = (*lines, Line(meter, 1, None, rest, listed))
    return Bill(lines, total, saved)


def _leave_unexplained(amount: _Amount, row: Mapping[str, Any]) -> tuple[Line, ...]:
    """Return one line for the whole amount, or two if at least its output is known."""
    prompt, completion = row.get("native_tokens_prompt"), row.get("native_tokens_completion")
    output, saved = _to_nano(row[f"{amount.prefix}output_cost"]), amount.saved or 0
    if amount.total is not None and output and completion:
        rest = amount.total - output
        known = Line(Meter.OUTPUT, completion, None, output, output)
        return known, Line(Meter.UNEXPLAINED, prompt, None, rest, rest + saved)
    tokens = None if prompt is None or completion is None else prompt + completion
    listed = None if amount.total is None else amount.total + saved
    return (Line(Meter.UNEXPLAINED, tokens, None, amount.total, listed),)


def _price_meters(row: Mapping[str, Any], sheet: Mapping[Any, Any], prefix: str) -> Iterator[Line]:
    """Yield the lines of an explained row, without the rest."""
    read, written = (row[f"cache_{name}_tokens"] or 0 for name in ("read", "write"))
    prompt, completion = (row.get(name) or 0 for name in _COUNTS[:2])
    costs = {name: to_decimal(sheet.get(name)) for name in PRICES}
    plain = costs["input_price"]
    counted = (
        (Meter.INPUT, prompt - read - written, plain, "input_cost"),
        (Meter.CACHE_READ, read, costs["cache_read_price"], "cache_read_cost"),
        (Meter.CACHE_WRITE, written, costs["cache_write_price"], "cache_write_cost"),
        (Meter.OUTPUT, completion, costs["output_price"], "output_cost"),
    )
    for meter, tokens, price, item in counted:
        if not tokens:
            continue
        usd = _to_nano(row[prefix + item]) if price is None else tokens * price / PER
        like_input = meter is not Meter.OUTPUT and plain is not None
        yield Line(meter, tokens, price, usd, tokens * plain / PER if like_input and plain is not None else usd)
    if per_request := costs["request_price"]:
        yield Line(Meter.REQUEST, 1, per_request, per_request, per_request)


def _to_nano(usd: float | None) -> Decimal | None:
    """Return an item as whole nano-dollars."""
    exact = to_decimal(usd)
    return None if exact is None else exact.quantize(_NANO)
