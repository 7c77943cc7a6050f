"""The price regimes of all groups: samples are solved in memory, all rows are compared with prices where they are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.base.remembering import Memory, digest
from genanalytics.bill.book import APART, PRICES, WRITES, Book, is_close, lay_out
from genanalytics.bill.pooled import add_pooled
from genanalytics.bill.regimes import CACHE_UNKNOWN, KNOWN, Regime, find_regimes
from genanalytics.bill.requests import Requests
from genanalytics.bill.sample import DRAWN, NUMBER, ROWS, Sample, draw_sample
from genanalytics.bill.solve import FEWEST
from genanalytics.bill.split import NEEDS
from genanalytics.bill.survey import SURVEYED, survey
from genanalytics.metrics.declare import Count
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.metrics.engines.memory import InMemory
from genanalytics.metrics.engines.protocol import Source
from genanalytics.metrics.grouping.keys import GroupKey
from genanalytics.metrics.grouping.labels import label_groups

LIMITS = ("input_price_min", "input_price_max", "output_price_min", "output_price_max")
"""The columns with what the amounts allow for prices."""

_TURNS = 3
"""The most samples of a group: the first one of all rows, each further one of those that no regime explains."""
_MODEL = "model"


@dataclass(frozen=True, slots=True)
class Solved:
    """The regimes of all groups. Nobody changes them, since several results are made of them.

    Attributes:
        book: The prices in the form in which rows read them.
        regimes: A row per regime, and one per group with rows that none explains: `group` (its number), `regime`, `is
            rest`, prices and limits, and the columns of `survey`.
        groups: The keys of the groups, under `GroupKey.group`.
    """

    book: Book
    regimes: pd.DataFrame
    groups: pa.Table


_SOLVED = Memory[Solved](most=8)
"""The regimes of the last sets of rows in memory."""


def solve_groups(source: Source, keys: Sequence[GroupKey]) -> Solved:
    """Return the price regimes of all groups, the one with most requests first; equal rows in memory are solved once.

    Args:
        source: The data.
        keys: The keys of the groups: columns.
    """
    if not isinstance(source, InMemory):
        return _solve(source, keys)
    wanted = dict.fromkeys([*(key.column for key in keys), *DRAWN, *NEEDS, *SURVEYED])
    rows = source.table([name for name in wanted if name in source.columns])
    return _SOLVED.recall((digest(rows), *(key.name for key in keys)), lambda: _solve(InMemory(rows), keys))


def _solve(source: Source, keys: Sequence[GroupKey]) -> Solved:
    counted = source.aggregate(keys, [Count()], {}, []).to_table()
    groups = counted.select([key.group for key in keys])
    rows = to_floats(counted[Count().name])
    sample = draw_sample(source, keys, number_groups(groups), np.minimum(1.0, ROWS / np.maximum(rows, 1.0)))
    resolution, exported = (sample.find_resolution(exported=flag) for flag in (False, True))
    empty = Book(keys, groups, 0, resolution, exported)
    solved = _solve_sample(sample, empty, label_groups(groups, keys))
    for turn in range(1, _TURNS + 1):
        book, regimes = _lay_out(solved, empty)
        found = survey(source, book)
        unexplained = _count_unexplained(found, len(groups))
        further = np.where((rows > ROWS) & (unexplained >= FEWEST), ROWS / np.maximum(unexplained, 1.0), 0.0)
        if turn == _TURNS or not further.any():
            break
        fresh = _solve_each(draw_sample(source, keys, book.groups, further, book=book, turn=turn), empty)
        if not any(fresh):
            break
        solved = [[*old, *new] for old, new in zip(solved, fresh, strict=True)]
    ordered = _order(found, regimes)
    wide, slots = lay_out(ordered[~ordered["is rest"]], number_groups(groups))
    return Solved(replace(book, groups=wide, slots=slots), ordered, groups)


def number_groups(groups: pa.Table) -> pa.Table:
    """Return groups with their numbers, from 0."""
    return groups.append_column(NUMBER, pa.array(np.arange(len(groups), dtype=np.float64)))


def _solve_sample(sample: Sample, book: Book, labels: pd.DataFrame) -> list[list[Regime]]:
    """Return the regimes of each group of a sample, with what groups of the same model share."""
    requests, solved = _list_requests(sample, book), _solve_each(sample, book)
    for same in _list_alike(labels):
        found = add_pooled([requests[group] for group in same], [solved[group] for group in same])
        for group, regimes in zip(same, found, strict=True):
            solved[group] = regimes
    return solved


def _solve_each(sample: Sample, book: Book) -> list[list[Regime]]:
    return [find_regimes(part) for part in _list_requests(sample, book)]


def _list_requests(sample: Sample, book: Book) -> list[Requests]:
    """Return the requests of each group of a sample."""
    return [
        sample.make_requests(np.flatnonzero(sample.group == group), book.resolution, book.exported)
        for group in range(sample.groups)
    ]


def _list_alike(labels: pd.DataFrame) -> list[list[int]]:
    """Return the numbers of the groups of each model that has several."""
    if _MODEL not in labels:
        return []
    models = labels.reset_index(drop=True).groupby(_MODEL, dropna=True, sort=False).indices
    return [list(map(int, numbers)) for numbers in models.values() if len(numbers) > 1]


def _lay_out(solved: Sequence[Sequence[Regime]], empty: Book) -> tuple[Book, pd.DataFrame]:
    """Return the book of regimes, and a row for each of them."""
    regimes = _list_regimes(solved)
    wide, slots = lay_out(regimes, number_groups(empty.groups))
    return replace(empty, groups=wide, slots=slots), regimes


def _count_unexplained(found: pd.DataFrame, groups: int) -> "np.ndarray":
    """Return the number of rows of each group that no regime explains (float64), out of `survey`."""
    rest = found[found["regime"].isna()]
    counts = np.zeros(groups)
    counts[rest["group"].to_numpy(dtype=np.int64)] = rest["requests"].to_numpy(dtype=np.float64)
    return counts


def _list_regimes(solved: Sequence[Sequence[Regime]]) -> pd.DataFrame:
    """Return the regimes of all groups as a table, numbered from 1 within each group."""
    rows = []
    for group, regimes in enumerate(solved):
        for number, regime in enumerate(regimes, 1):
            sheet = regime.sheet
            row: dict[str, Any] = {
                "group": group,
                "regime": number,
                "identified": sheet.identified,
                WRITES: sheet.writes,
            }
            row |= {name: getattr(sheet, name) for name in PRICES}
            row |= dict(zip(LIMITS, (*sheet.input_range, *sheet.output_range), strict=True))
            rows.append(row)
    found = pd.DataFrame(rows, columns=["group", "regime", "identified", WRITES, *PRICES, *LIMITS])
    proved = found["identified"].isin([KNOWN, CACHE_UNKNOWN]).to_numpy()
    close = is_close(*found[list(LIMITS[:2])].to_numpy(float).T) & is_close(*found[list(LIMITS[2:])].to_numpy(float).T)
    return found.assign(**{APART: (proved | close).astype(float)})


def _order(counted: pd.DataFrame, regimes: pd.DataFrame) -> pd.DataFrame:
    """Return regimes with what was counted of each: by group, the one with most requests first and as number 1.

    The rows of a group that no regime explains come last and have no number.
    """
    table = counted.merge(regimes.astype({"group": "Int64", "regime": "Int64"}), on=["group", "regime"], how="left")
    table["is rest"] = table["regime"].isna()
    table = table.sort_values(
        ["group", "is rest", "requests", "regime"], ascending=[True, True, False, True], ignore_index=True
    )
    table["regime"] = (table.groupby(["group", "is rest"]).cumcount() + 1).astype("Int64").mask(table["is rest"])
    return table
