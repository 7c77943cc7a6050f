"""The traffic of the sample's month: agent sessions, chats, images and speech, call by call.

Distributions follow measured ones: a real agent workload, and published figures of chats.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import ceil

from genanalytics.sandbox.catalog import (
    AGENT_APPS,
    CHAT_APPS,
    DEEPSEEK,
    FLASH,
    GEMMA_FREE,
    HAIKU,
    KLEIN,
    LUNA,
    NIGHTLY_APP,
    SCOUT,
    SONNET,
    SPEECH,
    App,
    Model,
    Provider,
)
from genanalytics.sandbox.draws import Draws, Weighted

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US

_BY_HOUR = (2, 1, 1, 1, 1, 2, 4, 7, 11, 14, 15, 14, 12, 14, 15, 15, 14, 12, 9, 7, 6, 5, 4, 3)
_BY_WEEKDAY = (1.0, 1.1, 1.1, 1.0, 0.9, 0.3, 0.25)

_AGENT_MODELS = Weighted({LUNA: 5, SONNET: 3, HAIKU: 2})
_CHAT_MODELS = Weighted({FLASH: 30, SCOUT: 22, DEEPSEEK: 20, LUNA: 10, GEMMA_FREE: 10, HAIKU: 8})
_ENDINGS = Weighted({"stop": 95.2, "cancelled": 2, "length": 1.5, "error": 0.8, "content_filter": 0.5})
_CUT_OFF = ("cancelled", "error", "content_filter")
_TOKEN_LIMITS = (1_024, 2_048, 4_096)

_CONTEXT_WINDOW = 212_000
_FALLBACK = 0.04
_MODERATED = 0.03
_NIGHTLY_HOUR = 2
_NIGHTLY_MODELS = Weighted({SONNET: 1, HAIKU: 1})
_NIGHTLY_RETRIED = 0.06
_OLDER_GATEWAY = 0.09
_OWN_KEY = 0.1
_OWN_KEY_COST_UNKNOWN = 0.2
_REPLAYED = 0.04
_SIDE_CALL = 0.09
_STALLED = 0.03
_STREAMED = 0.88
_TOOL_CALLS = 0.8


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


def draw_calls(draws: Draws, year: int, month: int, nightly: float) -> Iterator[Call]:
    """Yield calls of a month, workload by workload, without end; a share of `nightly` are jobs of `NIGHTLY_APP`."""
    begin_us = (datetime(year, month, 1, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
    weekday, days = monthrange(year, month)
    hours = Weighted(
        {
            24 * day + hour: weight * _BY_WEEKDAY[(weekday + day) % 7]
            for day in range(days)
            for hour, weight in enumerate(_BY_HOUR)
        }
    )
    end_us = begin_us + days * _DAY_US
    while True:
        start_us = begin_us + draws.weighted(hours) * _HOUR_US + draws.whole(0, _HOUR_US - 1)
        workload = _nightly_job if nightly and draws.chance(nightly) else draws.weighted(_WORKLOADS)
        yield from (call for call in workload(draws, start_us) if call.created_us < end_us)


def draw_id(draws: Draws, created_us: int, prefix: str = "gen-") -> str:
    """Return a new id in the form of the service, with the second of its creation."""
    return f"{prefix}{created_us // 1_000_000}-{draws.letters(20)}"


def _agent_session(draws: Draws, start_us: int) -> Iterator[Call]:
    """Yield a session: the first call writes the prompt to the cache, all others read it and add a little."""
    model = draws.weighted(_AGENT_MODELS)
    caller = Caller(
        app=draws.pick(AGENT_APPS),
        model=model,
        provider=draws.pick(model.providers),
        streamed=True,
        session_id=f"session-{draws.letters(12)}",
        older_gateway=draws.chance(_OLDER_GATEWAY),
    )
    now_us, cached = start_us, 0
    prompt = min(max(draws.size(110_000, 0.6), 12_000), 200_000)
    for _ in range(draws.size(8, 0.7)):
        if prompt > _CONTEXT_WINDOW:
            return
        call = _chat(draws, caller, now_us, prompt=prompt, completion=draws.size(250, 1.05), cached=cached)
        yield call
        if draws.chance(_SIDE_CALL):
            yield _side_call(draws, caller, now_us)
        now_us += 1_000 * (call.generation_time or 0) + draws.size(5_000_000, 1.0)
        cached = prompt
        growth = call.completion + draws.size(1_500, 1.0)  # the answer, and the results of tools
        prompt += min(max(growth, prompt // 500), prompt // 14)  # measured cached shares are 0.93 to 0.999


def _nightly_job(draws: Draws, start_us: int) -> Iterator[Call]:
    """Yield a nightly job: a large prompt that is written to the cache, and read only if the job is retried."""
    model = draws.weighted(_NIGHTLY_MODELS)
    caller = Caller(
        app=NIGHTLY_APP,
        model=model,
        provider=draws.pick(model.providers),
        streamed=True,
        session_id=f"session-{draws.letters(12)}",
    )
    prompt = min(max(draws.size(90_000, 0.4), 12_000), 200_000)
    now_us = start_us - start_us % _DAY_US + _NIGHTLY_HOUR * _HOUR_US + start_us % _HOUR_US
    first = _chat(draws, caller, now_us, prompt=prompt, completion=draws.size(400, 0.6), cached=0)
    yield first
    if draws.chance(_NIGHTLY_RETRIED):
        again_us = now_us + 1_000 * (first.generation_time or 0) + draws.size(20_000_000, 0.5)
        yield _chat(draws, caller, again_us, prompt=prompt, completion=draws.size(400, 0.6), cached=prompt)


def _side_call(draws: Draws, caller: Caller, now_us: int) -> Call:
    """Return a title or a summary of one line: too small for the cache."""
    created_us = now_us + draws.whole(200_000, 2_000_000)
    return _chat(draws, caller, created_us, prompt=draws.size(330, 0.25), completion=draws.size(6, 0.6))


def _chat_turn(draws: Draws, start_us: int) -> Iterator[Call]:
    """Yield a chat and, sometimes, its replay from the response cache."""
    model = draws.weighted(_CHAT_MODELS)
    caller = Caller(
        app=draws.pick(CHAT_APPS),
        model=model,
        provider=draws.pick(model.providers),
        streamed=draws.chance(_STREAMED),
        external_user=f"user-{draws.whole(1, 40)}" if draws.chance(0.3) else None,
        own_key=draws.chance(_OWN_KEY) and model is not GEMMA_FREE,
        older_gateway=draws.chance(_OLDER_GATEWAY),
    )
    call = _chat(draws, caller, start_us, prompt=draws.size(2_500, 1.0), completion=draws.size(100, 0.9))
    yield call
    if call.finish_reason == "stop" and not caller.older_gateway and draws.chance(_REPLAYED):
        yield _replay(draws, call)


def _chat(
    draws: Draws, caller: Caller, created_us: int, *, prompt: int, completion: int, cached: int | None = None
) -> Call:
    """Return a chat completion; with `cached` None the prompt is neither read from the cache nor written to it."""
    model, provider = caller.model, caller.provider
    ending = draws.weighted(_ENDINGS)
    if ending in _CUT_OFF:
        completion = ceil(completion * draws.uniform(0.05, 1))
    elif ending == "length":
        completion = draws.pick(_TOKEN_LIMITS)
    elif cached is not None and draws.chance(_TOOL_CALLS):
        ending = "tool_calls"
    reasoning = int(completion * draws.uniform(0, 0.7)) if model.reasons else 0
    stall = draws.uniform(3, 10) if draws.chance(_STALLED) else 1
    latency = draws.size(provider.first_token_ms * stall, 0.6)
    # reasoning ends before the first token, so only the rest takes time after it
    decoding = draws.size(1_000 * (completion - reasoning) / provider.tokens_per_s, 0.4)
    others = [other for other in model.providers if other is not provider]
    return Call(
        id=draw_id(draws, created_us),
        caller=caller,
        created_us=created_us,
        request_id=draw_id(draws, created_us, "req-"),
        upstream_id=model.dialect.upstream_id_prefix + draws.letters(24),
        refused_by=draws.pick(others) if others and draws.chance(_FALLBACK) else None,
        refused_after=draws.size(320, 0.5),
        native_ratio=draws.lognormal(model.native_ratio, 0.05),
        prompt=prompt,
        completion=completion,
        reasoning=reasoning,
        cached=cached or 0,
        written=0 if cached is None else prompt - cached,
        # the latency that the service reports for a chat without streaming is unknown
        latency=latency if caller.streamed else None,
        generation_time=latency + decoding,
        moderation_latency=draws.size(140, 0.4) if draws.chance(_MODERATED) else None,
        finish_reason=None if ending == "cancelled" else ending,
        cancelled=ending == "cancelled",
        upstream_cost_known=not draws.chance(_OWN_KEY_COST_UNKNOWN),
    )


def _replay(draws: Draws, source: Call) -> Call:
    """Return the same question some minutes later, answered from the response cache: no tokens, no cost."""
    created_us = source.created_us + 1_000 * (source.generation_time or 0) + draws.size(900_000_000, 1.0)
    latency = draws.size(40, 0.4)
    return Call(
        id=draw_id(draws, created_us),
        caller=replace(source.caller, own_key=False),
        created_us=created_us,
        request_id=draw_id(draws, created_us, "req-"),
        latency=latency if source.caller.streamed else None,
        generation_time=latency + draws.size(5, 0.4),
        finish_reason=source.finish_reason,
        replay_of=source.id,
    )


def _image(draws: Draws, start_us: int) -> Iterator[Call]:
    provider = draws.pick(KLEIN.providers)
    latency = draws.size(provider.first_token_ms, 0.25)
    yield Call(
        id=draw_id(draws, start_us, "gen-img-"),
        caller=Caller(app=draws.pick(CHAT_APPS), model=KLEIN, provider=provider, api_type="image"),
        created_us=start_us,
        prompt=draws.size(30, 0.6),
        completion=4_096,
        latency=latency,
        generation_time=latency + draws.size(1_000 * 4_096 / provider.tokens_per_s, 0.3),
        moderation_latency=0,
        finish_reason="complete",
    )


def _speech(draws: Draws, start_us: int) -> Iterator[Call]:
    yield Call(
        id=draw_id(draws, start_us, "gen-tts-"),
        caller=Caller(app=draws.pick(CHAT_APPS), model=SPEECH, provider=draws.pick(SPEECH.providers), api_type="tts"),
        created_us=start_us,
        prompt=draws.size(180, 0.7),
        latency=draws.size(246, 0.25),
    )


_WORKLOADS = Weighted({_chat_turn: 42, _agent_session: 4.8, _image: 4, _speech: 3})
