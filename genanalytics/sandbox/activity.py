"""The activity export of the service for the records of a sample."""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from operator import itemgetter
from types import MappingProxyType

from genanalytics.sandbox.prices import Items
from genanalytics.sandbox.records import Record

_MICRO = Decimal("0.000001")
_NANO = Decimal(1_000_000_000)
_NO_ITEMS = Items()


def activity_csv(records: Iterable[Record], items: Mapping[str, Items] = MappingProxyType({})) -> str:
    """Return the activity export (CSV) of records, the latest first.

    Amounts are cut towards zero after six decimals, as the service does, moments are UTC with milliseconds, and savings
    of the cache are negative.

    Args:
        records: The records.
        items: The items of their bills by id, as in `Sample.items`: fees for web searches and files are in no record.
            Without them, the columns of these fees are empty.

    >>> from genanalytics.sandbox import sample
    >>> activity_csv(sample(9).records.values()).splitlines()[0][:53]
    'generation_id,created_at,cost_total,cost_web_search,c'
    """
    text = io.StringIO()
    columns = list(_make_row({"id": "", "created_at": "1970-01-01"}, _NO_ITEMS))
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    rows = [_make_row(record, items.get(str(record["id"]), _NO_ITEMS)) for record in records]
    writer.writerows(sorted(rows, key=itemgetter("created_at"), reverse=True))
    return text.getvalue()


def _make_row(record: Record, items: Items) -> Mapping[str, object]:
    discount, model = record.get("cache_discount"), str(record.get("model"))
    created = datetime.fromisoformat(str(record["created_at"]))
    created = created.replace(tzinfo=created.tzinfo or UTC).astimezone(UTC).replace(tzinfo=None)
    return {
        "generation_id": record["id"],
        "created_at": created.isoformat(sep=" ", timespec="milliseconds"),
        "cost_total": _format_usd(record.get("total_cost")),
        "cost_web_search": _format_fee(items.web_search),
        "cost_cache": None if discount is None else _format_usd(discount, sign=-1),
        "cost_file_processing": _format_fee(items.file_processing),
        "byok_usage_inference": _format_usd(record.get("upstream_inference_cost") if record.get("is_byok") else 0),
        "tokens_prompt": record.get("native_tokens_prompt"),
        "tokens_completion": record.get("native_tokens_completion"),
        "tokens_reasoning": record.get("native_tokens_reasoning"),
        "tokens_cached": record.get("native_tokens_cached"),
        "model_permaslug": record.get("model"),
        "provider_name": record.get("provider_name"),
        "variant": "free" if model.endswith(":free") else "standard",
        "cancelled": _format_flag(record.get("cancelled")),
        "streamed": _format_flag(record.get("streamed")),
        "user": record.get("external_user"),
        "finish_reason_raw": record.get("native_finish_reason"),
        "finish_reason_normalized": record.get("finish_reason"),
        "generation_time_ms": record.get("generation_time"),
        "time_to_first_token_ms": record.get("latency"),
        "app_name": record.get("origin"),
        "api_key_name": "sample",
        "api_key_disabled": "false",
    }


def _format_usd(amount: object, *, sign: int = 1) -> str | None:
    """Return an amount, cut towards zero after six decimals."""
    if not isinstance(amount, int | float):
        return None
    return _cut(sign * Decimal(str(amount)))  # the shortest decimal of a double is the amount that it stands for


def _format_fee(nano_dollars: int) -> str | None:
    return _cut(nano_dollars / _NANO) if nano_dollars else None


def _cut(amount: Decimal) -> str:
    cut = amount.quantize(_MICRO, rounding=ROUND_DOWN) + 0  # a saving of 0 has no sign
    return f"{cut:f}".rstrip("0").rstrip(".")


def _format_flag(value: object) -> str | None:
    return None if value is None else str(value).lower()
