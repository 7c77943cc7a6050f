"""The models of the sample with their prices, the providers with their speeds, and the calling apps.

Slugs, names and words look like those of the service. Prices and speeds have a realistic size, but are invented.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from genanalytics.sandbox.prices import Price


@dataclass(frozen=True, slots=True)
class Dialect:
    """The words of a vendor's API in the fields that the service passes on."""

    upstream_id_prefix: str
    service_tier: str | None = None
    finish_reasons: Mapping[str | None, str] = field(default_factory=dict, hash=False)
    """The native word for a finish reason, if it differs."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider with its typical speed."""

    name: str
    first_token_ms: int
    tokens_per_s: int


@dataclass(frozen=True, slots=True)
class Model:
    """A model with its providers and its price."""

    slug: str
    providers: tuple[Provider, ...]
    price: Price
    dialect: Dialect
    native_ratio: float = 1.0
    """The provider's tokens per normalized token."""
    reasons: bool = False
    regional_at: Provider | None = None
    """The provider that has a second, regional endpoint, which is more expensive."""
    tiers_at: Provider | None = None
    """The provider that has the service tiers flex and priority."""


@dataclass(frozen=True, slots=True)
class App:
    """A calling application, with the headers that it sends."""

    app_id: int | None
    origin: str
    user_agent: str | None
    http_referer: str | None = None


_OPENAI_API = Dialect(
    "resp_",
    "default",
    {"stop": "completed", "tool_calls": "completed", "length": "max_output_tokens", "error": "failed"},
)
_ANTHROPIC_API = Dialect(
    "msg_",
    "standard",
    {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens", "content_filter": "refusal"},
)
_GOOGLE_API = Dialect(
    "",
    "default",
    {
        "stop": "STOP",
        "tool_calls": "STOP",
        "length": "MAX_TOKENS",
        "content_filter": "SAFETY",
        "error": "MALFORMED_FUNCTION_CALL",
    },
)
_CHAT_API = Dialect("chatcmpl-")
_IMAGE_API = Dialect("")

_AI_STUDIO = Provider("Google AI Studio", first_token_ms=1_300, tokens_per_s=140)
ANTHROPIC = Provider("Anthropic", first_token_ms=3_600, tokens_per_s=70)
AZURE = Provider("Azure", first_token_ms=4_800, tokens_per_s=60)
_BEDROCK = Provider("Amazon Bedrock", first_token_ms=5_400, tokens_per_s=50)
_BLACK_FOREST = Provider("Black Forest Labs", first_token_ms=116, tokens_per_s=1_045)
_DEEPINFRA = Provider("DeepInfra", first_token_ms=900, tokens_per_s=55)
_DEEPSEEK = Provider("DeepSeek", first_token_ms=5_200, tokens_per_s=32)
_GOOGLE = Provider("Google", first_token_ms=1_800, tokens_per_s=110)
_GROQ = Provider("Groq", first_token_ms=350, tokens_per_s=380)
NOVITA = Provider("Novita", first_token_ms=3_400, tokens_per_s=40)
OPENAI = Provider("OpenAI", first_token_ms=3_100, tokens_per_s=85)

LUNA = Model(
    "openai/gpt-5.6-luna-20260709",
    (AZURE, OPENAI),
    Price(prompt=200, completion=1_200, cache_read=20, cache_write=250),
    _OPENAI_API,
    native_ratio=1.03,
    reasons=True,
    regional_at=AZURE,
    tiers_at=OPENAI,
)
HAIKU = Model(
    "anthropic/claude-4.5-haiku-20251001",
    (ANTHROPIC, _BEDROCK),
    Price(prompt=1_000, completion=5_000, cache_read=100, cache_write=1_250),
    _ANTHROPIC_API,
    native_ratio=1.22,
)
SONNET = Model(
    "anthropic/claude-4.5-sonnet-20250929",
    (ANTHROPIC, _BEDROCK, _GOOGLE),
    Price(prompt=3_000, completion=15_000, cache_read=300, cache_write=3_750),
    _ANTHROPIC_API,
    native_ratio=1.22,
    reasons=True,
)
FLASH = Model(
    "google/gemini-2.5-flash-lite",
    (_AI_STUDIO, _GOOGLE),
    Price(prompt=100, completion=400),
    _GOOGLE_API,
    native_ratio=0.96,
)
DEEPSEEK = Model(
    "deepseek/deepseek-v4-flash-20260731",
    (_DEEPSEEK, NOVITA),
    Price(prompt=70, completion=140),
    _CHAT_API,
    native_ratio=1.08,
    reasons=True,
)
SCOUT = Model(
    "meta-llama/llama-4-scout-17b-16e-instruct",
    (_DEEPINFRA, _GROQ),
    Price(prompt=80, completion=300),
    _CHAT_API,
    native_ratio=0.91,
)
GEMMA_FREE = Model("google/gemma-4-31b-it:free", (_AI_STUDIO,), Price(), _GOOGLE_API, native_ratio=0.98)
KLEIN = Model("black-forest-labs/flux.2-klein-4b", (_BLACK_FOREST,), Price(request=14_000_000), _IMAGE_API)
SPEECH = Model("openai/gpt-4o-mini-tts-2025-12-15", (OPENAI,), Price(prompt=600), _OPENAI_API)

MODELS = (LUNA, HAIKU, SONNET, FLASH, DEEPSEEK, SCOUT, GEMMA_FREE, KLEIN, SPEECH)
"""Every model of the sample."""

AGENT_APPS = (
    App(418_201, "https://agent.example.com/", "coding-agent/4.2.0", "https://agent.example.com/"),
    App(502_744, "https://review.example.org/", "review-bot/1.9", "https://review.example.org/"),
)
ONE_HOUR_APP = App(733_902, "https://planner.example.net/", "release-planner/0.4", "https://planner.example.net/")
"""An agent that pays for cache writes which last one hour instead of five minutes."""
SEARCH_APP = App(377_015, "https://chat.example.com/", "Mozilla/5.0", "https://chat.example.com/")
"""A chat that can search the web and read files."""
SUPPORT_APP = App(290_666, "https://support.example.net/", "support-desk/2.1", "https://support.example.net/")
"""A chat that shares its data with the service for a discount on one model."""
CHAT_APPS = (SEARCH_APP, SUPPORT_APP, App(None, "", "python-requests/2.32.5"))
BATCH_APP = App(458_127, "https://digest.example.org/", "nightly-digest/1.3", "https://digest.example.org/")
"""An application that sends its calls as batches in the night."""
NIGHTLY_APP = App(611_338, "https://nightly.example.com/", "nightly-triage/0.7", "https://nightly.example.com/")
"""An application that caches prompts which are hardly ever read again."""
