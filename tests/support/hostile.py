"""Characters of strangers that no output for people contains."""

from hypothesis import strategies as st

_OVERRIDES = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
"""They turn text around."""
_WIDTHLESS = "\u200b\u2060\ufeff\u00ad\u180e\u2061\u034f\u115f\u1160\u3164\uffa0\u2800\U000e0041"
"""They draw nothing."""
_MOVES = "\x00\x08\x1b\x7f\x85\x9b\u2028\u2029"
"""They move a cursor, or begin a line."""
UNSEEN = frozenset(_OVERRIDES + _WIDTHLESS + _MOVES)

names = st.text(
    st.one_of(st.sampled_from(sorted(UNSEEN)), st.sampled_from("a\u200c\u200d\ufe0f \n\r\t<|$=")), max_size=20
)
"""Names with many of these characters."""
