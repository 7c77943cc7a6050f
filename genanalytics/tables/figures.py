"""Any frame as figures: with texts as names of columns, and the unit and the label of each column with a known name.

The attributes of a frame are lost in a merge, in a pivot and in a CSV file; the names of its columns are not.
"""

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from numbers import Real
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd
from narwhals.stable.v2.typing import IntoDataFrame

from genanalytics.base.text import list_names, name_group, suggest
from genanalytics.errors import InputError
from genanalytics.metrics.attempts import ATTEMPTS
from genanalytics.metrics.catalog import DEFAULT, ROW_VALUES, SETS
from genanalytics.metrics.declare import ShareOfTotal, Statistic, name_limits
from genanalytics.metrics.sessions import SESSIONS
from genanalytics.metrics.sets.cost import REQUESTS
from genanalytics.metrics.summary import OPEN
from genanalytics.records.schema import COLUMNS
from genanalytics.units import Unit

AnyFrame = IntoDataFrame | pd.DataFrame | pd.Series
"""A frame of any kind in memory, or one column or row of one."""
SUMS, SHARES = "sums", "shares_of_total"
"""The attributes with the columns that add up over groups, and with those that add up to 1."""
_SINGLE = "value"
"""The name of a Series without one."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What is known of a column by its name.

    Attributes:
        label: The heading.
        unit: The unit.
        adds_up: The attribute that lists the column; an empty text for one that does not add up.
    """

    label: str
    unit: Unit
    adds_up: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """A frame with figures.

    Attributes:
        frame: The figures, with `units`, `labels`, `sums` and `shares_of_total` in `attrs`.
        by: The columns that name the rows.
        is_turned: Whether the given frame has a figure in each row, and a group in each column.
    """

    frame: pd.DataFrame
    by: list[str]
    is_turned: bool = False

    @property
    def names(self) -> list[str]:
        """The other columns, without the limits of intervals."""
        columns = list(map(str, self.frame.columns))
        pairs = (name_limits(name) for name in columns)
        limits = {limit for pair in pairs if {*pair} <= {*columns} for limit in pair}
        return [name for name in columns if name not in {*self.by, OPEN, *limits}]


def read_figures(data: AnyFrame, units: Mapping[str, str] | str | None = None) -> Figures:
    """Return a frame or a Series as figures.

    Args:
        data: The frame: of this package, or any other one. It is not changed.
        units: The units of columns, such as `{"margin": "usd"}`; they count before those of `attrs` and of known names.
            One unit is that of all columns with numbers.

    Raises:
        InputError: It is no frame, a unit does not exist, or `units` names a column that does not exist.
    """
    frame = _to_pandas(data)
    is_turned = _is_turned(frame)
    if is_turned:
        frame = frame.T.infer_objects()
    rows, groups = _move_index(frame)
    names, known = _name_columns(rows)
    rows = rows.set_axis(names, axis=1)
    rows.attrs = dict(getattr(data, "attrs", {}))
    if isinstance(units, str):
        units = {name: units for name in names[groups:] if is_number(rows[name])}
    own = _read_units(units or {}, names)
    rows.attrs |= _describe(rows, known, own)
    return Figures(rows, _find_groups(rows, names[:groups]), is_turned)


@cache
def find_figure(name: str) -> Figure | None:
    """Return what is known of a column by its name, also of the limits of an interval; None if nothing is known.

    >>> find_figure("effective_cost").label, find_figure("ttft_ms_p50_low").unit.value, find_figure("margin_of_mine")
    ('cost', 'ms', None)
    """
    known = _list_known()
    for limit in ("low", "high"):
        statistic = name.removesuffix(f"_{limit}")
        if name not in known and statistic != name and statistic in known:
            return Figure(f"{known[statistic].label}, {limit}", known[statistic].unit)
    return known.get(name)


@cache
def _list_known() -> dict[str, Figure]:
    """Return all columns with a unit: of records, row values and statistics."""
    columns = {one.name: Figure(one.name.replace("_", " "), one.unit) for one in COLUMNS if one.unit is not Unit.NONE}
    values = {name: Figure(value.label, value.unit) for name, value in ROW_VALUES.items()}
    statistics = [*itertools.chain(*SETS.values()), *SESSIONS, *ATTEMPTS, *DEFAULT, REQUESTS]
    known = {one.name: Figure(one.label, one.unit, _find_list(one)) for one in statistics}
    return columns | values | known


def _find_list(statistic: Statistic) -> str:
    """Return the attribute that lists a statistic; an empty text for one that does not add up."""
    if isinstance(statistic.finish, ShareOfTotal):
        return SHARES
    return SUMS if statistic.adds_up else ""


def _to_pandas(data: AnyFrame) -> pd.DataFrame:
    if isinstance(data, pd.DataFrame):
        return data
    if isinstance(data, pd.Series):
        return data.to_frame(_SINGLE if data.name is None else data.name)
    try:
        return nw.from_native(data, eager_only=True).to_pandas()
    except TypeError:
        more = "; overview takes a file of records" if isinstance(data, str | os.PathLike) else ""
        msg = f"{type(data).__name__} is no frame: give a pandas DataFrame or Series, such as summarize returns{more}"
        raise InputError(msg) from None


def _is_turned(frame: pd.DataFrame) -> bool:
    """Return whether the index has the names of figures, and the columns have not."""
    if frame.index.nlevels > 1 or not frame.index.is_unique:
        return False
    rows = (name for name in frame.index if isinstance(name, str))
    return any(map(find_figure, rows)) and not any(find_figure(str(name)) for name in frame.columns)


def _move_index(frame: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return a frame whose groups are its first columns, and their number; the numbers of rows are no groups."""
    index = frame.index
    if index.nlevels == 1 and index.name is None and pd.api.types.is_integer_dtype(index.dtype):
        return frame.reset_index(drop=True), 0
    groups = [
        pd.Series(index.get_level_values(level), name="" if name is None else name)
        for level, name in enumerate(index.names)
    ]
    return pd.concat([*groups, frame.reset_index(drop=True)], axis=1), index.nlevels


def _name_columns(frame: pd.DataFrame) -> tuple[list[str], dict[str, Figure]]:
    """Return different texts as names of the columns, and what is known of some of them."""
    names: list[str] = []
    known = {}
    columns: list[Any] = list(frame.columns)
    for column in columns:
        parts = [part for part in column if part != ""] if isinstance(column, tuple) else [column]
        texts = [part if isinstance(part, str) else name_group(part) for part in parts]
        plain = " ".join(texts)
        name = next(one for one in itertools.chain([plain], _count_up(plain)) if one not in names)
        names.append(name)
        found = [find_figure(text) for text in texts]
        if any(found):
            figure = next(filter(None, found))
            words = (one.label if one else text for one, text in zip(found, texts, strict=True))
            known[name] = Figure(" ".join(words), figure.unit, figure.adds_up)
        elif name != plain or not isinstance(column, str) or frame.columns.name is not None:
            known[name] = Figure(plain, Unit.NONE)  # the name of a group, as it is
    return names, known


def _count_up(name: str) -> Iterator[str]:
    return (f"{name} ({number})" for number in itertools.count(2))


def _read_units(units: Mapping[str, str], names: Sequence[str]) -> dict[str, Unit]:
    """Return units that a caller gives by column.

    Raises:
        InputError: A unit or a column does not exist.
    """
    words = {unit.name.lower(): unit for unit in Unit} | {unit.value: unit for unit in Unit}
    for name, unit in units.items():
        if name not in names:
            there = list_names(names, near=str(name))
            msg = f"no column {name!r} for a unit; {suggest(str(name), names)}there are {there}"
            raise InputError(msg)
        if str(unit) not in words:
            allowed = [one.name.lower() for one in Unit]
            msg = f"no unit {unit!r} of {name!r}; {suggest(str(unit), allowed)}there are {', '.join(allowed)}"
            raise InputError(msg)
    return {name: words[str(unit)] for name, unit in units.items()}


def _describe(rows: pd.DataFrame, known: Mapping[str, Figure], own: Mapping[str, Unit]) -> dict[str, Any]:
    """Return the attributes on the columns: given ones first, then those of known names."""
    given = {name: Unit(unit) for name, unit in rows.attrs.get("units", {}).items()}
    of_names = {name: figure.unit for name, figure in known.items() if figure.unit is not Unit.NONE}
    found = {name: unit for name, unit in (of_names | given | dict(own)).items() if name in rows}
    units = {name: unit.value for name, unit in found.items() if _has_unit(rows[name], unit)}
    labels = {name: figure.label for name, figure in known.items()} | rows.attrs.get("labels", {})
    adding = {
        kind: [name for name in units if name in rows.attrs.get(kind, ()) or _adds_up(known.get(name), kind)]
        for kind in (SUMS, SHARES)
    }
    return {"units": units, "labels": labels, **adding}


def _adds_up(figure: Figure | None, kind: str) -> bool:
    return figure is not None and figure.adds_up == kind


def _has_unit(values: pd.Series, unit: Unit) -> bool:
    """Return whether values are figures: in a file of another origin, a column of this name may contain anything."""
    if unit is Unit.TIME or is_number(values):
        return True
    return all(isinstance(value, Real | Decimal) and not isinstance(value, bool) for value in values.dropna())


def is_number(values: pd.Series) -> bool:
    """Return whether a column contains numbers; truth is none."""
    return pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)


def list_groups(rows: pd.DataFrame) -> list[str]:
    """Return the columns before the first figure, which name the rows."""
    units = rows.attrs.get("units", {})
    return [*itertools.takewhile(lambda name: name not in units and not _is_fraction(rows[name]), map(str, rows))]


def _find_groups(rows: pd.DataFrame, moved: Sequence[str]) -> list[str]:
    """Return the columns that name the rows: those of the index, and those before the first figure."""
    units = rows.attrs["units"]
    others = [name for name in map(str, rows) if name not in moved and name != OPEN]
    if any(name in units for name in others):
        return [*moved, *list_groups(rows[others])]
    return [*moved] or [*itertools.takewhile(lambda name: not is_number(rows[name]), others)]


def _is_fraction(values: pd.Series) -> bool:
    return pd.api.types.is_float_dtype(values.dtype)
