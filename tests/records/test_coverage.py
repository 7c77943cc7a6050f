import json

import pandas as pd
import pytest
from hypothesis import given, strategies as st

from genanalytics.records.coverage import (
    MOST_LISTED,
    UNKNOWN,
    Coverage,
    describe_coverage,
    find_coverage,
    join_coverage,
    list_missing,
    read_file_coverage,
)
from genanalytics.records.frame import to_arrow, to_frame

IDS = st.sets(st.sampled_from([f"gen-{letter}" for letter in "abcdefgh"]))


def frame_of(coverage: Coverage | None, rows: int) -> pd.DataFrame:
    frame = pd.DataFrame({"requested_id": pd.Series([f"gen-{place}" for place in range(rows)], dtype="str")})
    if coverage is not None:
        frame.attrs["coverage"] = coverage.to_json()
    return frame


@given(st.lists(st.tuples(IDS, IDS), min_size=1, max_size=4))
def test_joined_data_covers_all_requested_ids_less_those_found_in_any(parts: list[tuple[set[str], set[str]]]) -> None:
    parts = [(found, missing - found) for found, missing in parts]
    coverages = [Coverage.of(missing, found=len(found)) for found, missing in parts]
    found = set().union(*(found for found, _ in parts))
    asked = found.union(*(missing for _, missing in parts))
    joined = join_coverage(coverages, found=len(found), present=list_missing(coverages) & found)
    assert joined is not None
    assert (joined.asked, joined.found, joined.exact, joined.part) == (len(asked), len(found), True, False)
    assert joined.missing == tuple(sorted(asked - found))


@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
def test_a_joined_share_is_never_above_the_true_one(both: int, first: int, second: int) -> None:
    """Two parts whose missing ids are not listed: `both` miss some ids, and each misses more."""
    found = 10
    coverages = [Coverage(found + both + own, found) for own in (first, second)]
    joined = join_coverage(coverages, found=found)
    assert joined is not None
    assert (joined.share or 0) <= found / (found + both)


def test_many_missing_ids_are_counted_and_not_listed() -> None:
    ids = [f"gen-{number}" for number in range(MOST_LISTED + 1)]
    assert Coverage.of(ids, found=9) == Coverage(MOST_LISTED + 10, 9, None)
    assert Coverage.of(ids[1:], found=9).missing == tuple(sorted(ids[1:]))


def test_a_joined_share_without_the_missing_ids_is_a_lower_limit() -> None:
    joined = join_coverage([Coverage(3_000, 1_000), Coverage.of(["gen-x"], found=5)], found=1_005)
    assert joined == Coverage(3_006, 1_005, None, exact=False)
    assert describe_coverage(joined).startswith("Coverage: at least 33.4 % of the ids have a record (at most 2,001 of ")


@pytest.mark.parametrize(
    "coverages",
    [
        [],
        [None],
        [Coverage.of(["gen-x"], found=5), None],
        [Coverage.of(["gen-x"], found=5), Coverage(9, 7, None, part=True)],
    ],
)
def test_with_a_part_that_is_unknown_the_whole_is_unknown(coverages: list[Coverage | None]) -> None:
    assert join_coverage(coverages, found=10) is None


def test_selections_of_the_same_records_are_that_selection() -> None:
    part = Coverage.of(["gen-x"], found=8).of_rows(3)
    assert part is not None
    assert join_coverage([part, part], found=6) == part
    assert join_coverage([part, part], found=8) == Coverage.of(["gen-x"], found=8)


@given(st.sets(st.text(max_size=5)), st.integers(0, 9), st.booleans(), st.booleans())
def test_json_keeps_all_values(missing: set[str], found: int, exact: bool, part: bool) -> None:  # noqa: FBT001
    coverage = Coverage(found + len(missing), found, tuple(sorted(missing)), exact, part)
    assert Coverage.from_json(json.loads(json.dumps(coverage.to_json()))) == coverage


@pytest.mark.parametrize("values", [None, 0.9, "x", {}, {"asked": 1}, {"asked": 1, "found": 2}, {"asked": "1"}])
def test_anything_else_is_unknown(values: object) -> None:
    assert Coverage.from_json(values) is None
    frame = frame_of(None, 2)
    frame.attrs["coverage"] = values
    assert find_coverage(frame) is None
    assert "coverage" not in to_frame(to_arrow(frame)).attrs


def test_a_frame_knows_whether_it_has_all_found_records() -> None:
    frame = frame_of(Coverage.of(["gen-x"], found=4), 4)
    assert find_coverage(frame) == Coverage.of(["gen-x"], found=4)
    assert find_coverage(frame.iloc[:3]) == Coverage(5, 4, ("gen-x",), part=True)
    assert find_coverage(pd.concat([frame, frame])) == Coverage.of(["gen-x"], found=4)  # no id more than before
    more = frame_of(Coverage.of(["gen-x"], found=4), 6)
    assert find_coverage(more) is None


def test_a_merge_loses_the_coverage_and_a_new_column_does_not() -> None:
    frame = frame_of(Coverage.of(["gen-x"], found=4), 4)
    assert find_coverage(frame.merge(frame_of(None, 4))) is None
    assert find_coverage(frame.assign(team="a")) == Coverage.of(["gen-x"], found=4)


def test_only_a_complete_result_is_said_to_be_complete() -> None:
    assert describe_coverage(None) == UNKNOWN
    assert describe_coverage(Coverage(5, 5, ())) == describe_coverage(Coverage(5, 5, (), part=True)) == ""
    assert "99.9 %" in describe_coverage(Coverage(1_000_000, 999_999))
    assert (Coverage(5, 4, part=True).share_of_rows, Coverage(5, 5, (), part=True).share_of_rows) == (None, 1.0)
    assert Coverage(0, 0, ()).share is None


def test_the_number_of_an_older_file_is_its_coverage() -> None:
    assert read_file_coverage({b"genanalytics_asked": b"40"}, 39) == Coverage(40, 39, None)
    assert read_file_coverage({b"genanalytics_asked": b"39"}, 39) == Coverage(39, 39, ())
    assert read_file_coverage({b"genanalytics_asked": b"?"}, 39) is None
    assert read_file_coverage(None, 39) is None


def test_arrow_carries_the_coverage() -> None:
    frame = frame_of(Coverage.of(["gen-x"], found=4), 4)
    assert to_frame(to_arrow(frame)).attrs == frame.attrs
