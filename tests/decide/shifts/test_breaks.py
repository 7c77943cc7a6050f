"""Whether the level of one daily series changed."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from genanalytics.decide.shifts.break_chances import CHANCES, DAYS, RAISED, STATISTICS, find_chance
from genanalytics.decide.shifts.breaks import Break, even_out, find_break, find_level, find_step
from genanalytics.errors import InputError
from support.daily import draw_noise

WEEK = np.array([1.0, 1.1, 1.2, 1.1, 0.9, 0.3, 0.2])
"""A strong weekday pattern."""


def make_series(rng: np.random.Generator, days: int, *, spread: float = 0.1, **noise: float) -> "np.ndarray":
    """Return a series with a weekday pattern and lognormal noise."""
    return 10 * WEEK[np.arange(days) % 7] * np.exp(spread * draw_noise(rng, days, **noise))


def find(values: "np.ndarray", **options: float) -> Break | None:
    return find_break(values, np.arange(len(values)) % 7, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("noise", [{}, {"phi": 0.3}, {"phi": 0.5}, {"freedom": 3}], ids=str)
def test_at_most_one_false_alarm_in_a_hundred_series_of_any_noise(noise: dict[str, float]) -> None:
    rng = np.random.default_rng(5)
    found = [find(make_series(rng, 60, **noise)) for _ in range(300)]
    assert sum(one is not None for one in found) <= 8  # 3 are expected at most; 9 or more by chance in 0.4 %


def test_a_doubled_level_is_found_on_its_day() -> None:
    rng = np.random.default_rng(6)
    for place in (15, 30, 45):
        found = find(np.where(np.arange(60) < place, 1, 2) * make_series(rng, 60, spread=0.15))
        assert found is not None
        assert abs(found.place - place) <= 1
        assert found.first <= place <= found.last
        assert 1.7 < found.after / found.before < 2.3


def test_nine_in_ten_rises_by_a_third_are_found_and_nearly_all_intervals_contain_their_day() -> None:
    rng = np.random.default_rng(7)
    found = [find(np.where(np.arange(60) < 33, 1, 1.33) * make_series(rng, 60)) for _ in range(100)]
    hits = [one for one in found if one is not None]
    assert len(hits) >= 90
    assert np.mean([one.first <= 33 <= one.last for one in hits]) >= 0.93
    assert np.median([abs(one.place - 33) for one in hits]) <= 1


def test_a_change_that_is_undone_is_found() -> None:
    days = np.arange(120)
    rng = np.random.default_rng(8)
    found = find(np.where((days >= 70) & (days < 90), 2, 1) * make_series(rng, 120))
    assert found is not None
    assert found.place in {70, 90}


def test_unknown_days_and_single_extreme_days_do_not_matter() -> None:
    rng = np.random.default_rng(9)
    values = np.where(np.arange(60) < 30, 1, 2) * make_series(rng, 60)
    values[[3, 4, 17, 40]] = np.nan
    values[[10, 50]] *= 30
    found = find(values)
    assert found is not None
    assert abs(found.place - 30) <= 1
    flat = make_series(rng, 60)
    flat[[57, 58]] *= 30
    assert find(flat) is None


def test_a_slow_growth_is_not_a_change() -> None:
    rng = np.random.default_rng(10)
    found = [find(np.exp(np.arange(60) / 60) * make_series(rng, 60)) for _ in range(40)]
    assert sum(one is not None for one in found) <= 2


def test_fewer_than_14_known_days_and_constant_series_show_nothing() -> None:
    clear = np.where(np.arange(13) < 7, 1.0, 100.0)
    for values in (np.zeros(0), np.full(40, np.nan), clear, np.append(clear, [np.nan] * 20), np.full(40, 7.0)):
        assert find(values) is None
        assert find_step(values, np.arange(len(values)) % 7) is None


def test_a_step_without_any_noise_is_certain() -> None:
    found = find(np.where(np.arange(28) < 14, 0.1, 0.3), level=1e-6)
    assert found is not None
    assert (found.place, found.first, found.last) == (14, 14, 14)
    assert found.before == pytest.approx(0.1)
    assert found.after == pytest.approx(0.3)


def test_from_working_days_to_weekends_is_no_change() -> None:
    """Weekdays in one half, weekends in the other: nobody can tell a change from a weekday."""
    weekdays = np.array([0, 1, 2, 3, 4] * 4 + [5, 6] * 10)
    values = np.where(weekdays < 5, 10.0, 1.0) * np.exp(0.1 * np.random.default_rng(1).standard_normal(40))
    assert find_break(values, weekdays) is None


def test_zeros_and_negative_values_have_a_scale() -> None:
    assert even_out(np.array([0.0, 4.0]), "log") == pytest.approx(np.log([1.0, 5.0]))
    assert even_out(np.array([-1.0, 4.0]), "log") == pytest.approx([-1.0, 4.0])
    assert even_out(np.array([0.0, 0.25, 1.0]), "share") == pytest.approx([0.0, np.pi / 6, np.pi / 2])
    assert even_out(np.array([3.0, np.nan]), "plain") == pytest.approx([3.0, np.nan], nan_ok=True)


def test_a_level_counts_each_weekday_the_same() -> None:
    assert find_level(np.array([2.0, 4.0, 9.0, np.nan]), np.array([1, 1, 2, 3])) == 6.0
    assert np.isnan(find_level(np.array([np.nan]), np.array([1])))


def test_the_lengths_have_to_agree() -> None:
    with pytest.raises(InputError, match="3 values of 2 weekdays"):
        find_break(np.ones(3), np.ones(2))


def test_chances_are_those_of_the_table_between_its_rows_and_beyond_it() -> None:
    for days, row in zip(DAYS, STATISTICS, strict=True):
        expected = [RAISED * chance for chance in CHANCES]
        assert [find_chance(statistic, days) for statistic in row] == pytest.approx(expected)
        assert list(row) == sorted(row)
    assert find_chance(6.0, 45) > find_chance(6.0, 50) > find_chance(6.0, 60)
    assert find_chance(30.0, 28) < find_chance(20.0, 28) < 0.0001
    assert find_chance(5.0, 5_000) == find_chance(5.0, 365)


@given(st.lists(st.none() | st.floats(0, 1e6), max_size=40), st.floats(0.001, 1000))
def test_any_values_have_an_answer_and_their_unit_does_not_matter(drawn: list[float | None], factor: float) -> None:
    values = np.array([np.nan if value is None else round(value, 3) for value in drawn])
    before = values.copy()
    found, scaled = find(values, level=1.0), find(values * factor, level=1.0)
    assert np.array_equal(values, before, equal_nan=True)
    assert (found is None) == (scaled is None)
    if found is not None and scaled is not None:
        assert found.first <= found.place <= found.last
        assert 0 < found.p_value <= 1
        assert scaled.p_value == pytest.approx(found.p_value, rel=1e-3)


@pytest.mark.parametrize("days", [15, 21, 28, 31])
def test_weekdays_alone_are_no_change(days: int) -> None:
    for first in range(7):
        weekdays = (first + np.arange(days)) % 7
        assert find_break(np.where(weekdays >= 5, 2.0, 10.0), weekdays) is None
