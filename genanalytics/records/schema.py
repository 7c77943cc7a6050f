"""Every field of the record, declared once: name, kind, unit, meaning, origin.

Dtypes, the Arrow schema, Parquet metadata, axis labels and the data dictionary all come from `COLUMNS`.
"""

from dataclasses import KW_ONLY, dataclass
from enum import StrEnum
from functools import partial

import pyarrow as pa

from genanalytics.units import Unit

SCHEMA_VERSION = 1
"""Raised when a column changes its meaning or its type; a new column alone does not raise it."""

ATTEMPT = pa.struct(
    [
        ("endpoint_id", pa.string()),
        ("id", pa.string()),
        ("is_byok", pa.bool_()),
        ("latency", pa.int64()),
        ("model_permaslug", pa.string()),
        ("provider_name", pa.string()),
        ("status", pa.int64()),
        ("routed_service_tier", pa.string()),
    ]
)
"""One attempt of `provider_responses`; every field can be missing."""


class Kind(StrEnum):
    """What the values of a column are."""

    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "flag"
    TEXT = "text"
    TIME = "time"
    ATTEMPTS = "attempts"

    @property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type of a column of this kind."""
        return _ARROW_TYPES[self]

    @property
    def pandas_dtype(self) -> str:
        """The name of the pandas dtype of a column of this kind, as `str(frame[column].dtype)` gives it."""
        return _PANDAS_DTYPES[self]


_ARROW_TYPES = {
    Kind.INTEGER: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.FLAG: pa.bool_(),
    Kind.TEXT: pa.string(),
    Kind.TIME: pa.timestamp("us", tz="UTC"),
    Kind.ATTEMPTS: pa.list_(ATTEMPT),
}
_PANDAS_DTYPES = {
    Kind.INTEGER: "Int64",
    Kind.NUMBER: "Float64",
    Kind.FLAG: "boolean",
    Kind.TEXT: "str",
    Kind.TIME: "datetime64[us, UTC]",
    Kind.ATTEMPTS: f"{pa.list_(ATTEMPT)}[pyarrow]",
}


class Origin(StrEnum):
    """Who declares a column."""

    CONTRACT = "contract"
    LIVE = "live"
    OURS = "ours"
    EXPORT = "export"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the frame."""

    name: str
    kind: Kind
    meaning: str
    unit: Unit = Unit.NONE
    _: KW_ONLY
    origin: Origin
    required: bool = False
    """Whether the contract promises a value. A row without it is accepted all the same."""

    @property
    def field(self) -> pa.Field:
        """The column in an Arrow schema, with its unit, meaning and origin as metadata."""
        metadata = {"unit": self.unit.value, "meaning": self.meaning, "origin": self.origin.value}
        return pa.field(self.name, self.kind.arrow_type, metadata=metadata)


_contract = partial(Column, origin=Origin.CONTRACT)
_live = partial(Column, origin=Origin.LIVE)
_ours = partial(Column, origin=Origin.OURS)

COLUMNS: tuple[Column, ...] = (
    _ours("requested_id", Kind.TEXT, "The requested id: the key of the row", required=True),
    _contract("id", Kind.TEXT, "The id in the record itself", required=True),
    _contract("upstream_id", Kind.TEXT, "The provider's own id of the call"),
    _contract("total_cost", Kind.NUMBER, "The charge after prompt caching, with tool fees", Unit.USD, required=True),
    _contract(
        "cache_discount",
        Kind.NUMBER,
        "Savings (positive) or cost (negative) of prompt caching; null: no cache activity reported, which is not zero",
        Unit.USD,
    ),
    _contract(
        "upstream_inference_cost",
        Kind.NUMBER,
        "The charge of the provider to the user's own key; a cost only if is_byok",
        Unit.USD,
    ),
    _contract("created_at", Kind.TIME, "The creation of the generation", Unit.TIME, required=True),
    _contract("model", Kind.TEXT, "The model's dated slug", required=True),
    _contract("app_id", Kind.INTEGER, "The calling app's number"),
    _contract("streamed", Kind.FLAG, "Whether the answer was streamed"),
    _contract("cancelled", Kind.FLAG, "Whether the client cancelled; still billed"),
    _contract("provider_name", Kind.TEXT, "The provider that served the call; the list of names is open"),
    _contract("latency", Kind.INTEGER, "Time to the first token (TTFT) of a streamed chat", Unit.MS),
    _contract("moderation_latency", Kind.INTEGER, "Time in moderation; null if none ran", Unit.MS),
    _contract("generation_time", Kind.INTEGER, "The whole upstream time, including latency", Unit.MS),
    _contract("finish_reason", Kind.TEXT, "The normalized reason of its end; null if cancelled"),
    _contract("native_finish_reason", Kind.TEXT, "The reason of its end, in the provider's words"),
    _contract("tokens_prompt", Kind.INTEGER, "Prompt tokens, normalized for comparing text volume", Unit.TOKENS),
    _contract(
        "tokens_completion", Kind.INTEGER, "Completion tokens, normalized for comparing text volume", Unit.TOKENS
    ),
    _contract(
        "native_tokens_prompt",
        Kind.INTEGER,
        "Prompt tokens as billed by the provider, including cached reads and writes",
        Unit.TOKENS,
    ),
    _contract(
        "native_tokens_completion",
        Kind.INTEGER,
        "Completion tokens as billed by the provider, including reasoning",
        Unit.TOKENS,
    ),
    _contract("native_tokens_reasoning", Kind.INTEGER, "The part of completion that is reasoning", Unit.TOKENS),
    _contract("num_media_prompt", Kind.INTEGER, "Media items in the prompt", Unit.COUNT),
    _contract("num_media_completion", Kind.INTEGER, "Media items in the completion", Unit.COUNT),
    _contract("num_search_results", Kind.INTEGER, "Web search results used", Unit.COUNT),
    _contract("origin", Kind.TEXT, "The calling site; can be empty", required=True),
    _contract(
        "usage",
        Kind.NUMBER,
        "The charge again; differs from total_cost only in a faulty record",
        Unit.USD,
        required=True,
    ),
    _contract("is_byok", Kind.FLAG, "Whether the user's own provider key paid (bring your own key)", required=True),
    _live("api_type", Kind.TEXT, "The API that was called: completions, image, tts, ..."),
    _live("data_region", Kind.TEXT, "The region in which the data was processed"),
    _live("external_user", Kind.TEXT, "The caller's own user id"),
    _live("http_referer", Kind.TEXT, "The HTTP referer of the call"),
    _live("native_tokens_cached", Kind.INTEGER, "The part of the prompt read from the cache", Unit.TOKENS),
    _live("native_tokens_completion_images", Kind.INTEGER, "The part of completion that is images", Unit.TOKENS),
    _live("num_fetches", Kind.INTEGER, "Web pages fetched", Unit.COUNT),
    _live("num_input_audio_prompt", Kind.INTEGER, "Audio inputs in the prompt", Unit.COUNT),
    _live("preset_id", Kind.TEXT, "The preset used"),
    _live("provider_responses", Kind.ATTEMPTS, "The attempts at providers, in order; two or more are a fallback"),
    _live("request_id", Kind.TEXT, "The request that the generation belongs to"),
    _live("response_cache_source_id", Kind.TEXT, "Not null: replayed from the response cache, free of charge"),
    _live("router", Kind.TEXT, "The router that chose the model"),
    _live("service_tier", Kind.TEXT, "The provider's service tier"),
    _live("session_id", Kind.TEXT, "The caller's session"),
    _live("user_agent", Kind.TEXT, "The caller's user agent"),
    _live("web_search_engine", Kind.TEXT, "The search engine used"),
    _live("workspace_id", Kind.TEXT, "The workspace that was billed"),
    _ours(
        "extra", Kind.TEXT, "JSON of all values that have no column or do not fit the type of their column, verbatim"
    ),
    _ours("fetched_at", Kind.TIME, "The fetch of the record", Unit.TIME, required=True),
)

BY_NAME: dict[str, Column] = {column.name: column for column in COLUMNS}

ARROW_SCHEMA = pa.schema([column.field for column in COLUMNS])
"""The schema of the frame in Arrow; every field is nullable, since records with gaps are accepted."""
