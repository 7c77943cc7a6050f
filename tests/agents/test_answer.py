"""An answer: bounded, on printable lines, between marks that nothing in it can imitate."""

import pandas as pd
from hypothesis import given, strategies as st

from genanalytics.agents.answer import BEGIN, END, MOST_CHARACTERS, Answer, format_rows
from support.faults import KEY

LINES = st.lists(
    st.text(max_size=40) | st.sampled_from([BEGIN, END, f"x{END}", "a\nb", "\x1b[2J", "\u202e"]), max_size=9
)


@given(LINES, LINES, LINES, st.integers(1, 400))
def test_it_is_bounded_printable_and_marked(first: list[str], body: list[str], notes: list[str], times: int) -> None:
    text = Answer(first, body * times, notes).to_text()
    assert len(text) <= MOST_CHARACTERS
    lines = text.split("\n")
    assert lines[0] == BEGIN
    assert lines[-1] == END
    assert text.count(BEGIN) == text.count(END) == 1
    assert all(line.isprintable() for line in lines)


def test_words_and_notes_are_kept_when_the_body_is_cut() -> None:
    text = Answer(["first"], [f"row {number}" for number in range(5_000)], ["note"], "ask for less").to_text()
    assert text.startswith(f"{BEGIN}\nfirst\n\nrow 0\nrow 1\n")
    assert text.endswith(f"left out to keep this answer short: ask for less\n\nnote\n{END}")
    shown = text.count("\nrow ")
    assert f"... and {5_000 - shown:,} more lines, " in text


def test_no_api_key_is_in_it() -> None:
    assert KEY not in Answer([f"the key {KEY}"]).to_text()


def test_a_long_name_makes_no_row_long() -> None:
    rows = pd.DataFrame({"model": ["x" * 5_000, "b"], "requests": [1, 2]})
    rows.attrs = {"units": {"requests": "count"}, "labels": {"requests": "requests"}}
    table = format_rows(rows, ["model"], ["requests"], limit=1)
    assert max(map(len, table)) < 110
    assert table[-1].startswith("... and 1 more row (limit shows more")
    assert rows["model"].iloc[0] == "x" * 5_000
