"""The section on prompt caching: figures that are worked out by hand."""

import pytest

from genanalytics.report.blocks import Chart, Section, Table, Text
from genanalytics.report.sections.caching import make_caching
from support.generations import frame_of
from support.pages import find_block, find_numbers, make_section, read_rows


@pytest.fixture(scope="module")
def section() -> Section:
    return make_section(
        make_caching,
        frame_of(
            {"session_id": "s", "cache_discount": 0.75, "native_tokens_cached": 90_000},
            {"session_id": "s", "total_cost": 0.5, "cache_discount": 0.25, "native_tokens_cached": 450_000},
            {"session_id": "t", "total_cost": 0.5, "cache_discount": -0.25, "native_tokens_cached": 0},
            {"session_id": "u", "cache_discount": -0.125, "native_tokens_cached": 0},
            {"model": "b"},
        ),
    )


def test_the_answer_has_savings_and_losses(section: Section) -> None:
    assert section.answer == (  # 1 - 0.375 of 3 + 1 - 0.375
        "Caching saved $0.6250 net, a savings rate of 17.2 % where a discount is reported (80.0 % of the requests);"
        " 2 sessions lost $0.3750."
    )


def test_the_bridge_is_small_and_has_its_numbers(section: Section) -> None:
    assert find_block(section, "cache-waterfall", Chart).half
    assert read_rows(find_numbers(section, "cache-waterfall")) == [["5", "$4.625", "$0.3750", "$1.000", "$4.000", "0"]]


def test_models_have_a_rate_with_its_interval(section: Section) -> None:
    table = find_block(section, "caching-models", Table)
    assert [column.label for column in table.columns][1:4] == ["requests", "savings rate", "95 % interval"]
    assert read_rows(table)[0][:3] == ["a", "4", "17.2 %"]
    assert Text("No discount is reported for 1 other model.") in section.blocks


def test_losing_sessions_are_alarming_and_the_largest_loss_comes_first(section: Section) -> None:
    table = find_block(section, "losing-sessions", Table)
    place = [column.label for column in table.columns].index("cache savings")
    assert [(row[0].text, row[place].text, row[place].alarming) for row in table.rows] == [
        ("t", "−$0.2500", True),
        ("u", "−$0.1250", True),
    ]
    assert table.notes == ["Requests without a session are not included: 1."]


@pytest.fixture(scope="module")
def losing() -> Section:
    """Return the section on 13 sessions that lose half a dollar, and on one whose fourth call loses the cache."""
    calls = [
        {
            "session_id": "s",
            "app_id": 1,
            "created_at": f"2026-03-01T12:00:{10 * place:02}Z",
            "native_tokens_prompt": 10_000 + 1_000 * place,
            "native_tokens_cached": 0 if place in {0, 3} else 9_000 + 1_000 * place,
            "cache_discount": 0.125,
        }
        for place in range(5)
    ]
    return make_section(
        make_caching, frame_of(*calls, *({"session_id": f"s{place:02}", "cache_discount": -0.5} for place in range(13)))
    )


def test_more_than_ten_losing_sessions_are_summed(losing: Section) -> None:
    rows = read_rows(find_block(losing, "losing-sessions", Table))
    assert len(rows) == 11
    assert (rows[-1][0], rows[-1][-2]) == ("3 others", "−$1.500")
    assert losing.answer == "Caching cost an extra $5.875 net; 13 sessions lost $6.500."


def test_lost_caches_are_upper_bounds_by_cause(losing: Section) -> None:
    table = find_block(losing, "lost-caches", Table)
    assert "among 4 calls that follow another one" in table.caption
    assert [row[:2] for row in read_rows(table)] == [["nothing visible", "1"]]
    assert "upper bounds" in " ".join(table.notes)


def test_without_a_discount_the_section_says_so() -> None:
    made = make_section(make_caching, frame_of({}, {}))
    assert made.answer == "No record reports a discount, so what caching saved is unknown."
    assert not made.blocks
