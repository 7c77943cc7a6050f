"""The section on speed: times that are worked out by hand."""

import pytest

from genanalytics.report.blocks import Chart, Section, Table, Text
from genanalytics.report.sections.speed import make_speed
from support.generations import frame_of
from support.pages import find_block, find_numbers, make_section, read_rows


@pytest.fixture(scope="module")
def section() -> Section:
    """Return the section on 101 requests from 1 to 101 s at Q, on as many at R ten times as fast, and on one at S."""
    slow = [{"provider_name": "Q", "latency": 1_000 * place, "generation_time": 200_000} for place in range(1, 102)]
    fast = [{"provider_name": "R", "latency": 100 * place, "generation_time": 200_000} for place in range(1, 102)]
    return make_section(
        make_speed, frame_of(*slow, *fast, {"provider_name": "S", "latency": 1, "generation_time": 500})
    )


def test_the_answer_compares_providers_with_enough_requests(section: Section) -> None:
    assert section.answer == (
        "Half of the first tokens come within 9.20 s, and 95 % within 1.51 min; at R 95 % come within 9.60 s, at Q"
        " within 1.60 min."
    )


def test_few_requests_have_a_median_and_no_slow_end() -> None:
    few = make_section(make_speed, frame_of({"latency": 900}, {"latency": 700}))
    assert few.answer == (
        "The median time to the first token is 800 ms, of 2 streamed requests: too few to tell how slow the slowest"
        " are."
    )
    assert Text("TTFT by provider: too few observations: a median needs 10 in one provider.") in few.blocks
    assert not any(isinstance(block, Chart) and block.name == "latency-heatmap" for block in few.blocks)


def test_providers_are_sorted_by_p95_with_intervals(section: Section) -> None:
    table = find_block(section, "speed-providers", Table)
    labels = [column.label for column in table.columns]
    assert labels[:5] == ["provider", "TTFT p50", "95 % interval", "TTFT p95", "95 % interval"]
    assert [(row[0], row[1], row[3]) for row in read_rows(table)] == [
        ("S", "1 ms", "1 ms"),
        ("R", "5.10 s", "9.60 s"),
        ("Q", "51.0 s", "1.60 min"),
    ]


def test_charts_have_their_numbers(section: Section) -> None:
    for name in ("latency-heatmap", "speed-against-price"):
        assert find_numbers(section, name).rows


def test_without_a_time_the_section_says_so() -> None:
    made = make_section(make_speed, frame_of({"latency": None, "generation_time": None}))
    assert made.answer == "No successful request has a known time."
    assert not made.blocks


def test_charts_leave_to_the_page_what_all_of_them_are_based_on(section: Section) -> None:
    details = [detail for block in section.blocks if isinstance(block, Chart) for detail in block.details]
    assert details
    assert not any("generations, 2026-03-01" in detail for detail in details)
