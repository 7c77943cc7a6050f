"""What the same requests would have cost elsewhere: compared with truth that is known, and refused where it is not."""

from collections import defaultdict
from random import Random
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings, strategies as st

import genanalytics as ga
from genanalytics.decide.elsewhere.what_if import what_if
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.records.coverage import Coverage
from genanalytics.sandbox import PriceSheet, Sample, Terms, sample
from support.generations import CHARGED, frame_of, parse_records
from support.providers import (
    Tariff,
    bill,
    count_native,
    draw_calls,
    list_frames,
    read_row,
    simulate_tokenizers,
    sum_nanos,
    to_nanos,
)

HERE, THERE = Tariff(), Tariff(input=140, read=35, write=150, output=900)
CALLS = draw_calls(60, seed=1)
UNCACHED = CALLS._replace(share=np.zeros(60))
OTHERS = draw_calls(40, seed=2)
BOTH = list_frames(bill(CALLS, HERE, provider="here"), bill(OTHERS, THERE, provider="there"))


def bounds_of(row: dict[str, Any]) -> list[int]:
    return to_nanos([row["cost_there_low"], row["cost_there_high"]])


def effective_cost(frame: pd.DataFrame) -> float:
    own = frame["upstream_inference_cost"].where(frame["is_byok"].fillna(value=False))
    return float(frame["total_cost"].fillna(0).sum() + own.fillna(0).sum())


def test_the_lower_bound_is_what_the_other_provider_charged_for_the_same_calls_with_the_same_cache() -> None:
    row = read_row(what_if(BOTH), provider_name="here")
    low, high = bounds_of(row)
    assert low == sum_nanos(bill(CALLS, THERE))
    assert high > sum_nanos(bill(UNCACHED, THERE))
    assert (row["to_model"], row["to_provider"], row["requests"], row["requests_apart"]) == ("m", "there", 60, 0)
    assert to_nanos([row["cost"]]) == [sum_nanos(bill(CALLS, HERE))]
    assert row["change_low"] == pytest.approx(row["cost_there_low"] - row["cost"])


@pytest.mark.parametrize("seed", range(8))
def test_the_bounds_contain_what_the_other_provider_charged_with_any_worse_cache(seed: int) -> None:
    draws = np.random.default_rng(seed)
    tariff = Tariff(*(int(price) for price in draws.integers((50, 5, 60, 300), (300, 50, 400, 2_000))))
    hits = np.where(draws.random(60) < draws.random(), draws.random(60), 0.0)
    served = bill(CALLS._replace(share=CALLS.share * hits), tariff)
    frame = list_frames(bill(CALLS, HERE, provider="here"), bill(OTHERS, tariff, provider="there"))
    low, high = bounds_of(read_row(what_if(frame), provider_name="here"))
    assert low <= sum_nanos(served) <= high


def test_without_caching_costs_are_the_charge_and_what_was_saved() -> None:
    row = read_row(what_if(BOTH, caching="none"), provider_name="here")
    assert bounds_of(row) == [sum_nanos(bill(UNCACHED, HERE))] * 2
    row = read_row(what_if(BOTH, to="there", caching="none"), provider_name="here")
    assert bounds_of(row) == [sum_nanos(bill(UNCACHED, THERE))] * 2


def test_without_flips_the_lower_bound_is_without_their_losses() -> None:
    frame = parse_records(sample(800, seed=5).records)
    found = what_if(frame, caching="no flips")
    flips = ga.cache_flips(frame)
    is_unknown = flips["loss"].isna() & (flips["cause"] != "shorter prompt")
    unknown = set(flips.loc[is_unknown, ["model", "provider_name"]].itertuples(index=False, name=None))
    answered = found[found["cost_there_low"].notna()]
    names = pd.MultiIndex.from_frame(answered[["model", "provider_name"]])
    assert not unknown & set(names)
    known = flips[pd.MultiIndex.from_frame(flips[["model", "provider_name"]]).isin(names)]
    assert (answered["cost"] - answered["cost_there_low"]).sum() == pytest.approx(known["loss"].sum())
    assert answered["cost_there_high"].equals(answered["cost"])
    with pytest.raises(InputError, match="present provider"):
        what_if(frame, to="Azure", caching="no flips")


def test_losses_of_unknown_size_have_no_lower_bound_and_are_in_no_total(monkeypatch: pytest.MonkeyPatch) -> None:
    flips = pd.DataFrame({"model": "m", "provider_name": ["here", "here", "there"], "cause": "nothing visible"})
    flips["loss"] = pd.array([0.25, None, 0.001], dtype="Float64")
    flips.attrs["notices"] = []
    monkeypatch.setattr("genanalytics.decide.elsewhere.other_caching.cache_flips", lambda *_: flips)
    found = what_if(BOTH, caching="no flips")
    row, known = (read_row(found, provider_name=name) for name in ("here", "there"))
    assert row["refused"].startswith("the loss of 1 of 2 calls that lost the cache is unknown; the others lost at most")
    assert pd.isna(row["cost_there_low"])
    assert pd.isna(row["change_low"])
    assert (row["requests"], row["requests_apart"]) == (0, 60)
    assert row["cost_apart"] == pytest.approx(effective_cost(BOTH[BOTH["provider_name"] == "here"]))
    assert known["cost_there_low"] == pytest.approx(known["cost"] - 0.001)
    assert not any("in all" in notice for notice in found.attrs["notices"])
    assert any(notice.startswith("60 requests for") and "no answer" in notice for notice in found.attrs["notices"])


def test_an_infinite_price_is_refused_and_in_no_total() -> None:
    found = what_if(BOTH, prices=LISTED.assign(input_price=[np.inf]))
    assert found["refused"].str.contains("infinite").all()
    assert found[["cost_there_low", "change_low", "change_high"]].isna().all(axis=None)
    assert not any("$0.00" in notice for notice in found.attrs["notices"])


def test_a_cache_that_only_the_alternative_has_is_named() -> None:
    plain = bill(CALLS._replace(share=np.zeros(60)), HERE, provider="here").assign(native_tokens_cached=0)
    for price, is_named in ((0.1, True), (1.0, False)):
        row = read_row(what_if(plain, prices=LISTED.assign(cache_read_price=price, request_price=0.001)))
        assert ("a cache there could make it cheaper" in row["assumed"]) == is_named
        assert "and $0.001000 per request" in row["assumed"]


def list_sheets(month: Sample) -> "dict[tuple[str, str], dict[Terms, PriceSheet]]":
    """Return the true sheets of each model and provider; a raised price replaces that of the list."""
    sheets: dict[tuple[str, str], dict[Terms, PriceSheet]] = defaultdict(dict)
    for sheet in month.prices:
        terms = Terms.LIST if sheet.terms is Terms.RAISED else sheet.terms
        if sheet.terms is Terms.RAISED or terms not in sheets[sheet.model, sheet.provider_name]:
            sheets[sheet.model, sheet.provider_name][terms] = sheet
    return sheets


def price_truly(record: dict[str, Any], items: ga.sandbox.Items, sheet: PriceSheet) -> int:
    """Return nano-dollars of a record at a sheet, worked out from the true items of its bill."""
    cached = record["native_tokens_cached"] or 0
    micros = (
        (record["native_tokens_prompt"] - cached - items.cache_write_tokens) * sheet.input_price
        + cached * (sheet.cache_read_price or 0)
        + items.cache_write_tokens * (sheet.cache_write_price or 0)
        + record["native_tokens_completion"] * sheet.output_price
    )
    nanos: int = round(micros * 1_000 + sheet.request_price * 10**9)
    return nanos + items.web_search + items.file_processing


def test_each_row_of_the_sandbox_at_another_provider_costs_what_its_true_prices_say() -> None:
    month = sample(3_000, seed=11)
    named: dict[str, Any] = {name: record for name, record in month.records.items() if "native_tokens_cached" in record}
    sheets = list_sheets(month)
    truth: dict[object, list[int]] = defaultdict(list)
    for name, record in named.items():
        terms = month.priced_by[name].terms if name in month.priced_by else None
        chosen = terms in {None, Terms.BATCH} or record.get("service_tier") in {"flex", "priority"}
        if chosen or record["is_byok"] or not record["total_cost"]:
            continue
        wanted = terms if terms in {Terms.LONG_PROMPT, Terms.ONE_HOUR} else Terms.LIST
        for (model, provider), own in sheets.items():
            if model == record["model"] and provider != record["provider_name"] and wanted in own:
                cost = price_truly(record, month.items[name], own[wanted])
                truth[model, record["provider_name"], provider].append(cost)
    found = what_if(parse_records(named))
    answered = found[found["refused"].isna()].to_dict("records")
    assert len(answered) == 16
    whole = [row for row in answered if "longer than" not in str(row["apart"])]
    assert len(whole) >= 8
    for row in whole:
        costs = truth[row["model"], row["provider_name"], row["to_provider"]]
        assert row["requests"] == len(costs)
        assert to_nanos([row["cost_there_low"]]) == [sum(costs)]


def test_costs_of_compared_and_other_requests_are_the_whole_bill() -> None:
    frame = parse_records(sample(500, seed=3).records)
    bill_of = {names: effective_cost(group) for names, group in frame.groupby(["model", "provider_name"], dropna=False)}
    for found in (what_if(frame), what_if(frame, to={"batch": 0.5}), what_if(frame, caching="none")):
        for row in found.to_dict("records"):
            assert row["cost"] + row["cost_apart"] == pytest.approx(bill_of[row["model"], row["provider_name"]])
    assert found["requests"].sum() + found["requests_apart"].sum() == len(frame)


def test_every_engine_answers_alike() -> None:
    calls = OTHERS._replace(prompt=OTHERS.prompt.copy())
    calls.prompt[:3] = 70_000
    others = bill(OTHERS, THERE, model="n", tokens=(count_native(OTHERS.prompt, 1.2, 3), OTHERS.completion))
    frame = list_frames(BOTH, others, bill(calls, HERE, model="n", provider="far"))
    table = pa.Table.from_pandas(frame, preserve_index=False)
    here = what_if(frame, to={"model": "n"})
    relation = duckdb.connect().from_arrow(table)
    there = what_if(relation, to={"model": "n"})
    pd.testing.assert_frame_equal(here, there, rtol=1e-9)
    assert here.attrs["notices"] == there.attrs["notices"]
    pd.testing.assert_frame_equal(here, what_if(pl.DataFrame(table), to={"model": "n"}))
    pd.testing.assert_frame_equal(what_if(frame, caching="none"), what_if(relation, caching="none"), rtol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_the_cost_of_another_tokenizer_is_within_the_bounds(seed: int) -> None:
    outside, _ = simulate_tokenizers(seed)
    assert outside <= 0.002  # of 200 data sets, 95 % are within


def test_a_model_without_records_has_the_range_of_tokenizers_in_the_data_and_says_so() -> None:
    calls = draw_calls(80, seed=6, cached=False)
    prompt, completion = (count_native(tokens, 1.3, 7) for tokens in (calls.prompt, calls.completion))
    frame = bill(calls, HERE, model="one", tokens=(prompt, completion))
    prices = pd.DataFrame({"model": ["new"], "input_price": [0.2], "output_price": [1.2]})
    row = read_row(what_if(frame, to={"model": "new"}, prices=prices))
    assert row["cost_there_low"] == pytest.approx(row["cost"] / 1.3, rel=1e-3)
    assert row["cost_there_high"] == pytest.approx(row["cost"], rel=1e-3)
    assert "in no record: the range of all models of the data" in row["assumed"]
    blind = frame.drop(columns=["tokens_prompt", "tokens_completion"])
    refused = read_row(what_if(blind, to={"model": "new"}, prices=prices))
    assert "no normalized tokens" in refused["refused"]
    assert pd.isna(refused["cost_there_low"])


def test_a_price_that_changed_counts_as_it_is_now() -> None:
    there = bill(OTHERS, THERE, provider="there")
    raised = bill(OTHERS, Tariff(*(2 * price for price in THERE)), provider="there")
    raised["created_at"] += pd.Timedelta(days=3)
    frame = list_frames(bill(CALLS, HERE, provider="here"), there, raised.head(30))
    row = read_row(what_if(frame), provider_name="here")
    assert bounds_of(row)[0] == 2 * sum_nanos(bill(CALLS, THERE))
    assert "from 2026-08-04 on" in row["assumed"]


def test_another_price_at_the_same_time_is_named() -> None:
    dearer = bill(OTHERS.part(slice(12)), Tariff(*(price * 110 // 100 for price in THERE)), provider="there")
    dearer["requested_id"] += "-x"
    frame = list_frames(bill(CALLS, HERE, provider="here"), bill(OTHERS, THERE, provider="there"), dearer)
    row = read_row(what_if(frame), provider_name="here")
    assert bounds_of(row)[0] == sum_nanos(bill(CALLS, THERE))
    assert "12 others there at $0.154/M tokens in and $0.99/M tokens out" in row["assumed"]


def test_batches_tiers_own_keys_and_free_requests_are_apart_with_their_cost() -> None:
    here = bill(CALLS, HERE, provider="here").assign(service_tier="default")
    here = here.astype({"native_tokens_completion": "Int64"})
    here.loc[0, "requested_id"] = "gen-batch-1"
    here.loc[1, "service_tier"] = "flex"
    here.loc[2, ["is_byok", "total_cost", "upstream_inference_cost"]] = [True, 0.001, 0.5]
    here.loc[3, "total_cost"] = 0.0
    here.loc[4, "response_cache_source_id"] = "gen-x"
    here.loc[5, "total_cost"] = None
    here.loc[6, "native_tokens_completion"] = None
    here.loc[7, "total_cost"] = 77.0
    row = read_row(what_if(list_frames(here, bill(OTHERS, THERE, provider="there"))), provider_name="here")
    assert (row["requests"], row["requests_apart"]) == (52, 8)
    assert set(row["apart"].split("; ")) == {
        "2 batches or of a service tier",
        "1 paid with an own key (BYOK)",
        "2 free or replayed",
        "1 of unknown cost",
        "1 of unknown tokens",
        "1 at a cost that no price explains",
    }
    assert row["cost"] + row["cost_apart"] == pytest.approx(effective_cost(here))
    assert bounds_of(row)[0] == sum_nanos(bill(CALLS.part(slice(8, None)), THERE))


def test_a_batch_costs_what_batches_did_or_a_share_of_the_present_price() -> None:
    calls = draw_calls(50, seed=9, cached=False)
    half = Tariff(*(price // 2 for price in HERE))
    now = bill(calls, HERE).assign(streamed=[place % 5 == 0 for place in range(50)])
    batches = bill(draw_calls(50, seed=10, cached=False), half)
    batches["requested_id"] = [f"gen-batch-{place}" for place in range(50)]
    waiting = calls.part(np.arange(50) % 5 != 0)
    row = read_row(what_if(list_frames(now, batches), to="batch"))
    assert bounds_of(row) == [sum_nanos(bill(waiting, half))] * 2
    assert set(row["apart"].split("; ")) == {
        "50 batches or of a service tier",
        "10 streamed: someone waited for the answer",
    }
    assert bounds_of(read_row(what_if(now, to={"batch": 0.5}))) == [sum_nanos(bill(waiting, half))] * 2
    assert "no batch price" in read_row(what_if(now, to="batch"))["refused"]


def test_prompts_beyond_the_known_prices_or_the_context_are_apart() -> None:
    calls = draw_calls(60, seed=12)
    calls.prompt[:5] = 60_000 + np.arange(5)
    here = bill(calls, HERE, provider="here")
    row = read_row(what_if(list_frames(here, bill(OTHERS, THERE, provider="there"))), provider_name="here")
    assert (row["requests"], row["apart"]) == (55, "5 with a prompt longer than those of a known price there")
    pricing = {
        "prompt": "0.00000014",
        "completion": "0.0000009",
        "input_cache_read": "0.000000035",
        "overrides": [{"min_prompt_tokens": 50_000, "prompt": "0.00000028"}],
    }
    most = int((calls.prompt + calls.completion)[:5].max()) - 1
    listed = {"data": [{"id": "m", "canonical_slug": "m", "context_length": most, "pricing": pricing}]}
    row = read_row(what_if(here, prices=listed, caching="none"))
    fits = calls.prompt + calls.completion <= most
    cost = np.where(calls.prompt > 50_000, 280, 140) * calls.prompt + 900 * calls.completion
    assert bounds_of(row) == [cost[fits].sum()] * 2
    assert row["apart"] == f"{int((~fits).sum())} longer than the context there"


def test_images_are_apart_for_another_model_only() -> None:
    here = bill(CALLS, HERE, provider="here").assign(num_media_prompt=0)
    here.loc[0, "num_media_prompt"] = 2
    others = (bill(OTHERS, THERE, provider="there"), bill(OTHERS, THERE, model="n"))
    frame = list_frames(here, *(other.assign(num_media_prompt=0) for other in others))
    assert read_row(what_if(frame), provider_name="here")["requests"] == 60
    row = read_row(what_if(frame, to={"model": "n"}), provider_name="here")
    assert (row["requests"], row["apart"]) == (59, "1 with images or audio")


def test_prices_are_learned_from_more_records_than_those_compared() -> None:
    here = BOTH[BOTH["provider_name"] == "here"]
    assert "no price of this model" in read_row(what_if(here))["refused"]
    whole = what_if(BOTH).query("provider_name == 'here'").reset_index(drop=True)
    for option in ({}, {"to": "there", "prices": ga.prices(BOTH)}):
        pd.testing.assert_frame_equal(what_if(here, reference=BOTH, **option), whole)  # type: ignore[arg-type]


def test_unknown_prices_and_few_requests_are_refused_with_the_reason() -> None:
    few = list_frames(bill(CALLS, HERE, provider="here"), bill(OTHERS.part(slice(1)), THERE, provider="there"))
    found = what_if(few)
    row = read_row(found, provider_name="here")
    assert row["refused"] == "the prices there are not known: too few requests"
    assert pd.isna(row["cost_there_low"])
    assert row["requests_apart"] == 60
    assert "no price explains" in read_row(found, provider_name="there")["refused"]
    assert read_row(what_if(BOTH[:1]))["refused"] == "no price of this model at another provider"


@pytest.mark.parametrize("option", [{}, {"caching": "none"}, {"caching": "no flips"}, {"to": "batch"}])
def test_nothing_gives_an_empty_answer(option: dict[str, Any]) -> None:
    found = what_if(BOTH[:0], **option)
    assert found.empty
    assert set(found.attrs["units"]) < set(found.columns)


def test_records_without_values_are_counted() -> None:
    blank = BOTH.astype({"native_tokens_prompt": "Int64", "native_tokens_cached": "Int64"})
    blank[["total_cost", "native_tokens_prompt", "native_tokens_cached"]] = pd.NA
    found = what_if(blank.astype({"total_cost": "Float64"}))
    assert found["requests"].tolist() == [0, 0]
    assert sorted(found["requests_apart"]) == [40, 60]
    assert found["refused"].notna().all()


def test_the_data_is_unchanged_and_coverage_survives() -> None:
    frame = BOTH.copy()
    frame.attrs["coverage"] = Coverage.of([*frame["requested_id"], "gen-x"], found=len(frame)).to_json()
    before = frame.copy()
    found = what_if(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert found.attrs["coverage"] == before.attrs["coverage"]
    assert found.attrs["lower_bounds"] == ["requests", "requests_apart"]


@settings(max_examples=4, deadline=None, phases=(Phase.generate,))
@given(CHARGED, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter_and_no_cost_is_lost(records: list[dict[str, Any]], random: Random) -> None:
    frame = frame_of(*records)
    order = list(range(len(frame)))
    random.shuffle(order)
    found, shuffled = what_if(frame), what_if(frame.iloc[order])
    pd.testing.assert_frame_equal(found, shuffled, rtol=1e-9)
    groups = found.drop_duplicates(["model", "provider_name"])
    assert (groups["cost"] + groups["cost_apart"]).sum() == pytest.approx(effective_cost(frame), abs=1e-9)
    assert (groups["requests"] + groups["requests_apart"]).sum() == len(frame)


LISTED = pd.DataFrame({"model": ["m"], "input_price": [1.0], "output_price": [1.0]})


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"to": "theer"}, "did you mean 'there'"),
        ({"to": {"model": "x"}}, "no model 'x' has a price"),
        ({"to": {"modle": "m"}}, "is no alternative"),
        ({"to": {"batch": 2}}, "as a share of the present one"),
        ({"caching": "some"}, "there are 'as seen', 'none', 'no flips'"),
        ({"prices": {"models": []}}, "cannot be read: give a table"),
        ({"to": "batch", "prices": LISTED}, "batch prices come from the records"),
    ],
)
def test_what_cannot_be_read_is_refused(option: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        what_if(BOTH, **option)


def test_missing_columns_are_named() -> None:
    with pytest.raises(MissingColumnError, match="provider_name"):
        what_if(BOTH.drop(columns="provider_name"))
    with pytest.raises(MissingColumnError, match="output_price"):
        what_if(BOTH, prices=LISTED.drop(columns="output_price"))
