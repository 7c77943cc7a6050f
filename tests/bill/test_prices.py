"""Prices out of bills with a known truth, and out of awkward ones."""

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

import genanalytics as ga
from genanalytics.bill.prices import UNEXPLAINED
from genanalytics.bill.regimes import TOO_FEW
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.sandbox import Sample, sample
from support.bills import Shown, allows, draw_bill, matches
from support.generations import parse_records

NEEDED = {"exact": 0.99, "rounded": 0.95, "cut": 0.95}


@pytest.mark.parametrize("shown", ["exact", "rounded", "cut"])
@pytest.mark.parametrize("seeds", [range(40), pytest.param(range(40, 200), marks=pytest.mark.long)], ids=["", "more"])
def test_random_sheets_are_found_and_none_is_made_up(shown: Shown, seeds: range) -> None:
    regimes = right = known = wrong = 0
    for seed in seeds:
        truth = draw_bill(seed, shown)
        found = ga.prices(truth.frame)
        found = found[found["regime"].notna()]
        for number, sheet in enumerate(truth.sheets):
            if (truth.who == number).sum() >= 10:
                regimes += 1
                right += any(allows(row, sheet) for _, row in found.iterrows())
        proved = found[found["identified"] == "yes"]
        known += len(proved)
        wrong += sum(not any(matches(row, sheet) for sheet in truth.sheets) for _, row in proved.iterrows())
    assert right >= NEEDED[shown] * regimes
    assert wrong <= 0.005 * known
    assert known >= 0.75 * regimes


@pytest.mark.parametrize("shown", ["rounded", "cut"])
def test_the_resolution_is_found_out_from_the_amounts(shown: Shown) -> None:
    found = ga.prices(draw_bill(3, shown).frame).attrs["resolution"]
    assert found == {"unit": 1e-6, "ending": shown}


@pytest.fixture(scope="module")
def month() -> Sample:
    return sample(20_000)


@pytest.fixture(scope="module")
def found(month: Sample) -> pd.DataFrame:
    return ga.prices(parse_records(month.records))


def test_every_sheet_of_the_sandbox_is_found_exactly(month: Sample, found: pd.DataFrame) -> None:
    expected = set()
    for sheet in month.prices:
        billed = [key for key, of in month.priced_by.items() if of == sheet and month.items[key].total]
        if len(billed) >= 10:
            items = [month.items[key] for key in billed]
            read = sheet.cache_read_price if any(item.cache_read for item in items) else None
            write = sheet.cache_write_price if any(item.cache_write for item in items) else None
            true = (sheet.input_price, sheet.output_price, sheet.request_price, read, write)
            expected.add((sheet.model, sheet.provider_name, *map(_normalize, true)))
    regimes = found[found["regime"].notna()]
    columns = ["input_price", "output_price", "request_price", "cache_read_price", "cache_write_price"]
    numbers = regimes[columns].map(_normalize)
    assert (
        set(zip(regimes["model"], regimes["provider_name"], *(numbers[name] for name in columns), strict=True))
        == expected
    )
    assert (regimes["identified"] == "yes").all()


def _normalize(price: Any) -> Decimal | None:  # noqa: ANN401 - a number or a gap
    return None if price is None or pd.isna(price) else Decimal(str(price)).quantize(Decimal("0.0000001"))


def test_nearly_all_rows_of_the_sandbox_are_explained(found: pd.DataFrame) -> None:
    rest = found.loc[found["regime"].isna(), "requests"].sum()
    assert rest <= 0.001 * found["requests"].sum()


@pytest.mark.parametrize(
    ("model", "provider", "words"),
    [
        ("openai/gpt-5.6-luna-20260709", "Azure", "1.1 times regime 1, at the same time"),
        ("openai/gpt-5.6-luna-20260709", "OpenAI", "0.5 times regime 1, where service_tier is flex"),
        ("openai/gpt-5.6-luna-20260709", "OpenAI", "2 times regime 1, where service_tier is priority"),
        ("anthropic/claude-4.5-haiku-20251001", "Anthropic", "0.5 times regime 1, batch"),
        ("anthropic/claude-4.5-haiku-20251001", "Anthropic", "cache writes 1.6 times regime 1, at the same time"),
        ("google/gemini-2.5-flash-lite", "Google", "0.99 times regime 1, where app_id is 290666"),
    ],
)
def test_relations_say_why_prices_differ(found: pd.DataFrame, model: str, provider: str, words: str) -> None:
    group = found[(found["model"] == model) & (found["provider_name"] == provider)]
    assert words in set(group["relation"])


def test_a_relation_names_what_separates_rows_although_another_column_says_nothing() -> None:
    costs = np.array([bill(*pair) for pair in zip(VARIED, ANSWERS, strict=True)])
    flex = make_frame(VARIED * 2, ANSWERS * 2, [*costs, *costs], service_tier="flex", is_byok=False)
    own = make_frame(VARIED, ANSWERS, [0.0] * 8, is_byok=True, upstream_inference_cost=2 * costs)
    found = ga.prices(pd.concat([flex, own], ignore_index=True))
    assert found["relation"].tolist() == ["regime 1", "2 times regime 1, with the user's own key"]


def test_relations_name_the_moment_and_the_length(found: pd.DataFrame) -> None:
    words = " / ".join(found["relation"].dropna())
    assert "1.2 times regime 1, from 2026-09-16 14:" in words
    assert "output 1.5 times regime 1, prompts of 200,000 tokens or more" in words


def make_frame(prompt: list[float], completion: list[float], cost: list[float], **more: object) -> pd.DataFrame:
    """Return requests of one group without caching."""
    columns = {"native_tokens_prompt": prompt, "native_tokens_completion": completion, "total_cost": cost}
    return pd.DataFrame({**columns, "model": "m", "provider_name": "p", **more})


VARIED = [1_000.0, 2_500.0, 4_200.0, 800.0, 1_600.0, 3_100.0, 5_050.0, 920.0]
ANSWERS = [120.0, 80.0, 310.0, 45.0, 500.0, 260.0, 75.0, 640.0]


def bill(prompt: float, completion: float, price: float = 3.0, output: float = 15.0) -> float:
    return (price * prompt + output * completion) / 1e6


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_groups_of_few_rows_have_no_prices(rows: int) -> None:
    costs = [bill(*pair) for pair in zip(VARIED[:rows], ANSWERS[:rows], strict=True)]
    (row,) = ga.prices(make_frame(VARIED[:rows], ANSWERS[:rows], costs)).to_dict("records")
    assert row["identified"] == TOO_FEW
    assert row["requests"] == rows
    assert pd.isna(row["regime"])
    assert pd.isna(row["input_price"])


def test_unknown_tokens_are_a_reason() -> None:
    found = ga.prices(make_frame([np.nan] * 8, ANSWERS, [0.01 * place for place in range(1, 9)]))
    assert found["identified"].tolist() == ["the tokens of the prompts are unknown"]


def test_free_rows_are_in_no_regime() -> None:
    assert ga.prices(make_frame(VARIED, ANSWERS, [0.0] * 8)).empty


def test_an_empty_frame_has_no_prices() -> None:
    found = ga.prices(make_frame([], [], []).astype({"total_cost": float}))
    assert found.empty
    assert "input_price" in found


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_proportional_tokens_are_not_told_apart(factor: float) -> None:
    answers = [factor * tokens for tokens in VARIED]
    costs = [bill(*pair) for pair in zip(VARIED, answers, strict=True)]
    (row,) = ga.prices(make_frame(VARIED, answers, costs)).to_dict("records")
    assert row["identified"] == "input and output cannot be told apart"
    assert pd.isna(row["input_price"])
    assert pd.isna(row["output_price"])
    assert row["input_price_min"] <= 3 <= row["input_price_max"]
    assert row["explained_share"] == 1


def test_constant_tokens_prove_no_price() -> None:
    (row,) = ga.prices(make_frame([500.0] * 8, [100.0] * 8, [0.003] * 8)).to_dict("records")
    assert row["identified"] == "all requests have the same tokens"
    assert pd.isna([row["request_price"], row["input_price"], row["output_price"]]).all()


def test_one_constant_count_cannot_be_told_from_a_price_per_request() -> None:
    costs = [bill(prompt, 200.0) + 0.01 for prompt in VARIED]
    (row,) = ga.prices(make_frame(VARIED, [200.0] * 8, costs)).to_dict("records")
    assert row["identified"] == "output and requests cannot be told apart"
    assert pd.isna(row["output_price"])
    items = ga.itemize(make_frame(VARIED, [200.0] * 8, costs))
    assert items["unexplained_cost"].tolist() == pytest.approx(costs)


def test_whole_prices_do_not_make_cut_amounts_exact() -> None:
    draws = np.random.default_rng(11)
    prompt, completion = draws.integers(500, 20_000, 600), draws.integers(20, 900, 600)
    price = np.where(np.arange(600) < 400, 3.0, 3.3)
    costs = np.floor(price * prompt + 5 * price * completion + 1e-7) / 1e6
    found = ga.prices(make_frame(list(prompt), list(completion), list(costs), source="activity"))
    assert found.attrs["resolution_of_exports"]["ending"] == "cut"
    assert found[["requests", "input_price"]].to_numpy().tolist() == [[400, 3], [200, 3.3]]


@pytest.mark.parametrize(("price", "output"), [(0.902, 6.4), (1.01, 8.0)])
def test_short_prompts_with_cut_amounts_prove_no_shorter_price(price: float, output: float) -> None:
    draws = np.random.default_rng(12)
    prompt, completion = draws.integers(20, 300, 60), draws.integers(5, 60, 60)
    costs = np.floor(price * prompt + output * completion + 1e-7) / 1e6
    found = ga.prices(make_frame(list(prompt), list(completion), list(costs)))
    proved = found[found["identified"] == "yes"]
    assert set(proved["input_price"]) <= {price}


def test_one_absurd_count_is_one_unexplained_row() -> None:
    costs = [bill(*pair) for pair in zip(VARIED, ANSWERS, strict=True)]
    found = ga.prices(make_frame([*VARIED, 1e14], [*ANSWERS, 10.0], [*costs, 0.5]))
    assert found["requests"].tolist() == [8, 1]


def test_a_price_of_nothing_is_named() -> None:
    costs = [bill(*pair) for pair in zip([*VARIED, *VARIED], [*ANSWERS, *ANSWERS], strict=True)]
    free = [bill(prompt, 0.0) for prompt in VARIED]
    found = ga.prices(make_frame([*VARIED] * 3, [*ANSWERS] * 3, [*costs, *free]))
    assert found.loc[1, "relation"] == "output 0 times regime 1, at the same time"


def test_images_have_a_price_per_request() -> None:
    (row,) = ga.prices(make_frame(VARIED, [4_096.0] * 8, [0.014] * 8)).to_dict("records")
    assert (row["request_price"], row["identified"]) == (0.014, "yes")


def test_a_price_per_request_beside_tokens_is_found() -> None:
    draws = np.random.default_rng(5)
    prompt, completion = draws.integers(500, 9_000, 40).astype(float), draws.integers(20, 900, 40).astype(float)
    costs = [round(bill(*pair) + 0.0053, 9) for pair in zip(prompt, completion, strict=True)]
    (row,) = ga.prices(make_frame(list(prompt), list(completion), costs)).to_dict("records")
    assert (row["input_price"], row["output_price"], row["request_price"]) == (3, 15, 0.0053)


def test_speech_has_a_price_of_input_alone() -> None:
    (row,) = ga.prices(make_frame(VARIED, [0.0] * 8, [0.6 * tokens / 1e6 for tokens in VARIED])).to_dict("records")
    assert (row["input_price"], row["output_price"], row["identified"]) == (0.6, 0, "yes")


def test_prices_of_seven_digits_are_found() -> None:
    costs = [bill(*pair, price=0.1234567, output=0.7654321) for pair in zip(VARIED, ANSWERS, strict=True)]
    (row,) = ga.prices(make_frame(VARIED, ANSWERS, costs)).to_dict("records")
    assert (row["input_price"], row["output_price"]) == (0.1234567, 0.7654321)


def test_refunds_nulls_and_nan_are_not_explained() -> None:
    costs = [bill(*pair) for pair in zip(VARIED, ANSWERS, strict=True)]
    odd = make_frame([1_000.0] * 3, [100.0] * 3, [-0.5, float("nan"), float("inf")])
    found = ga.prices(pd.concat([make_frame(VARIED, ANSWERS, costs), odd], ignore_index=True))
    assert found["requests"].tolist() == [8, 1]  # the refund
    assert found["identified"].tolist() == ["yes", UNEXPLAINED]


def test_small_amounts_in_cents_prove_no_price() -> None:
    draws = np.random.default_rng(1)
    prompt, completion = draws.integers(500, 9_000, 60).astype(float), draws.integers(20, 900, 60).astype(float)
    costs = [round(bill(*pair), 2) for pair in zip(prompt, completion, strict=True)]
    found = ga.prices(make_frame(list(prompt), list(completion), costs))
    assert not (found["identified"] == "yes").any()
    assert found[["input_price", "output_price"]].isna().all(axis=None)


def test_large_amounts_in_cents_prove_short_prices() -> None:
    draws = np.random.default_rng(1)
    prompt, completion = draws.integers(5_000, 90_000, 60).astype(float), draws.integers(200, 9_000, 60).astype(float)
    costs = [round(bill(*pair), 2) for pair in zip(prompt, completion, strict=True)]
    found = ga.prices(make_frame(list(prompt), list(completion), costs))
    assert found[["input_price", "output_price"]].to_numpy().tolist() == [[3, 15]]
    assert found.attrs["resolution"] == {"unit": 0.01, "ending": "rounded"}


def test_one_wrong_row_in_ten_thousand_is_shown() -> None:
    draws = np.random.default_rng(2)
    prompt, completion = draws.integers(50, 90_000, 10_000), draws.integers(2, 9_000, 10_000)
    costs = (3 * prompt + 15 * completion) / 1e6
    costs[7_777] += 0.000001
    found = ga.prices(make_frame(list(prompt), list(completion), list(costs)))
    assert found["requests"].tolist() == [9_999, 1]
    assert found["identified"].tolist() == ["yes", UNEXPLAINED]


def test_a_rare_regime_of_a_large_group_is_found_among_the_unexplained() -> None:
    draws = np.random.default_rng(8)
    prompt, completion = draws.integers(50, 90_000, 30_000), draws.integers(2, 9_000, 30_000)
    costs = (3 * prompt + 15 * completion) / 1e6
    rare = draws.choice(30_000, 12, replace=False)
    costs[rare] *= 1.37
    moments = pd.Timestamp("2026-09-01", tz="UTC") + pd.to_timedelta(draws.integers(0, 10**9, 30_000), unit="ms")
    found = ga.prices(make_frame(list(prompt), list(completion), list(costs)).assign(created_at=moments))
    assert found["requests"].tolist() == [29_988, 12]
    assert found["input_price"].tolist() == [3, 4.11]


def test_half_of_the_rows_with_random_fees() -> None:
    draws = np.random.default_rng(3)
    prompt, completion = draws.integers(50, 9_000, 400), draws.integers(2, 900, 400)
    fees = np.where(draws.random(400) < 0.5, np.round(draws.uniform(0.001, 0.02, 400), 9), 0)
    found = ga.prices(make_frame(list(prompt), list(completion), list((3 * prompt + 15 * completion) / 1e6 + fees)))
    assert found["requests"].tolist() == [(fees == 0).sum(), (fees > 0).sum()]
    assert (found.loc[0, "input_price"], found.loc[0, "output_price"]) == (3, 15)


def test_random_amounts_have_no_price() -> None:
    draws = np.random.default_rng(4)
    prompt, completion = draws.integers(50, 9_000, 300), draws.integers(2, 900, 300)
    costs = np.round(draws.uniform(0.00005, 0.002, 300), 6)
    found = ga.prices(make_frame(list(prompt), list(completion), list(costs)))
    assert found["identified"].tolist() == [UNEXPLAINED]


def test_prices_that_change_every_hour_are_as_many_regimes() -> None:
    draws = np.random.default_rng(6)
    prompt, completion = draws.integers(500, 9_000, 60), draws.integers(20, 900, 60)
    hour = np.arange(60) // 12
    price = np.array([0.2, 0.23, 0.31, 0.27, 0.19])[hour]
    moments = pd.Timestamp("2026-09-01", tz="UTC") + pd.to_timedelta(np.arange(60) * 5, unit="min")
    frame = make_frame(list(prompt), list(completion), list(np.round(price * prompt + 1.2 * completion, 6) / 1e6))
    found = ga.prices(frame.assign(created_at=moments))
    assert sorted(found["input_price"]) == [0.19, 0.2, 0.23, 0.27, 0.31]
    assert found["requests"].tolist() == [12] * 5


def test_files_with_answers_and_exports_have_two_resolutions() -> None:
    exact, cut = draw_bill(9, "exact").frame, draw_bill(9, "cut").frame
    found = ga.prices(pd.concat([exact, cut.assign(source="activity")], ignore_index=True))
    assert found.attrs["resolution_of_exports"] == {"unit": 1e-6, "ending": "cut"}
    assert found.attrs["resolution"]["unit"] < 1e-8


@given(order=st.permutations(range(8)), extra=st.integers(0, 7))
def test_order_and_duplicates_do_not_matter(order: list[int], extra: int) -> None:
    frame = make_frame(VARIED, ANSWERS, [bill(*pair) for pair in zip(VARIED, ANSWERS, strict=True)])
    found = ga.prices(frame.iloc[[*order, extra]])
    assert found[["input_price", "output_price", "requests"]].to_dict("records") == [
        {"input_price": 3.0, "output_price": 15.0, "requests": 9}
    ]


def test_records_without_cached_tokens_still_give_the_prices_of_tokens(month: Sample, found: pd.DataFrame) -> None:
    of_contract = ga.prices(parse_records(month.records).drop(columns="native_tokens_cached"))
    pairs = [set(zip(of["model"], of["input_price"], of["output_price"], strict=True)) for of in (of_contract, found)]
    proved = of_contract["identified"] == "yes"
    assert pairs[0] <= pairs[1] | {(row["model"], pd.NA, pd.NA) for row in of_contract[~proved].to_dict("records")}
    assert of_contract.loc[proved, "requests"].sum() > 0.9 * found["requests"].sum()
    assert of_contract["cache_read_price"].isna().all()


def test_few_requests_at_the_prices_of_other_providers_are_explained() -> None:
    costs = [bill(*pair) for pair in zip(VARIED, ANSWERS, strict=True)]
    many = make_frame(VARIED, ANSWERS, costs)
    two = many.iloc[:2].assign(provider_name="q")
    found = ga.prices(pd.concat([many, two], ignore_index=True))
    assert found["provider_name"].tolist() == ["p", "q"]
    assert found["input_price"].tolist() == [3, 3]
    other = ga.prices(pd.concat([many, two.assign(model="another")], ignore_index=True))
    assert other["identified"].tolist() == [TOO_FEW, "yes"]


def test_columns_that_are_needed_are_named() -> None:
    frame = make_frame(VARIED, ANSWERS, VARIED)
    with pytest.raises(MissingColumnError, match="total_cost"):
        ga.prices(frame.drop(columns="total_cost"))
    with pytest.raises(MissingColumnError, match="provider_name"):
        ga.prices(frame.drop(columns="provider_name"))
    with pytest.raises(InputError, match="'day'"):
        ga.prices(frame.assign(created_at=pd.Timestamp("2026-09-01", tz="UTC")), by="day")


def test_by_other_columns() -> None:
    frame = make_frame(VARIED, ANSWERS, [bill(*pair) for pair in zip(VARIED, ANSWERS, strict=True)])
    assert ga.prices(frame, by=["model"]).columns[:2].tolist() == ["model", "regime"]
    assert ga.prices(frame, by=[]).loc[0, "input_price"] == 3
