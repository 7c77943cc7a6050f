"""The groups of rows: columns, values derived from a column, and periods."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import narwhals.stable.v2 as nw
import pandas as pd

from genanalytics.base.frames import TEXT
from genanalytics.metrics.grouping.calendar import (
    PARTS,
    TIME,
    check_period,
    find_local_lazily,
    find_starts,
    find_starts_lazily,
    label_starts,
)
from genanalytics.metrics.names import make_plain

_VARIANT = r"(-20[0-9]{2}-?[0-9]{2}-?[0-9]{2})?(:[a-z0-9-]+)?$"
"""The date and the variant at the end of a slug: the family of "openai/gpt-5-2026-01-31:free" is "openai/gpt-5"."""


@dataclass(frozen=True, slots=True)
class GroupKey:
    """One of the values that the rows of a group share.

    Attributes:
        name: The name in the summary.
        column: The column of the frame that it is made of.
        pandas: Returns the value of each row, out of the column.
        lazy: The value in steps, each an expression over the data and earlier steps, by name; the last one is the
            value. Without steps it is the column itself. A step of a moment reads its microseconds since 1970, in
            `calendar.MICROS`.
        finish: Turns the values of the groups into those of the summary.
    """

    name: str
    column: str
    pandas: Callable[[pd.Series], pd.Series]
    lazy: Mapping[str, nw.Expr]
    finish: Callable[[pd.Series], pd.Series]

    @property
    def group(self) -> str:
        """The name of its column while a source computes: a row value can have the name of the column itself."""
        return f"group by {make_plain(self.name)}"


def find_key(name: str, tz: ZoneInfo) -> GroupKey:
    """Return a derived key by its name, or the column of that name as a key."""
    if name in DERIVED:
        return DERIVED[name](tz)
    return GroupKey(name, name, _keep, {}, _keep)


def make_period_key(every: str, tz: ZoneInfo, name: str = TIME) -> GroupKey:
    """Return the periods of `created_at` as a key: the start of each.

    Days, weeks (from Monday) and months are those of the local calendar. An hour or a minute is one on the local clock;
    an hour that occurs twice when clocks go back is two hours, and an hour in which clocks change ends there.

    Raises:
        InputError: There is no such period.
    """
    check_period(every)
    return GroupKey(
        name,
        "created_at",
        lambda moments: pd.Series(find_starts(moments, every, tz), index=moments.index),
        find_starts_lazily(every, tz),
        lambda starts: label_starts(starts, every, tz),
    )


def _keep(values: pd.Series) -> pd.Series:
    return values


def _make_part_key(name: str, tz: ZoneInfo) -> GroupKey:
    """Return a part of the local time as a key."""
    part, lazy = PARTS[name]
    return GroupKey(
        name,
        "created_at",
        lambda moments: part(moments.dt.tz_convert(tz)).astype("Int64"),
        find_local_lazily(tz) | {f"local {name}": lazy},
        lambda values: values.astype("Int64"),
    )


def _make_family_key(_: ZoneInfo) -> GroupKey:
    """Return the slug of a model without its date and its variant, as a key."""
    pattern = re.compile(_VARIANT)

    def find_families(models: pd.Series) -> pd.Series:
        codes, slugs = pd.factorize(models)
        families = pd.array([pattern.sub("", slug) for slug in slugs], dtype=TEXT)
        return pd.Series(families.take(codes, allow_fill=True), index=models.index)

    lazy = {"family of model": nw.col("model").str.replace_all(_VARIANT, "")}
    return GroupKey("model_family", "model", find_families, lazy, _keep)


DERIVED: Mapping[str, Callable[[ZoneInfo], GroupKey]] = {
    "day": lambda tz: make_period_key("day", tz, "day"),
    "hour": lambda tz: _make_part_key("hour", tz),
    "weekday": lambda tz: _make_part_key("weekday", tz),
    "model_family": _make_family_key,
}
"""Keys made of a column: `day` (its start), `hour` (0 to 23), `weekday` (1 is Monday), `model_family`."""
