"""One generation in full: every dollar of its cost with its reason, and what cannot be said."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import genanalytics as ga
from genanalytics.bill.explanation import Explanation
from genanalytics.bill.meters import Bill, Meter
from genanalytics.bill.page import Section
from genanalytics.records.frame import to_arrow
from genanalytics.sandbox import sample
from support.generations import frame_of, parse_records

RECORDS: Mapping[str, dict[str, Any]] = sample(400, seed=3).records
FRAME = parse_records(RECORDS)
PRICES = ga.prices(FRAME)
CONTRACT = 27
"""The number of fields of a record of the contract."""


def find(condition: "pd.Series[bool]") -> str:
    """Return the id of the first record that meets a condition."""
    found: str = FRAME.loc[condition.fillna(value=False).astype(bool), "requested_id"].iloc[0]
    return found


def explain(generation_id: str) -> Explanation:
    return ga.explain(generation_id, FRAME, prices=PRICES)


def assert_closes(bill: Bill | None) -> None:
    if bill is not None and bill.total is not None:
        assert sum((line.usd for line in bill.lines if line.usd is not None), Decimal(0)) == bill.total


def test_every_record_of_the_sample_gives_a_page_whose_sums_close() -> None:
    for row in range(0, len(FRAME), 4):
        explanation = ga.explain(FRAME.iloc[row], FRAME, prices=PRICES)
        cost = FRAME["total_cost"].iloc[row]
        assert explanation.total_cost == (None if pd.isna(cost) else Decimal(repr(float(cost))))
        assert_closes(explanation.charge)
        assert_closes(explanation.upstream)
        assert FRAME["requested_id"].iloc[row] in str(explanation)
        assert "total_cost" in explanation._repr_html_()
        json.dumps(explanation.to_json(), allow_nan=False)


def test_the_lines_of_a_chat_with_a_cache_are_tokens_times_price() -> None:
    # the sandbox sells Claude Haiku at 1 / 0.1 / 1.25 / 5 US$ per million tokens
    haiku = FRAME["model"].str.contains("haiku") & (FRAME["cache_discount"] > 0) & ~FRAME["is_byok"]
    generation_id = find(haiku)
    record, explanation = RECORDS[generation_id], explain(generation_id)
    tokens, lines = explanation.tokens, {line.meter: line for line in explanation.charge.lines}
    read, written = lines[Meter.CACHE_READ], lines[Meter.CACHE_WRITE]
    assert read.quantity == tokens.cached == record["native_tokens_cached"]
    assert written.quantity == tokens.written
    assert tokens.written is not None
    assert read.usd == record["native_tokens_cached"] * Decimal("0.1") / 1_000_000
    assert written.usd == tokens.written * Decimal("1.25") / 1_000_000
    assert lines[Meter.OUTPUT].usd == record["native_tokens_completion"] * Decimal(5) / 1_000_000
    assert explanation.regime is not None
    assert explanation.regime.prices["input_price"] == 1.0
    assert explanation.saved_usd == Decimal(str(record["cache_discount"]))
    assert explanation.cost_without_cache == Decimal(str(record["total_cost"])) + Decimal(str(record["cache_discount"]))
    text = str(explanation)
    *_, last = text[: text.index("\n\nPrompt caching")].splitlines()
    name, _, total = last.split()
    assert (name, Decimal(total)) == ("total_cost", explanation.total_cost)


def test_an_image_has_a_price_per_request() -> None:
    explanation = explain(find(FRAME["api_type"] == "image"))
    assert [(line.meter, line.quantity, line.usd) for line in explanation.charge.lines if line.usd] == [
        (Meter.REQUEST, 1, explanation.total_cost)
    ]


def test_speech_is_priced_by_its_input() -> None:
    explanation = explain(find((FRAME["api_type"] == "tts") & (FRAME["total_cost"] > 0)))
    assert [line.meter for line in explanation.charge.lines if line.usd] == [Meter.INPUT]
    assert explanation.timings["generation time"] is None
    assert re.search(r"^  generation time +–$", str(explanation), re.MULTILINE)


def test_a_replayed_generation_is_free_and_says_so() -> None:
    explanation = explain(find(FRAME["response_cache_source_id"].notna()))
    assert explanation.total_cost == 0
    assert "replayed from the response cache, which is free" in explanation.kind
    assert "free of charge" in str(explanation)
    assert not explanation.notices


def test_a_cancelled_generation_is_billed() -> None:
    explanation = explain(find(FRAME["cancelled"] & (FRAME["total_cost"] > 0)))
    assert "cancelled, which is billed" in explanation.kind
    assert explanation.regime is not None


def test_a_byok_generation_has_two_sums() -> None:
    explanation = explain(find(FRAME["is_byok"] & (FRAME["upstream_inference_cost"] > 0)))
    assert explanation.upstream is not None
    assert [line.meter for line in explanation.charge.lines] == [Meter.FEE]
    assert {line.meter for line in explanation.upstream.lines} == {Meter.INPUT, Meter.OUTPUT}
    assert "upstream_inference_cost" in str(explanation)


def test_a_fallback_shows_each_attempt_with_its_wait() -> None:
    generation_id = next(name for name, record in RECORDS.items() if len(record.get("provider_responses") or ()) > 1)
    told = RECORDS[generation_id]["provider_responses"]
    assert [(one.provider_name, one.status, one.wait_ms) for one in explain(generation_id).attempts] == [
        (one["provider_name"], one["status"], one["latency"]) for one in told
    ]


def test_the_session_and_the_medians_are_those_of_the_data() -> None:
    generation_id = find(FRAME["session_id"].notna() & (FRAME["total_cost"] > 0))
    record, explanation = RECORDS[generation_id], explain(generation_id)
    session = FRAME[FRAME["session_id"] == record["session_id"]].sort_values("created_at")
    assert explanation.session is not None
    assert explanation.session.requests == len(session)
    assert explanation.session.position == 1 + session["requested_id"].tolist().index(generation_id)
    assert explanation.session.cost_share == pytest.approx(record["total_cost"] / session["total_cost"].sum())
    same = ga.summarize(FRAME[FRAME["model"] == record["model"]]).iloc[0]
    by_label = {one.label: one for one in explanation.comparisons}
    assert by_label["generation time"].value == record["generation_time"]
    assert by_label["generation time"].median == same["e2e_ms_p50"]
    assert by_label["time to first token"].known == same["ttft_ms_n"]
    assert (by_label["cost"].median, by_label["cost"].known) == (
        same["cost_per_request_p50"],
        same["cost_per_request_n"],
    )


@pytest.mark.parametrize("field", [None, "data"])
def test_a_record_as_the_api_returns_it_is_explained_like_its_row(field: str | None) -> None:
    generation_id = find(FRAME["session_id"].notna() & (FRAME["total_cost"] > 0))
    record = RECORDS[generation_id]
    body = record if field is None else {field: record}
    assert ga.explain(body, FRAME, prices=PRICES).to_json() == explain(generation_id).to_json()
    assert (
        ga.explain(FRAME[FRAME["requested_id"] == generation_id], FRAME).to_json() == explain(generation_id).to_json()
    )


def test_every_engine_gives_the_same(tmp_path: Path) -> None:
    path = tmp_path / "records.parquet"
    ga.write(FRAME, path)
    generation_id = find(FRAME["session_id"].notna() & (FRAME["cache_discount"] > 0))
    expected = ga.explain(generation_id, FRAME).to_json()
    others: list[Any] = [ga.scan(path), to_arrow(FRAME), pl.from_arrow(to_arrow(FRAME))]
    for data in others:
        found = ga.explain(generation_id, data).to_json()
        share = found["session"].pop("cost_share"), found["session"].pop("cost_usd")
        assert share == pytest.approx([expected["session"][name] for name in ("cost_share", "cost_usd")])
        found["session"] |= {name: expected["session"][name] for name in ("cost_share", "cost_usd")}
        assert found == expected


def test_a_single_record_says_what_it_cannot_say() -> None:
    record = {"id": "gen-1", "model": "maker/model", "total_cost": 0.5, "cache_discount": -0.1}
    explanation = ga.explain(record)
    assert explanation.regime is None
    assert explanation.notices == (
        "one record does not tell its prices: give other records of the same model and provider",
    )
    assert explanation.cost_without_cache == Decimal("0.4")
    assert [line.meter for line in explanation.charge.lines] == [Meter.UNEXPLAINED]


def test_too_few_requests_are_a_reason() -> None:
    frame = frame_of({"total_cost": 0.3}, {"model": "other"})
    assert "too few requests" in ga.explain("gen-0", frame).notices[0]
    [unknown] = ga.explain({"id": "gen-9", "model": "new", "total_cost": 1.0}, frame).notices
    assert unknown.startswith("the data has no billed record of this model and provider")


def test_a_record_of_the_contract_or_less_gives_a_page() -> None:
    named = [name for name, column in zip(FRAME.columns, ga.COLUMNS, strict=True) if column.origin == "contract"]
    assert len(named) == CONTRACT
    chat = RECORDS[find(FRAME["cache_discount"] > 0)]
    old = {name: chat.get(name) for name in named}
    assert ga.explain(old, FRAME).regime is not None
    empty = ga.explain({"id": "gen-1"}, FRAME)
    assert empty.total_cost is None
    assert "the record has no cost" in empty.notices
    assert "total_cost" in str(empty)
    assert all(line.split()[-1] == "–" for line in str(empty).splitlines() if line.startswith("  model "))


def test_strangers_write_no_html_and_no_lines() -> None:
    hostile: dict[str, Any] = {
        "id": "gen-1",
        "model": "<script>alert(1)</script>",
        "provider_name": "\x1b[31m\n\u202e",
        "user_agent": "<img src=x onerror=alert(1)>",
        "finish_reason": "'\"><b>",
        "external_user": "sk-or-v1-" + 64 * "a",
        "total_cost": 0.5,
        "provider_responses": [{"provider_name": "<i>\n</i>", "status": 200}],
    }
    explanation = ga.explain(hostile, FRAME)
    page, text = explanation._repr_html_(), str(explanation)
    assert not any(tag in page for tag in ("<script", "<img", "<b>", "<i>"))
    assert all(line.isprintable() for line in text.split("\n"))
    assert 64 * "a" not in page + text + json.dumps(explanation.to_json())


def test_an_unknown_id_names_the_nearest_and_the_next_step() -> None:
    near = FRAME["requested_id"].iloc[7]
    with pytest.raises(ga.InputError, match=rf"did you mean '{near}'\? fetch it with `genanalytics fetch`"):
        ga.explain(near[:-1] + "_", FRAME)
    with pytest.raises(ga.InputError, match="no data to find 'gen-1' in: give a frame of records"):
        ga.explain("gen-1")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model": "a"}, "this is no record as the API returns it"),
        (pd.DataFrame(), "cannot explain a frame of 0 rows"),
        (7, "cannot explain int: give an id of the data"),
        ({"requested_id": "gen-1", "latency": "soon"}, "'latency' of the row does not fit its column"),
    ],
)
def test_something_else_is_refused(given: Any, message: str) -> None:  # noqa: ANN401
    with pytest.raises(ga.InputError, match=message):
        ga.explain(given, FRAME)


def test_the_inputs_stay_as_they_are() -> None:
    before = FRAME.copy(deep=True)
    explain(FRAME["requested_id"].iloc[0])
    pd.testing.assert_frame_equal(FRAME, before)


def test_a_narrow_page_continues_cells_below_themselves() -> None:
    section = Section("Title", (("budget", "$300", "chance to exceed it: over 99 %"), ("x" * 20, "", "of 5,447")), (1,))
    assert section.to_text(width=44).splitlines() == [
        "Title",
        "  budget                $300  chance to",
        "                              exceed it:",
        "                              over 99 %",
        f"  {'x' * 20}        of 5,447",
    ]
    assert section.to_text(width=36).splitlines()[3:] == [f"  {'x' * 20}", "      of 5,447"]
    assert "chance to exceed it: over 99 %" in section.to_text()
