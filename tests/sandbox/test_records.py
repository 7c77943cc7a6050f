"""The sample has the shapes of real records, and is the same everywhere."""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from statistics import median, quantiles
from typing import Any

import pytest

from genanalytics.errors import InputError
from genanalytics.records.schema import ATTEMPT, BY_NAME, COLUMNS, Kind, Origin
from genanalytics.sandbox import Sample, Terms, sample
from genanalytics.sandbox.catalog import LUNA

Record = dict[str, Any]

CONTRACT = {column.name for column in COLUMNS if column.origin is Origin.CONTRACT}
LIVE = {column.name for column in COLUMNS if column.origin is Origin.LIVE}


@pytest.fixture(scope="module")
def month() -> Sample:
    return sample(5_000)


@pytest.fixture(scope="module")
def records(month: Sample) -> list[Record]:
    return list(month.records.values())


@pytest.fixture(scope="module")
def live(records: list[Record]) -> list[Record]:
    return [record for record in records if "api_type" in record]


@pytest.fixture(scope="module")
def chats(records: list[Record]) -> list[Record]:
    """Chat completions that a provider answered, agent calls included."""
    return [
        record
        for record in records
        if record.get("api_type", "completions") == "completions" and not record.get("response_cache_source_id")
    ]


@pytest.fixture(scope="module")
def agent_calls(live: list[Record]) -> list[Record]:
    return [record for record in live if record["session_id"]]


def share(records: list[Record], holds: Callable[[Record], bool]) -> float:
    return sum(map(holds, records)) / len(records)


def find_endpoint(record: Record) -> str:
    return str(record["provider_responses"][-1]["endpoint_id"])


def created(record: Record) -> datetime:
    return datetime.fromisoformat(record["created_at"])


def percentiles(values: Sequence[float]) -> tuple[float, float, float]:
    cuts = quantiles(values, n=20)
    return cuts[0], cuts[9], cuts[18]


def of_kind(value: object, kind: Kind) -> bool:
    match kind:
        case Kind.INTEGER:
            return type(value) is int
        case Kind.NUMBER:
            return type(value) in {int, float}
        case Kind.FLAG:
            return type(value) is bool
        case Kind.TEXT:
            return type(value) is str
        case Kind.TIME:
            return type(value) is str and datetime.fromisoformat(value).tzinfo is not None
        case Kind.ATTEMPTS:
            return type(value) is list and all(attempt.keys() <= set(ATTEMPT.names) for attempt in value)


def test_the_same_arguments_give_the_same_sample_and_another_seed_another() -> None:
    assert sample(50, seed=3) == sample(50, seed=3)
    assert not set(sample(50, seed=3).ids) & set(sample(50, seed=4).ids)


@pytest.mark.parametrize(("month", "days"), [("2026-09", 30), ("2026-10", 31), ("2028-02", 29)])
def test_another_month_has_all_of_its_days_and_fewer_calls_at_its_weekends(month: str, days: int) -> None:
    calls = Counter(str(record["created_at"])[:10] for record in sample(3_000, month=month).records.values())
    assert sorted(calls) == [f"{month}-{day:02}" for day in range(1, days + 1)]
    weekends = [number for day, number in calls.items() if datetime.fromisoformat(day).isoweekday() > 5]
    assert max(weekends) < median(calls.values())
    assert not set(sample(50, month=month).ids) & set(sample(50, month="2025-01").ids)


@pytest.mark.parametrize("month", ["October", "2026-13", "2026-10-01", ""])
def test_text_that_is_not_a_month_is_refused(month: str) -> None:
    with pytest.raises(InputError, match=f"month={month!r} is not a month: give one like 2026-09"):
        sample(1, month=month)


@pytest.mark.parametrize("count", [0, 1, 2, 400])
def test_count_is_the_number_of_distinct_ids(count: int) -> None:
    assert len(set(sample(count).ids)) == count


def test_ids_are_in_order_of_time_and_lie_in_the_month(month: Sample) -> None:
    seconds = [int(generation_id.split("-")[-2]) for generation_id in month.ids]
    assert seconds == sorted(seconds)
    assert datetime.fromtimestamp(seconds[0], UTC) >= datetime(2026, 9, 1, tzinfo=UTC)
    assert datetime.fromtimestamp(seconds[-1], UTC) < datetime(2026, 10, 1, tzinfo=UTC)


def test_some_ids_never_resolve_and_some_stand_twice(month: Sample) -> None:
    distinct = set(month.ids)
    assert month.records.keys() < distinct
    assert 0.01 < 1 - len(month.records) / len(distinct) < 0.05
    assert 0.005 < len(month.ids) / len(distinct) - 1 < 0.04


def test_the_default_sample_has_one_of_everything() -> None:
    records: list[Record] = list(sample().records.values())
    assert {record["finish_reason"] for record in records} == {
        "stop", "tool_calls", "length", "content_filter", "error", "complete", None,
    }  # fmt: skip
    assert {record.get("api_type") for record in records} == {None, "completions", "image", "tts"}
    assert any(record["is_byok"] and record["upstream_inference_cost"] is None for record in records)
    assert any(record.get("response_cache_source_id") for record in records)
    assert any(record["model"].endswith(":free") for record in records)
    assert any(record["origin"] == "" for record in records)
    assert any(record["moderation_latency"] for record in records)
    assert any(record["num_search_results"] for record in records)
    assert {sheet.terms for sheet in sample().prices} == set(Terms)


def test_a_record_has_the_contract_s_fields_or_those_and_the_live_ones(records: list[Record]) -> None:
    plain = [record for record in records if record.keys() == CONTRACT]
    assert 0.04 < len(plain) / len(records) < 0.15
    assert all(record.keys() == CONTRACT | LIVE for record in records if record not in plain)


def test_every_value_is_of_its_column_s_kind_and_null_only_where_the_contract_allows(records: list[Record]) -> None:
    for record in records:
        for name, value in record.items():
            column = BY_NAME[name]
            fits = not column.required if value is None else of_kind(value, column.kind)
            assert fits, (name, value)


def test_the_second_in_an_id_is_the_second_of_creation(month: Sample) -> None:
    for generation_id, record in month.records.items():
        assert record["id"] == generation_id
        assert int(created(record).timestamp()) == int(generation_id.split("-")[-2])


def test_ids_have_the_service_s_form(records: list[Record]) -> None:
    kinds = Counter(record["id"].rsplit("-", 2)[0] for record in records)
    assert kinds.keys() == {"gen", "gen-batch", "gen-img", "gen-tts"}
    assert all(len(tail := record["id"].rsplit("-", 1)[1]) == 20 and tail.isalnum() for record in records)


def test_created_at_comes_in_the_forms_that_were_seen(records: list[Record]) -> None:
    tails = {re.sub(r"\d", "9", record["created_at"].partition(".")[2]) for record in records}
    assert {"999Z", "99Z", "999999+99:99"} <= tails


def test_weekdays_are_busier_than_weekends_and_days_than_nights(records: list[Record]) -> None:
    moments = [created(record) for record in records]
    by_weekday = Counter(moment.weekday() for moment in moments)
    assert min(by_weekday[day] for day in range(5)) > 1.5 * max(by_weekday[5], by_weekday[6])
    by_hour = Counter(moment.hour for moment in moments)
    assert sum(by_hour[hour] for hour in range(8, 18)) > 4 * sum(by_hour[hour] for hour in range(6))


def test_usage_is_total_cost(records: list[Record]) -> None:
    assert all(record["usage"] == record["total_cost"] for record in records)


def test_upstream_cost_is_filled_only_for_a_user_s_own_key(records: list[Record]) -> None:
    own = [record for record in records if record["is_byok"]]
    assert all(not record["upstream_inference_cost"] for record in records if not record["is_byok"])
    assert 0.01 < len(own) / len(records) < 0.06
    assert 0 < share(own, lambda record: record["upstream_inference_cost"] is None) < 0.4


def test_free_models_cost_nothing_but_have_tokens(chats: list[Record]) -> None:
    free = [record for record in chats if record["model"].endswith(":free")]
    assert 0.01 < len(free) / len(chats) < 0.08
    assert all(record["total_cost"] == 0 and record["native_tokens_prompt"] > 0 for record in free)


def test_a_replay_names_an_earlier_record_and_has_neither_tokens_nor_cost(month: Sample, live: list[Record]) -> None:
    replays = [record for record in live if record["response_cache_source_id"]]
    assert 0.002 < len(replays) / len(live) < 0.03
    for record in replays:
        source = month.records[record["response_cache_source_id"]]
        assert created(record) > created(source)
        assert record["model"] == source["model"]
        assert record["total_cost"] == record["native_tokens_prompt"] == record["tokens_completion"] == 0


def test_a_session_begins_with_a_cache_write_and_goes_on_with_cached_reads(agent_calls: list[Record]) -> None:
    sessions: dict[str, list[Record]] = {}
    for record in agent_calls:
        if record["cache_discount"] is not None:
            sessions.setdefault(record["session_id"], []).append(record)
    for first, *others in sessions.values():
        assert first["cache_discount"] < 0
        assert first["native_tokens_cached"] == 0
        for before, record in zip([first, *others], others, strict=False):
            assert record["native_tokens_prompt"] > before["native_tokens_prompt"]
            if find_endpoint(record) == find_endpoint(before):
                assert record["cache_discount"] > 0
                assert 0.93 <= record["native_tokens_cached"] / record["native_tokens_prompt"] <= 0.999
    assert len(sessions) > 100


def test_a_session_that_flips_to_another_endpoint_reads_nothing_and_writes_its_whole_prompt_again(
    month: Sample, agent_calls: list[Record]
) -> None:
    before: dict[str, Record] = {}
    flips = []
    for record in agent_calls:
        if record["cache_discount"] is not None:
            if find_endpoint(before.get(record["session_id"], record)) != find_endpoint(record):
                flips.append(record)
            before[record["session_id"]] = record
    assert 20 < len(flips) < 0.03 * len(agent_calls)
    assert {(record["model"], record["provider_name"]) for record in flips} == {(LUNA.slug, "Azure")}
    for record in flips:
        assert record["native_tokens_cached"] == 0
        assert month.items[record["id"]].cache_write_tokens == record["native_tokens_prompt"]
        assert record["cache_discount"] < 0
    assert {month.priced_by[record["id"]].terms for record in flips} == {Terms.LIST, Terms.REGIONAL}


def test_side_calls_are_small_and_report_no_cache_activity(agent_calls: list[Record]) -> None:
    side_calls = [record for record in agent_calls if record["cache_discount"] is None]
    assert 0.03 < len(side_calls) / len(agent_calls) < 0.12
    assert all(record["native_tokens_prompt"] < 1_200 for record in side_calls)


def test_chats_have_a_few_thousand_prompt_and_about_a_hundred_completion_tokens(chats: list[Record]) -> None:
    turns = [record for record in chats if "session_id" in record and record["session_id"] is None]
    assert 1_500 < median(record["native_tokens_prompt"] for record in turns) < 4_000
    assert 70 < median(record["native_tokens_completion"] for record in turns) < 140
    assert max(record["native_tokens_prompt"] for record in turns) > 20_000


def test_agent_prompts_are_long_and_stay_within_the_context_window(agent_calls: list[Record]) -> None:
    p5, p50, p95 = percentiles([record["native_tokens_prompt"] for record in agent_calls])
    assert 200 < p5 < 20_000
    assert 80_000 < p50 < 170_000
    assert 180_000 < p95 < 215_000


def test_a_part_is_never_more_than_its_whole(chats: list[Record]) -> None:
    for record in chats:
        assert record["native_tokens_reasoning"] <= record["native_tokens_completion"]
        assert record.get("native_tokens_cached", 0) <= record["native_tokens_prompt"]


def test_native_tokens_are_others_than_normalized_ones(chats: list[Record]) -> None:
    assert share(chats, lambda record: record["tokens_prompt"] != record["native_tokens_prompt"]) > 0.95
    ratios = [record["native_tokens_prompt"] / record["tokens_prompt"] for record in chats]
    assert 0.7 < min(ratios) < 0.95
    assert 1.2 < max(ratios) < 2


@pytest.mark.parametrize(
    ("reason", "low", "high"), [("length", 0.01, 0.02), ("error", 0.005, 0.01), ("content_filter", 0.0005, 0.008)]
)
def test_calls_end_early_as_often_as_real_ones(records: list[Record], reason: str, low: float, high: float) -> None:
    assert low <= share(records, lambda record: record["finish_reason"] == reason) <= high


def test_cancelled_calls_have_no_finish_reason_but_tokens_and_cost(records: list[Record]) -> None:
    cancelled = [record for record in records if record["cancelled"]]
    assert 0.01 < len(cancelled) / len(records) < 0.03
    for record in cancelled:
        assert record["finish_reason"] is record["native_finish_reason"] is None
        assert record["native_tokens_completion"] > 0
        assert record["total_cost"] > 0 or record["model"].endswith(":free")


def test_native_finish_reasons_are_the_makers_own(chats: list[Record]) -> None:
    stops = {record["native_finish_reason"] for record in chats if record["finish_reason"] == "stop"}
    assert stops == {"completed", "end_turn", "STOP", "stop"}


def test_a_fallback_is_a_429_of_another_provider_before_the_200(live: list[Record]) -> None:
    fallbacks = [record["provider_responses"] for record in live if len(record["provider_responses"]) > 1]
    assert 0.02 < len(fallbacks) / len(live) < 0.05
    for refused, served in fallbacks:
        assert (refused["status"], served["status"]) == (429, 200)
        assert refused["provider_name"] != served["provider_name"]
    answered = [record for record in live if record["provider_responses"]]
    assert all(record["provider_responses"][-1]["provider_name"] == record["provider_name"] for record in answered)


@pytest.mark.parametrize(
    ("field", "measured"),
    [
        ("latency", (1_399, 4_068, 14_687)),
        ("generation_time", (2_334, 7_645, 26_690)),
        ("native_tokens_completion", (8, 252, 1_357)),
    ],
)
def test_agent_percentiles_are_near_the_measured_ones(
    agent_calls: list[Record], field: str, measured: tuple[int, int, int]
) -> None:
    assert percentiles([record[field] for record in agent_calls]) == pytest.approx(measured, rel=0.3)


def test_streamed_chats_wait_for_the_first_token_no_longer_than_for_the_whole(chats: list[Record]) -> None:
    streamed = [record for record in chats if record["streamed"]]
    assert all(record["latency"] <= record["generation_time"] for record in streamed)
    assert 0.85 < len(streamed) / len(chats) < 0.99
    assert all(record["latency"] is None for record in chats if not record["streamed"])


def test_latency_has_a_heavy_tail(agent_calls: list[Record]) -> None:
    latencies = sorted(record["latency"] for record in agent_calls)
    assert latencies[round(0.99 * len(latencies))] > 5 * median(latencies)


def test_providers_differ_clearly_in_speed(chats: list[Record]) -> None:
    by_provider: dict[str, list[int]] = {}
    for record in chats:
        if record["streamed"]:
            by_provider.setdefault(record["provider_name"], []).append(record["latency"])
    assert len(by_provider) >= 5
    medians = [median(latencies) for latencies in by_provider.values()]
    assert max(medians) > 10 * min(medians)


def test_moderation_is_reported_only_where_it_ran(chats: list[Record]) -> None:
    assert share(chats, lambda record: record["moderation_latency"] is None) > 0.9


def test_images_and_speech_have_their_own_shape(live: list[Record]) -> None:
    images = [record for record in live if record["api_type"] == "image"]
    speech = [record for record in live if record["api_type"] == "tts"]
    assert {record["id"].split("-")[1] for record in images} == {"img"}
    assert {record["id"].split("-")[1] for record in speech} == {"tts"}
    assert median(record["latency"] for record in images) == pytest.approx(116, rel=0.1)
    assert median(record["generation_time"] for record in images) == pytest.approx(4_036, rel=0.1)
    assert {(record["total_cost"], record["num_media_completion"]) for record in images} == {(0.014, 1)}
    assert median(record["latency"] for record in speech) == pytest.approx(246, rel=0.1)
    assert {(record["generation_time"], record["finish_reason"]) for record in speech} == {(None, None)}
    assert all(math.isclose(record["total_cost"], 0.6e-6 * record["tokens_prompt"]) for record in speech)


def test_a_nightly_job_writes_a_prompt_to_the_cache_that_is_hardly_read_again() -> None:
    made = sample(3_000, nightly=0.1).records.values()
    jobs = [record for record in made if record["origin"] == "https://nightly.example.com/"]
    assert len(jobs) > 100
    assert {datetime.fromisoformat(str(record["created_at"])).hour for record in jobs} == {2}
    sessions = Counter(record["session_id"] for record in jobs)
    assert 0.8 < sum(calls == 1 for calls in sessions.values()) / len(sessions) < 1
    assert sum(float(str(record["cache_discount"])) for record in jobs) < 0
    assert "https://nightly.example.com/" not in {record["origin"] for record in sample(3_000).records.values()}
