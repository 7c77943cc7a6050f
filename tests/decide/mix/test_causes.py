import pytest

from genanalytics.decide.mix.causes import REST, Cause, describe_difference, list_causes


def test_causes_are_ranked_by_their_size_and_small_ones_are_together() -> None:
    """All effects are 20.04; those below 0.2004 are not named."""
    total = {"by_requests": -3.0, "by_mix": 0.02, "by_price": 17.0, "by_other": -0.01, "by_caching": 0.0}
    found = list_causes(total | {"by_unexplained": -0.01})
    assert found[:2] == [Cause("price", 17.0), Cause("requests", -3.0)]
    (rest,) = found[2:]
    assert rest.name == REST
    assert rest.amount == pytest.approx(0.0)
    assert set(rest.parts) == {"mix", "other charges", "unexplained"}
    assert sum(cause.amount for cause in found) == pytest.approx(sum(total.values()) - 0.01)


def test_nothing_changed_has_no_cause() -> None:
    assert list_causes({"by_requests": 0.0, "by_mix": None}) == []


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        (50.0, 60.0, "$10.00 more than May (+20.0 %)"),
        (0.0, 60.0, "$60.00 more than May"),
        (50.0, 50.001, "as much as May"),
    ],
)
def test_a_difference_is_said_in_words(was: float, now: float, words: str) -> None:
    assert describe_difference(was, now, "May") == words
