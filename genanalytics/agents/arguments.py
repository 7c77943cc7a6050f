"""The arguments of tools: declared once, described to agents as JSON Schema, and checked with clear sentences."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from genanalytics.base.text import suggest
from genanalytics.errors import InputError

Kind = Literal["text", "texts", "names", "number", "integer", "flag"]
"""What a value is: `texts` and `names` are lists; one text is a list of one, or of names between commas."""

_SCHEMAS: Mapping[Kind, Mapping[str, Any]] = {
    "text": {"type": "string"},
    "texts": {"type": "array", "items": {"type": "string"}},
    "names": {"type": "array", "items": {"type": "string"}},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "flag": {"type": "boolean"},
}
_WANTED: Mapping[Kind, str] = {
    "text": "a text",
    "texts": "a list of texts",
    "names": "a list of names",
    "number": "a number",
    "integer": "a whole number",
    "flag": "true or false",
}
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a tool.

    Attributes:
        name: Its name.
        kind: What its value is.
        meaning: What it does, for the agent.
        choices: The allowed texts; none for any text.
        least: The smallest allowed number.
        most: The largest allowed number.
        required: Whether it must be given.
    """

    name: str
    kind: Kind
    meaning: str
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    required: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        limits = {"minimum": self.least, "maximum": self.most, "enum": list(self.choices) or None}
        given = {name: value for name, value in limits.items() if value is not None}
        return {**_SCHEMAS[self.kind], **given, "description": self.meaning}

    def read(self, value: object) -> Any:  # noqa: ANN401 - of its kind
        """Return a given value as one of its kind.

        Raises:
            InputError: It is none.

        >>> Argument("by", "names", "Group by").read("model, day")
        ['model', 'day']
        """
        read = self._convert(value)
        if read is None:
            raise self._refuse(value, _WANTED[self.kind])
        if self.choices and read not in self.choices:
            wanted = f"one of {', '.join(map(repr, self.choices))}"
            raise self._refuse(value, wanted, hint=suggest(read, self.choices))
        too_small = self.least is not None and read < self.least
        if too_small or (self.most is not None and read > self.most):
            raise self._refuse(value, f"{_WANTED[self.kind]} {self._describe_limits()}")
        return read

    def _convert(self, value: object) -> Any:  # noqa: ANN401 - None if it is of another kind
        if self.kind in {"texts", "names"}:
            return self._list_texts(value)
        if self.kind == "flag":
            return value if isinstance(value, bool) else None
        if self.kind == "text":
            return value if isinstance(value, str) and value.strip() else None
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            return None
        if self.kind == "integer":
            return int(value) if value == int(value) else None
        return value

    def _list_texts(self, value: object) -> list[str] | None:
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            return None
        if self.kind == "texts":
            return [text for text in texts if text.strip()]
        return [name.strip() for text in texts for name in text.split(",") if name.strip()]

    def _describe_limits(self) -> str:
        if self.most is None:
            return f"of at least {self.least:g}"
        return f"from {self.least or 0:g} to {self.most:g}"

    def _refuse(self, value: object, wanted: str, *, hint: str = "") -> InputError:
        shown = ascii(value)
        given = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
        return InputError(f"{self.name}={given}: {hint}give {wanted}")


def make_schema(arguments: Sequence[Argument]) -> dict[str, Any]:
    """Return the JSON Schema of all arguments of a tool."""
    return {
        "type": "object",
        "properties": {argument.name: argument.schema for argument in arguments},
        "required": [argument.name for argument in arguments if argument.required],
        "additionalProperties": False,
    }


def read_arguments(arguments: Sequence[Argument], given: Mapping[str, object]) -> dict[str, Any]:
    """Return the values of the given arguments; those that are null are left out, as if they were not given.

    Raises:
        InputError: A name is unknown, a value is of another kind, or a required one is not there.

    >>> read_arguments([Argument("limit", "integer", "Show at most this many", least=1)], {"limit": 0})
    Traceback (most recent call last):
    ...
    genanalytics.errors.InputError: limit=0: give a whole number of at least 1
    """
    by_name = {argument.name: argument for argument in arguments}
    for name in given:
        if name not in by_name:
            names = ", ".join(by_name) or "none"
            msg = f"no argument {name[:_SHOWN]!a}; {suggest(name, by_name)}there are {names}"
            raise InputError(msg)
    values = {name: by_name[name].read(value) for name, value in given.items() if value is not None}
    for argument in arguments:
        if argument.required and not values.get(argument.name):
            msg = f"{argument.name} is not given: {argument.meaning[:1].lower()}{argument.meaning[1:]}"
            raise InputError(msg)
    return values
