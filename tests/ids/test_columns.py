"""The choice of the column that holds the ids, out of the first values of each column."""

import pytest

from genanalytics.errors import InputError
from genanalytics.ids.columns import LONGEST_VALUE, NAMES, choose_column, count_ids, read_column

A, B = "gen-1756000000-AbCdEfGhIjKlMnOpQrSt", "gen-1756000001-AbCdEfGhIjKlMnOpQrSt"


def choose(sample: dict[str, list[str | None]], column: str | None = None) -> tuple[str | None, list[str]]:
    """Return the chosen column and the notices."""
    notices: list[str] = []
    matches = {name: count_ids(values) for name, values in sample.items()}
    return choose_column(matches, column, "log.csv", notices.append), notices


@pytest.mark.parametrize(
    ("values", "is_chosen"),
    [
        ([A], True),
        ([f" {A}\t"], True),
        ([A, "x"], True),
        ([A, "x", "y"], False),
        ([A, None, "", None], True),
        ([f"see {A}"], False),
        (["gen_abc"], False),
        ([None], False),
        ([], False),
    ],
)
def test_a_column_is_chosen_if_half_of_its_known_values_are_ids(values: list[str | None], *, is_chosen: bool) -> None:
    chosen, notices = choose({"ref": values})
    assert chosen == ("ref" if is_chosen else None)
    assert notices == (["log.csv: ids are read from the column 'ref'"] if is_chosen else [])


def test_the_column_with_the_most_ids_is_chosen_and_the_first_of_equals() -> None:
    notice = "log.csv: ids are read from the column 'b'; to read another one, name it (columns with ids: 'a')"
    assert choose({"a": [A, None], "b": [A, B]}) == ("b", [notice])
    assert choose({"a": [A], "b": [B]})[0] == "a"


@pytest.mark.parametrize("name", [*NAMES, "Generation_ID"])
def test_a_column_with_a_known_name_is_chosen_for_ids_of_any_form(name: str) -> None:
    assert choose({"model": ["x"], name: ["gen_abc"]})[0] == name
    assert choose({name: ["gen_abc"], "ref": [A]})[0] == "ref"


def test_a_named_column_is_chosen_without_a_notice() -> None:
    assert choose({"ref": [A], "model": ["x"]}, "model") == ("model", [])


@pytest.mark.parametrize(("columns", "names"), [(["a", "b\x1b"], r"a, b\x1b"), ([], "none at all")])
def test_a_missing_column_is_refused_with_the_names_of_the_others(columns: list[str], names: str) -> None:
    with pytest.raises(InputError) as refused:
        choose({name: [A] for name in columns}, "id")
    assert str(refused.value) == f"no column 'id' with text in log.csv; it has {names}"


def test_values_are_read_without_the_space_around_them_and_gaps_are_counted() -> None:
    notices: list[str] = []
    assert list(read_column(iter([f" {A}\n", None, "", "  ", "x"]), "log.csv", notices.append)) == [A, "x"]
    assert notices == ["log.csv: 3 rows without an id"]


def test_a_value_that_is_longer_than_any_id_is_cut_and_counted() -> None:
    notices: list[str] = []
    assert list(read_column(iter(["x" * 5_000, A]), "log.csv", notices.append)) == ["x" * LONGEST_VALUE, A]
    assert notices == ["log.csv: cut 1 value of the column of ids to 1,024 characters"]
