from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from genanalytics.bill.items import itemize
from genanalytics.errors import InputError
from genanalytics.metrics import summarize
from genanalytics.metrics.sets.token_mix import PARTS, TOKEN_MIX
from genanalytics.plots import token_mix
from genanalytics.plots.content import find_content
from support.artists import detail, layers, stacks, texts, tick_texts
from support.generations import frame_of, on


@pytest.fixture
def axes() -> Axes:
    return Figure(figsize=(9, 5)).subplots()


def used(prompt: int | None, completion: int | None, **fields: Any) -> dict[str, object]:  # noqa: ANN401 - any field
    return {"native_tokens_prompt": prompt, "native_tokens_completion": completion, **fields}


def widths(ax: Axes) -> dict[str, list[float]]:
    """Return the shares of each layer, by its label."""
    return {str(layer.get_label()): [round(float(bar.get_width()), 9) for bar in layer] for layer in layers(ax)}


KNOWN = used(800, 200, native_tokens_cached=500, native_tokens_reasoning=50)


def test_parts_of_a_group_are_shares_of_its_tokens(axes: Axes) -> None:
    token_mix(frame_of(KNOWN), ax=axes)
    assert widths(axes) == {
        "uncached prompt": [0.3],
        "cache reads": [0.5],
        "reasoning": [0.05],
        "answer": [0.15],
    }
    assert "1,000 tokens: 50.0 % read from the cache, 20.0 % output" in detail(axes)


def test_tokens_that_a_record_does_not_divide_are_a_part_of_their_own(axes: Axes) -> None:
    token_mix(frame_of(KNOWN, used(600, 400, model="b")), ax=axes)
    assert widths(axes)["kind unknown"] == [0.0, 1.0]
    assert "at least 25.0 % read from the cache, 30.0 % output" in detail(axes)


def test_shares_add_up_to_one_and_parts_to_all_tokens(axes: Axes) -> None:
    frame = frame_of(
        KNOWN,
        used(700, 100, native_tokens_cached=900, native_tokens_reasoning=300),  # more than the whole
        used(10, 4_096, native_tokens_completion_images=4_096),
        used(60, 40, response_cache_source_id="gen-other"),
        used(None, 30),
        used(20, None, model="b"),
    )
    found = summarize(itemize(frame), metrics=[*TOKEN_MIX, "tokens_in", "tokens_out"]).iloc[0]
    parts = {part.label: found[part.name] for part in PARTS}
    assert sum(parts.values()) == found["tokens_in"] + found["tokens_out"]
    assert parts["replayed"] == 100
    assert parts["cache reads"] == 500 + 700
    assert parts["answer"] == 150 + 4_096
    token_mix(frame, ax=axes)
    assert np.sum([*widths(axes).values()], axis=0).tolist() == pytest.approx([1.0, 1.0])
    assert "tokens not fully known for 2 requests" in detail(axes)
    assert [text for text in texts(axes) if text.startswith("≥")] == ["≥ 6,036", "≥ 20"]


def test_written_tokens_come_from_prices(axes: Axes) -> None:
    frame = frame_of(KNOWN)
    itemized = frame.assign(cache_read_tokens=500, cache_write_tokens=100)
    token_mix(frame, itemized=itemized, ax=axes)
    assert widths(axes)["cache writes"] == [0.1]
    assert widths(axes)["uncached prompt"] == [0.2]


def test_groups_beyond_top_are_one_bar(axes: Axes) -> None:
    token_mix(frame_of(*(used(1_000 - place, 0, model=f"m{place}") for place in range(6))), top=3, ax=axes)
    assert tick_texts(axes, "y") == ["m0", "m1", "m2", "3 others"]


def test_periods_are_bars_and_one_without_tokens_has_none(axes: Axes) -> None:
    token_mix(frame_of(on("2026-03-01", **KNOWN), on("2026-03-03", **KNOWN)), every="day", ax=axes)
    assert stacks(axes)["cache reads"] == [0.5, 0.0, 0.5]
    assert axes.get_ylim() == (0.0, 1.0)


def test_colors_belong_to_parts(axes: Axes) -> None:
    token_mix(frame_of(KNOWN), colors={"answer": "teal"}, ax=axes)
    (answer,) = [layer for layer in layers(axes) if layer.get_label() == "answer"]
    assert to_hex(answer[0].get_facecolor()) == to_hex("teal")
    content = find_content(axes)
    assert {label for _, label in content.series} == {*widths(axes)}
    assert content.values[-1].text == "a\nanswer: 15.0 % of its tokens"


def test_a_bar_is_a_group_or_a_period(axes: Axes) -> None:
    with pytest.raises(InputError, match="by='model' and every='day': give one of them"):
        token_mix(frame_of(KNOWN), by="model", every="day", ax=axes)


def test_without_tokens_the_chart_says_so(axes: Axes) -> None:
    token_mix(frame_of(used(None, None)), ax=axes)
    assert texts(axes)[-1] == "no known tokens"
