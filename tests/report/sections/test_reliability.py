"""The section on reliability: counts and costs that are worked out by hand."""

import pytest

from genanalytics.report.blocks import Section, Table, Text
from genanalytics.report.sections.reliability import make_reliability
from support.generations import frame_of
from support.pages import find_block, find_numbers, make_section, read_rows


def attempt(provider: str, status: int, latency: int) -> dict[str, object]:
    return {"provider_name": provider, "status": status, "latency": latency}


@pytest.fixture(scope="module")
def section() -> Section:
    return make_section(
        make_reliability,
        frame_of(
            {"finish_reason": "error", "total_cost": 0.5},
            {"finish_reason": None, "cancelled": True, "total_cost": 0.25},
            {"finish_reason": "length", "total_cost": 2.0},
            {"provider_responses": [attempt("Q", 429, 700), attempt("P", 200, 300)]},
            {"provider_responses": [attempt("P", 200, 500)]},
        ),
    )


def test_the_answer_counts_failures_and_what_was_certainly_lost(section: Section) -> None:
    assert section.answer == (  # 0.5 + 0.25 of 0.5 + 0.25 + 2 + 1 + 1
        "20.0 % of the generations ended in an error (1) and 20.0 % were cancelled; $0.7500 (15.8 % of all"
        " charges) was paid for answers that failed, were cancelled, filtered or empty."
    )


def test_losses_are_in_the_ledger(section: Section) -> None:
    rows = {row[0]: row[1:3] for row in read_rows(find_numbers(section, "unused-cost"))}
    assert rows["cancelled"] == ["1", "$0.250"]
    assert rows["error"] == ["1", "$0.500"]
    assert rows["truncated"] == ["1", "$2.000"]


def test_providers_have_rates_with_the_interval_of_errors(section: Section) -> None:
    table = find_block(section, "reliability-providers", Table)
    assert [column.label for column in table.columns].count("95 % interval") == 1
    assert read_rows(table)[0][:3] == ["P", "5", "20.0 %"]


def test_attempts_are_counted_by_provider(section: Section) -> None:
    rows = {row[0]: row[1:3] for row in read_rows(find_numbers(section, "attempts-by-provider"))}
    assert rows == {"P": ["2", "100.0 %"], "Q": ["1", "0.0 %"]}


def test_an_unknown_cost_makes_the_loss_a_lower_bound() -> None:
    made = make_section(
        make_reliability, frame_of({"finish_reason": "error"}, {"finish_reason": "error", "total_cost": None}, {})
    )
    assert "; ≥ $1.000 (50.0 % of all charges) was paid" in made.answer


def test_nothing_failed_and_no_attempts_are_sentences() -> None:
    made = make_section(make_reliability, frame_of({}, {}))
    assert Text("No record lists its attempts at providers.") in made.blocks
    assert made.answer == (
        "No generation ended in an error and none was cancelled; nothing is known to be paid for an answer that could"
        " not be used."
    )


def test_without_known_endings_the_section_says_so() -> None:
    made = make_section(make_reliability, frame_of({"finish_reason": None, "cancelled": None}))
    assert made.answer == "No record says how its generation ended."
