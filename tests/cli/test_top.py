"""The command `top`."""

from pathlib import Path

import pytest

from genanalytics.cli.main import run
from genanalytics.files import write
from support.generations import frame_of
from support.printed import objects_of, printed_by

COSTS = {"gen-0": 0.25, "gen-1": 2.0, "gen-2": None, "gen-3": 0.75}


@pytest.fixture(autouse=True)
def _in_a_directory_with_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    people = ("ann", "bob", "bob", "ann")
    records = (
        {"total_cost": cost, "external_user": person, "session_id": person, "origin": f"https://{person}.example"}
        for cost, person in zip(COSTS.values(), people, strict=True)
    )
    write(frame_of(*records), "out.parquet")


def test_generations_are_ranked_by_cost_with_their_share(capsys: pytest.CaptureFixture[str]) -> None:
    rows = objects_of(capsys, "top", "generations", "out.parquet", "-n", "2")
    assert [(row["requested_id"], row["cost"], row["cost_share"]) for row in rows] == [
        ("gen-1", 2.0, 0.666666666667),
        ("gen-3", 0.75, 0.25),
    ]
    lines = printed_by(capsys, "top", "generations", "out.parquet", "-n", "2").splitlines()
    assert "2 generations: $2.750 of $3.000 (91.7 %)." in lines


@pytest.mark.parametrize(
    ("kind", "column", "first"),
    [
        ("sessions", "session_id", "bob"),
        ("users", "external_user", "bob"),
        ("apps", "origin", "https://bob.example"),
        ("models", "model", "a"),
        ("providers", "provider_name", "P"),
    ],
)
def test_groups_are_ranked_by_cost(kind: str, column: str, first: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = objects_of(capsys, "top", kind, "out.parquet")
    assert rows[0][column] == first
    costs = [row["effective_cost"] for row in rows]
    assert costs == sorted(costs, reverse=True)


def test_ten_rows_are_shown_and_the_others_are_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    write(frame_of(*({"external_user": f"user-{place}"} for place in range(14))), "many.parquet")
    lines = printed_by(capsys, "top", "users", "many.parquet").splitlines()
    assert sum(line.startswith("user-") for line in lines) == 10
    assert any(line.startswith("... and 4 more rows: 4 requests, $4.00") for line in lines)


def test_records_without_names_of_keys_say_where_these_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["top", "keys", "out.parquet"]) == 2
    said = capsys.readouterr().err
    assert "no column 'api_key_name', which top keys needs: read the activity export of the service" in said


def test_an_unknown_kind_is_answered_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["top", "mistakes", "out.parquet"]) == 2
    assert "'mistakes' is not one of 'sessions', 'generations'" in capsys.readouterr().err


def test_a_path_in_place_of_the_kind_says_what_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["top", "out.parquet"]) == 2
    assert "say first what to rank: top sessions out.parquet, or generations, apps" in capsys.readouterr().err
