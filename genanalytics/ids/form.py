"""What a generation id is: what cannot be one, when its generation was created, and how one is known in any text.

An id's form is not ours to judge: other gateways have other forms, so a strange id is asked for. Only what cannot be
an id is refused.
"""

import re
import unicodedata

MAX_LENGTH = 256

NOT_TEXT = "not text: "
"""What stands for a value that is no text begins so: no id does, and `problem` refuses it."""

PATTERN = re.compile(
    r"gen-(?:[a-z]{2,8}-)?"
    r"(?:\d{10}-[A-Za-z0-9]{16,24}|(?=[a-z]*[A-Z0-9])[A-Za-z0-9]{20,32})"
    r"(?![A-Za-z0-9])"
)
"""The service's own ids wherever they stand. Before 2025 they were 24 to 28 letters and digits without a second; a word
in small letters alone, such as the end of "nitrogen-containingheterocycles", is none of them."""

LONGEST_MATCH = 64
"""No match of `PATTERN` is longer, the character after it included."""

CREATED = r"^gen-(?:[a-z]{2,8}-)?(?P<created>[0-9]{10})-"
"""Where an id has the second (Unix time) in which the generation was created."""

_CREATED = re.compile(CREATED)
_PLAIN = re.compile(rf"[!-~]{{1,{MAX_LENGTH}}}")


def problem(generation_id: str) -> str | None:
    """Return why `generation_id` cannot be an id, or None where it can be one.

    >>> problem("gen-1756000000-AbCdEfGhIjKlMnOpQrSt") is None
    True
    >>> problem("two words")
    'an id cannot contain white space'
    """
    return None if _PLAIN.fullmatch(generation_id) else _problem(generation_id)


def created_s(generation_id: str) -> int | None:
    """Return the second (Unix time) in which the generation was created, or None where the id does not tell.

    >>> created_s("gen-1756000000-AbCdEfGhIjKlMnOpQrSt"), created_s("gen-img-1756000000-AbCdEfGhIjKlMnOpQrSt")
    (1756000000, 1756000000)
    >>> created_s("chatcmpl-123") is None
    True
    """
    found = _CREATED.match(generation_id)
    return int(found[1]) if found else None


def _problem(generation_id: str) -> str | None:
    if not generation_id:
        return "an id cannot be empty"
    if generation_id.startswith(NOT_TEXT):
        return "an id must be text"
    if len(generation_id) > MAX_LENGTH:
        return f"an id has at most {MAX_LENGTH} characters, this one has {len(generation_id):,}"
    if any(character.isspace() for character in generation_id):
        return "an id cannot contain white space"
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in generation_id):
        return "an id cannot contain control characters"
    return None
