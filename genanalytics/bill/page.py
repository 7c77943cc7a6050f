"""The parts of a page that explains a generation: rows of cells under a title, as text and as HTML."""

from collections.abc import Sequence
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

    def to_text(self) -> str:
        """Return lines of text; texts of strangers are escaped."""
        rows = [[clean(cell) for cell in row] for row in self.rows]
        widths = [
            max((len(row[place]) for row in rows if len(row) > place + 1), default=0)
            for place in range(max(map(len, rows), default=0))
        ]
        lines = [
            _INDENT.join(
                cell.rjust(width) if place in self.figures else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=False))
            )
            for row in rows
        ]
        return "\n".join([clean(self.title), *(f"{_INDENT}{line}".rstrip() for line in lines)])

    def to_html(self) -> str:
        """Return a table in which texts of strangers are escaped."""
        widest = max(map(len, self.rows), default=0)
        rows = [[clean(cell) for cell in row] + [""] * (widest - len(row)) for row in self.rows]
        heads = [clean(self.title), *[""] * (widest - 1)]
        return make_table(heads, rows, figures=self.figures)


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
