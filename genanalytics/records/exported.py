"""The columns of the service's activity export, declared once: those of a record, and those of exports alone."""

from collections.abc import Mapping
from functools import partial

import pyarrow as pa

from genanalytics.records.schema import BY_NAME, Column, Kind, Origin
from genanalytics.units import Unit

SOURCE = "source"
"""The column that says where a row comes from; only exports have it."""
EXPORTED = "activity"
"""The value of `SOURCE` in the rows of an export."""

COLUMN_OF: Mapping[str, str] = {
    "generation_id": "id",
    "created_at": "created_at",
    "cost_total": "total_cost",
    "cost_cache": "cache_discount",  # with the opposite sign
    "byok_usage_inference": "upstream_inference_cost",
    "tokens_prompt": "native_tokens_prompt",
    "tokens_completion": "native_tokens_completion",
    "tokens_reasoning": "native_tokens_reasoning",
    "tokens_cached": "native_tokens_cached",
    "model_permaslug": "model",
    "provider_name": "provider_name",
    "cancelled": "cancelled",
    "streamed": "streamed",
    "finish_reason_raw": "native_finish_reason",
    "finish_reason_normalized": "finish_reason",
    "generation_time_ms": "generation_time",
    "time_to_first_token_ms": "latency",
}
"""The columns of a record, by the columns of an export."""

_exported = partial(Column, origin=Origin.EXPORT)

ONLY_EXPORTED: Mapping[str, Column] = {
    column.name: column
    for column in (
        _exported("cost_web_search", Kind.NUMBER, "The part of the charge that web searches cost", Unit.USD),
        _exported("cost_file_processing", Kind.NUMBER, "The part of the charge that files cost", Unit.USD),
        _exported("variant", Kind.TEXT, "The variant of the model: standard, free, ..."),
        _exported("user", Kind.TEXT, "The caller's own user id"),
        _exported("app_name", Kind.TEXT, "The calling app's name"),
        _exported("api_key_name", Kind.TEXT, "The name of the API key; not the key"),
        _exported("api_key_disabled", Kind.FLAG, "Whether the API key was disabled at the time of the download"),
    )
}
"""The columns of exports alone, by their names. They are in no record, and follow those of a record in the frame."""

FEES = ("cost_web_search", "cost_file_processing")
"""The columns with the fees of tools."""

NEVER_EXPORTED = frozenset(BY_NAME) - {*COLUMN_OF.values(), "requested_id", "extra"}
"""The columns of a record that a row of an export does not have; `is_byok` is known only where it is true."""


def describe_field(name: str, arrow_type: pa.DataType) -> pa.Field:
    """Return a column of this name and type in an Arrow schema, with unit and meaning if an export declares it.

    >>> describe_field("api_key_name", pa.string()).metadata[b"meaning"]
    b'The name of the API key; not the key'
    """
    column = ONLY_EXPORTED.get(name)
    is_declared = column is not None and column.kind.arrow_type == arrow_type
    return column.field if column is not None and is_declared else pa.field(name, arrow_type)
