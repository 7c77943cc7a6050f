"""The grammar of conditions, such as `model=a and (total_cost>=0.5 or not origin is null)`.

```text
condition = all { "or" all }
all       = not { "and" not }
not       = "not" not | "(" condition ")" | test
test      = column sign value                    sign: = == != < <= > >= ~ !~
          | column ["not"] "in" "(" value { "," value } ")"
          | column "is" ["not"] "null"
```

A column is a name, or any text in double quotes. A value is a text in single or double quotes, in which a doubled quote
is one quote, or plain text up to `and`, `or` or the end, and within parentheses up to the closing one. The words of the
grammar have no case.
"""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from genanalytics.errors import InputError

Sign = Literal["=", "!=", "<", "<=", ">", ">=", "~", "!~", "in", "not in", "is null", "is not null"]

_SIGN = re.compile(r"\s*(!=|<=|>=|==?|<|>|!~|~)\s*")
_IN = re.compile(r"\s+(not\s+)?in\s*\(\s*", re.IGNORECASE)
_IS_NULL = re.compile(r"\s+is\s+(not\s+)?null\b\s*", re.IGNORECASE)
_QUOTED_NAME = re.compile(r'\s*"((?:[^"]|"")*)"')
_NAME = re.compile(r"\s*((?:(?!\s+(?:not\s+)?in\s*\(|\s+is\s+(?:not\s+)?null\b)[^=!<>~()])+)", re.IGNORECASE)
_QUOTED = re.compile(r"""'((?:[^']|'')*)'|"((?:[^"]|"")*)\"""")
_BARE = re.compile(r"(?:(?!\s+(?:and|or)\s).)*", re.IGNORECASE | re.DOTALL)
_BARE_IN_GROUP = re.compile(r"(?:(?!\s+(?:and|or)\s)[^)])*", re.IGNORECASE)
_ITEM = re.compile(r"[^,)]*")
_AND, _OR, _NOT = (re.compile(rf"\s*\b{word}\b(?=[\s(])\s*", re.IGNORECASE) for word in ("and", "or", "not"))
_OPEN, _CLOSE, _COMMA = (re.compile(rf"\s*{re.escape(mark)}\s*") for mark in "(),")
_NEEDS_QUOTES = re.compile(r"""^\s|\s$|^['"=]|[(),]|\s(?:and|or)\s|[^\x20-\x7e]""", re.IGNORECASE)
_DEEPEST = 20
"""The number of parentheses and `not` around a test."""
_HELP = (
    "write a column, one of = != < <= > >= ~ (contains), and a value, or 'in (a, b)' or 'is null'; join with and, or,"
    " not; put quotes around a value that contains and, or, a comma or a parenthesis"
)


@dataclass(frozen=True, slots=True)
class Criterion:
    """A test of one column.

    Attributes:
        column: The column.
        sign: How its value is compared.
        operands: The values to compare with: several for `in`, none for `is null`.
    """

    column: str
    sign: Sign
    operands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a condition."""

    condition: "Condition"


@dataclass(frozen=True, slots=True)
class Joined:
    """Conditions that hold together (`and`), or of which one holds (`or`)."""

    word: Literal["and", "or"]
    conditions: "tuple[Condition, ...]"


Condition: TypeAlias = Criterion | Not | Joined


def parse(text: str) -> Condition:
    """Return a condition.

    Raises:
        InputError: The text is not a condition.

    >>> parse("model in (a, 'b, c') and total_cost>=0.5").conditions[0]
    Criterion(column='model', sign='in', operands=('a', 'b, c'))
    """
    return _Reader(text).read()


def list_tests(condition: Condition) -> list[Criterion]:
    """Return the tests of a condition, in order."""
    match condition:
        case Criterion():
            return [condition]
        case Not(inner):
            return list_tests(inner)
        case Joined(_, parts):
            return [test for part in parts for test in list_tests(part)]


def quote_value(text: str) -> str:
    """Return a value as it is written in a condition: in quotes if it needs them.

    >>> quote_value("openai/gpt-5"), quote_value("Tom and Jerry's")
    ('openai/gpt-5', "'Tom and Jerry''s'")
    """
    return "'" + text.replace("'", "''") + "'" if not text or _NEEDS_QUOTES.search(text) else text


def quote_name(name: str) -> str:
    """Return a column as it is written in a condition: in quotes if it needs them.

    >>> quote_name("model"), quote_name("cost (EUR)")
    ('model', '"cost (EUR)"')
    """
    return (
        name
        if re.fullmatch(r"\w+", name) and name.lower() not in {"and", "or", "not"}
        else '"' + name.replace('"', '""') + '"'
    )


class _Reader:
    """The text of a condition, and the place up to which it is read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._inside = 0

    def read(self) -> Condition:
        condition = self._read_any()
        if self._text[self._at :].strip():
            raise self._refuse()
        return condition

    def _read_any(self) -> Condition:
        parts = [self._read_all()]
        while self._take(_OR):
            parts.append(self._read_all())
        return Joined("or", tuple(parts)) if len(parts) > 1 else parts[0]

    def _read_all(self) -> Condition:
        parts = [self._read_one()]
        while self._take(_AND):
            parts.append(self._read_one())
        return Joined("and", tuple(parts)) if len(parts) > 1 else parts[0]

    def _read_one(self) -> Condition:
        if self._take(_NOT):
            self._enter()
            condition: Condition = Not(self._read_one())
            self._inside -= 1
            return condition
        if not self._take(_OPEN):
            return self._read_test()
        self._enter()
        self._depth += 1
        condition = self._read_any()
        self._depth -= 1
        self._inside -= 1
        if not self._take(_CLOSE):
            raise self._refuse(missing=")")
        return condition

    def _enter(self) -> None:
        """Begin a condition within another one.

        Raises:
            InputError: There are too many around it for engines, whose expressions nest as deeply.
        """
        self._inside += 1
        if self._inside > _DEEPEST:
            msg = f"the condition {self._text[:40]!r}... nests more than {_DEEPEST} levels deep: write it flatter"
            raise InputError(msg)

    def _read_test(self) -> Criterion:
        start = self._at
        quoted = self._take(_QUOTED_NAME)
        found = quoted or self._take(_NAME)
        if found is None:
            raise self._refuse()
        column = found[1].replace('""', '"') if quoted else found[1].strip()
        if is_null := self._take(_IS_NULL):
            return Criterion(column, "is not null" if is_null[1] else "is null", ())
        if is_in := self._take(_IN):
            return Criterion(column, "not in" if is_in[1] else "in", self._read_list())
        sign = self._take(_SIGN)
        if sign is None or not column:
            self._at = start
            raise self._refuse()
        return Criterion(column, cast("Sign", sign[1].replace("==", "=")), (self._read_value(),))

    def _read_list(self) -> tuple[str, ...]:
        values = [self._read_item()]
        while self._take(_COMMA):
            values.append(self._read_item())
        if not self._take(_CLOSE):
            raise self._refuse(missing=")")
        return tuple(values)

    def _read_item(self) -> str:
        return self._read_quoted(_ITEM)

    def _read_value(self) -> str:
        return self._read_quoted(_BARE_IN_GROUP if self._depth else _BARE)

    def _read_quoted(self, bare: "re.Pattern[str]") -> str:
        """Return a value in quotes, or plain text."""
        if self._text[self._at : self._at + 1] in {"'", '"'}:
            found = self._take(_QUOTED)
            if found is None:
                raise self._refuse(missing=self._text[self._at])
            return found[1].replace("''", "'") if found[1] is not None else found[2].replace('""', '"')
        found = self._take(bare)
        return found[0].strip() if found else ""

    def _take(self, pattern: "re.Pattern[str]") -> "re.Match[str] | None":
        """Return the match at this place, and move behind it."""
        found = pattern.match(self._text, self._at)
        if found:
            self._at = found.end()
        return found

    def _refuse(self, missing: str = "") -> InputError:
        rest = self._text[self._at :].strip()
        where = f" at {rest[:40]!r}" if self._at and rest else ""
        reason = f"a closing {missing} is missing; " if missing else ""
        return InputError(f"cannot read the condition {self._text!r}{where}: {reason}{_HELP}")
