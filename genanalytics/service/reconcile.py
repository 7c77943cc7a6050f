"""Reconciliation of records with the activity export of the service: missing generations, and differences.

Amounts are compared and added up as whole nano-dollars, so that totals are exact.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.base.frames import TEXT
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.records.coverage import find_coverage
from genanalytics.records.exported import COLUMN_OF
from genanalytics.records.frame import FrameOrPath, open_frame, to_nullable
from genanalytics.records.schema import BY_NAME, Kind
from genanalytics.service.reconciliation import NANO, Reconciliation
from genanalytics.service.rounding import STEP_NANOUSD, Drift, explain_by_rounding, find_drift
from genanalytics.units import Unit, format_count, format_value

FIELDS = tuple(column for column in COLUMN_OF.values() if column != "id")
"""The compared fields: those of an export."""

_AMOUNTS = tuple(field for field in FIELDS if BY_NAME[field].kind is Kind.NUMBER)
_CHARGE = "total_cost"
_LARGEST_USD = 1e9
_MS = pd.Timedelta(milliseconds=1)


def reconcile(frame: FrameOrPath, activity: FrameOrPath) -> Reconciliation:
    """Return the differences between records and an activity export, generation by generation.

    Generations are matched by their requested id. Each counts under one day (UTC) and one model: those of its record,
    or else of the export. An amount equals one that is cut or rounded after six decimals, as in an export; moments are
    equal if they differ by less than a millisecond. A missing amount is 0 on either side; any other missing value
    equals every value. Differences that are small in each row are added up, and tested against the noise of rounding:
    see `service.rounding`.

    Args:
        frame: Records of `fetch` or `ga.read`, or the path of a file with records.
        activity: The result of `read_activity`, any other frame of records, or a path.

    Raises:
        MissingColumnError: A frame lacks requested_id or total_cost.
        InputError: An amount exceeds a billion US$.
    """
    given, exported = open_frame(frame), open_frame(activity)
    coverage = find_coverage(given)
    records, activity = _index_by_id(given, "frame"), _index_by_id(exported, "activity")
    both = records.index.intersection(activity.index, sort=False).dropna()
    left, right = records.loc[both], activity.loc[both]
    fields = [field for field in FIELDS if field in left and field in right]
    found = pd.concat([_find_differences(left, right, field) for field in fields], ignore_index=True)
    only_left, only_right = (side[left.index.get_indexer(side.index) < 0] for side in (records, activity))
    rows = pd.concat(
        [
            _add_rounding(_make_side("both", left, right, left), found),
            _make_side("records", only_left, None, only_left),
            _make_side("activity", None, only_right, only_right),
        ],
        ignore_index=True,
    )
    drifts = {field: _find_drift_of(left, right, field, found) for field in fields if field in _AMOUNTS}
    notices = tuple(_compare_periods(records, activity, only_left, only_right))
    return Reconciliation(rows, found, _tabulate(drifts), coverage, notices)


def _index_by_id(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    missing = [column for column in ("requested_id", "total_cost") if column not in frame]
    if missing:
        msg = f"the {name} has no column {missing[0]!r}: give a frame of fetch, ga.read or read_activity"
        raise MissingColumnError(msg)
    once = frame["requested_id"].isna() | ~frame["requested_id"].duplicated(keep="last")
    return frame[once].set_index("requested_id")


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
            "requested_id": pd.Series(described.index, dtype=TEXT),
            "side": pd.Series([side] * len(described), dtype=TEXT),
            "day": known["created_at"].dt.floor("D").array,
            "model": known["model"].array,
            "records_nanousd": (nothing if records is None else _to_nanousd(records, "total_cost")).array,
            "activity_nanousd": (nothing if activity is None else _to_nanousd(activity, "total_cost")).array,
            "is_changed": pd.Series(False, index=described.index, dtype="bool").array,  # noqa: FBT003 - the value
            "rounding_nanousd": nothing.array,
        }
    )


def _add_rounding(rows: pd.DataFrame, differences: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of generations on both sides with what differs, and what rounding explains of all others."""
    changed = rows["requested_id"].isin(differences["requested_id"])
    exact, shown = (rows.loc[~changed, f"{side}_nanousd"].to_numpy(np.int64) for side in ("records", "activity"))
    explained = pd.Series(0, index=rows.index, dtype="Int64")
    explained[~changed] = explain_by_rounding(exact, shown)
    return rows.assign(is_changed=changed.astype("bool"), rounding_nanousd=explained)


def _find_drift_of(left: pd.DataFrame, right: pd.DataFrame, field: str, differences: pd.DataFrame) -> Drift:
    """Return the drift of an amount over the generations in which it differs by rounding at most."""
    apart = differences.loc[differences["field"] == field, "requested_id"]
    alike = ~left.index.isin(apart)
    return find_drift(*(_to_nanousd(side[alike], field).to_numpy(np.int64) for side in (left, right)))


def _tabulate(drifts: dict[str, Drift]) -> pd.DataFrame:
    """Return the rows of `Reconciliation.drifts`."""
    amounts = ("difference", "rounding", "unexplained", "noise")
    columns: dict[str, Any] = {
        "field": pd.Series(list(drifts), dtype=TEXT),
        "generations": pd.Series([drift.generations for drift in drifts.values()], dtype="Int64"),
    }
    for name in amounts:
        sums = [getattr(drift, name) / NANO for drift in drifts.values()]
        columns[f"{name}_usd"] = pd.Series(sums, dtype="Float64")
    columns["exceeds_noise"] = pd.Series([drift.exceeds_noise for drift in drifts.values()], dtype="bool")
    return pd.DataFrame(columns)


def _compare_periods(
    records: pd.DataFrame, activity: pd.DataFrame, only_left: pd.DataFrame, only_right: pd.DataFrame
) -> Iterator[str]:
    """Yield a warning for each side with generations outside the period of the other."""
    sides = {"records": (records, only_left), "activity": (activity, only_right)}
    periods = {name: _read_column(side, "created_at").agg(["min", "max"]) for name, (side, _) in sides.items()}
    if any(period.isna().any() for period in periods.values()):
        return
    for name, other in (("records", "activity"), ("activity", "records")):
        rows, first, last = sides[name][1], *periods[other]
        created = _read_column(rows, "created_at")
        outside = rows[((created < first) | (created > last)).fillna(value=False)]
        if len(outside):
            amount = format_value(int(_to_nanousd(outside, _CHARGE).sum()) / NANO, Unit.USD, decimals=6)
            count = f"{format_count(len(outside), 'generation')} only in the {name} ({amount})"
            span = f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
            yield f"The periods differ: {count} outside that of the {other}, {span}. Compare the same period."


def _read_column(frame: pd.DataFrame, name: str) -> "pd.Series[Any]":
    if name in frame:
        return frame[name]
    gaps: pd.Series[Any] = to_nullable(pa.table([pa.nulls(len(frame), BY_NAME[name].kind.arrow_type)], [name]))[name]
    return gaps.set_axis(frame.index)


def _to_nanousd(frame: pd.DataFrame, field: str) -> "pd.Series[Any]":
    amounts = frame[field].astype("Float64").fillna(0.0)  # a missing amount is nothing charged, and nothing saved
    too_large = amounts[amounts.abs() > _LARGEST_USD]
    if len(too_large):
        msg = f"{field} is {too_large.iloc[0]} for {too_large.index[0]!r}: it exceeds a billion US dollars"
        raise InputError(msg)
    return (amounts * NANO).round().astype("Int64")


def _find_differences(left: pd.DataFrame, right: pd.DataFrame, field: str) -> pd.DataFrame:
    """Return the rows of `Reconciliation.differences` for one field of generations on both sides."""
    column = BY_NAME[field]
    by: pd.Series[Any] = pd.Series(pd.NA, index=left.index, dtype="Float64")
    if column.kind is Kind.NUMBER:
        exact, shown = _to_nanousd(left, field), _to_nanousd(right, field)
        growth = shown.abs() - exact.abs()
        is_cut = growth.between(-STEP_NANOUSD, STEP_NANOUSD // 2)
        differs = ~is_cut | ((shown - exact).abs() > STEP_NANOUSD)
        by = ((shown - exact) / NANO).astype("Float64")
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
            "requested_id": pd.Series(left.index[differs], dtype=TEXT),
            "field": pd.Series([field] * int(differs.sum()), dtype=TEXT),
            "records": left.loc[differs, field].map(_to_text).astype(TEXT).array,
            "activity": right.loc[differs, field].map(_to_text).astype(TEXT).array,
            "difference": by[differs].array,
        }
    )


def _to_text(value: object) -> str | None:
    return None if pd.isna(value) else str(value)  # type: ignore[call-overload]
