"""What can be grouped by, and what the groups are called in a result."""

import pandas as pd
import pytest

from genanalytics.errors import InputError, MissingColumnError
from genanalytics.metrics import summarize
from genanalytics.metrics.engines.source import open_source
from genanalytics.metrics.grouping.labels import check_columns, resolve_by
from support.generations import frame_of

FRAME = frame_of({}, {})


def names_of(by: str | list[str] | None, every: str | None = None, others: tuple[str, ...] = ()) -> list[str]:
    return [key.name for key in resolve_by(open_source(FRAME), by, every, "UTC", others=others)]


def test_keys_are_in_the_order_of_the_caller_after_the_period() -> None:
    assert names_of(None) == []
    assert names_of("model") == ["model"]
    assert names_of(["provider_name", "model_family", "model"], every="day") == [
        "time",
        "provider_name",
        "model_family",
        "model",
    ]


@pytest.mark.parametrize(
    ("by", "every", "others", "twice"),
    [
        (["model", "model"], None, (), "'model'"),
        ("requests", None, ("requests",), "'requests'"),
        (["model", "time"], "day", (), "'time'"),
        (["a", "b", "a"], None, ("b",), "'a', 'b'"),
    ],
)
def test_two_columns_of_one_name_are_refused(
    by: str | list[str], every: str | None, others: tuple[str, ...], twice: str
) -> None:
    with pytest.raises(InputError, match=f"two columns of the result would be named {twice}: use each name once"):
        names_of(by, every, others)


def test_an_unknown_column_is_named_with_the_known_ones() -> None:
    with pytest.raises(
        MissingColumnError,
        match=r"cannot group by 'modell'; did you mean 'model'\? there are model, .* and \d+ more",
    ):
        names_of("modell")


def test_a_derived_key_without_its_column_is_named_with_it() -> None:
    with pytest.raises(
        MissingColumnError, match="cannot group by 'weekday', which needs the column 'created_at'; there are model, day"
    ):
        summarize(pd.DataFrame({"model": ["a"]}), by="weekday", metrics=[])


def test_a_column_of_lists_is_refused() -> None:
    with pytest.raises(InputError, match="cannot group by 'provider_responses': it contains lists"):
        names_of("provider_responses")


def test_a_missing_column_is_named_with_the_statistic_that_needs_it() -> None:
    check_columns(open_source(FRAME), ["model", "total_cost"], "mine")
    with pytest.raises(MissingColumnError, match="the data has no column 'one', 'two', which 'mine' needs"):
        check_columns(open_source(FRAME), ["one", "model", "two"], "mine")


def test_groups_keep_the_dtype_of_their_column() -> None:
    for name in ("model", "is_byok", "latency", "created_at"):
        assert summarize(FRAME, by=name, metrics=[])[name].dtype == FRAME[name].dtype
