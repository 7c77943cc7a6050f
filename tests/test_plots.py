from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer
from matplotlib.figure import Figure

from genanalytics.errors import InputError, MissingColumnError, OutputError
from genanalytics.frame import from_rows
from genanalytics.plots import cost_over_time, save
from genanalytics.plots.style import GREY, HUES


def frame_of(*rows: tuple[str, str | None, float | None]) -> pd.DataFrame:
    """Return rows of (day, model, cost) with what the chart reads."""
    return pd.DataFrame(
        {
            "created_at": pd.Series([pd.Timestamp(day, tz="UTC") for day, _, _ in rows], dtype="datetime64[us, UTC]"),
            "model": pd.Series([model for _, model, _ in rows], dtype="str"),
            "total_cost": pd.Series([cost for *_, cost in rows], dtype="Float64"),
            "upstream_inference_cost": pd.Series([None for _ in rows], dtype="Float64"),
            "is_byok": pd.Series([False for _ in rows], dtype="boolean"),
        }
    )


@pytest.fixture
def axes() -> Axes:
    """Axes of a figure of the caller's own, without pyplot."""
    return Figure().subplots()


def stacks(ax: Axes) -> dict[str, list[float]]:
    """Return the heights of each group's bars, by the group's label."""
    return {
        str(container.get_label()): [bar.get_height() for bar in container]
        for container in ax.containers
        if isinstance(container, BarContainer)
    }


def test_bars_are_the_effective_cost_of_each_day_and_group(axes: Axes) -> None:
    frame = frame_of(
        ("2026-03-01", "a", 1.0), ("2026-03-01", "a", 0.5), ("2026-03-02", "b", 4.0), ("2026-03-02", "a", 2.0)
    )
    assert stacks(cost_over_time(frame, ax=axes)) == {"b": [0.0, 4.0], "a": [1.5, 2.0]}


def test_groups_are_stacked_dearest_first(axes: Axes) -> None:
    cost_over_time(frame_of(("2026-03-01", "cheap", 1.0), ("2026-03-01", "dear", 4.0)), ax=axes)
    assert [bar.get_y() for container in axes.containers for bar in container] == [0.0, 4.0]
    assert list(stacks(axes)) == ["dear", "cheap"]


def test_a_refund_hangs_below_the_axis(axes: Axes) -> None:
    cost_over_time(frame_of(("2026-03-01", "a", 4.0), ("2026-03-01", "b", -2.0), ("2026-03-01", "c", 1.0)), ax=axes)
    bars = {str(bars.get_label()): bars[0] for bars in axes.containers if isinstance(bars, BarContainer)}
    assert {name: (bar.get_y(), bar.get_height()) for name, bar in bars.items()} == {
        "a": (0.0, 4.0),
        "c": (4.0, 1.0),
        "b": (0.0, -2.0),
    }


def test_a_single_day_has_one_tick(axes: Axes) -> None:
    cost_over_time(frame_of(("2026-03-01", "a", 1.0)), ax=axes)
    assert len(axes.get_xticks()) == 1


def test_days_without_a_generation_are_shown(axes: Axes) -> None:
    frame = frame_of(("2026-03-01", "a", 1.0), ("2026-03-04", "a", 2.0))
    assert stacks(cost_over_time(frame, ax=axes)) == {"a": [1.0, 0.0, 0.0, 2.0]}


def test_five_groups_have_a_hue_and_the_others_are_grey_together(axes: Axes) -> None:
    frame = frame_of(*(("2026-03-01", f"m{cost}", float(cost)) for cost in range(1, 9)))
    found = stacks(cost_over_time(frame, ax=axes))
    assert found == {"m8": [8.0], "m7": [7.0], "m6": [6.0], "m5": [5.0], "m4": [4.0], "other": [1.0 + 2.0 + 3.0]}
    colours = [to_hex(container[0].get_facecolor()) for container in axes.containers]
    assert colours == [*HUES, GREY]


def test_the_legend_lists_the_groups_from_top_to_bottom(axes: Axes) -> None:
    cost_over_time(frame_of(("2026-03-01", "cheap", 1.0), ("2026-03-01", "dear", 4.0)), ax=axes)
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["cheap", "dear"]


def test_a_missing_group_and_a_group_called_other_are_shown(axes: Axes) -> None:
    frame = frame_of(("2026-03-01", None, 2.0), ("2026-03-01", "other", 1.0))
    assert stacks(cost_over_time(frame, ax=axes)) == {"not given": [2.0], "other": [1.0]}


def saved(ax: Axes, path: Path) -> bytes:
    assert isinstance(ax.figure, Figure)
    ax.figure.savefig(path)
    return path.read_bytes()


def test_a_group_called_other_is_not_taken_for_the_rest(axes: Axes) -> None:
    names = ["other", "m5", "m4", "m3", "m2", "m1"]
    frame = frame_of(*(("2026-03-01", name, float(9 - place)) for place, name in enumerate(names)))
    cost_over_time(frame, ax=axes)
    assert [bar.get_height() for container in axes.containers for bar in container] == [9, 8, 7, 6, 5, 4]
    assert [container.get_label() for container in axes.containers] == ["other", "m5", "m4", "m3", "m2", "other"]


def test_axes_say_what_they_show_and_in_which_unit(axes: Axes) -> None:
    cost_over_time(frame_of(("2026-03-01", "a", 1.0)), by="model", ax=axes)
    assert axes.get_ylabel() == "cost (US$)"
    assert axes.get_xlabel() == "day (UTC)"
    assert axes.get_title(loc="left") == "Cost per day by model"
    assert axes.texts[0].get_text() == "US$, 1 generation, days in UTC"


@pytest.mark.parametrize(
    ("cost", "expected"), [(8.0, "$4.00"), (0.008, "$0.004"), (8000.0, "$4,000.00"), (0.000008, "$0.000004")]
)
def test_amounts_on_the_axis_have_as_many_decimals_as_tell_them_apart(axes: Axes, cost: float, expected: str) -> None:
    cost_over_time(frame_of(("2026-03-01", "a", cost)), ax=axes)
    axes.figure.draw_without_rendering()  # type: ignore[union-attr]
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert expected in labels
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("frame", [from_rows([]), frame_of(("NaT", "a", 1.0)), frame_of(("2026-03-01", "a", None))])
def test_nothing_to_draw_is_a_labelled_chart_and_not_an_error(axes: Axes, frame: pd.DataFrame, tmp_path: Path) -> None:
    assert cost_over_time(frame, ax=axes).get_ylabel() == "cost (US$)"
    assert saved(axes, tmp_path / "chart.png")


def test_names_with_dollar_signs_are_text(axes: Axes, tmp_path: Path) -> None:
    cost_over_time(frame_of(("2026-03-01", "$a_{b}$ $\\frac$", 1.0)), ax=axes)
    assert saved(axes, tmp_path / "chart.png")
    assert stacks(axes) == {"$a_{b}$ $\\frac$": [1.0]}


def test_a_chart_without_axes_gets_a_figure_of_its_own() -> None:
    ax = cost_over_time(frame_of(("2026-03-01", "a", 1.0)))
    assert [plt.figure(number) for number in plt.get_fignums()] == [ax.figure]
    plt.close("all")


def test_the_callers_settings_are_as_they_were(axes: Axes) -> None:
    before = dict(mpl.rcParams)
    cost_over_time(frame_of(("2026-03-01", "a", 1.0)), ax=axes)
    assert dict(mpl.rcParams) == before


def test_a_frame_without_the_column_is_refused_by_name(axes: Axes) -> None:
    with pytest.raises(MissingColumnError, match="cannot group by 'provider_name'"):
        cost_over_time(frame_of(("2026-03-01", "a", 1.0)), by="provider_name", ax=axes)


@pytest.mark.parametrize(
    ("name", "error"), [("chart.xyz", InputError), ("chart", InputError), ("no/c.png", OutputError)]
)
def test_a_chart_that_cannot_be_saved_is_one_sentence(tmp_path: Path, name: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"chart|cannot write"):
        save(frame_of(("2026-03-01", "a", 1.0)), cost_over_time, tmp_path / name)


@pytest.mark.parametrize(("suffix", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_a_chart_is_saved_in_the_form_that_the_suffix_names(tmp_path: Path, suffix: str, magic: bytes) -> None:
    path = tmp_path / f"chart.{suffix}"
    save(frame_of(("2026-03-01", "a", 1.0)), cost_over_time, path, by="model")
    assert path.read_bytes().startswith(magic)
    assert plt.get_fignums() == []
