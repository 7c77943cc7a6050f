"""Reconciliation of records with the activity export of the service: missing generations, and differences.

Amounts are compared and added up as whole nano-dollars, so that totals are exact.
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from genanalytics.base.opening import opens_paths
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.records.coverage import COVERAGE, Coverage, find_coverage
from genanalytics.records.exported import COLUMN_OF
from genanalytics.records.schema import BY_NAME, Kind
from genanalytics.units import Unit

FIELDS = tuple(column for column in COLUMN_OF.values() if column != "id")
"""The compared fields: those of an export."""

LAST_DECIMAL_NANOUSD = 1_000
"""An export cuts amounts towards zero after six decimals; a rounded one is at most half of the last decimal larger."""

_NANO = 1_000_000_000
_LARGEST_USD = 1e9
_MS = pd.Timedelta(milliseconds=1)
_GROUPS = ("requested_id", "day", "model", "side")
_UNITS = {
    "generations": Unit.COUNT.value,
    "records_usd": Unit.USD.value,
    "activity_usd": Unit.USD.value,
    "difference_usd": Unit.USD.value,
}


@dataclass(frozen=True, slots=True, eq=False)
class Reconciliation:
    """The result of comparing records with an activity export.

    Attributes:
        rows: One row per generation: requested_id (str), side (str: both, records, activity), day (UTC), model (str),
            and records_nanousd, activity_nanousd (Int64): the charge on each side, 0 if it has no row.
        differences: One row per field that differs in a generation on both sides: requested_id, field, records and
            activity (str, the values), difference (Float64: activity minus records in the field's unit, ms for moments;
            null for texts and flags).
        coverage: How many of the requested ids have a record; None if it is unknown. If some have none, the charge in
            the records is a lower bound.
    """

    rows: pd.DataFrame
    differences: pd.DataFrame
    coverage: Coverage | None

    @property
    def matched(self) -> int:
        """The number of generations on both sides."""
        return self._count("both")

    @property
    def only_in_records(self) -> int:
        """The number of generations that the export lacks."""
        return self._count("records")

    @property
    def only_in_activity(self) -> int:
        """The number of generations without a record."""
        return self._count("activity")

    @property
    def differing(self) -> int:
        """The number of generations on both sides that differ."""
        return int(self.differences["requested_id"].nunique())

    @property
    def agrees(self) -> bool:
        """Whether both sides have the same generations, with the same figures."""
        return self.matched == len(self.rows) and self.differences.empty

    def totals(self, by: str | None = None) -> pd.DataFrame:
        """Return the charge on both sides, in US$, in total or by one of requested_id, day, model and side.

        Returns:
            The column of `by`; `generations` (Int64); `records_usd`, `activity_usd` and `difference_usd` (Float64),
            which is activity minus records. Each is computed from whole nano-dollars, so that the groups add up to the
            total. `attrs` contains `units`, `labels`, `coverage` and `lower_bounds`, as that of `summarize`.

        Raises:
            InputError: `by` is another column.
        """
        if by is not None and by not in _GROUPS:
            msg = f"no totals by {by!r}; there are {', '.join(_GROUPS)}, or None for all generations"
            raise InputError(msg)
        amounts = ["records_nanousd", "activity_nanousd"]
        if by is None:
            sums = self.rows[amounts].sum().to_frame().T.assign(generations=len(self.rows))
        else:
            groups = self.rows.groupby(by, dropna=False, sort=by != "requested_id")
            sums = groups[amounts].sum().assign(generations=groups.size()).reset_index()
        nano = {name: sums[f"{name}_nanousd"].astype("Int64") for name in ("records", "activity")}
        table = {} if by is None else {by: sums[by]}
        table["generations"] = sums["generations"].astype("Int64")
        for name, values in (nano | {"difference": nano["activity"] - nano["records"]}).items():
            table[f"{name}_usd"] = (values / _NANO).astype("Float64")
        totals = pd.DataFrame(table)
        totals.attrs = {
            "units": dict(_UNITS),
            "labels": {name: name.removesuffix("_usd") for name in _UNITS},
            COVERAGE: self.coverage and self.coverage.to_json(),
            "lower_bounds": ["records_usd"] if self.coverage is not None and self.coverage.is_partial else [],
        }
        return totals

    def _count(self, side: str) -> int:
        return int((self.rows["side"] == side).sum())


@opens_paths("frame", "activity", place="memory")
def reconcile(frame: pd.DataFrame, activity: pd.DataFrame) -> Reconciliation:
    """Return the differences between records and an activity export, generation by generation.

    Generations are matched by their requested id. Each counts under one day (UTC) and one model: those of its record,
    or else of the export. An amount equals one that is cut or rounded after six decimals, as in an export; moments are
    equal if they differ by less than a millisecond. A missing amount is 0 on either side; any other missing value
    equals every value.

    Args:
        frame: Records of `fetch` or `ga.read`.
        activity: The result of `read_activity`, or any other frame of records.

    Raises:
        MissingColumnError: A frame lacks requested_id or total_cost.
        InputError: An amount exceeds a billion US$.
    """
    coverage = find_coverage(frame)
    records, activity = _index_by_id(frame, "frame"), _index_by_id(activity, "activity")
    both = records.index.intersection(activity.index, sort=False).dropna()
    left, right = records.loc[both], activity.loc[both]
    found = [_find_differences(left, right, field) for field in FIELDS if field in left and field in right]
    rows = _make_rows(records, activity, left, right)
    return Reconciliation(rows, pd.concat(found, ignore_index=True), coverage)


def _index_by_id(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    missing = [column for column in ("requested_id", "total_cost") if column not in frame]
    if missing:
        msg = f"the {name} has no column {missing[0]!r}: give a frame of fetch, ga.read or read_activity"
        raise MissingColumnError(msg)
    once = frame["requested_id"].isna() | ~frame["requested_id"].duplicated(keep="last")
    return frame[once].set_index("requested_id")


def _make_rows(records: pd.DataFrame, activity: pd.DataFrame, left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
    only_left, only_right = (side[left.index.get_indexer(side.index) < 0] for side in (records, activity))
    return pd.concat(
        [
            _make_side("both", left, right, left),
            _make_side("records", only_left, None, only_left),
            _make_side("activity", None, only_right, only_right),
        ],
        ignore_index=True,
    )


def _make_side(
    side: str, records: pd.DataFrame | None, activity: pd.DataFrame | None, described: pd.DataFrame
) -> pd.DataFrame:
    """Return the rows of the generations on one side or on both; then the activity fills the gaps of the records."""
    known = {name: _read_column(described, name) for name in ("created_at", "model")}
    if records is not None and activity is not None:
        known = {name: values.combine_first(_read_column(activity, name)) for name, values in known.items()}
    nothing = pd.Series(0, index=described.index, dtype="Int64")
    return pd.DataFrame(
        {
            "requested_id": pd.Series(described.index, dtype="str"),
            "side": pd.Series([side] * len(described), dtype="str"),
            "day": known["created_at"].dt.floor("D").array,
            "model": known["model"].array,
            "records_nanousd": (nothing if records is None else _to_nanousd(records, "total_cost")).array,
            "activity_nanousd": (nothing if activity is None else _to_nanousd(activity, "total_cost")).array,
        }
    )


def _read_column(frame: pd.DataFrame, name: str) -> "pd.Series[Any]":
    if name in frame:
        return frame[name]
    return pd.Series([None] * len(frame), index=frame.index, dtype=BY_NAME[name].kind.pandas_dtype)


def _to_nanousd(frame: pd.DataFrame, field: str) -> "pd.Series[Any]":
    amounts = frame[field].astype("Float64").fillna(0.0)  # a missing amount is nothing charged, and nothing saved
    too_large = amounts[amounts.abs() > _LARGEST_USD]
    if len(too_large):
        msg = f"{field} is {too_large.iloc[0]} for {too_large.index[0]!r}: it exceeds a billion US dollars"
        raise InputError(msg)
    return (amounts * _NANO).round().astype("Int64")


def _find_differences(left: pd.DataFrame, right: pd.DataFrame, field: str) -> pd.DataFrame:
    """Return the rows of `Reconciliation.differences` for one field of generations on both sides."""
    column = BY_NAME[field]
    by: pd.Series[Any] = pd.Series(pd.NA, index=left.index, dtype="Float64")
    if column.kind is Kind.NUMBER:
        exact, shown = _to_nanousd(left, field), _to_nanousd(right, field)
        growth = shown.abs() - exact.abs()
        is_cut = growth.between(-LAST_DECIMAL_NANOUSD, LAST_DECIMAL_NANOUSD // 2)
        differs = ~is_cut | ((shown - exact).abs() > LAST_DECIMAL_NANOUSD)
        by = ((shown - exact) / _NANO).astype("Float64")
    elif column.kind is Kind.TIME:
        apart = right[field] - left[field]
        differs, by = apart.abs() >= _MS, apart.dt.total_seconds().mul(1000).astype("Float64")
    else:
        differs = (left[field] != right[field]) & left[field].notna() & right[field].notna()
        if column.kind is Kind.INTEGER:
            by = (right[field] - left[field]).astype("Float64")
    differs = differs.fillna(value=False).astype(bool)
    return pd.DataFrame(
        {
            "requested_id": pd.Series(left.index[differs], dtype="str"),
            "field": pd.Series([field] * int(differs.sum()), dtype="str"),
            "records": left.loc[differs, field].map(_to_text).astype("str").array,
            "activity": right.loc[differs, field].map(_to_text).astype("str").array,
            "difference": by[differs].array,
        }
    )


def _to_text(value: object) -> str | None:
    return None if pd.isna(value) else str(value)  # type: ignore[call-overload]
