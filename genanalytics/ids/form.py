"""What a generation id looks like: which texts cannot be one, and when its generation was created.

Other gateways have ids of other forms, so an unusual id is asked for too. Only texts that cannot be an id are refused.
"""

import re
import unicodedata

from genanalytics.base.mask import HIDDEN, hide_api_keys

MAX_LENGTH = 256

NOT_TEXT = "not text: "
"""The start of the text that replaces a value other than text: no id starts so, and `find_problem` refuses it."""

PATTERN = re.compile(
    r"gen-(?:[a-z]{2,8}-)?"
    r"(?:\d{10}-[A-Za-z0-9]{16,24}|(?=[a-z]*[A-Z0-9])[A-Za-z0-9]{20,32})"
    r"(?![A-Za-z0-9])"
)
"""The service's ids within any text. Before 2025 an id had 24 to 28 letters and digits and no second. A word in lower
case only, such as the end of "nitrogen-containingheterocycles", is not an id."""

LONGEST_MATCH = 64
"""No match of `PATTERN`, with the character after it, is longer."""

CREATED = r"^gen-(?:[a-z]{2,8}-)?(?P<created>[0-9]{10})-"
"""The place of the second (Unix time) in which the generation was created."""

_CREATED = re.compile(CREATED)
_PLAIN = re.compile(rf"[!-~]{{1,{MAX_LENGTH}}}")


def find_problem(generation_id: str) -> str | None:
    """Return why `generation_id` cannot be an id, or None if it can be one.

    >>> find_problem("gen-1756000000-AbCdEfGhIjKlMnOpQrSt") is None
    True
    >>> find_problem("two words")
    'an id cannot contain white space'
    """
    is_usual = PATTERN.fullmatch(generation_id) is not None  # so it is no API key
    if not is_usual and HIDDEN in hide_api_keys(generation_id):
        return "an API key is not an id: take it out of the list"
    if is_usual or _PLAIN.fullmatch(generation_id):
        return None
    if not generation_id or generation_id.startswith(NOT_TEXT):
        return "an id must be text" if generation_id else "an id cannot be empty"
    if len(generation_id) > MAX_LENGTH:
        return f"an id has at most {MAX_LENGTH} characters, this one has {len(generation_id):,}"
    if any(character.isspace() for character in generation_id):
        return "an id cannot contain white space"
    is_control = any(unicodedata.category(character) in {"Cc", "Cs"} for character in generation_id)
    return "an id cannot contain control characters" if is_control else None


def read_created_s(generation_id: str) -> int | None:
    """Return the second (Unix time) in which the generation was created, or None if the id does not contain it.

    >>> read_created_s("gen-1756000000-AbCdEfGhIjKlMnOpQrSt"), read_created_s("gen-img-1756000000-AbCdEfGhIjKlMnOpQr")
    (1756000000, 1756000000)
    >>> read_created_s("chatcmpl-123") is None
    True
    """
    found = _CREATED.match(generation_id)
    return int(found[1]) if found else None


def escape_surrogates(generation_id: str | None) -> str | None:
    """Return an id in a form that every file can hold: lone surrogates are not Unicode."""
    return None if generation_id is None else generation_id.encode("utf-8", "backslashreplace").decode()
