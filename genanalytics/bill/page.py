"""The parts of a page that explains a generation: rows of cells under a title, as text and as HTML."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from genanalytics.base.html import make_table
from genanalytics.base.mask import hide_api_keys
from genanalytics.base.text import escape_unprintable
from genanalytics.bill.meters import Bill, Line, Meter
from genanalytics.units import GAP, Unit, format_value

_INDENT = "  "
_LONGEST = 160
_LABELS = {
    Meter.INPUT: "input",
    Meter.CACHE_READ: "read from the cache",
    Meter.CACHE_WRITE: "written to the cache",
    Meter.OUTPUT: "output",
    Meter.REQUEST: "request",
    Meter.FEE: "fee",
    Meter.ROUNDING: "rounding of the amount",
    Meter.UNEXPLAINED: "not explained",
}
_FEWEST_DECIMALS = 2
_NARROWEST_CELL = 12
"""A cell is not wrapped to less than this width."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page.

    Attributes:
        title: The title.
        rows: The cells of each row.
        figures: The places of the columns that are aligned to the right.
    """

    title: str
    rows: tuple[tuple[str, ...], ...]
    figures: Sequence[int] = ()

    def to_text(self, *, width: int | None = None) -> str:
        """Return lines of text; texts of strangers are escaped.

        Args:
            width: The maximum number of characters in a line, if possible: the last cell of a row continues below
                itself. None for lines of any length.
        """
        rows = [[clean(cell) for cell in row] for row in self.rows]
        lines = self._join(rows, None if width is None else width - len(_INDENT))
        return "\n".join([clean(self.title), *(f"{_INDENT}{line}".rstrip() for line in lines)])

    def _join(self, rows: Sequence[Sequence[str]], width: int | None) -> Iterator[str]:
        """Yield the lines of the rows."""
        widths = _measure([row[:-1] for row in rows])
        for row in rows:
            cells = [
                cell.rjust(size) if place in self.figures else cell.ljust(size)
                for place, (cell, size) in enumerate(zip(row, [*widths, 0], strict=False))
            ]
            yield from _wrap(cells, width)

    def to_html(self) -> str:
        """Return a table in which texts of strangers are escaped."""
        widest = max(map(len, self.rows), default=0)
        rows = [[clean(cell) for cell in row] + [""] * (widest - len(row)) for row in self.rows]
        heads = [clean(self.title), *[""] * (widest - 1)]
        return make_table(heads, rows, figures=self.figures)


def _measure(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the width of each column."""
    return [
        max((len(row[place]) for row in rows if len(row) > place), default=0)
        for place in range(max(map(len, rows), default=0))
    ]


def _wrap(cells: Sequence[str], width: int | None) -> list[str]:
    """Return the lines of cells side by side, of which the last continues below itself.

    >>> _wrap(["budget", "$300", "chance to exceed it: over 99 %"], 36)
    ['budget  $300  chance to exceed it:', '              over 99 %']
    """
    line = _INDENT.join(cells)
    start = len(line) - len(cells[-1]) if cells else 0
    if width is None or len(line.rstrip()) <= width:
        return [line]
    if width - start < _NARROWEST_CELL:
        return [line[:start], *(f"{2 * _INDENT}{part}" for part in textwrap.wrap(cells[-1], width))]
    first, *others = textwrap.wrap(cells[-1], width - start)
    return [f"{line[:start]}{first}", *(f"{' ' * start}{other}" for other in others)]


def make_sum(title: str, bill: Bill, name: str) -> Section:
    """Return a sum with one line per meter that ends in the amount."""
    amounts = [*(line.usd for line in bill.lines), bill.total]
    decimals = max((_count_decimals(amount) for amount in amounts if amount is not None), default=0)
    shown = [GAP if amount is None else f"{amount:,.{max(decimals, _FEWEST_DECIMALS)}f}" for amount in amounts]
    rows = [_describe_line(line, usd) for line, usd in zip(bill.lines, shown, strict=False)]
    return Section(title, (*rows, (name, "", "", "US$", shown[-1], "")), figures=(1, 4))


def _describe_line(line: Line, usd: str) -> tuple[str, ...]:
    quantity = show_count(line.quantity) if line.meter.counts_tokens or line.price is not None else ""
    unit = ("tokens" if line.meter.counts_tokens else "requests") if quantity not in {"", GAP} else ""
    per = "/M" if line.meter.counts_tokens else ""
    price = "" if line.price is None else f"x {show_price(line.price)}{per}"
    return _LABELS[line.meter], quantity, f"{unit} {price}".strip(), "US$", usd, ""


def _count_decimals(amount: Decimal) -> int:
    """Return the number of decimals that an amount needs.

    >>> _count_decimals(Decimal("0.250")), _count_decimals(Decimal("200"))
    (2, 0)
    """
    exponent = amount.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def show_usd(amount: Decimal | None) -> str:
    """Return an amount with all of its digits."""
    if amount is None:
        return GAP
    return f"US$ {amount:,.{max(_count_decimals(amount), _FEWEST_DECIMALS)}f}"


def show_price(price: float | Decimal) -> str:
    """Return a price with all of its digits, at least two decimals.

    >>> show_price(0.2), show_price(Decimal("0.275"))
    ('0.20', '0.275')
    """
    exact = price if isinstance(price, Decimal) else Decimal(repr(float(price)))
    return f"{exact:.{max(_count_decimals(exact), _FEWEST_DECIMALS)}f}"


def show(value: object) -> str:
    """Return a value as text; a gap is an en dash."""
    return GAP if value is None or value == "" else str(value)


def show_count(number: int | None) -> str:
    """Return a number with all of its digits."""
    return GAP if number is None else f"{number:,}"


def show_ms(value: float | None) -> str:
    """Return a time in milliseconds."""
    return format_value(value, Unit.MS)


def show_moment(moment: datetime | None) -> str:
    """Return a moment, which is UTC, to the second."""
    return GAP if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def clean(text: str) -> str:
    """Return text of strangers on one line, without a key, of bounded length."""
    clean = escape_unprintable(hide_api_keys(text))
    return clean if len(clean) <= _LONGEST else f"{clean[: _LONGEST - 1]}…"
