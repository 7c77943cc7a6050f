"""Rows as an Excel workbook, in which figures are numbers, times are dates, and no text is a formula."""

import math
from collections.abc import Callable
from datetime import datetime
from functools import partial
from importlib.util import find_spec
from io import BytesIO
from numbers import Real
from typing import Any

import pandas as pd

from genanalytics.base.text import escape_unprintable, is_missing
from genanalytics.errors import InputError
from genanalytics.tables.encode import round_figure
from genanalytics.units import Unit

MOST_ROWS = 1_048_575
"""The number of rows of a sheet, below its heading."""
_LONGEST = 32_767
"""The number of characters of a cell."""
_WIDEST, _NARROWEST = 40, 10
_CREATED = datetime(2026, 1, 1)  # noqa: DTZ001 - same rows, same bytes
_FIRST_YEAR = 1900
"""Earlier dates cannot be numbers of Excel, and remain texts."""
_TIME = "yyyy-mm-dd hh:mm:ss"
_FORMATS = {
    Unit.USD: "$#,##0.00########",
    Unit.USD_PER_MTOK: '$#,##0.00######"/M tokens"',
    Unit.MS: '#,##0.0" ms"',
    Unit.TOKENS: "#,##0",
    Unit.TOKENS_PER_S: '#,##0.0" tokens/s"',
    Unit.SHARE: "0.0%",
    Unit.POINTS: "0.0%",
    Unit.RATIO: "#,##0.00",
    Unit.COUNT: "#,##0",
    Unit.TIME: _TIME,
}
"""The number formats of the units."""


def check_workbooks() -> None:
    """Check that workbooks can be written.

    Raises:
        InputError: The package is not installed.
    """
    if not find_spec("xlsxwriter"):
        msg = "a workbook (xlsx) needs the package xlsxwriter: pip install 'genanalytics[xlsx]'"
        raise InputError(msg)


def encode_workbook(rows: pd.DataFrame) -> bytes:
    """Return rows as a workbook with one sheet, whose first line has the names of the columns.

    Figures are rounded as in `encode`, and have the number format of their unit. Times are dates as clocks of their
    time zone show them. Gaps are empty cells. Characters of texts that do not print are escaped.

    Raises:
        InputError: The package is not installed, or there are more rows than a sheet has.
    """
    check_workbooks()
    if len(rows) > MOST_ROWS:
        msg = f"a workbook (xlsx) has at most {MOST_ROWS:,} rows, not {len(rows):,}: limit them, or write CSV"
        raise InputError(msg)
    from xlsxwriter import Workbook  # noqa: PLC0415 - an extra

    target = BytesIO()
    with Workbook(target, {"in_memory": True}) as book:
        book.set_properties({"created": _CREATED})
        sheet = book.add_worksheet("rows")
        sheet.freeze_panes(1, 0)
        bold = book.add_format({"bold": True})
        for place, name in enumerate(map(str, rows.columns)):
            number_format = _FORMATS.get(Unit(rows.attrs.get("units", {}).get(name, Unit.NONE)))
            cells = rows.iloc[:, place].tolist()
            is_time = any(isinstance(cell, datetime) for cell in cells)
            style = book.add_format({"num_format": _TIME if is_time else number_format or "General"})
            sheet.set_column(place, place, _choose_width([name, *cells]))
            sheet.write_string(0, place, _to_cell_text(name), bold)
            for line, cell in enumerate(cells, 1):
                _find_writer(sheet, cell)(line, place, cell, style)
    return target.getvalue()


def _find_writer(sheet: Any, cell: object) -> Callable[..., Any]:  # noqa: ANN401 - untyped there
    """Return the function that writes a cell by its type; texts never become formulas, numbers or links."""
    if is_missing(cell) or (isinstance(cell, float) and not math.isfinite(cell)):
        return lambda line, place, _, style: sheet.write_blank(line, place, None, style)
    if isinstance(cell, bool):
        return partial(_write_flag, sheet)
    if isinstance(cell, datetime):
        return partial(_write_time, sheet)
    return partial(_write_number if isinstance(cell, Real) else _write_text, sheet)


def _write_flag(sheet: Any, line: int, place: int, cell: object, _: object) -> None:  # noqa: ANN401 - untyped there
    sheet.write_boolean(line, place, cell)


def _write_time(sheet: Any, line: int, place: int, cell: Any, style: object) -> None:  # noqa: ANN401 - untyped there
    clock = pd.Timestamp(cell).tz_localize(None).to_pydatetime(warn=False)
    if clock.year < _FIRST_YEAR:
        sheet.write_string(line, place, str(clock))
    else:
        sheet.write_datetime(line, place, clock, style)


def _write_number(sheet: Any, line: int, place: int, cell: Any, style: object) -> None:  # noqa: ANN401 - untyped there
    sheet.write_number(line, place, round_figure(cell) if isinstance(cell, float) else cell, style)


def _write_text(sheet: Any, line: int, place: int, cell: object, _: object) -> None:  # noqa: ANN401 - untyped there
    sheet.write_string(line, place, _to_cell_text(str(cell)))


def _to_cell_text(text: str) -> str:
    """Return a text that a cell can contain: without characters that XML lacks, not longer than a cell."""
    valid = escape_unprintable(text)
    return valid if len(valid) <= _LONGEST else f"{valid[: _LONGEST - 1]}…"


def _choose_width(cells: "list[Any]") -> int:
    widest = max((len(str(cell)) for cell in cells if not isinstance(cell, float)), default=0)
    return min(_WIDEST, max(_NARROWEST, widest + 2))
