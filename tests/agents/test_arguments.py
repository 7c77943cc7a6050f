"""The arguments of tools: described as JSON Schema, checked with sentences."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from genanalytics.agents.arguments import Argument, make_schema, read_arguments
from genanalytics.agents.ask import TOOLS
from genanalytics.errors import InputError

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
)
ALL = [argument for tool in TOOLS.values() for argument in tool.arguments]


def test_one_text_is_a_list_of_one_and_names_are_divided_at_commas() -> None:
    where, by = Argument("where", "texts", "Keep"), Argument("by", "names", "Group")
    assert where.read("model in (a, b)") == ["model in (a, b)"]
    assert by.read("model, day") == by.read(["model", "day"]) == by.read(["model,day"]) == ["model", "day"]


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        (Argument("n", "integer", "Show", least=1, most=60), 61, "n=61: give a whole number from 1 to 60"),
        (Argument("n", "integer", "Show"), 1.5, "n=1.5: give a whole number"),
        (Argument("n", "integer", "Show"), True, "n=True: give a whole number"),
        (Argument("n", "number", "Show", least=0), -1, "n=-1: give a number of at least 0"),
        (Argument("n", "number", "Show"), "5", "n='5': give a number"),
        (Argument("b", "flag", "Show"), "yes", "b='yes': give true or false"),
        (Argument("w", "texts", "Keep"), {"model": "a"}, "w={'model': 'a'}: give a list of texts"),
        (Argument("t", "text", "Keep"), " ", "t=' ': give a text"),
        (
            Argument("every", "text", "Group", choices=("day", "week")),
            "weak",
            "every='weak': did you mean 'week'? give one of 'day', 'week'",
        ),
    ],
)
def test_a_value_of_another_kind_is_named_with_what_is_allowed(argument: Argument, value: object, message: str) -> None:
    with pytest.raises(InputError) as caught:
        argument.read(value)
    assert str(caught.value) == message


def test_an_unknown_or_a_missing_name_is_a_sentence() -> None:
    by = Argument("by", "names", "Group by these columns", required=True)
    with pytest.raises(InputError, match=r"^no argument 'bye'; did you mean 'by'\? there are by$"):
        read_arguments([by], {"bye": "model"})
    nothing: list[dict[str, object]] = [{}, {"by": None}, {"by": []}]
    for given_values in nothing:
        with pytest.raises(InputError, match=r"^by is not given: group by these columns$"):
            read_arguments([by], given_values)


@given(st.sampled_from(ALL), JSON)
def test_any_json_is_a_value_or_a_short_sentence(argument: Argument, value: object) -> None:
    error: InputError | None = None
    try:
        argument.read(value)
    except InputError as raised:
        error = raised
    assert error is None or (len(str(error)) < 300 and str(error).isprintable())


def test_every_tool_is_described() -> None:
    for tool in TOOLS.values():
        schema = make_schema(tool.arguments)
        assert json.loads(json.dumps(schema)) == schema
        assert all(each["description"].endswith(".") for each in schema["properties"].values())
        assert tool.title.endswith("?")
        assert tool.meaning.endswith(".")
