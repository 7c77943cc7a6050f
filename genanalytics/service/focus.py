"""Charges in the columns of FOCUS, the FinOps Open Cost and Usage Specification, version 1.2.

docs/focus.md describes each column.
"""

from datetime import timedelta
from decimal import Decimal, InvalidOperation, localcontext

import pandas as pd
import pyarrow as pa
import pyarrow.compute

from genanalytics.errors import InputError, MissingColumnError
from genanalytics.records.coverage import COVERAGE, find_coverage
from genanalytics.records.frame import to_arrow

_MONEY = pa.decimal128(38, 18)
_MOMENT = pa.timestamp("us", tz="UTC")
_SMALLEST = Decimal(1).scaleb(-_MONEY.scale)
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
        ("EffectiveCost", _MONEY),
        ("InvoiceIssuerName", pa.string()),
        ("ListCost", _MONEY),
        ("PricingQuantity", _MONEY),
        ("PricingUnit", pa.string()),
        ("ProviderName", pa.string()),
        ("PublisherName", pa.string()),
        ("ResourceId", pa.string()),
        ("ServiceCategory", pa.string()),
        ("ServiceName", pa.string()),
        ("ServiceSubcategory", pa.string()),
        ("SkuId", pa.string()),
        ("SubAccountId", pa.string()),
        ("x_CacheDiscount", _MONEY),
        ("x_CreatedAt", _MOMENT),
        ("x_IsByok", pa.bool_()),
        ("x_ModelProviderName", pa.string()),
        ("x_SessionId", pa.string()),
    ]
)


def focus_charges(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the charges of records as FOCUS rows: one per record, and a second one for the user's own key (BYOK).

    Args:
        frame: A frame as `fetch` returns it.

    Returns:
        The columns of FOCUS, with amounts as decimals (US dollars), and our own with the prefix `x_`. The first row of
        a record is the charge of OpenRouter, with the quantities. The second one, with a BilledCost and quantities of
        0, is the charge on the provider's own invoice; the discount of prompt caching is on its price. Unknown amounts
        are null.

    Raises:
        MissingColumnError: The frame lacks a column.
        InputError: An amount has more than 20 digits before the point.

    >>> import genanalytics.records.parse, genanalytics.records.frame
    >>> body = b'{"data": {"id": "gen-1", "total_cost": 0.1, "is_byok": true, "upstream_inference_cost": 2}}'
    >>> frame = genanalytics.records.frame.parse_frame([genanalytics.records.parse.Row("gen-1", body, 0.0)])
    >>> charges = focus_charges(frame)
    >>> [f"{billed:.2f} {effective:.2f}" for billed, effective in zip(charges["BilledCost"], charges["EffectiveCost"])]
    ['0.10 0.10', '0.00 2.00']
    """
    missing = [name for name in _NEEDED if name not in frame.columns]
    if missing:
        msg = f"no column {missing[0]!r}: FOCUS rows need {', '.join(_NEEDED)}"
        raise MissingColumnError(msg)
    records = to_arrow(frame)
    order = pa.array(range(records.num_rows), pa.int64())
    byok = pa.compute.fill_null(records["is_byok"], fill_value=False)
    with localcontext(prec=_MONEY.precision):
        try:
            charged, upstream = _make_charges(records), _make_upstream_charges(records.filter(byok))
        except (InvalidOperation, pa.ArrowInvalid) as error:
            msg = "an amount of money has more than 20 digits before the point: FOCUS rows cannot hold it"
            raise InputError(msg) from error
    both = pa.concat_tables([charged, upstream])
    places = pa.concat_arrays([order, order.filter(byok.combine_chunks())])
    in_order = pa.compute.array_sort_indices(places)  # stable: first the charge of OpenRouter, then of the provider
    charges: pd.DataFrame = both.take(in_order).to_pandas(types_mapper=pd.ArrowDtype)
    coverage = find_coverage(frame)
    if coverage is not None:
        charges.attrs[COVERAGE] = coverage.to_json()
    return charges


def _make_charges(records: pa.Table) -> pa.Table:
    """Return the charges of OpenRouter, with the quantities."""
    cost, discount = _read_money(records, "total_cost"), _read_money(records, "cache_discount")
    discount = [
        None if own_key else saved for own_key, saved in zip(records["is_byok"].to_pylist(), discount, strict=True)
    ]
    return _make_rows(
        records,
        {
            "BilledCost": cost,
            "ConsumedQuantity": _count_tokens(records),
            "EffectiveCost": cost,
            "ContractedCost": cost,
            "ListCost": _add_discounts(cost, discount),
            "PricingQuantity": Decimal(1),
            "InvoiceIssuerName": _SERVICE,
            "ProviderName": _SERVICE,
            "ChargeDescription": "Generation, as charged by OpenRouter",
            "x_CacheDiscount": discount,
        },
    )


def _make_upstream_charges(records: pa.Table) -> pa.Table:
    """Return the charges of providers to the user's own keys."""
    cost, discount = _read_money(records, "upstream_inference_cost"), _read_money(records, "cache_discount")
    return _make_rows(
        records,
        {
            "BilledCost": Decimal(0),
            "ConsumedQuantity": Decimal(0),  # the quantities are in the first row
            "EffectiveCost": cost,
            "ContractedCost": cost,
            "ListCost": _add_discounts(cost, discount),
            "PricingQuantity": Decimal(0),
            "InvoiceIssuerName": records["provider_name"],
            "ProviderName": records["provider_name"],
            "ChargeDescription": "Generation, as charged by the provider to the user's own key (BYOK)",
            "x_CacheDiscount": discount,
        },
    )


def _add_discounts(costs: list[Decimal | None], discounts: list[Decimal | None]) -> list[Decimal | None]:
    """Return the costs without prompt caching: nothing reported, so nothing added."""
    return [None if net is None else net + (saved or 0) for net, saved in zip(costs, discounts, strict=True)]


def _make_rows(records: pa.Table, own: dict[str, object]) -> pa.Table:
    created = records["created_at"]
    hour = pa.compute.floor_temporal(created, unit="hour")
    month = pa.compute.floor_temporal(created, unit="month")
    makers = pa.compute.extract_regex(records["model"], pattern="^(?P<maker>[^/]+)/")
    values = {
        "BillingCurrency": "USD",
        "BillingPeriodStart": month,
        "BillingPeriodEnd": pa.compute.floor_temporal(_add_time(month, timedelta(days=31)), unit="month"),
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": hour,
        "ChargePeriodEnd": _add_time(hour, timedelta(hours=1)),
        "ConsumedUnit": "Tokens",
        "PricingUnit": "Requests",
        "PublisherName": pa.compute.struct_field(makers, "maker"),
        "ResourceId": records["requested_id"],
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": "OpenRouter API",
        "ServiceSubcategory": "Generative AI",
        "SkuId": records["model"],
        "SubAccountId": _find_column(records, "workspace_id"),
        "x_CreatedAt": created,
        "x_IsByok": records["is_byok"],
        "x_ModelProviderName": records["provider_name"],
        "x_SessionId": _find_column(records, "session_id"),
    } | own
    return pa.table([_make_column(values.get(field.name), field.type, len(records)) for field in SCHEMA], schema=SCHEMA)


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


def _count_tokens(records: pa.Table) -> pa.ChunkedArray | None:
    counts = [_find_column(records, name) for name in ("native_tokens_prompt", "native_tokens_completion")]
    if any(count is None for count in counts):
        return None
    return pa.compute.add(*(count.cast(pa.decimal128(19, 0)) for count in counts if count is not None))


def _read_money(records: pa.Table, name: str) -> list[Decimal | None]:
    """Return amounts as decimals with the digits of the JSON; a cast would show those of the nearest double."""
    amounts = records[name].to_pylist()
    return [None if amount is None else Decimal(repr(amount)).quantize(_SMALLEST) for amount in amounts]
