"""Names next to dots, arranged for the room that the axes have when drawn."""

import itertools
from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.text import Text
from matplotlib.transforms import Bbox, IdentityTransform

from genanalytics.base.text import abbreviate
from genanalytics.plots.palette import find_look
from genanalytics.plots.room import measure_text
from genanalytics.plots.style import SMALL

_DOT = 4.0
"""The radius of a dot, in points."""
_WIDTH = 0.4
"""The most width of a name, as a share of the axes."""
_OFFSETS = ((5, 5), (5, -12), (8, -3), (3, 14), (3, -21), (5, 28), (5, 42))
"""Where the baseline of a name can be, in points to the side of its dot and above it."""


class Names(Artist):
    """Names next to dots: each in the first free place around its dot, or left out if there is none.

    Attributes:
        names: The names, the most important ones first.
        dots: Their dots, in data coordinates.
        others: The dots without names.
    """

    def __init__(self, ax: Axes, names: Sequence[str], dots: np.ndarray, others: np.ndarray) -> None:
        """Add names to axes."""
        super().__init__()
        self._ink = find_look(ax).ink
        self.names, self.dots, self.others = names, dots, others
        self.set_zorder(5)
        self.set_in_layout(False)
        ax.add_artist(self)
        self.set_clip_on(False)

    def draw(self, renderer: RendererBase) -> None:
        """Draw the names."""
        if self.get_visible():
            for text in self.arrange(renderer):
                text.draw(renderer)
        self.stale = False

    def arrange(self, renderer: RendererBase | None = None) -> list[Text]:
        """Return the names that find a place, as texts at places of the figure in pixels."""
        assert self.axes is not None  # noqa: S101 - it is in axes from its creation on
        scale = self.axes.figure.dpi / 72
        to_pixels, inside = self.axes.transData.transform, self.axes.get_window_extent(renderer)
        every = to_pixels(np.concatenate([self.dots, self.others]))
        taken = [Bbox([dot - _DOT * scale, dot + _DOT * scale]) for dot in every]
        letters = max(8, int(_WIDTH * inside.width / scale / measure_text("n", SMALL)))
        texts = []
        for name, dot in zip(abbreviate(self.names, letters), every, strict=False):
            text = self._make_text(name)
            box = _find_room(text.get_window_extent(renderer), dot, taken, inside, scale)
            if box is not None:
                taken.append(box)
                text.set_position((box.x0, box.y0))
                texts.append(text)
        return texts

    def _make_text(self, name: str) -> Text:
        assert self.axes is not None  # noqa: S101 - as above
        text = Text(0, 0, name, fontsize=SMALL, color=self._ink, va="bottom", parse_math=False)
        text.set_transform(IdentityTransform())
        text.set_figure(self.axes.figure)
        return text


def _find_room(size: Bbox, dot: np.ndarray, taken: Sequence[Bbox], inside: Bbox, scale: float) -> Bbox | None:
    """Return the first free box of a size around a dot; None if there is none."""
    for side, (across, up) in itertools.product((-1, 1), _OFFSETS):
        left = dot[0] + side * across * scale - (size.width if side < 0 else 0.0)
        box = Bbox.from_bounds(left, dot[1] + (up - 2) * scale, size.width, size.height)
        if _contains(inside, box) and not any(box.overlaps(other) for other in taken):
            return box
    return None


def _contains(outer: Bbox, inner: Bbox) -> bool:
    return bool(outer.x0 <= inner.x0 and inner.x1 <= outer.x1 and outer.y0 <= inner.y0 and inner.y1 <= outer.y1)
