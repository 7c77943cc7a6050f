"""The previous row: the same in memory and on DuckDB."""

from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

import genanalytics as ga
from genanalytics.metrics.engines.source import add_previous, collect
from support.engines import relation_in
from support.generations import frame_of, on

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "session_id": st.sampled_from(["s", "t", None]),
            "app_id": st.sampled_from([1, 2, None]),
            "created_at": st.sampled_from([f"2026-03-0{day}T12:00:00Z" for day in range(1, 5)] + [None]),
            "native_tokens_prompt": st.integers(0, 9) | st.none(),
        }
    ),
    min_size=1,
    max_size=12,
)
BY = ["session_id", "app_id"]
NAMES = {"requested_id": "previous_id", "created_at": "previous at", "native_tokens_prompt": "previous.prompt"}


def recompute(frame: pd.DataFrame) -> dict[str, str | None]:
    """Return the previous id by id, in plain Python."""
    rows = frame[["requested_id", "created_at", *BY]].to_dict("records")
    known = sorted(
        (row for row in rows if not any(pd.isna(value) for value in row.values())),
        key=lambda row: (row["created_at"], row["requested_id"]),
    )
    last: dict[object, str] = {}
    found: dict[str, str | None] = {row["requested_id"]: None for row in rows}
    for row in known:
        key = tuple(row[name] for name in BY)
        found[row["requested_id"]] = last.get(key)
        last[key] = row["requested_id"]
    return found


@given(ROWS)
def test_the_previous_row_is_the_last_one_with_the_same_values(rows: list[dict[str, object]]) -> None:
    frame = frame_of(*rows)
    found = add_previous(frame, BY, NAMES)
    previous = found["previous_id"].astype("object").where(found["previous_id"].notna(), None)
    assert dict(zip(frame["requested_id"], previous, strict=True)) == recompute(frame)
    by_id = frame.set_index("requested_id")
    for row in found[found["previous_id"].notna()].to_dict("records"):
        before = by_id.loc[row["previous_id"]]
        assert row["previous at"] == before["created_at"]
        tokens = before["native_tokens_prompt"]
        assert (pd.isna(row["previous.prompt"]) and pd.isna(tokens)) or row["previous.prompt"] == tokens
    pd.testing.assert_frame_equal(found[list(frame.columns)], frame)


@given(ROWS)
def test_the_order_of_rows_does_not_matter(rows: list[dict[str, object]]) -> None:
    frame = frame_of(*rows)
    found = add_previous(frame, BY, NAMES)
    turned = add_previous(frame.iloc[::-1], BY, NAMES).iloc[::-1]
    pd.testing.assert_frame_equal(turned, found)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_duckdb_finds_the_same_rows(tmp_path: Path, zone: str) -> None:
    sessions = ["s", "t", None, "s", "s", "t", "s", None]
    days = ["2026-03-02", "2026-03-01", "2026-03-01", "2026-03-01", "2026-03-02", "2026-03-03", None, "2026-03-04"]
    records = [
        {"session_id": session, "app_id": 1, "created_at": None}
        if day is None
        else on(day, session_id=session, app_id=1)
        for session, day in zip(sessions, days, strict=True)
    ]
    frame = frame_of(*records).assign(**{"a.b *": range(len(records))})
    path = tmp_path / "rows.parquet"
    ga.write_parquet(frame, path)
    relation = relation_in(zone, str(path))
    names = {**NAMES, "a.b *": "previous a.b *"}
    found = add_previous(relation, BY, names)
    assert isinstance(found, duckdb.DuckDBPyRelation)
    expected = add_previous(frame, BY, names)
    rows = collect(found).set_index("requested_id").sort_index()[list(names.values())]
    same = expected.set_index("requested_id").sort_index()[list(names.values())]
    pd.testing.assert_frame_equal(rows, same, check_dtype=False)


def test_data_stays_of_its_kind() -> None:
    frame = frame_of(on("2026-03-01", session_id="s", app_id=1), on("2026-03-02", session_id="s", app_id=1))
    table = pa.Table.from_pandas(frame.drop(columns="provider_responses"))
    names = {"requested_id": "previous_id"}
    assert add_previous(table, BY, names)["previous_id"].to_pylist() == [None, "gen-0"]
    found = add_previous(pl.from_arrow(table), BY, names)
    assert isinstance(found, pl.DataFrame)
    assert found["previous_id"].to_list() == [None, "gen-0"]
