from hypothesis import given, settings, strategies as st

from genanalytics.base.text import fit, measure
from genanalytics.bill.page import Section
from genanalytics.tables.layout import Column, fit_columns, join_columns
from genanalytics.tables.notes import wrap_notes
from genanalytics.tables.pages import format_section
from genanalytics.tables.style import Style, split_looks

CELLS = st.text("ab/-模é \u0301–", max_size=30)
TABLES = st.integers(1, 4).flatmap(
    lambda rows: st.lists(
        st.builds(Column, CELLS, st.lists(CELLS, min_size=rows, max_size=rows), is_figure=st.booleans()), min_size=1
    )
)


@settings(max_examples=40)
@given(TABLES)
def test_all_columns_are_aligned_however_wide_their_characters_are(columns: list[Column]) -> None:
    marked = [*columns, Column("|", ["|"] * len(columns[0].cells))]
    lines = join_columns(marked).splitlines()[-len(columns[0].cells) :]
    assert len({measure(line) for line in lines}) == 1


@settings(max_examples=40)
@given(TABLES, st.integers(10, 200))
def test_each_column_is_shown_or_left_out(columns: list[Column], width: int) -> None:
    shown, left_out = fit_columns(columns[:1], columns[1:], width)
    assert len(shown) + len(left_out) == len(columns)
    if len(shown) > 2:
        assert max(map(measure, join_columns(shown).splitlines())) <= max(width, 24 * len(shown))


@settings(max_examples=40)
@given(TABLES)
def test_looks_change_no_character(columns: list[Column]) -> None:
    colored = join_columns(columns, style=Style(is_colored=True))
    assert "".join(split_looks(colored)[::2]) == join_columns(columns) or " " in colored


@given(st.text(max_size=60), st.integers(1, 40))
def test_a_fitted_text_is_as_wide_as_it_may_be(text: str, columns: int) -> None:
    assert measure(fit(text, columns)) <= columns


def test_words_continue_on_the_next_line() -> None:
    names, words = Column("check", ["a", "b"]), Column("meaning", ["one two three four five six seven", "x"])
    shown, left_out = fit_columns([names], [words], 32)
    assert left_out == []
    assert join_columns(shown).splitlines() == [
        "check  meaning",
        "a      one two three four five",
        "       six seven",
        "b      x",
    ]


def test_a_name_is_shortened_in_the_middle() -> None:
    names, words = Column("id", ["gen-1"]), Column("model", ["anthropic/claude-4.5-sonnet-20250929"])
    shown, _ = fit_columns([names], [words], 32)
    assert join_columns(shown).splitlines()[1] == "gen-1  anthropic/cl…net-20250929"


def test_a_section_leaves_out_columns_of_little_value() -> None:
    rows = (("", "generations", "difference"), ("anthropic/claude-4.5-sonnet", "12", "+$0.100000"))
    shown = format_section(Section("By model", rows, (1, 2)), width=42, rare=("generations",)).splitlines()
    assert shown[:3] == [
        "By model",
        f"{'':31}difference",
        "  anthropic/claude-4.5-sonnet  +$0.100000",
    ]
    assert shown[3:] == ["Not shown for lack of width: generations;", "  --json has all."]


def test_the_last_columns_are_left_out_and_charts_before_them() -> None:
    names, chart = Column("model", ["a" * 25]), Column("", ["███"], is_chart=True)
    figures = [Column(name, ["1,234"], name, is_figure=True) for name in ("requests", "cost", "share")]
    kept, left_out = fit_columns([names], [*figures[:2], chart, figures[2]], 30)
    assert [column.name for column in kept[1:]] == ["requests", "cost"]
    assert left_out == figures[2:]
    kept, left_out = fit_columns([names], [*figures, chart], 30, rare=figures[1:2])
    assert [column.name for column in kept[1:]] == ["requests", "share"]


def test_a_long_heading_is_divided_like_the_name_of_a_group() -> None:
    assert join_columns([Column("anthropic/claude-4.5-sonnet", ["1"], is_figure=True)]).split() == [
        "anthropic/",
        "claude-",
        "4.5-sonnet",
        "1",
    ]


def test_notes_are_wrapped_at_words() -> None:
    assert wrap_notes(["one two three"], 8) == ["one two", "  three"]
