import errno
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from genanalytics.base.text import (
    escape_unprintable,
    explain,
    is_missing,
    name_group,
    quote_bytes,
    shorten,
    suggest,
    to_one_line,
)
from support.hostile import UNSEEN, names


def test_a_short_body_is_shown_whole_and_a_long_one_cut_within_the_length() -> None:
    assert quote_bytes(b"Bad gateway") == "'Bad gateway'"
    assert quote_bytes(b"Bad gateway", 13) == "'Bad gateway'"
    assert quote_bytes(b"Bad gateway", 12) == "'Bad gat...'"
    assert quote_bytes(b"it's a bad gateway", 10) == '"it\'s ..."'
    assert len(quote_bytes(b"x" * 10_000)) == 120


@given(st.binary(max_size=700), st.integers(10, 200))
def test_quoted_bytes_contain_no_control_characters_and_are_bounded(content: bytes, length: int) -> None:
    text = quote_bytes(content, length)
    assert text.isascii()
    assert text.isprintable()
    assert 2 <= len(text) <= length
    assert text[0] == text[-1]


@given(st.text(max_size=50), st.integers(1, 40))
def test_a_shortened_text_keeps_its_start_and_its_end(text: str, longest: int) -> None:
    short = shorten(text, longest)
    if len(text) <= longest:
        assert short == text
    else:
        start, end = short[: (longest - 1) // 2], short[(longest - 1) // 2 + 1 :]
        assert len(short) == longest
        assert text.startswith(start)
        assert text.endswith(end)
        assert short == f"{start}…{end}"
        assert 0 <= len(end) - len(start) <= 1


@given(st.text())
def test_an_escaped_text_is_printable_and_a_printable_text_stays(text: str) -> None:
    escaped = escape_unprintable(text)
    assert not UNSEEN.intersection(escaped)
    assert escape_unprintable(escaped) == escaped
    assert escaped == text or not text.isalnum() or not text.isprintable()


@given(names)
def test_what_is_escaped_once_is_escaped(name: str) -> None:
    escaped = escape_unprintable(name)
    assert not UNSEEN.intersection(escaped)
    assert escape_unprintable(escaped) == escaped


@pytest.mark.parametrize(
    "word",
    [
        "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc",  # Persian, with a joiner between letters
        "\u0915\u094d\u200d\u0937",  # Hindi, with a joiner after a virama
        "\U0001f469\U0001f3fd\u200d\U0001f4bb",  # emoji: a woman, a tone, a computer
        "\u2764\ufe0f\u200d\U0001f525",  # emoji: a heart on fire
        "\u845b\U000e0100",  # an ideograph with a variation
        "e\u0301",
    ],
)
def test_a_word_keeps_what_shapes_it(word: str) -> None:
    assert escape_unprintable(word) == word


@pytest.mark.parametrize("joiner", ["\u200c", "\u200d", "\ufe0f", "\U000e0100"])
def test_elsewhere_a_joiner_is_escaped(joiner: str) -> None:
    shown = ascii(joiner)[1:-1]
    assert escape_unprintable(f"gpt{joiner}-5{joiner}") == f"gpt{shown}-5{shown}"
    assert escape_unprintable(joiner) == shown


@given(st.text(st.characters(codec=None)))
def test_untrusted_text_becomes_one_bounded_line(text: str) -> None:
    line = to_one_line(text)
    assert line.isascii()
    assert line.isprintable()
    assert len(line) <= 118


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "x\ny"), "No space left on device"),
        (FileNotFoundError(errno.ENOENT, "", "/some/file"), "No such file or directory"),
        (OSError("no number"), "no number"),
        (ValueError("line 1\nline 2"), "line 1"),
        (ValueError("\x1b[31m"), r"\x1b[31m"),
        (ValueError(), "ValueError"),
        (EOFError("\nsecond line"), "EOFError"),
        (MemoryError(), "it contains a size that exceeds the memory"),
        (OverflowError("int too big"), "it contains a size that exceeds the memory"),
    ],
)
def test_the_reason_of_an_error_is_one_line(error: Exception, reason: str) -> None:
    assert explain(error) == reason


def test_only_a_close_name_is_suggested() -> None:
    names = ["model", "provider_name", "total_cost"]
    assert suggest("provider", names) == "did you mean 'provider_name'? "
    assert suggest("total_costs", iter(names)) == "did you mean 'total_cost'? "
    assert suggest("latency", names) == ""
    assert suggest("model", []) == ""


@pytest.mark.parametrize("gap", [None, float("nan"), np.float32("nan"), pd.NA, pd.NaT, np.datetime64("NaT")], ids=repr)
def test_a_gap_is_missing_and_has_the_name_of_gaps(gap: object) -> None:
    assert is_missing(gap)
    assert name_group(gap) == "–"
    assert name_group(gap, missing="no model") == "no model"


@pytest.mark.parametrize("value", [0, 0.0, "", False, float("inf"), [], pd.Timestamp(0), "nan", np.int64(0)], ids=repr)
def test_zero_and_empty_values_are_not_missing(value: object) -> None:
    assert not is_missing(value)


@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("openai/gpt-5", "openai/gpt-5"),
        ("", '""'),
        ("  ", '"  "'),
        ("a ", '"a "'),
        ("\u00a0", r"\xa0"),
        ("\x1b[31mred\n", r"\x1b[31mred\n"),
        ("模型", "模型"),
        (True, "True"),
        (7, "7"),
        (datetime(2026, 9, 1, tzinfo=UTC), "2026-09-01"),
        (pd.Timestamp("2026-09-01"), "2026-09-01"),
        (datetime(2026, 9, 1, 12, 30, tzinfo=UTC), "2026-09-01 12:30:00+00:00"),
    ],
)
def test_a_group_is_named_on_one_line(group: object, name: str) -> None:
    assert name_group(group) == name
