"""Records against the service's activity export: what is on both sides, what is missing, what differs, and by how much.

Amounts are compared and added up as whole nano-dollars, so that totals close exactly.
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from genanalytics.errors import InputError, MissingColumnError
from genanalytics.records.schema import BY_NAME, Kind
from genanalytics.service.activity import COLUMN_OF
from genanalytics.units import Unit

FIELDS = tuple(column for column in COLUMN_OF.values() if column != "id")
"""The fields that are compared: those which an export has."""

ROUNDING_NANOUSD = 500
"""An export has six decimals: amounts that differ by half of the last one are the same."""

_NANO = 1_000_000_000
_LARGEST_USD = 1e9
_MS = pd.Timedelta(milliseconds=1)
_KEYS = ("requested_id", "day", "model", "side")
_UNITS = {
    "generations": Unit.COUNT.value,
    "records_usd": Unit.USD.value,
    "activity_usd": Unit.USD.value,
    "difference_usd": Unit.USD.value,
}


@dataclass(frozen=True, slots=True, eq=False)
class Reconciliation:
    """What came of comparing records with an activity export.

    Attributes:
        rows: One row per generation: requested_id (str), side (str: both, records, activity), day (UTC), model (str),
            and records_nanousd, activity_nanousd (Int64): what each side says was charged, 0 where it has no row.
        differences: One row per field that differs in a generation of both sides: requested_id, field, records and
            activity (str, the values), difference (Float64: activity minus records in the field's unit, ms for moments;
            null for texts and flags).
    """

    rows: pd.DataFrame
    differences: pd.DataFrame

    @property
    def matched(self) -> int:
        """How many generations are on both sides."""
        return self._on("both")

    @property
    def only_in_records(self) -> int:
        """How many generations the export lacks."""
        return self._on("records")

    @property
    def only_in_activity(self) -> int:
        """How many generations have no record."""
        return self._on("activity")

    @property
    def differing(self) -> int:
        """How many generations are on both sides, and not the same there."""
        return int(self.differences["requested_id"].nunique())

    @property
    def agrees(self) -> bool:
        """Whether both sides have the same generations, with the same figures."""
        return self.matched == len(self.rows) and self.differences.empty

    def totals(self, by: str | None = None) -> pd.DataFrame:
        """Return the charge on both sides, in US$, over all generations or by one of requested_id, day, model and side.

        Returns:
            The key; `generations` (Int64); `records_usd`, `activity_usd` and `difference_usd` (Float64), which is the
            activity's minus the records'. Each is worked out from whole nano-dollars, so that the groups add up to the
            total. `attrs` holds `units` and `labels`.

        Raises:
            InputError: `by` is something else.
        """
        if by is not None and by not in _KEYS:
            msg = f"no totals by {by!r}: they are by {', '.join(_KEYS)}, or over everything"
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
        totals.attrs = {"units": dict(_UNITS), "labels": {name: name.removesuffix("_usd") for name in _UNITS}}
        return totals

    def _on(self, side: str) -> int:
        return int((self.rows["side"] == side).sum())


def reconcile(frame: pd.DataFrame, activity: pd.DataFrame) -> Reconciliation:
    """Return how records and an activity export agree, generation by generation.

    A generation is known by the id that was asked for, and counts under one day (UTC) and one model: those of its
    record, or else of the export. Amounts are the same when they differ by no more than the export's rounding, moments
    when they differ by less than its millisecond. A gap in an amount is nothing charged or saved, on both sides; in any
    other field it says nothing, so that it differs from nothing.

    Args:
        frame: Records, as `fetch` returns them or `open_frame` reads them.
        activity: What `read_activity` returned; any other frame of records will do.

    Raises:
        MissingColumnError: A frame lacks requested_id or total_cost.
        InputError: An amount is beyond all reason.
    """
    records, activity = _by_id(frame, "frame"), _by_id(activity, "activity")
    both = records.index.intersection(activity.index, sort=False).dropna()
    left, right = records.loc[both], activity.loc[both]
    found = [_differences(left, right, field) for field in FIELDS if field in left and field in right]
    return Reconciliation(_rows(records, activity, left, right), pd.concat(found, ignore_index=True))


def _by_id(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    missing = [column for column in ("requested_id", "total_cost") if column not in frame]
    if missing:
        msg = f"the {name} has no column {missing[0]!r}: give what fetch, open_frame or read_activity returned"
        raise MissingColumnError(msg)
    once = frame["requested_id"].isna() | ~frame["requested_id"].duplicated(keep="last")
    return frame[once].set_index("requested_id")


def _rows(records: pd.DataFrame, activity: pd.DataFrame, left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
    only_left, only_right = (side[left.index.get_indexer(side.index) < 0] for side in (records, activity))
    return pd.concat(
        [
            _side("both", left, right, left),
            _side("records", only_left, None, only_left),
            _side("activity", None, only_right, only_right),
        ],
        ignore_index=True,
    )


def _side(
    side: str, records: pd.DataFrame | None, activity: pd.DataFrame | None, described: pd.DataFrame
) -> pd.DataFrame:
    """Return the rows of the generations of one side, or of both: there, what one does not know the other may."""
    known = {name: _column(described, name) for name in ("created_at", "model")}
    if records is not None and activity is not None:
        known = {name: values.combine_first(_column(activity, name)) for name, values in known.items()}
    nothing = pd.Series(0, index=described.index, dtype="Int64")
    return pd.DataFrame(
        {
            "requested_id": pd.Series(described.index, dtype="str"),
            "side": pd.Series([side] * len(described), dtype="str"),
            "day": known["created_at"].dt.floor("D").array,
            "model": known["model"].array,
            "records_nanousd": (nothing if records is None else _nanousd(records, "total_cost")).array,
            "activity_nanousd": (nothing if activity is None else _nanousd(activity, "total_cost")).array,
        }
    )


def _column(frame: pd.DataFrame, name: str) -> "pd.Series[Any]":
    if name in frame:
        return frame[name]
    return pd.Series([None] * len(frame), index=frame.index, dtype=BY_NAME[name].kind.pandas_dtype)


def _nanousd(frame: pd.DataFrame, field: str) -> "pd.Series[Any]":
    amounts = frame[field].astype("Float64").fillna(0.0)  # nothing said is nothing charged, and nothing saved
    beyond = amounts.abs() > _LARGEST_USD
    if beyond.any():
        msg = f"{field} is {amounts[beyond].iloc[0]} for {amounts[beyond].index[0]!r}: that is no amount of US dollars"
        raise InputError(msg)
    return (amounts * _NANO).round().astype("Int64")


def _differences(left: pd.DataFrame, right: pd.DataFrame, field: str) -> pd.DataFrame:
    """Return the rows of `Reconciliation.differences` for one field of generations that are on both sides."""
    column = BY_NAME[field]
    by: pd.Series[Any] = pd.Series(pd.NA, index=left.index, dtype="Float64")
    if column.kind is Kind.NUMBER:
        nano = _nanousd(right, field) - _nanousd(left, field)
        differs, by = nano.abs() > ROUNDING_NANOUSD, (nano / _NANO).astype("Float64")
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
            "records": left.loc[differs, field].map(_shown).astype("str").array,
            "activity": right.loc[differs, field].map(_shown).astype("str").array,
            "difference": by[differs].array,
        }
    )


def _shown(value: object) -> str | None:
    return None if pd.isna(value) else str(value)  # type: ignore[call-overload]
