"""Every chart says what it shows to readers that show it as text."""

import pytest
from matplotlib.figure import Figure

from genanalytics.plots import CHARTS
from genanalytics.plots.content import find_content
from genanalytics.sandbox import sample
from support.artists import panels
from support.generations import frame_of

FRAME = frame_of(*sample(150).records.values())


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_has_values_for_the_pointer_and_the_title_of_the_caller(name: str) -> None:
    ax = Figure(figsize=(9, 5), layout="constrained").subplots()
    CHARTS[name].draw(FRAME, title="Mine", subtitle=False, ax=ax)
    content = find_content(ax)
    assert (content.title, list(content.details)) == ("Mine", [])
    values = [value for axes in (ax, *panels(ax)) for value in find_content(axes).values]
    assert values
    assert all(value.text.strip() for value in values)
    for low, high in [(value.left, value.right) for value in values] + [(value.bottom, value.top) for value in values]:
        assert (low is None) == (high is None)
        assert low is None or high is None or low <= high
    named = {entry.label for entry in content.entries}
    assert not content.series or not named or named & {label for _, label in content.series}
