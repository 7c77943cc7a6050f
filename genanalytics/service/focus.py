"""Charges in the columns of FOCUS, the FinOps Open Cost and Usage Specification, version 1.2.

docs/focus.md describes each column.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Context, Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.compute

from genanalytics.bill.items import itemize
from genanalytics.bill.meters import PER, Line, Meter, list_bills
from genanalytics.bill.prices import prices as find_prices
from genanalytics.errors import MissingColumnError
from genanalytics.records.coverage import COVERAGE, find_coverage
from genanalytics.records.frame import FrameOrPath, add_missing_columns, open_frame, to_arrow, to_frame

_MONEY = pa.decimal128(38, 18)
_MOMENT = pa.timestamp("us", tz="UTC")
_SMALLEST = Decimal(1).scaleb(-_MONEY.scale)
_EXACT = Context(prec=_MONEY.precision)
_NEEDED = (
    "requested_id",
    "created_at",
    "model",
    "provider_name",
    "total_cost",
    "cache_discount",
    "is_byok",
    "upstream_inference_cost",
)
_SERVICE = "OpenRouter"

SCHEMA = pa.schema(
    [
        ("BilledCost", _MONEY),
        ("BillingAccountId", pa.string()),
        ("BillingAccountName", pa.string()),
        ("BillingCurrency", pa.string()),
        ("BillingPeriodEnd", _MOMENT),
        ("BillingPeriodStart", _MOMENT),
        ("ChargeCategory", pa.string()),
        ("ChargeClass", pa.string()),
        ("ChargeDescription", pa.string()),
        ("ChargeFrequency", pa.string()),
        ("ChargePeriodEnd", _MOMENT),
        ("ChargePeriodStart", _MOMENT),
        ("ConsumedQuantity", _MONEY),
        ("ConsumedUnit", pa.string()),
        ("ContractedCost", _MONEY),
        ("ContractedUnitPrice", _MONEY),
        ("EffectiveCost", _MONEY),
        ("InvoiceIssuerName", pa.string()),
        ("ListCost", _MONEY),
        ("ListUnitPrice", _MONEY),
        ("PricingQuantity", _MONEY),
        ("PricingUnit", pa.string()),
        ("ProviderName", pa.string()),
        ("PublisherName", pa.string()),
        ("ResourceId", pa.string()),
        ("ServiceCategory", pa.string()),
        ("ServiceName", pa.string()),
        ("ServiceSubcategory", pa.string()),
        ("SkuId", pa.string()),
        ("SkuMeter", pa.string()),
        ("SkuPriceId", pa.string()),
        ("SubAccountId", pa.string()),
        ("x_CacheDiscount", _MONEY),
        ("x_CreatedAt", _MOMENT),
        ("x_IsByok", pa.bool_()),
        ("x_ModelProviderName", pa.string()),
        ("x_SessionId", pa.string()),
    ]
)


_UNIT = "Requests"
_METERS = {
    Meter.INPUT: "Input Tokens",
    Meter.CACHE_READ: "Cached Input Tokens",
    Meter.CACHE_WRITE: "Cache Write Tokens",
    Meter.OUTPUT: "Output Tokens",
    Meter.REQUEST: "Requests",
    Meter.FEE: "Other",
    Meter.ROUNDING: "Other",
    Meter.UNEXPLAINED: "Unexplained",
}
"""What `SkuMeter` says."""
_DESCRIPTIONS = {
    Meter.INPUT: "Input tokens",
    Meter.CACHE_READ: "Input tokens read from the cache",
    Meter.CACHE_WRITE: "Input tokens written to the cache",
    Meter.OUTPUT: "Output tokens",
    Meter.REQUEST: "Request",
    Meter.FEE: "Fee",
    Meter.ROUNDING: "Rounding of the amount",
    Meter.UNEXPLAINED: "Generation whose unit prices are unknown",
}
_CHARGED = "as charged by OpenRouter"
_UPSTREAM = "as charged by the provider to the user's own key (BYOK)"


def focus_charges(frame: FrameOrPath, *, prices: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the charges of records as FOCUS rows: one per record and meter.

    Args:
        frame: A frame as `fetch` returns it, or the path of a file with records.
        prices: The result of `ga.prices` of more records, if the frame has too few to tell its prices; None finds the
            prices in the frame.

    Returns:
        The columns of FOCUS, with amounts as decimals (US dollars), and our own with the prefix `x_`. The rows of a
        record add up to its amounts exactly. The meters are input, cached input, cache write and output (quantities in
        tokens, with their unit prices), requests, and other: fees and rounding. A record whose unit prices are unknown
        has one row with the meter `Unexplained`. For the user's own key (BYOK), the fee of OpenRouter is a row; the
        rows of the charge on the provider's own invoice have the tokens, and a BilledCost of 0. Unknown amounts are
        null.

    Raises:
        MissingColumnError: The frame lacks a column.
        InputError: An amount has more than 20 digits before the point.

    >>> import genanalytics.records.parse, genanalytics.records.frame
    >>> body = b'{"data": {"id": "gen-1", "total_cost": 0.1, "is_byok": true, "upstream_inference_cost": 2}}'
    >>> frame = genanalytics.records.frame.parse_frame([genanalytics.records.parse.Row("gen-1", body, 0.0)])
    >>> charges = focus_charges(frame)
    >>> [f"{billed:.2f} {effective:.2f}" for billed, effective in zip(charges["BilledCost"], charges["EffectiveCost"])]
    ['0.10 0.10', '0.00 2.00']
    >>> charges["SkuMeter"].tolist()
    ['Other', 'Unexplained']
    """
    frame = open_frame(frame)
    missing = [name for name in _NEEDED if name not in frame.columns]
    if missing:
        msg = f"no column {missing[0]!r}: FOCUS rows need {', '.join(_NEEDED)}"
        raise MissingColumnError(msg)
    records = add_missing_columns(to_arrow(frame))
    rows = list(_list_rows(to_frame(records), prices))
    owners = pa.array([row.place for row in rows], pa.int64())
    charges: pd.DataFrame = _make_rows(records.take(owners), rows).to_pandas(types_mapper=pd.ArrowDtype)
    coverage = find_coverage(frame)
    if coverage is not None:
        charges.attrs[COVERAGE] = coverage.to_json()
    return charges


@dataclass(frozen=True, slots=True)
class _Charge:
    """A line of a bill, the place of its record, whether the provider charged it, and the saving of the whole bill."""

    place: int
    line: Line
    is_upstream: bool
    saved: Decimal | None

    @property
    def amounts(self) -> tuple[Decimal | None, ...]:
        """The cost, the cost without prompt caching, and the difference if a saving is reported."""
        usd, listed = _fit(self.line.usd), _fit(self.line.list_usd)
        if self.saved is None or usd is None or listed is None:
            return usd, listed, _fit(self.saved)  # a bill without an amount has one line
        return usd, listed, listed - usd

    @property
    def unit_prices(self) -> tuple[Decimal | None, Decimal | None]:
        """The price of one token or request, and that without prompt caching."""
        line = self.line
        if line.price is None or not line.quantity:
            return None, None
        own = line.price / PER if line.meter.counts_tokens else line.price
        return _fit(own), None if line.list_usd is None else _fit(line.list_usd / line.quantity)

    @property
    def price_id(self) -> str:
        """The price as it is named in `SkuPriceId`; empty if it is unknown."""
        price = self.line.price
        return "" if price is None else f"{price.normalize():f}"


def _list_rows(frame: pd.DataFrame, prices: pd.DataFrame | None) -> Iterator[_Charge]:
    """Yield the lines of all bills in the order of the records: first those of OpenRouter, then of the provider."""
    table = find_prices(frame) if prices is None else prices
    for place, bills in enumerate(list_bills(itemize(frame, table), table)):
        for bill, is_upstream in zip(bills, (False, True), strict=True):
            for line in () if bill is None else bill.lines:
                yield _Charge(place, line, is_upstream, None if bill is None else bill.saved)


def _fit(amount: Decimal | None) -> Decimal | None:
    """Return an amount with the places of the column."""
    return None if amount is None else amount.quantize(_SMALLEST, context=_EXACT)


def _make_rows(records: pa.Table, rows: Sequence[_Charge]) -> pa.Table:
    """Return the rows of FOCUS, given the record of each."""
    created = records["created_at"]
    hour = pa.compute.floor_temporal(created, unit="hour")
    month = pa.compute.floor_temporal(created, unit="month")
    makers = pa.compute.extract_regex(records["model"], pattern="^(?P<maker>[^/]+)/")
    upstream = pa.array([row.is_upstream for row in rows], pa.bool_())
    issuers = pa.compute.if_else(upstream, records["provider_name"], _SERVICE)
    values: dict[str, object] = {
        "BillingCurrency": "USD",
        "BillingPeriodStart": month,
        "BillingPeriodEnd": pa.compute.floor_temporal(_add_time(month, timedelta(days=31)), unit="month"),
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": hour,
        "ChargePeriodEnd": _add_time(hour, timedelta(hours=1)),
        "InvoiceIssuerName": issuers,
        "ProviderName": issuers,
        "PublisherName": pa.compute.struct_field(makers, "maker"),
        "ResourceId": records["requested_id"],
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": "OpenRouter API",
        "ServiceSubcategory": "Generative AI",
        "SubAccountId": _find_column(records, "workspace_id"),
        "x_CreatedAt": created,
        "x_IsByok": records["is_byok"],
        "x_ModelProviderName": records["provider_name"],
        "x_SessionId": _find_column(records, "session_id"),
    }
    values |= _list_amounts(rows) | _list_quantities(rows) | _name_skus(records, rows)
    columns = [_make_column(values.get(field.name), field.type, len(records)) for field in SCHEMA]
    return pa.table(columns, schema=SCHEMA)


def _list_amounts(rows: Sequence[_Charge]) -> dict[str, object]:
    amounts, prices = [row.amounts for row in rows], [row.unit_prices for row in rows]
    costs = [cost for cost, _, _ in amounts]
    return {
        "BilledCost": [Decimal(0) if row.is_upstream else cost for row, cost in zip(rows, costs, strict=True)],
        "ContractedCost": costs,
        "EffectiveCost": costs,
        "ListCost": [listed for _, listed, _ in amounts],
        "ContractedUnitPrice": [own for own, _ in prices],
        "ListUnitPrice": [listed for _, listed in prices],
        "x_CacheDiscount": [saved for _, _, saved in amounts],
    }


def _list_quantities(rows: Sequence[_Charge]) -> dict[str, object]:
    """Return quantities with their units; the price of an unexplained row is for the whole request."""
    whole = [row.line.meter is Meter.UNEXPLAINED for row in rows]
    counts = [None if row.line.quantity is None else Decimal(row.line.quantity) for row in rows]
    units = ["Tokens" if row.line.meter.counts_tokens else _UNIT for row in rows]
    return {
        "ConsumedQuantity": counts,
        "ConsumedUnit": units,
        "PricingQuantity": [Decimal(1) if one else count for one, count in zip(whole, counts, strict=True)],
        "PricingUnit": [_UNIT if one else unit for one, unit in zip(whole, units, strict=True)],
    }


def _name_skus(records: pa.Table, rows: Sequence[_Charge]) -> dict[str, object]:
    """Return what is charged in words, and as ids that depend on model, meter, provider and price alone."""
    skus, price_ids = [], []
    named = zip(rows, records["model"].to_pylist(), records["provider_name"].to_pylist(), strict=True)
    for row, model, provider in named:
        sku = None if model is None else f"{model}/{_METERS[row.line.meter].lower().replace(' ', '-')}"
        skus.append(sku)
        price_ids.append(f"{sku}/{provider or ''}/{row.price_id}" if sku is not None and row.price_id else None)
    return {
        "ChargeDescription": [
            f"{_DESCRIPTIONS[row.line.meter]}, {_UPSTREAM if row.is_upstream else _CHARGED}" for row in rows
        ],
        "SkuId": skus,
        "SkuMeter": [_METERS[row.line.meter] for row in rows],
        "SkuPriceId": price_ids,
    }


def _make_column(value: object, kind: pa.DataType, length: int) -> pa.Array | pa.ChunkedArray:
    if isinstance(value, pa.Array | pa.ChunkedArray):
        return value.cast(kind)
    if isinstance(value, list):
        return pa.array(value, kind)
    return pa.repeat(pa.scalar(value, kind), length)


def _find_column(records: pa.Table, name: str) -> pa.ChunkedArray | None:
    return records[name] if name in records.column_names else None


def _add_time(moments: pa.ChunkedArray, time: timedelta) -> pa.ChunkedArray:
    return pa.compute.add(moments, pa.scalar(time, pa.duration("us")))
