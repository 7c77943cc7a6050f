"""A key that a test follows, the forms in which it could leak, and how to look for them."""

import json
import pprint
import traceback
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from support.paths import TESTS

CANARY = "sk-or-v1-ca/na+ry=c0ffee5eba5eba11~ca11ab1edecade"
"""A key whose URL-encoded form is another than the key itself."""


FORMS = {
    CANARY,
    quote(CANARY, safe=""),
    repr(CANARY)[1:-1],
    json.dumps(CANARY)[1:-1],
    *(b64encode(b"." * shift + CANARY.encode())[4:-4].decode() for shift in range(3)),
    b64encode(f"Bearer {CANARY}".encode())[:-4].decode(),
}


def leaks(shown: object) -> list[str]:
    """Return the forms of the key, or of its more telling half, that stand in what was shown."""
    text = shown.decode("latin-1") if isinstance(shown, bytes) else str(shown)
    return [form for form in FORMS if form in text or form[len(form) // 2 :] in text]


def told(error: BaseException) -> str:
    """Return everything that can be printed of an error: its chain, and the locals of every frame outside the tests."""
    parts = []
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        error_or_none = left.pop()
        if error_or_none is None or id(error_or_none) in seen:
            continue
        seen.add(id(error_or_none))
        left += [error_or_none.__cause__, error_or_none.__context__]
        summary = traceback.TracebackException.from_exception(error_or_none, capture_locals=True, compact=False)
        parts += [repr(error_or_none), str(error_or_none), repr(error_or_none.args), repr(vars(error_or_none))]
        for frame in summary.stack:
            if TESTS not in Path(frame.filename).parents:
                parts.append(f"{frame.filename}:{frame.lineno} {frame.locals}")
    return "\n".join(parts)


def shown_of(value: object) -> str:
    """Return what notebooks, debuggers and `print` show of an object, and of what it is made of, five levels down."""
    parts: list[str] = []

    def show(inner: object, depth: int) -> None:
        parts.extend([repr(inner), str(inner), pprint.pformat(inner)])
        if depth == 0:
            return
        attributes = list(getattr(inner, "__dict__", {}).values())
        items = inner.values() if isinstance(inner, dict) else inner if isinstance(inner, list | tuple) else []
        for item in [*attributes, *items]:
            if not callable(item) or hasattr(item, "__dict__"):
                show(item, depth - 1)

    show(value, 5)
    return "\n".join(parts)


def error_of(act: Callable[[], object]) -> BaseException:
    """Return the error that an act raises."""
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - of any error, only the text counts
        act()
    return caught.value
