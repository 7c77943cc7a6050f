"""The activity export that the service would offer for the sample's records."""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from operator import itemgetter

from genanalytics.sandbox.records import Record

_FIELD_OF = {
    "tokens_prompt": "native_tokens_prompt",
    "tokens_completion": "native_tokens_completion",
    "tokens_reasoning": "native_tokens_reasoning",
    "tokens_cached": "native_tokens_cached",
    "model_permaslug": "model",
    "provider_name": "provider_name",
    "finish_reason_raw": "native_finish_reason",
    "finish_reason_normalized": "finish_reason",
    "generation_time_ms": "generation_time",
    "time_to_first_token_ms": "latency",
    "app_name": "origin",
    "user": "external_user",
}
"""The columns that hold a field of the record as it is."""
_COLUMNS = (
    "generation_id",
    "created_at",
    "cost_total",
    "cost_web_search",
    "cost_cache",
    "cost_file_processing",
    "byok_usage_inference",
    "tokens_prompt",
    "tokens_completion",
    "tokens_reasoning",
    "tokens_cached",
    "model_permaslug",
    "provider_name",
    "variant",
    "cancelled",
    "streamed",
    "user",
    "finish_reason_raw",
    "finish_reason_normalized",
    "generation_time_ms",
    "time_to_first_token_ms",
    "app_name",
    "api_key_name",
    "api_key_disabled",
)


def activity_csv(records: Iterable[Record]) -> str:
    """Return what the service's activity export would say of these records, the latest first.

    Amounts have six decimals, moments are in UTC and to the millisecond, and a saving of the cache is negative.

    >>> from genanalytics.sandbox import sample
    >>> activity_csv(sample(9).records.values()).splitlines()[0][:53]
    'generation_id,created_at,cost_total,cost_web_search,c'
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted(map(_row, records), key=itemgetter("created_at"), reverse=True))
    return text.getvalue()


def _row(record: Record) -> Mapping[str, object]:
    discount, own_key = record.get("cache_discount"), record.get("is_byok")
    created = datetime.fromisoformat(str(record["created_at"]))
    created = created.replace(tzinfo=created.tzinfo or UTC).astimezone(UTC).replace(tzinfo=None)
    return {name: record.get(field) for name, field in _FIELD_OF.items()} | {
        "generation_id": record["id"],
        "created_at": created.isoformat(sep=" ", timespec="milliseconds"),
        "cost_total": _usd(record.get("total_cost")),
        "cost_cache": None if discount is None else _usd(discount, sign=-1),
        "byok_usage_inference": _usd(record.get("upstream_inference_cost") if own_key else 0),
        "variant": "free" if str(record.get("model")).endswith(":free") else "standard",
        "cancelled": _flag(record.get("cancelled")),
        "streamed": _flag(record.get("streamed")),
        "api_key_name": "sample",
        "api_key_disabled": "false",
    }


def _usd(amount: object, *, sign: int = 1) -> str | None:
    """Return an amount as an export writes it: six decimals at most."""
    if not isinstance(amount, int | float):
        return None
    return f"{round(sign * amount, 6) + 0.0:.6f}".rstrip("0").rstrip(".")  # a saving of nothing has no sign


def _flag(value: object) -> str | None:
    return None if value is None else str(value).lower()
