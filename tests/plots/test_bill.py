"""The charts of the bill: items over time, unit prices, the cache of a session."""

import math
from itertools import pairwise
from pathlib import Path

import matplotlib.dates as mdates
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import StepPatch

import genanalytics as ga
from genanalytics.files import write_parquet
from genanalytics.plots import items_over_time, session_cache, unit_prices
from genanalytics.plots.content import find_content
from genanalytics.plots.palette import GREY
from support.artists import detail, layers, points, render, stacks, texts, tick_texts
from support.billed import USUAL, bill_call, frame_surcharged, list_surcharged
from support.generations import frame_of


@pytest.fixture
def axes() -> Axes:
    return Figure(figsize=(9, 5), layout="constrained").subplots()


def legend(ax: Axes) -> list[str]:
    shown = ax.get_legend()
    assert shown is not None
    return [text.get_text() for text in shown.get_texts()]


def steps(ax: Axes, style: str | None = None) -> list[Line2D]:
    """Return the lines of prices; those of input are solid, those of output dashed."""
    drawn = [line for line in ax.lines if line.get_marker() == "|"]
    return [line for line in drawn if style is None or line.get_linestyle() == style]


def prices_drawn(ax: Axes) -> list[float]:
    return sorted(round(points(line)[1][0], 6) for line in steps(ax))


def test_the_layers_are_the_items_and_add_up_to_the_bill(axes: Axes) -> None:
    frame = frame_surcharged()
    drawn = stacks(items_over_time(frame, ax=axes))
    assert [*drawn] == ["cache reads", "cache writes", "output", *(["other"] if "other" in drawn else [])]
    days = ga.summarize(frame, every="day", metrics=["billed_cost"])["billed_cost"].tolist()
    assert [sum(parts) for parts in zip(*drawn.values(), strict=True)] == pytest.approx(days, abs=1e-9)
    items = ga.itemize(frame)
    assert sum(drawn["cache writes"]) == pytest.approx(items["cache_write_cost"].sum())
    assert sum(drawn["output"]) == pytest.approx(items["output_cost"].sum())


def test_what_no_price_explains_is_grey_and_named(axes: Axes) -> None:
    items_over_time(frame_of({"total_cost": 1.0}, {"total_cost": 3.0}), ax=axes)
    assert stacks(axes) == {"unexplained": [4.0]}
    ((bar,),) = layers(axes)
    assert to_hex(bar.get_facecolor()) == GREY
    assert "100.0 % of the bill is not explained by a price" in detail(axes)


def test_small_items_differ_from_the_item_other_and_from_what_is_unexplained(axes: Axes) -> None:
    items = ga.itemize(frame_surcharged()).assign(
        input_cost=0.001,
        cache_read_cost=0.001,
        cache_write_cost=0.0,
        output_cost=1.0,
        other_cost=1.0,
        unexplained_cost=1.0,
    )
    items_over_time(frame_surcharged(), itemized=items, ax=axes)
    assert legend(axes) == ["output", "other", "unexplained", "2 small items"]
    assert len({entry.color for entry in find_content(axes).entries}) == 4


def test_charges_to_own_keys_are_a_layer_apart(axes: Axes) -> None:
    calls = [*list_surcharged(), bill_call(3, is_byok=True, total_cost=0.0, upstream_inference_cost=0.5)]
    drawn = stacks(items_over_time(frame_of(*calls), every="week", ax=axes))
    assert sum(drawn["own keys (BYOK)"]) == pytest.approx(0.5)
    assert "own keys (BYOK)" in legend(axes)


def test_items_that_are_given_are_drawn(axes: Axes) -> None:
    frame = frame_surcharged()
    items = ga.itemize(frame).assign(output_cost=1.0)
    assert sum(stacks(items_over_time(frame, itemized=items, ax=axes))["output"]) == pytest.approx(len(frame))


def test_each_price_regime_is_a_line_from_its_first_to_its_last_request(axes: Axes) -> None:
    frame = frame_surcharged()
    unit_prices(frame, ax=axes)
    assert prices_drawn(axes) == [0.2, 0.22, 1.2, 1.32]
    dearer = next(line for line in steps(axes) if points(line)[1][0] == pytest.approx(0.22))
    surcharged = frame["created_at"].iloc[::4]
    assert points(dearer)[0].tolist() == pytest.approx(mdates.date2num([surcharged.min(), surcharged.max()]))  # type: ignore[no-untyped-call]
    assert len(steps(axes, "-")) == 2
    labels = texts(axes)
    assert labels == ["$0.20 input: P", "$0.22 input: P", "$1.20 output: P", "$1.32 output: P"]
    assert "100.0 % of its billed requests have a known price" in detail(axes)
    assert axes.get_ylabel() == "price (US$/M tokens)"


def test_prices_of_weeks_have_mondays_as_ticks_that_are_apart(axes: Axes) -> None:
    calls = [call | {"created_at": f"2026-03-{day:02}T12:00:00Z"} for day, call in enumerate(list_surcharged()[:28], 1)]
    unit_prices(frame_of(*calls), ax=axes)
    narrow = unit_prices(frame_of(*calls), ax=Figure(figsize=(4.2, 4), layout="constrained").subplots())
    assert tick_texts(axes, "x") == ["Mar 02", "Mar 09", "Mar 16", "Mar 23"]
    assert tick_texts(narrow, "x") == ["Mar 02", "Mar 16"]


def test_a_price_change_is_a_step(axes: Axes) -> None:
    calls = [bill_call(place, USUAL if place < 20 else USUAL.times(120)) for place in range(40)]
    unit_prices(frame_of(*calls), ax=axes)
    dotted = [points(line) for line in axes.lines if line.get_linestyle() == ":"]
    assert [[round(price, 6) for price in up] for _, up in dotted] == [[0.2, 0.24], [1.2, 1.44]]
    assert all(across[1] > across[0] for across, _ in dotted)


def test_equal_prices_of_providers_share_a_label_and_lines_are_apart(axes: Axes) -> None:
    calls = [bill_call(place, provider_name=name) for place in range(20) for name in ("P", "Q", "$x$")]
    unit_prices(frame_of(*calls), ax=axes)
    assert texts(axes) == ["$0.20 input: 3 providers", "$1.20 output: 3 providers"]
    assert legend(axes) == ["$x$", "P", "Q"]
    heights = sorted(line.get_window_extent().y0 for line in steps(axes, "-"))
    render(axes)
    assert all(above - below > 1 for below, above in pairwise(heights))


def test_labels_do_not_overlap(axes: Axes) -> None:
    calls = [
        bill_call(place, USUAL.times(100 + number), provider_name=f"provider {number}")
        for number in range(0, 30, 3)
        for place in range(12)
    ]
    unit_prices(frame_of(*calls), ax=axes)
    render(axes)
    labels = sorted(text.get_window_extent().y0 for text in axes.texts)
    assert len(labels) == 20
    assert min(above - below for below, above in pairwise(labels)) > 10


def test_the_model_can_be_chosen_and_prices_given(axes: Axes) -> None:
    calls = [bill_call(place, model=model) for place in range(20) for model in ("cheap", "dear")]
    calls += [bill_call(place, USUAL.times(300), model="dear") for place in range(20)]
    frame = frame_of(*calls)
    unit_prices(frame, ax=axes)
    assert axes.get_title() == "Unit prices of dear, as billed"
    other = Figure(figsize=(9, 5)).subplots()
    table = ga.prices(frame).assign(input_price=7.0)
    unit_prices(frame, model="cheap", prices=table, ax=other)
    assert prices_drawn(other) == [1.2, 7.0]


def test_no_known_price_is_an_empty_chart(axes: Axes) -> None:
    unit_prices(frame_of({}), ax=axes)
    assert "no known price per token" in texts(axes)


def parts(ax: Axes) -> dict[str, list[float]]:
    """Return the tokens of each call by part of the prompt; between the calls, areas have no height."""
    areas = [patch for patch in ax.patches if isinstance(patch, StepPatch)]
    return {str(area.get_label()): (area.get_data()[0] - area.get_data()[2])[::2].tolist() for area in areas}


def list_session(session: str = "s", lost: int = 5) -> list[dict[str, object]]:
    """Return calls whose prompts grow; each reads the prompt of the one before, except for one that reads nothing."""
    prompts = [20_000 + 1_500 * place + 7 * place * place for place in range(12)]
    return [
        bill_call(
            place,
            cached=0 if place in {0, lost} else prompts[place - 1],
            prompt=prompt,
            session_id=session,
            created_at=(pd.Timestamp("2026-03-01T12:00Z") + pd.Timedelta(minutes=place)).isoformat(),
        )
        for place, prompt in enumerate(prompts)
    ]


def test_a_session_is_a_bar_per_call_in_order_and_flips_are_marked(axes: Axes) -> None:
    frame = frame_of(*list_session()).sample(frac=1.0, random_state=1)
    session_cache(frame, ax=axes)
    ordered = frame.sort_values("created_at")
    drawn = parts(axes)
    assert drawn["read from the cache"] == ordered["native_tokens_cached"].tolist()
    assert drawn["written to the cache"] == pytest.approx(
        (ordered["native_tokens_prompt"] - ordered["native_tokens_cached"]).tolist(), abs=10
    )
    (marks,) = axes.lines
    assert points(marks)[0].tolist() == [6.0]
    (flip,) = ga.cache_flips(frame).to_dict("records")
    assert "here 12 calls, 1 lost the cache, at most $" in detail(axes)
    assert "in all: call 6: at most $0.00" in detail(axes)
    assert detail(axes).endswith(flip["cause"])
    assert axes.get_ylabel() == "prompt (tokens)"


def test_the_most_expensive_session_is_shown_unless_one_is_named(axes: Axes) -> None:
    calls = [*list_session("cheap"), *list_session("dear"), *list_session("dear")]
    session_cache(frame_of(*calls), ax=axes)
    assert axes.get_title().endswith("session dear")
    other = session_cache(frame_of(*calls), session="cheap", ax=Figure(figsize=(9, 5)).subplots())
    assert len(parts(other)["read from the cache"]) == 12


def test_flips_that_are_given_are_marked(axes: Axes) -> None:
    frame = frame_of(*list_session())
    flips = ga.cache_flips(frame).assign(requested_id="gen-2", cause="chosen", loss=math.nan)
    session_cache(frame, flips=flips, ax=axes)
    assert points(axes.lines[0])[0].tolist() == [3.0]
    assert detail(axes).endswith("1 lost the cache: call 3: chosen")


def test_calls_without_a_session_are_those_of_a_model(axes: Axes) -> None:
    session_cache(frame_of(*[call | {"session_id": None} for call in list_session()]), ax=axes)
    assert axes.get_title().endswith("model maker/m")
    assert len(parts(axes)["read from the cache"]) == 12


def test_unknown_cached_tokens_are_grey(axes: Axes) -> None:
    calls = list_session()
    calls[3]["native_tokens_cached"] = None
    calls[3]["cache_discount"] = None
    session_cache(frame_of(*calls), ax=axes)
    assert parts(axes)["unknown"][3] == calls[3]["native_tokens_prompt"]


def test_a_session_with_unknown_cached_tokens_is_not_said_to_keep_the_cache(axes: Axes) -> None:
    calls = [call | {"native_tokens_cached": None, "cache_discount": None} for call in list_session()]
    session_cache(frame_of(*calls), ax=axes)
    assert "none is known to have lost the cache (12 unknown)" in detail(axes)


def test_the_cache_of_a_session_in_a_relation(axes: Axes, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    frame = frame_of(*list_session())
    write_parquet(frame, tmp_path / "frame.parquet")
    with duckdb.connect() as engine:
        session_cache(engine.read_parquet(str(tmp_path / "frame.parquet")), ax=axes)
    other = session_cache(frame, ax=Figure(figsize=(9, 5), layout="constrained").subplots())
    assert parts(axes) == parts(other)
    assert texts(axes) == texts(other)
