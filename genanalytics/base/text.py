"""Text for people: shortened, measured, on one line, harmless to a terminal; names of groups; the nearest names."""

import itertools
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime, time
from difflib import SequenceMatcher, get_close_matches

from genanalytics.base.mask import hide_api_keys
from genanalytics.units import GAP

_MOST_NAMES = 20
"""A message lists no more names than this."""
_MOST_MARKS = 4
"""A text with more characters per column than this has more combining marks than any language."""
_MODEL = re.compile(r"[\w.-]+/[\w.:-]+")
_AUTHOR_AND_DATE = re.compile(r"^[^/]+/|-(\d{8}|\d{4}-\d{2}-\d{2})$")
"""The author at the start of the name of a model, and the date at its end."""
_ZWNJ, _ZWJ = _JOINERS = "\u200c\u200d"
_EMOJI_STYLE = "\ufe0f"
_VIRAMA = 9
"""The combining class of signs that join two consonants."""
_VARIATION = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\U0001d159\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
"""Characters that Python takes for printable although they draw nothing (Default_Ignorable_Code_Point, and blanks)."""


def shorten(text: str, longest: int) -> str:
    """Return a text of at most `longest` characters, cut in the middle.

    >>> shorten("anthropic/claude-4.5-sonnet", 15)
    'anthrop…-sonnet'
    """
    if len(text) <= longest:
        return text
    head = (longest - 1) // 2
    return f"{text[:head]}…{text[len(text) - (longest - 1 - head) :]}"


def abbreviate(names: Sequence[str], longest: int) -> list[str]:
    """Return names of at most `longest` characters; if one is too long, all are without author and date of a model.

    What is still too long is cut in the middle. If two names would be the same, all are only cut.

    >>> abbreviate(["anthropic/claude-4.5-sonnet-20250929", "openai/gpt-5"], 17)
    ['claude-4.5-sonnet', 'gpt-5']
    >>> abbreviate(["openai/gpt-4o-2024-05-13", "openai/gpt-4o-2024-08-06"], 15)
    ['openai/…4-05-13', 'openai/…4-08-06']
    """
    if all(len(name) <= longest for name in names):
        return [*names]
    found = [shorten(_AUTHOR_AND_DATE.sub("", name) if _MODEL.fullmatch(name) else name, longest) for name in names]
    return found if len(set(found)) == len(set(names)) else [shorten(name, longest) for name in names]


def fit(text: str, columns: int) -> str:
    """Return a text that takes at most that many columns of a terminal, cut in the middle.

    >>> fit("anthropic/claude-4.5-sonnet", 15), fit("模型" * 4, 9)
    ('anthrop…-sonnet', '模型…模型')
    """
    if text.isascii():
        return shorten(text, columns)
    if measure(text) <= columns and len(text) <= _MOST_MARKS * columns:
        return text
    head = (columns - 1) // 2
    start, end = _take(text, head), _take(text[::-1], columns - 1 - head)[::-1]
    return f"{start}…{end}"


def measure(text: str) -> int:
    """Return the width of a text on a terminal, in columns: a wide character takes two, a combining mark none.

    >>> measure("gpt-5"), measure("模型"), measure("e\u0301")
    (5, 4, 1)
    """
    if text.isascii():
        return len(text)
    return sum(0 if _is_combining(character) else _count_columns(character) for character in text)


def _count_columns(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _is_combining(character: str) -> bool:
    """Return whether a character takes no column of its own: a mark, a joiner, or a later part of a Korean syllable."""
    return unicodedata.category(character) in {"Mn", "Me"} or character in _JOINERS or "\u1160" <= character <= "\u11ff"


def _take(text: str, columns: int) -> str:
    """Return the start of a text that takes at most this number of columns."""
    widths = itertools.accumulate(map(_count_columns, text))
    return text[: sum(1 for _ in itertools.takewhile(lambda width: width <= columns, widths))]


def capitalize(text: str) -> str:
    """Return a text as the start of a sentence: with an upper-case letter, and the others as they are.

    >>> capitalize("share of cost"), capitalize("TTFT p50"), capitalize("")
    ('Share of cost', 'TTFT p50', '')
    """
    return text[:1].upper() + text[1:]


def to_sentence(notice: str) -> str:
    """Return a notice as a sentence: with a capital, unless it begins with the name of a column or a value.

    >>> to_sentence("records since 2026-09-01 (UTC)"), to_sentence("total_cost: not known")
    ('Records since 2026-09-01 (UTC).', 'total_cost: not known.')
    """
    first = notice.partition(" ")[0].rstrip(",:;")
    return f"{capitalize(notice) if first.isalpha() else notice}."


def escape_unprintable(text: str) -> str:
    r"""Return untrusted text with an escape for what cannot be seen, moves a cursor or turns text around.

    These are control and format characters (category C, such as U+202E), separators but the blank, and characters
    that draw nothing, such as the Hangul fillers. Joiners and variation selectors stay where a word needs them: after a
    virama, between Arabic letters, in emoji, after an ideograph.

    >>> escape_unprintable("gpt\x1b[31m"), escape_unprintable("evil\u202ecod.exe")
    ('gpt\\x1b[31m', 'evil\\u202ecod.exe')
    >>> escape_unprintable("\u0645\u06cc\u200c\u062e") == "\u0645\u06cc\u200c\u062e", escape_unprintable("gpt\u200c-5")
    (True, 'gpt\\u200c-5')
    """
    if text.isprintable() and not _INVISIBLE.search(text):
        return text
    return "".join(
        character if _is_shown(text, place, character) else ascii(character)[1:-1]
        for place, character in enumerate(text)
    )


def _is_shown(text: str, place: int, character: str) -> bool:
    """Return whether a character of a text draws something, or joins or varies what others draw."""
    if character in _JOINERS:
        return _is_joining(text, place, character)
    if _VARIATION.match(character):
        return _is_varied(text[max(0, place - 1) : place])
    return character.isprintable() and not _INVISIBLE.match(character)


def _is_joining(text: str, place: int, joiner: str) -> bool:
    """Return whether a joiner is between characters whose shape it changes, as RFC 5892 (A.1, A.2) allows in names."""
    before, after = text[max(0, place - 2) : place], text[place + 1 : place + 2]
    if not before or not after:
        return False
    if joiner == _ZWNJ and _is_arabic(before[-1]) and _is_arabic(after):
        return True
    if joiner == _ZWJ and _is_emoji(after) and _is_emoji(before.removesuffix(_EMOJI_STYLE)[-1:]):
        return True
    return unicodedata.combining(before[-1]) == _VIRAMA


def _is_varied(character: str) -> bool:
    """Return whether a variation selector can follow a character: an emoji or an ideograph."""
    is_wide = character.isalpha() and unicodedata.east_asian_width(character) == "W"
    return _is_emoji(character) or (is_wide and not _INVISIBLE.match(character))


def _is_arabic(character: str) -> bool:
    """Return whether a character is a letter of Arabic, Syriac and the like, whose shape depends on its neighbors."""
    return character.isalpha() and unicodedata.bidirectional(character) == "AL"


def _is_emoji(character: str) -> bool:
    if not character or _INVISIBLE.match(character):
        return False
    return unicodedata.category(character) == "So" or "\U0001f3fb" <= character <= "\U0001f3ff"


def quote_bytes(body: bytes, longest: int = 120) -> str:
    r"""Return the start of untrusted bytes in quotes, on one line of ASCII.

    >>> quote_bytes(b"<html>\n\x1b[31mBad gateway")
    "'<html>\\n\\x1b[31mBad gateway'"
    """
    text = ascii(hide_api_keys(body[: 4 * longest].decode("utf-8", "replace")))
    return text if len(text) <= longest else f"{text[: longest - 4]}...{text[-1]}"


def to_one_line(text: str) -> str:
    r"""Return the start of untrusted text on one line of ASCII.

    >>> to_one_line("no such\ncolumn")
    'no such\\ncolumn'
    """
    return quote_bytes(text.encode("utf-8", "replace"))[1:-1]


def explain(error: BaseException) -> str:
    """Return the reason of an error in a few words on one line: a library's text may quote a file's content.

    >>> explain(OSError(28, "Error writing bytes to file. Detail: [errno 28] No space left on device"))
    'No space left on device'
    >>> explain(ValueError("line 1: not JSON"))
    'line 1: not JSON'
    """
    if isinstance(error, MemoryError | OverflowError):
        return "it contains a size that exceeds the memory"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return to_one_line(str(error).partition("\n")[0]) or type(error).__name__


def suggest(name: str, names: Iterable[str]) -> str:
    """Return "did you mean ...? " if one of the names is close to `name`, else an empty text.

    >>> suggest("modle", ["model", "origin"])
    "did you mean 'model'? "
    """
    found = get_close_matches(name, list(names), n=1)
    return f"did you mean {found[0]!r}? " if found else ""


def list_names(names: Iterable[object], *, near: str = "") -> str:
    """Return names for a message: all of them, or the 20 nearest to one that does not exist, and how many there are.

    >>> list_names(["model", "origin"], near="modle")
    'model, origin'
    >>> list_names([f"column {number}" for number in range(40)], near="column 39").partition(",")[0]
    'column 39'
    >>> list_names(range(1_040))[-21:]
    '18, 19 and 1,020 more'
    """
    texts = list(dict.fromkeys(map(str, names)))
    if len(texts) <= _MOST_NAMES:
        return ", ".join(texts)
    if near:
        texts.sort(key=lambda text: SequenceMatcher(None, text.lower(), near.lower()).ratio(), reverse=True)
    return f"{', '.join(texts[:_MOST_NAMES])} and {len(texts) - _MOST_NAMES:,} more"


def find_near(text: str, texts: Iterable[str]) -> list[str]:
    """Return at most three texts that contain `text`, or else the one that is closest to it; case does not count.

    >>> find_near("GPT-5", ["openai/gpt-5", "openai/gpt-5-mini", "x"]), find_near("opnai", ["openai", "x"])
    (['openai/gpt-5', 'openai/gpt-5-mini'], ['openai'])
    """
    known = {str(one).lower(): str(one) for one in texts}
    holders = [one for lower, one in known.items() if text.strip() and text.strip().lower() in lower]
    if holders:
        return sorted(holders, key=len)[:3]
    return [known[lower] for lower in get_close_matches(text.lower(), known, n=1)]


def name_group(group: object, *, missing: str = GAP) -> str:
    r"""Return the name of a group as people read it, on one line: a day as its date, blanks at an end in quotes.

    Args:
        group: The value that the rows of the group share.
        missing: The name of the group of rows without a value.

    >>> name_group("a\nb"), name_group(None), name_group(""), name_group(" "), name_group(datetime(2026, 9, 1))
    ('a\\nb', '–', '""', '" "', '2026-09-01')
    """
    if is_missing(group):
        return missing
    if isinstance(group, datetime) and group.time() == time():
        return f"{group:%Y-%m-%d}"
    text = escape_unprintable(str(group))
    return text if text and text == text.strip() else f'"{text}"'


def is_missing(value: object) -> bool:
    """Return whether a value is None, NaN, NaT or `pandas.NA`, without loading pandas.

    >>> is_missing(None), is_missing(float("nan")), is_missing("")
    (True, True, False)
    """
    try:
        return value is None or bool(value != value)  # noqa: PLR0124 - NaN and NaT differ from themselves
    except TypeError:  # pandas.NA is neither true nor false
        return True
