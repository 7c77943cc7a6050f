"""The colors of charts: apart from each other, and from the paper."""

from itertools import combinations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from genanalytics.errors import InputError
from genanalytics.plots.palette import GREY, HEAT, HUES, LOSS, choose_colors, find_look, measure_contrast
from support.vision import SIGHTS, measure_distance, see

PAPERS = ("#ffffff", "#17171a")


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("color", [*HUES, GREY, LOSS])
def test_marks_have_a_contrast_of_at_least_3_on_light_and_dark_paper(color: str, paper: str) -> None:
    assert measure_contrast(color, paper) >= 3


def test_distances_are_those_of_the_publication() -> None:
    one, other = np.array([50.0, 2.6772, -79.7751]), np.array([50.0, 0.0, -82.7485])
    assert measure_distance(one, other) == pytest.approx(2.0425, abs=1e-4)
    one, other = np.array([60.2574, -34.0099, 36.2677]), np.array([60.4626, -34.1751, 39.4387])
    assert measure_distance(one, other) == pytest.approx(1.2644, abs=1e-4)


@pytest.mark.parametrize("sight", SIGHTS)
def test_hues_are_apart_for_every_sight(sight: str) -> None:
    seen = [see(to_rgb(hue), sight) for hue in HUES]
    assert min(measure_distance(one, other) for one, other in combinations(seen, 2)) > 12.7


@pytest.mark.parametrize("sight", SIGHTS)
def test_losses_and_others_are_apart_from_all_groups(sight: str) -> None:
    groups = [see(to_rgb(hue), sight) for hue in HUES]
    apart = min(measure_distance(see(to_rgb(color), sight), hue) for color in (GREY, LOSS) for hue in groups)
    assert apart > 9


def test_no_hue_is_red() -> None:
    for hue in HUES:
        red, green, blue = to_rgb(hue)
        assert not (red > 1.8 * green and red > 1.8 * blue)


def test_heat_covers_more_and_more_of_the_paper() -> None:
    opacity = HEAT(np.linspace(0, 1, 9))[:, 3]
    assert (np.diff(opacity) > 0).all()
    assert np.ptp(HEAT(np.linspace(0, 1, 9))[:, :3], axis=0).max() < 1e-6


def test_a_group_keeps_its_color_and_others_get_the_hues_in_order() -> None:
    assert choose_colors(["a", "b", "c"], {"b": HUES[0]}) == [HUES[1], HUES[0], HUES[2]]
    assert choose_colors([f"m{place}" for place in range(9)])[7:] == [GREY, GREY]
    assert choose_colors([None, pd.NA, "c"]) == list(HUES[:3])


def test_a_color_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"colors\['a'\] is 'blau': give a color of matplotlib, such as #"):
        choose_colors(["a"], {"a": "blau"})


@pytest.mark.parametrize("style", ["default", "dark_background", "ggplot", "grayscale", "Solarize_Light2"])
def test_text_is_readable_in_the_style_of_the_caller(style: str) -> None:
    with plt.style.context(style):
        look = find_look(Figure().subplots())
    assert measure_contrast(look.ink, look.paper) >= 4.5
    assert measure_contrast(look.soft, look.paper) >= 4.5
    assert measure_contrast(look.faint, look.paper) < 1.6


def test_text_on_dark_axes_is_light_whatever_the_settings_are() -> None:
    ax = Figure().subplots()
    ax.set_facecolor("#101010")
    assert find_look(ax).ink == "#ffffff"
    with mpl.rc_context({"axes.facecolor": "none", "figure.facecolor": "none", "text.color": "white"}):
        assert find_look(Figure().subplots()).paper == "#000000"
