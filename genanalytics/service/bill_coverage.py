"""The part of the service's bill that the records contain: per day, model and provider, in US dollars.

Models are compared without date and variant, since the service writes them in several ways.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import narwhals.stable.v2 as nw
import pandas as pd

from genanalytics.base.frames import TEXT
from genanalytics.base.moments import read_moment
from genanalytics.base.opening import opens_paths
from genanalytics.base.text import name_group
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.metrics.declare import RowValue
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.forms import total
from genanalytics.metrics.grouping.keys import find_key
from genanalytics.metrics.sets.rows import BYOK
from genanalytics.metrics.summary import summarize
from genanalytics.records.coverage import COVERAGE
from genanalytics.records.daily_activity import AT, FIRST_DAY, LAST_DAY
from genanalytics.service.daily_activity import read_daily_activity
from genanalytics.units import Unit, format_count, format_value

COMPLETE, YOUNG, OUTSIDE = "complete", "young", "outside"
"""The states of a day: it is compared; the service may still add to it; the service does not list it."""
GROUPS = ("day", "model", "provider_name")

LAG = timedelta(hours=1)
"""A day is young until it has been over for this long."""

_EVER = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
_FAMILY = "model_family"
_KEYS = ["day", _FAMILY, "provider_name"]
_MICRO = 1e-6
"""Amounts may be cut or rounded after six decimals, per request."""
_FEE = total(
    RowValue(
        "byok_fee",
        "BYOK fee",
        Unit.USD,
        "Sum of total_cost where is_byok",
        ("total_cost", "is_byok"),
        nw.when(BYOK).then(nw.col("total_cost")),
    )
)
_UNITS = {
    "requests": Unit.COUNT,
    "billed_requests": Unit.COUNT,
    "records_usd": Unit.USD,
    "bill_usd": Unit.USD,
    "missing_usd": Unit.USD,
    "surplus_usd": Unit.USD,
    "byok_records_usd": Unit.USD,
    "byok_bill_usd": Unit.USD,
}
_LABELS = {
    "requests": "records",
    "billed_requests": "requests in the bill",
    "records_usd": "in the records",
    "bill_usd": "bill",
    "missing_usd": "missing",
    "surplus_usd": "not in the bill",
    "byok_records_usd": "BYOK in the records",
    "byok_bill_usd": "BYOK",
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BillCoverage:
    """How much of the service's bill the records contain.

    Attributes:
        rows: One row per day, model and provider, the largest gap first: day (UTC), model (without date and variant),
            provider_name; state (complete, young, outside); requests and billed_requests (Int64); records_usd and
            bill_usd (Float64, without the charges of providers); missing_usd and surplus_usd, which are gaps unless the
            day is complete; byok_records_usd and byok_bill_usd, the charges of providers to the user's own keys.
        first_day: The first compared day.
        last_day: The last compared day.
        notices: What the user should know, each in one sentence.
    """

    rows: pd.DataFrame
    first_day: datetime
    last_day: datetime
    notices: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<BillCoverage {self.answer}>"

    @property
    def bill_usd(self) -> float:
        """The bill of the complete days in US$."""
        return self._add("bill_usd")

    @property
    def missing_usd(self) -> float:
        """The part of it that the records lack."""
        return self._add("missing_usd")

    @property
    def share(self) -> float | None:
        """The share of the bill that is in the records (0 to 1); None without a bill."""
        return 1 - self.missing_usd / self.bill_usd if self.bill_usd > 0 else None

    @property
    def missing_requests(self) -> int:
        """The number of requests in the bill that have no record."""
        complete = self._complete
        return int((complete["billed_requests"] - complete["requests"]).clip(lower=0).sum())

    @property
    def answer(self) -> str:
        """The answer in words."""
        days = f"{self.first_day:%Y-%m-%d} to {self.last_day:%Y-%m-%d}"
        if self.share is None:
            return f"The bill of {days} is $0: there is nothing to compare."
        requests = format_count(int(self._complete["billed_requests"].sum()), "request")
        here, bill = (format_value(usd, Unit.USD) for usd in (self.bill_usd - self.missing_usd, self.bill_usd))
        first = f"{format_part(self.share)} of the bill is here: {here} of {bill} for {requests}, {days}."
        if not self.missing_usd and not self.missing_requests:
            return f"{first} Nothing is missing."
        lacking = format_count(self.missing_requests, "request")
        most = [self._name_largest(by) for by in GROUPS if self.missing_usd]
        where = f" Most of it: {', '.join(most)}." if most else ""
        return f"{first} Missing: {format_value(self.missing_usd, Unit.USD)}, {lacking} without a record.{where}"

    def totals(self, by: str | Sequence[str] = GROUPS) -> pd.DataFrame:
        """Return the sums of the complete days by some of day, model and provider_name, the largest gap first.

        Raises:
            InputError: `by` is another column.
        """
        check_options(by=by)
        names = [by] if isinstance(by, str) else list(by)
        sums = self._complete.groupby(names, dropna=False)[list(_UNITS)].sum().reset_index()
        found = sums.sort_values(["missing_usd", "bill_usd"], ascending=False, kind="stable", ignore_index=True)
        found.attrs = dict(self.rows.attrs)
        return found

    @property
    def _complete(self) -> pd.DataFrame:
        return self.rows[self.rows["state"] == COMPLETE]

    def _add(self, name: str) -> float:
        return float(self._complete[name].sum())

    def _name_largest(self, by: str) -> str:
        row = self.totals(by).iloc[0]
        return f"{name_group(row[by], missing='no name')} ({format_value(float(row['missing_usd']), Unit.USD)})"


def format_part(share: float) -> str:
    """Return a share as text; only all is 100.0 %.

    >>> format_part(0.99999), format_part(1.0)
    ('99.9 %', '100.0 %')
    """
    return format_value(share if share == 1 else min(share, 0.999), Unit.SHARE)


@opens_paths("data")
def coverage(
    data: Records,
    activity: pd.DataFrame | str | os.PathLike[str],
    *,
    since: str | date | None = None,
    until: str | date | None = None,
) -> BillCoverage:
    """Return how much of the service's bill the records contain, per day, model and provider.

    Days before the ones that the service lists are `outside`. Days that are not over, or were over for less than an
    hour when the service answered, are `young`. Neither is compared. The charges of providers to the user's own keys
    (BYOK) are in columns of their own.

    Args:
        data: Records, as `summarize` takes them.
        activity: The result of `fetch_daily_activity`, or a file that `read_daily_activity` reads.
        since: Leave out days before this one; a day counts if all of it is in the period.
        until: Leave out this day and later ones.

    Raises:
        MissingColumnError: The records lack a column, or `activity` is another frame.
        InputError: A moment cannot be read.
    """
    start, end = check_options(since=since, until=until)
    bill = read_daily_activity(activity) if isinstance(activity, str | os.PathLike) else activity
    first, last = _find_days(bill, start, end)
    summary = summarize(data, by=_KEYS, metrics=["billed_cost", "byok_cost", "cost_unknown", _FEE])
    rows = _join(summary, bill)
    rows = rows[~((rows["day"] < start) | (rows["day"] >= end))]
    rows, fee_notices = _choose_fees(rows.assign(state=_find_states(rows["day"], bill)))
    rows = _compare(rows)
    notices = (*fee_notices, *_list_notices(rows, bill, int(summary["cost_unknown"].sum())))
    return BillCoverage(_finish(rows, summary.attrs[COVERAGE], notices), first, last, notices)


def check_options(
    *, by: str | Sequence[str] = GROUPS, since: str | date | None = None, until: str | date | None = None
) -> tuple[datetime, datetime]:
    """Return the first day of a period, and the day after its last one; far away without a limit.

    Raises:
        InputError: `by` is no group of `BillCoverage.totals`, or a moment cannot be read.
    """
    names = [by] if isinstance(by, str) else list(by)
    unknown = [name for name in names if name not in GROUPS]
    if unknown or not names:
        msg = f"by={unknown[0] if unknown else ''!r} has no totals; give some of {', '.join(GROUPS)}"
        raise InputError(msg, arguments=["by"])
    return _read_day("since", since) or _EVER[0], _read_day("until", until) or _EVER[1]


def _find_days(activity: pd.DataFrame, start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Return the first and the last compared day.

    Raises:
        MissingColumnError: It is another frame.
        InputError: The period has none.
    """
    for name in (FIRST_DAY, LAST_DAY):
        if name not in activity.attrs:
            msg = f"the activity has no {name} in attrs: give a frame of fetch_daily_activity or read_daily_activity"
            raise MissingColumnError(msg)
    listed, final = _to_day(activity.attrs[FIRST_DAY]), _find_last(activity)
    first, last = max(listed, start), min(final, end - timedelta(days=1))
    if first > last:
        days = f"{listed:%Y-%m-%d} to {final:%Y-%m-%d}"
        msg = f"the period has no full day to compare: the service lists {days}; give a period with one of them"
        raise InputError(msg)
    return first, last


def _join(summary: pd.DataFrame, activity: pd.DataFrame) -> pd.DataFrame:
    """Return the sums of the records and of the bill by the same groups, 0 on the side that lacks a group."""
    records = summary.rename(
        columns={"billed_cost": "records_usd", "byok_cost": "byok_records_usd", "byok_fee": "fee_usd"}
    ).drop(columns="cost_unknown")
    family = find_key(_FAMILY, ZoneInfo("UTC")).pandas(activity["model"])
    bill = activity.assign(**{_FAMILY: family}).rename(
        columns={"usage": "bill_usd", "byok_usage_inference": "byok_bill_usd", "requests": "billed_requests"}
    )
    amounts = ["bill_usd", "byok_bill_usd", "billed_requests"]
    bill = bill.groupby(_KEYS, dropna=False)[amounts].sum().reset_index()
    joined = records.merge(bill, on=_KEYS, how="outer")
    figures = {name: joined[name].fillna(0) for name in joined.columns.difference(_KEYS)}
    return joined.assign(**figures).rename(columns={_FAMILY: "model"})


def _find_states(days: "pd.Series[Any]", activity: pd.DataFrame) -> "pd.Series[str]":
    first, last = _to_day(activity.attrs[FIRST_DAY]), _find_last(activity)
    states = pd.Series(COMPLETE, index=days.index, dtype=TEXT)
    states[days > last] = YOUNG
    states[(days < first) | days.isna()] = OUTSIDE
    return states


def _find_last(activity: pd.DataFrame) -> datetime:
    """Return the last day to which the service adds nothing any more."""
    last, at = _to_day(activity.attrs[LAST_DAY]), activity.attrs.get(AT)
    if at is not None and datetime.fromisoformat(at) < last + timedelta(days=1) + LAG:
        return last - timedelta(days=1)
    return last


def _choose_fees(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return rows whose records contain the fees for own keys only if the bill does, which is not documented."""
    compared = rows[(rows["state"] == COMPLETE) & (rows["fee_usd"] > 0)]
    if compared.empty:
        return rows, []
    apart = compared["bill_usd"] - compared["records_usd"]
    has_fees = apart.abs().sum() <= (apart + compared["fee_usd"]).abs().sum()
    fees = format_value(float(compared["fee_usd"].sum()), Unit.USD)
    if has_fees:
        return rows, [f"fees for own provider keys (BYOK), {fees} in the records, count as part of the bill"]
    without = rows.assign(records_usd=rows["records_usd"] - rows["fee_usd"])
    return without, [f"fees for own provider keys (BYOK), {fees} in the records, are not in the bill and left out"]


def _compare(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with what the records lack, and what the bill lacks; gaps unless the day is complete."""
    tolerance = _MICRO * rows[["requests", "billed_requests"]].max(axis=1).clip(lower=1)
    difference = (rows["bill_usd"] - rows["records_usd"]).astype("Float64")
    is_complete = rows["state"] == COMPLETE
    return rows.assign(
        missing_usd=difference.where(difference > tolerance, 0.0).where(is_complete),
        surplus_usd=(-difference).where(-difference > tolerance, 0.0).where(is_complete),
    )


def _finish(rows: pd.DataFrame, records_coverage: object, notices: Sequence[str]) -> pd.DataFrame:
    order = rows.sort_values(["missing_usd", "bill_usd"], ascending=False, kind="stable", ignore_index=True)
    found = order[[*GROUPS, "state", *_UNITS]]
    found.attrs = {
        "units": {name: unit.value for name, unit in _UNITS.items()},
        "labels": dict(_LABELS),
        "sums": list(_UNITS),
        "notices": list(notices),
        COVERAGE: records_coverage,
    }
    return found


def _list_notices(rows: pd.DataFrame, activity: pd.DataFrame, unknown: int) -> list[str]:
    notices = []
    complete = rows[rows["state"] == COMPLETE]
    surplus = float(complete["surplus_usd"].sum())
    if surplus:
        notices.append(
            f"{format_value(surplus, Unit.USD)} in the records is not in the bill: it belongs to another account, or to"
            " the day before or after, or the service adds it later"
        )
    days = complete.groupby("day")[["requests", "billed_requests"]].sum()
    without = days[(days["requests"] == 0) & (days["billed_requests"] > 0)]
    if len(without):
        notices.append(
            f"{format_count(len(without), 'day')} of the bill without any record, from {without.index[0]:%Y-%m-%d} on"
        )
    for state, words in (
        (YOUNG, "not compared, since the service may still add to these days"),
        (OUTSIDE, "not compared, since the service no longer lists these days"),
    ):
        part = rows[rows["state"] == state]
        if len(part):
            records = format_count(int(part["requests"].sum()), "record")
            here, bill = (format_value(float(part[name].sum()), Unit.USD) for name in ("records_usd", "bill_usd"))
            notices.append(f"{words}: {records}, {here}, of which the bill has {bill}")
    byok = [float(complete[name].sum()) for name in ("byok_records_usd", "byok_bill_usd")]
    if any(byok):
        here, bill = (format_value(usd, Unit.USD) for usd in byok)
        notices.append(
            f"not compared, charged by providers to your own keys (BYOK): {here} in the records, {bill} in the bill"
        )
    if unknown:
        notices.append(f"{format_count(unknown, 'record')} with an unknown cost, wholly or in part")
    gaps = int(activity["usage"].isna().sum())
    if gaps:
        notices.append(f"{format_count(gaps, 'row')} of the bill without an amount")
    return notices


def _to_day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _read_day(name: str, value: str | date | None) -> datetime | None:
    """Return the first full day of a period, or the day after the last full one.

    Raises:
        InputError: The moment cannot be read.
    """
    if value is None:
        return None
    moment = read_moment(name, value)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return day + timedelta(days=1) if name == "since" and day < moment else day
