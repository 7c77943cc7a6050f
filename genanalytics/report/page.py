"""A page of blocks as one HTML file that loads nothing."""

import base64
import hashlib
import itertools
import math
import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import jinja2
from markupsafe import Markup

from genanalytics.base.text import capitalize, escape_unprintable, shorten
from genanalytics.report.blocks import Block, Chart, Page, Table

_LONGEST = 80
UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
"""Characters that HTML cannot contain."""
_FILES = ("page.html", "style.css", "script.js")


def clean(text: str, longest: int = _LONGEST) -> str:
    """Return untrusted text without characters that cannot be seen or in HTML, cut in the middle if it is long.

    >>> clean("a" * 500)
    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
    """
    return shorten(escape_unprintable(text), longest)


def render(page: Page) -> str:
    """Return a page as HTML; the same page gives the same text."""
    template, style, script = _read_layout()
    allowed = f"style-src {_hash(style)}; script-src {_hash(script)}"
    text = template.render(
        page=page,
        titles=dict(_list_titles(page)),
        capitalize=capitalize,
        draw_trend=draw_trend,
        pair=_pair,
        policy=f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'",
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
    )
    return text.strip() + "\n"


class _Layout(NamedTuple):
    """What all pages have in common."""

    template: jinja2.Template
    style: str
    script: str


@cache
def _read_layout() -> _Layout:
    here = files("genanalytics.report")
    template, style, script = ((here / name).read_text(encoding="utf-8") for name in _FILES)
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.tests["of_kind"] = lambda block, kind: type(block).__name__ == kind
    return _Layout(environment.from_string(template), style, script)


def draw_trend(values: Sequence[float | None]) -> str:
    """Return the lines of values as the path of an SVG of 100 by 24; gaps divide it, and a value alone is a dot.

    >>> draw_trend([1, 2, None, 3])
    'M0 22L33.3 12M100 2h0'
    """
    known = [value for value in values if value is not None and math.isfinite(value)]
    if len(known) < 2:  # noqa: PLR2004 - one value is no line
        return ""
    low, height = min(known), (max(known) - min(known)) or 1.0
    path, before = "", False
    for place, value in enumerate(values):
        if value is None or not math.isfinite(value):
            before = False
            continue
        point = f"{100 * place / (len(values) - 1):.3g} {22 - 20 * (value - low) / height:.3g}"
        follows = place + 1 < len(values) and values[place + 1] is not None
        path += f"L{point}" if before else f"M{point}{'' if follows else 'h0'}"
        before = True
    return path


def _pair(blocks: Sequence[Block]) -> list[list[Block]]:
    """Return blocks in order, with half charts that follow each other in one list."""
    return [
        run
        for is_half, group in itertools.groupby(blocks, lambda block: isinstance(block, Chart) and block.half)
        for run in ([list(group)] if is_half else [[block] for block in group])
    ]


def _list_titles(page: Page) -> Iterator[tuple[str, str]]:
    """Yield the names that a link can lead to, and what they are."""
    for section in page.sections:
        yield section.name, section.title
        for block in section.blocks:
            if isinstance(block, Chart):
                yield block.name, block.title
            elif isinstance(block, Table):
                yield block.name, block.caption


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
