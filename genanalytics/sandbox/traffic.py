"""The traffic of the sample's month: agent sessions, chats, batches, images and speech, call by call.

Distributions follow measured ones: a real agent workload, and published figures of chats.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import ceil

from genanalytics.sandbox.calls import EPOCH, Call, Caller, ServiceTier
from genanalytics.sandbox.catalog import (
    AGENT_APPS,
    ANTHROPIC,
    BATCH_APP,
    CHAT_APPS,
    DEEPSEEK,
    FLASH,
    GEMMA_FREE,
    HAIKU,
    KLEIN,
    LUNA,
    NIGHTLY_APP,
    ONE_HOUR_APP,
    SCOUT,
    SEARCH_APP,
    SONNET,
    SPEECH,
)
from genanalytics.sandbox.draws import Draws, Weighted

_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US

_BY_HOUR = (2, 1, 1, 1, 1, 2, 4, 7, 11, 14, 15, 14, 12, 14, 15, 15, 14, 12, 9, 7, 6, 5, 4, 3)
_BY_WEEKDAY = (1.0, 1.1, 1.1, 1.0, 0.9, 0.3, 0.25)

_AGENT_MODELS = Weighted({LUNA: 5.5, SONNET: 3, HAIKU: 2})
_CHAT_MODELS = Weighted({FLASH: 30, SCOUT: 22, DEEPSEEK: 20, LUNA: 10, GEMMA_FREE: 10, HAIKU: 8})
_ENDINGS = Weighted({"stop": 95.2, "cancelled": 2, "length": 1.5, "error": 0.8, "content_filter": 0.5})
_CUT_OFF = ("cancelled", "error", "content_filter")
_TIERS: Weighted[ServiceTier | None] = Weighted({None: 78, "flex": 14, "priority": 8})
_TOOLS = Weighted({None: 90, "search": 5, "files": 5})
_TOKEN_LIMITS = (1_024, 2_048, 4_096)

_BATCH_HOUR = 3
_CONTEXT_WINDOW = 212_000
_FALLBACK = 0.035
_FLIPPED = 0.1
_MODERATED = 0.03
_NIGHTLY_HOUR = 2
_NIGHTLY_MODELS = Weighted({SONNET: 1, HAIKU: 1})
_NIGHTLY_RETRIED = 0.06
_OLDER_GATEWAY = 0.09
_ONE_HOUR = 0.07
_OWN_KEY = 0.1
_OWN_KEY_COST_UNKNOWN = 0.2
_REGIONAL = 0.33
_REPLAYED = 0.04
_SIDE_CALL = 0.09
_STALLED = 0.03
_STREAMED = 0.88
_TOOL_CALLS = 0.8


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
    """Yield a session: the first call writes the prompt to the cache, all others read it and add a little.

    A call that another endpoint serves finds an empty cache, and writes the whole prompt again.
    """
    app = ONE_HOUR_APP if draws.chance(_ONE_HOUR) else draws.pick(AGENT_APPS)
    model = HAIKU if app is ONE_HOUR_APP else draws.weighted(_AGENT_MODELS)
    caller = Caller(
        app=app,
        model=model,
        provider=draws.pick(model.providers),
        streamed=True,
        session_id=f"session-{draws.letters(12)}",
        older_gateway=draws.chance(_OLDER_GATEWAY),
    )
    now_us, cached, regional = start_us, 0, _draw_regional(draws, caller)
    prompt = min(max(draws.size(110_000, 0.6), 12_000), 200_000)
    for _ in range(draws.size(8, 0.7)):
        if prompt > _CONTEXT_WINDOW:
            return
        if caller.provider is model.regional_at and draws.chance(_FLIPPED):
            regional, cached = not regional, 0
        completion = draws.size(250, 1.05)
        call = _chat(draws, caller, now_us, prompt=prompt, completion=completion, cached=cached, regional=regional)
        yield call
        if draws.chance(_SIDE_CALL):
            yield _side_call(draws, caller, now_us, regional=regional)
        now_us += 1_000 * (call.generation_time or 0) + draws.size(5_000_000, 1.0)
        cached = prompt
        growth = call.completion + draws.size(1_500, 1.0)  # the answer, and the results of tools
        prompt += min(max(growth, prompt // 500), prompt // 14)  # measured cached shares are 0.93 to 0.999


def _draw_regional(draws: Draws, caller: Caller) -> bool:
    return caller.provider is caller.model.regional_at and draws.chance(_REGIONAL)


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


def _batch(draws: Draws, start_us: int) -> Iterator[Call]:
    """Yield the calls of a batch, which runs in the night."""
    caller = Caller(app=BATCH_APP, model=HAIKU, provider=ANTHROPIC, service_tier="batch")
    now_us = start_us - start_us % _DAY_US + _BATCH_HOUR * _HOUR_US + start_us % _HOUR_US
    for _ in range(draws.whole(3, 8)):
        call = _chat(draws, caller, now_us, prompt=draws.size(2_500, 0.8), completion=draws.size(160, 0.7))
        yield replace(call, id=draw_id(draws, now_us, "gen-batch-"), refused_by=None)
        now_us += draws.size(2_000_000, 0.8)


def _side_call(draws: Draws, caller: Caller, now_us: int, *, regional: bool) -> Call:
    """Return a title or a summary of one line: too small for the cache."""
    created_us = now_us + draws.whole(200_000, 2_000_000)
    prompt, completion = draws.size(330, 0.25), draws.size(6, 0.6)
    return _chat(draws, caller, created_us, prompt=prompt, completion=completion, regional=regional)


def _chat_turn(draws: Draws, start_us: int) -> Iterator[Call]:
    """Yield a chat and, sometimes, its replay from the response cache."""
    caller = _draw_chatter(draws)
    call = _chat(
        draws,
        caller,
        start_us,
        prompt=draws.size(2_500, 1.0),
        completion=draws.size(100, 0.9),
        regional=_draw_regional(draws, caller),
    )
    if caller.app is SEARCH_APP and not caller.own_key and caller.model is not GEMMA_FREE:
        tool = draws.weighted(_TOOLS)
        call = replace(
            call,
            search_results=draws.whole(1, 5) if tool == "search" else 0,
            file_pages=draws.whole(1, 6) if tool == "files" else 0,
        )
    yield call
    if call.finish_reason == "stop" and not caller.older_gateway and draws.chance(_REPLAYED):
        yield _replay(draws, call)


def _draw_chatter(draws: Draws) -> Caller:
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
    if caller.provider is model.tiers_at and not caller.older_gateway:
        return replace(caller, service_tier=draws.weighted(_TIERS))
    return caller


def _chat(
    draws: Draws,
    caller: Caller,
    created_us: int,
    *,
    prompt: int,
    completion: int,
    cached: int | None = None,
    regional: bool = False,
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
        regional=regional,
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


_WORKLOADS = Weighted({_chat_turn: 42, _agent_session: 4.8, _image: 4, _speech: 3, _batch: 0.35})
