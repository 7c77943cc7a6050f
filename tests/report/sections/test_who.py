"""The section on who causes the cost, worked out by hand."""

import genanalytics as ga
from genanalytics.report.blocks import Chart, Table
from genanalytics.report.sections.who import make_who
from support.generations import frame_of
from support.pages import find_block, make_section, read_rows

CALLS: list[dict[str, object]] = [
    {"external_user": "u1", "app_id": 7, "session_id": "s1", "total_cost": 6.0},
    {"external_user": "u1", "app_id": 8, "session_id": "s1", "total_cost": 2.0},
    {"external_user": "u2", "app_id": 7, "session_id": "s2", "total_cost": 1.0},
    {"external_user": None, "app_id": 7, "session_id": "s3", "total_cost": 1.0},
]


def test_each_key_has_a_table_with_the_most_expensive_first() -> None:
    section = make_section(make_who, ga.label(frame_of(*CALLS), {"u1": "Acme", "u2": "Bit"}, name="customer"))
    expected = {
        "customer": [
            ["Acme", "$8.000", "2", "80.0 %"],
            ["Bit", "$1.000", "1", "10.0 %"],
        ],
        "app-id": [["7", "$8.000", "3", "80.0 %"], ["8", "$2.000", "1", "20.0 %"]],
        "external-user": [["u1", "$8.000"], ["u2", "$1.000"]],
        "session-id": [["s1", "$8.000"], ["s2", "$1.000"], ["s3", "$1.000"]],
    }
    for key, rows in expected.items():
        found = read_rows(find_block(section, f"cost-by-{key}", Table))
        assert [row[: len(rows[0])] for row in found] == rows
    assert section.answer.startswith("Of 2 customers, Acme has 80.0 % of the cost; of 2 apps, 7 has 80.0 %")


def test_the_most_expensive_requests_are_listed() -> None:
    rows = read_rows(find_block(make_section(make_who, frame_of(*CALLS)), "most-expensive", Table))
    assert len(rows) == 4
    assert [*rows[0][:3], *rows[0][-3:]] == ["a", "$6.000", "60.0 %", "P", "2026-03-01 12:00", "gen-0"]


def test_a_key_of_one_group_has_no_table() -> None:
    section = make_section(make_who, frame_of({"app_id": 7}, {"app_id": 7}))
    assert [block.name for block in section.blocks if isinstance(block, Table)] == ["most-expensive"]


def test_a_cost_without_a_user_is_said() -> None:
    section = make_section(make_who, frame_of({"total_cost": 9.0}, *CALLS[:1], *CALLS[2:3]))
    assert "56.2 % of the cost has no external user" in section.answer  # 9 of 16
    table = find_block(section, "cost-by-external-user", Table)
    assert [row[0] for row in read_rows(table)] == ["u1", "u2"]
    assert "Not in the table: requests without external user: 1; their cost: $9.000 (56.2 %)." in table.notes


def test_the_answer_has_the_share_of_the_most_expensive_requests() -> None:
    section = make_section(make_who, frame_of({"total_cost": 99.0}, *({"total_cost": 1.0} for _ in range(99))))
    assert section.answer == "The most expensive 1 % of the requests make 50.0 % of the cost."  # 99 of 198
    assert find_block(section, "concentration", Chart).details


def test_few_requests_have_no_chart_of_their_shares() -> None:
    assert not any(isinstance(block, Chart) for block in make_section(make_who, frame_of(*CALLS)).blocks)
