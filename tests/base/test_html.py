"""Tables for notebooks show untrusted text, and bring along nothing but text."""

from html.parser import HTMLParser

from hypothesis import given, strategies as st

from genanalytics.base.html import make_block, make_table, to_html
from support.hostile import UNSEEN


class Table(HTMLParser):
    """The tags of a page, and the cells of its tables with their alignment."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.cells: list[tuple[str, str, str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag in {"td", "th"}:
            self.cells.append((tag, dict(attrs)["style"] or "", ""))

    def handle_data(self, data: str) -> None:
        if self.cells:
            tag, style, text = self.cells.pop()
            self.cells.append((tag, style, text + data))


def test_figures_are_aligned_to_the_right_and_text_to_the_left() -> None:
    table = Table(make_table(["model", "rows"], [["a", 1_234], ["b", 5]], figures={1}))
    left, right = (f"padding: 0.3em 0.8em; text-align: {side}" for side in ("left", "right"))
    assert table.cells == [
        ("th", left, "model"),
        ("th", right, "rows"),
        ("td", left, "a"),
        ("td", f"{right}; white-space: nowrap", "1,234"),
        ("td", left, "b"),
        ("td", f"{right}; white-space: nowrap", "5"),
    ]
    assert table.tags == ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td", "tr", "td", "td"]


@given(st.text(st.characters(codec="utf-8")))
def test_any_text_stays_text_on_one_bounded_line(text: str) -> None:
    table = Table(make_table([text], [[text]]))
    assert table.tags == ["table", "thead", "tr", "th", "tbody", "tr", "td"]
    for _, _, shown in table.cells:
        assert not UNSEEN.intersection(shown)
        assert len(shown) <= 160
        if text.isalnum() and text.isascii() and len(text) <= 160:
            assert shown == text


def test_a_long_text_is_cut_before_it_is_escaped() -> None:
    assert to_html("<" * 161) == "&lt;" * 159 + "…"
    assert to_html("\u202e") == r"\u202e"
    assert to_html(None) == "None"


def test_a_block_keeps_dollar_signs_from_being_read_as_formulas() -> None:
    assert make_block("$1", "$2") == '<div class="tex2jax_ignore mathjax_ignore">$1$2</div>'
