"""Names of groups in a chart: every character is either in the font or spelled."""

import warnings
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from genanalytics.plots import cost_over_time, cost_ranking, save
from genanalytics.plots.glyphs import spell
from support.generations import frame_of, on

HOSTILE = {
    "<script>alert(1)</script>": "<script>alert(1)</script>",
    "$x^2$": "$x^2$",
    "$\\frac{1}{2": "$\\frac{1}{2",
    "a\x1b[31m\x00": "a\\x1b[31m\\x00",
    "abc\u202egpj.exe": "abc\\u202egpj.exe",
    "_hidden": "_hidden",
    "模型\U0001f642": "\\u6a21\\u578b\\U0001f642",
    "w" * 10_000: "w" * 23 + "…" + "w" * 24,
    "z" + "\u0301" * 300: "z" + "\u0301" * 22 + "…" + "\u0301" * 24,
    "%s {0}": "%s {0}",
}
FRAME = frame_of(*({**on("2026-03-01"), "model": name, "total_cost": 1.0} for name in HOSTILE))


def are_literal(ax: Axes) -> bool:
    """Return whether no text of a chart is read as a formula."""
    return not any(text.get_parse_math() for text in ax.findobj(Text))


def test_names_of_groups_are_drawn_as_they_are_or_spelled() -> None:
    figure = Figure(figsize=(16, 5), layout="constrained")
    ax = cost_ranking(FRAME, ax=figure.subplots())
    figure.draw_without_rendering()
    assert are_literal(ax)
    assert set(HOSTILE.values()) <= {tick.get_text() for tick in ax.get_yticklabels()}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_column_of_any_name_is_a_title_that_leaves_room(name: str) -> None:
    figure = Figure(layout="constrained")
    ax = cost_over_time(FRAME.assign(**{name: FRAME["model"]}), ax=figure.subplots(), by=name)
    figure.draw_without_rendering()
    title = HOSTILE[name].replace("_", " ")
    assert ax.get_title() == f"Cost per day by {title}"
    assert ax.get_position().width > 0.3
    assert are_literal(ax)


def test_a_formula_of_the_caller_stays_one() -> None:
    ax = Figure().subplots()
    formulas = [ax.text(0, 0, "$x^2$"), ax.set_title("$x^2$")]
    cost_over_time(FRAME, ax=ax)
    assert all(formula.get_parse_math() for formula in formulas)


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_no_picture_lacks_a_character(suffix: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save(FRAME, cost_ranking, tmp_path / f"chart.{suffix}")


def test_the_fonts_of_the_settings_decide() -> None:
    assert spell("é ≥ م z\u0301 模") == "é ≥ م z\u0301 \\u6a21"
    with mpl.rc_context({"font.family": ["No such font", "DejaVu Sans"]}):
        assert spell("é 模") == "é \\u6a21"
    with mpl.rc_context({"font.family": ["No such font"]}):
        assert spell("é") == "\\xe9"
    with mpl.rc_context({"font.family": ["sans-serif"], "font.sans-serif": ["cmr10"]}):
        assert spell("م") == "\\u0645", "another font by the same name of a family"
    with mpl.rc_context({"svg.fonttype": "none"}):
        assert spell("模") == "模"
