"""The sample: generation ids of one month, and their records."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from http import HTTPStatus
from uuid import NAMESPACE_URL, uuid5

from genanalytics.errors import InputError
from genanalytics.sandbox.bill import Bill, make_bill
from genanalytics.sandbox.calls import EPOCH, Call
from genanalytics.sandbox.catalog import Provider
from genanalytics.sandbox.draws import Draws
from genanalytics.sandbox.prices import Items, PriceSheet, Terms
from genanalytics.sandbox.traffic import draw_calls, draw_id

Record = dict[str, object]
"""A record, as in the field `data` of an answer."""

_WITHOUT_RECORD = 0.03
_REPEATED = 0.015

_NOT_IN_CONTRACT = frozenset(  # repeated here, since the schema would load pyarrow; a test compares both
    {
        "api_type",
        "data_region",
        "external_user",
        "http_referer",
        "native_tokens_cached",
        "native_tokens_completion_images",
        "num_fetches",
        "num_input_audio_prompt",
        "preset_id",
        "provider_responses",
        "request_id",
        "response_cache_source_id",
        "router",
        "service_tier",
        "session_id",
        "user_agent",
        "web_search_engine",
        "workspace_id",
    }
)
_MEDIA_COMPLETION = {"image": 1, "completions": 0}
_SEARCH_ENGINE = "exa"
_WORKSPACE_ID = "3f0c9a52-6d1e-4b7f-9a64-0c2b7de81f35"


@dataclass(frozen=True)
class Sample:
    """The ids of a user, and the records of the service."""

    ids: tuple[str, ...]
    """Ids as in a collected list, in order of time; some occur twice, some have no record."""
    records: Mapping[str, Record]
    """The record of each id that has one, in order of time."""
    priced_by: Mapping[str, PriceSheet] = field(default_factory=dict)
    """The true prices of each record; a replay from the response cache has none."""
    items: Mapping[str, Items] = field(default_factory=dict)
    """The true items of each record's bill."""

    @property
    def prices(self) -> tuple[PriceSheet, ...]:
        """The price sheets that records are billed by, in the order of their first record."""
        return tuple(dict.fromkeys(self.priced_by.values()))


def sample(
    count: int = 400,
    seed: int = 7,
    *,
    month: str = "2026-09",
    nightly: float = 0,
    terms: Collection[Terms] = tuple(Terms),
) -> Sample:
    """Return a sample of one month with `count` distinct ids: the same on every machine for the same arguments.

    Some ids occur more than once in `Sample.ids`, so it is a little longer.

    Args:
        count: The number of distinct ids, with and without a record.
        seed: The seed; another one gives other traffic of the same kind.
        month: The month, such as "2026-09".
        nightly: The share (0 to 1) of workloads of a further application, which caches prompts that are hardly ever
            read again.
        terms: The terms that calls can be billed under, in addition to those of the list: surcharges, discounts and a
            price change. The calls are the same.

    Raises:
        InputError: There is no such month.

    >>> {str(record["created_at"])[:7] for record in sample(9, month="2026-10").records.values()}
    {'2026-10'}
    """
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError as error:
        msg = f"month={month!r} is not a month: give one like 2026-09"
        raise InputError(msg) from error
    draws = Draws(seed)
    traffic = draw_calls(draws, first.year, first.month, nightly)
    created: dict[str, int] = {}
    records: dict[str, Record] = {}
    bills: dict[str, Bill] = {}
    while len(created) < count:
        call = next(traffic)
        created[call.id] = call.created_us
        bills[call.id] = make_bill(call, terms)
        records[call.id] = _make_record(call, bills[call.id])
        if len(created) < count and draws.chance(_WITHOUT_RECORD):  # a failed call has an id too
            created[draw_id(draws, call.created_us)] = call.created_us
    ids = sorted(created, key=created.__getitem__)
    resolved = [id_ for id_ in ids if id_ in records]
    return Sample(
        ids=tuple(id_ for id_ in ids for _ in range(draws.whole(2, 3) if draws.chance(_REPEATED) else 1)),
        records={id_: records[id_] for id_ in resolved},
        priced_by={id_: bills[id_].sheet for id_ in resolved if not records[id_].get("response_cache_source_id")},
        items={id_: bills[id_].items for id_ in resolved},
    )


def _make_record(call: Call, bill: Bill) -> Record:
    """Return the record of a call with the fields of the live API, or with those of the contract (older gateway)."""
    live = {
        **_describe_caller(call),
        **_describe_volume(call),
        **_describe_end(call),
        **_describe_cost(call, bill),
        **_describe_source(call),
    }
    if call.caller.older_gateway:
        return {name: value for name, value in live.items() if name not in _NOT_IN_CONTRACT}
    return live


def _describe_caller(call: Call) -> Record:
    caller = call.caller
    return {
        "id": call.id,
        "created_at": _format_created_at(call),
        "model": caller.model.slug,
        "app_id": caller.app.app_id,
        "external_user": caller.external_user,
        "origin": caller.app.origin,
        "user_agent": caller.app.user_agent,
        "http_referer": caller.app.http_referer,
        "request_id": call.request_id,
        "session_id": caller.session_id,
        "preset_id": None,
        "router": None,
        "api_type": caller.api_type,
        "streamed": caller.streamed,
        "cancelled": call.cancelled,
        "latency": call.latency,
        "moderation_latency": call.moderation_latency,
        "generation_time": call.generation_time,
    }


def _describe_volume(call: Call) -> Record:
    chat, image = call.caller.api_type == "completions", call.caller.api_type == "image"
    return {
        "tokens_prompt": round(call.prompt / call.native_ratio),
        "tokens_completion": round(call.completion / call.native_ratio),
        "native_tokens_prompt": call.prompt,
        "native_tokens_completion": call.completion,
        "native_tokens_completion_images": call.completion if image else None,
        "native_tokens_reasoning": call.reasoning if chat else None,
        "native_tokens_cached": call.cached if chat else None,
        "num_media_prompt": 0 if image else None,
        "num_input_audio_prompt": None,
        "num_media_completion": _MEDIA_COMPLETION.get(call.caller.api_type),
        "num_search_results": call.search_results or None,
        "num_fetches": None,
        "web_search_engine": _SEARCH_ENGINE if call.search_results else None,
    }


def _describe_end(call: Call) -> Record:
    dialect = call.caller.model.dialect
    return {
        "finish_reason": call.finish_reason,
        "native_finish_reason": dialect.finish_reasons.get(call.finish_reason, call.finish_reason),
        "service_tier": _find_service_tier(call),
    }


def _find_service_tier(call: Call) -> str | None:
    caller = call.caller
    return (caller.service_tier or caller.model.dialect.service_tier) if caller.api_type == "completions" else None


def _describe_cost(call: Call, bill: Bill) -> Record:
    own_key = call.caller.own_key
    upstream_known = call.upstream_cost_known if own_key else not call.caller.older_gateway
    return {
        "usage": _to_usd(bill.charged),
        "total_cost": _to_usd(bill.charged),
        "cache_discount": _to_usd(bill.saved) if call.cached or call.written else None,
        "upstream_inference_cost": _to_usd(bill.upstream) if upstream_known else None,
        "is_byok": own_key,
    }


def _to_usd(nano_dollars: int) -> float:
    return nano_dollars / 1_000_000_000 or 0  # the service writes 0, not 0.0


def _describe_source(call: Call) -> Record:
    return {
        "provider_name": call.caller.provider.name,
        "upstream_id": call.upstream_id,
        "provider_responses": [] if call.replay_of else _list_attempts(call),
        "response_cache_source_id": call.replay_of,
        "data_region": "global",
        "workspace_id": _WORKSPACE_ID,
    }


def _list_attempts(call: Call) -> list[Record]:
    answered_after = call.latency if call.caller.streamed else call.generation_time or call.latency
    served = _make_attempt(call, call.caller.provider, HTTPStatus.OK, answered_after, regional=call.regional)
    if call.upstream_id:
        served["id"] = call.upstream_id
    if tier := _find_service_tier(call):
        served["routed_service_tier"] = tier
    if call.refused_by is None:
        return [served]
    return [_make_attempt(call, call.refused_by, HTTPStatus.TOO_MANY_REQUESTS, call.refused_after), served]


def _make_attempt(
    call: Call, provider: Provider, status: HTTPStatus, latency: int | None, *, regional: bool = False
) -> Record:
    slug = call.caller.model.slug
    endpoint = f"{slug}/{provider.name}"
    return {
        "endpoint_id": _make_endpoint_id(f"{endpoint}/regional" if regional else endpoint),
        "is_byok": call.caller.own_key,
        "latency": latency,
        "model_permaslug": slug,
        "provider_name": provider.name,
        "status": status.value,
    }


@cache
def _make_endpoint_id(endpoint: str) -> str:
    return str(uuid5(NAMESPACE_URL, endpoint))


def _format_created_at(call: Call) -> str:
    """Return the time as microseconds with an offset (older gateways), or as milliseconds without trailing zeros."""
    moment = EPOCH + timedelta(microseconds=call.created_us)
    if call.caller.older_gateway:
        return moment.isoformat(timespec="microseconds")
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds").rstrip("0").rstrip(".") + "Z"
