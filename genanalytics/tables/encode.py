"""Rows as data for programs: JSON, JSON lines and CSV.

A figure is written with 12 significant digits. So many are certain in a sum of amounts with 10 decimals; the digits
after them are errors of binary fractions, such as 10.597999999999917 for 10.598.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from genanalytics.formats.csv import quote_formula

DIGITS = 12
"""The number of significant digits of a figure."""


def round_figure(value: float) -> float:
    """Return a number with 12 significant digits; the relative error is at most 5e-12.

    >>> round_figure(10.597999999999917), round_figure(0.1 + 0.2), round_figure(1 / 3)
    (10.598, 0.3, 0.333333333333)
    """
    return float(f"{value:.{DIGITS}g}")


def to_plain(value: object) -> Any:  # noqa: ANN401 - any value of JSON
    """Return a value as JSON has it: figures are rounded, times are ISO 8601, gaps and infinities are None.

    >>> to_plain({"cost": 0.1 + 0.2, "share": float("nan"), "requests": 3, "days": (1, None)})
    {'cost': 0.3, 'share': None, 'requests': 3, 'days': [1, None]}
    """
    if isinstance(value, Mapping):
        return {str(name): to_plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(inner) for inner in value]
    if value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, float):
        return round_figure(value) if math.isfinite(value) else None
    return value.isoformat() if hasattr(value, "isoformat") else value


def to_objects(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as plain Python values by column, as `to_plain` does."""
    return [to_plain(row) for row in rows.astype("object").to_dict("records")]


def encode_object(value: object) -> str:
    """Return a value as JSON on one line, as `to_plain` does."""
    return json.dumps(to_plain(value), allow_nan=False)


def encode_json(rows: pd.DataFrame) -> str:
    r"""Return rows as a JSON list with one object per row.

    >>> encode_json(pd.DataFrame({"model": ["a"], "cost": [10.597999999999917]}))
    '[{"model": "a", "cost": 10.598}]\n'
    """
    return f"{json.dumps(to_objects(rows), allow_nan=False)}\n"


def encode_jsonl(rows: pd.DataFrame) -> str:
    """Return rows as JSON lines, one object each."""
    return "".join(f"{json.dumps(row, allow_nan=False)}\n" for row in to_objects(rows))


def encode_csv(rows: pd.DataFrame) -> str:
    r"""Return rows as comma-separated values; infinities are gaps.

    A text that a spreadsheet would run has an apostrophe before it.

    >>> encode_csv(pd.DataFrame({"model": ["=1+1", None], "cost": [0.1 + 0.2, math.inf]}))
    "model,cost\n'=1+1,0.3\n,\n"
    """
    return rows.apply(_prepare).rename(columns=quote_formula).to_csv(index=False, lineterminator="\n")


def _prepare(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return a column with rounded figures and harmless texts."""
    if pd.api.types.is_float_dtype(column.dtype):
        return column.map(round_figure, na_action="ignore").where(column.abs() < math.inf)
    return column.map(_prepare_cell, na_action="ignore") if column.dtype.kind == "O" else column


def _prepare_cell(value: object) -> object:
    return to_plain(value) if isinstance(value, float) else quote_formula(value)
