"""One call of the sample's month, before it becomes a record and a bill."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from genanalytics.sandbox.catalog import App, Model, Provider

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ServiceTier = Literal["batch", "flex", "priority"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The caller, the model and the settings that all calls of a session share."""

    app: App
    model: Model
    provider: Provider
    api_type: str = "completions"
    streamed: bool = False
    session_id: str | None = None
    external_user: str | None = None
    own_key: bool = False
    older_gateway: bool = False
    """Answered by a gateway that knows only the 27 fields of the contract."""
    service_tier: ServiceTier | None = None
    """The service tier that is billed, unless it is the usual one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, with everything that its record contains. Tokens are the provider's own, times are in milliseconds."""

    id: str
    caller: Caller
    created_us: int
    """Microseconds since 1970 (UTC)."""
    request_id: str | None = None
    upstream_id: str | None = None
    refused_by: Provider | None = None
    """The provider that answered 429 before the caller's own took over."""
    refused_after: int = 0
    regional: bool = False
    """Served by the regional endpoint of the provider, which is more expensive."""
    search_results: int = 0
    file_pages: int = 0
    native_ratio: float = 1.0
    prompt: int = 0
    completion: int = 0
    reasoning: int = 0
    cached: int = 0
    written: int = 0
    latency: int | None = None
    generation_time: int | None = None
    moderation_latency: int | None = None
    finish_reason: str | None = None
    cancelled: bool = False
    upstream_cost_known: bool = True
    replay_of: str | None = None
