"""A sample of the billed rows of each group, drawn where the data is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa

from genanalytics.bill.amounts import MICRO_PER_USD, Resolution, find_unit
from genanalytics.bill.book import Book
from genanalytics.bill.requests import Requests, Shown
from genanalytics.bill.resolution import choose_ending
from genanalytics.bill.split import NEEDS, make_steps
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.metrics.engines.protocol import KEPT_STEPS, Source, Steps
from genanalytics.metrics.grouping.keys import GroupKey
from genanalytics.metrics.names import name_clean
from genanalytics.records.exported import EXPORTED

ROWS = 2_000
"""The rows that are drawn of each group."""
NUMBER = "number of the group"

_SHARE = "share of its rows"
_KEPT = "kept"
_COUNTS = ("native_tokens_prompt", "native_tokens_completion", "native_tokens_cached")
_NUMBERS = ("total_cost", "cache_discount", "upstream_inference_cost", *_COUNTS)
DRAWN = (*_NUMBERS, "is_byok", "source", "created_at")
"""The columns that a sample reads, each of which may be missing."""
_MODULUS = 99_991
_TRIED_GROUPS = 12
_TRIED_ROWS = 300
_MOST_TOKENS = 1e9
_MOST_PAID = 1e12
"""Counts and amounts (micro-dollars) above these are faults of a record."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Billed rows: arrays of one length, amounts in micro-dollars.

    Attributes:
        groups: The number of groups.
        group: The number of each row's group.
        paid: What was paid, to the service or with the user's own key.
        saved: What caching saved; NaN where nothing is reported.
        counts: Prompt, completion and cached tokens, by the name of their column.
        exported: Whether the row is from an activity export (bool).
    """

    groups: int
    group: "np.ndarray"
    paid: "np.ndarray"
    saved: "np.ndarray"
    counts: "Mapping[str, np.ndarray]"
    exported: "np.ndarray"

    def find_resolution(self, *, exported: bool) -> Resolution:
        """Return the resolution of the amounts, in activity exports or elsewhere."""
        rows = np.flatnonzero(self.exported == exported)
        amounts = np.concatenate([self.paid[rows], self.saved[rows]])
        unit = find_unit(amounts)
        sizes = np.bincount(self.group[rows], minlength=self.groups)
        largest = np.argsort(-sizes, kind="stable")[:_TRIED_GROUPS]
        chosen = [_thin_out(rows[self.group[rows] == group]) for group in largest if sizes[group]]
        return choose_ending(unit, [self._show(part) for part in chosen])

    def make_requests(self, rows: "np.ndarray", resolution: Resolution, exported: Resolution) -> Requests:
        """Return rows as requests, given the resolutions of the amounts of the API and of activity exports."""
        shown, of_exports = self._show(rows), self.exported[rows]
        requests = shown.bound(resolution)
        if not of_exports.any() or exported == resolution:
            return requests
        return requests.choose(shown.bound(exported), of_exports)

    def _show(self, rows: "np.ndarray") -> Shown:
        prompt, completion = (
            np.nan_to_num(self.counts[f"native_tokens_{kind}"][rows]) for kind in ("prompt", "completion")
        )
        cached = self.counts["native_tokens_cached"][rows]
        return Shown(prompt, completion, cached, self.paid[rows], self.saved[rows])


def _thin_out(rows: "np.ndarray") -> "np.ndarray":
    """Return at most so many rows, from the first to the last."""
    if len(rows) <= _TRIED_ROWS:
        return rows
    chosen: np.ndarray = rows[np.linspace(0, len(rows) - 1, _TRIED_ROWS).astype(np.int64)]
    return chosen


def draw_sample(
    source: Source,
    keys: Sequence[GroupKey],
    groups: pa.Table,
    shares: "np.ndarray",
    *,
    book: Book | None = None,
    turn: int = 0,
) -> Sample:
    """Return a sample of the billed rows of each group; the same one at every call.

    Args:
        source: The data.
        keys: The keys of the groups.
        groups: The keys under `GroupKey.group`, the number of each group under `NUMBER`, and the prices of `book`.
        shares: The share of the rows of each group, from 0 to 1.
        book: Prices; only rows that these do not explain are drawn.
        turn: Another number draws other rows.
    """
    names = [name for name in DRAWN if name in source.columns]
    wanted = [*map(name_clean, names), NUMBER]
    steps = _add_kept(None if book is None else make_steps(book), tuple(names), turn)
    given = groups.append_column(_SHARE, pa.array(shares))
    needs = list(dict.fromkeys([*names, *(NEEDS if book else ())]))
    rows = nw.from_native(source.extend(keys, given, needs, steps, [*wanted, _KEPT])).lazy()
    table = rows.filter(nw.col(_KEPT)).select(*wanted).collect(backend="pyarrow").to_native()
    return _arrange(table, len(groups))


@lru_cache(maxsize=KEPT_STEPS)
def _add_kept(steps: Steps | None, names: tuple[str, ...], turn: int) -> Steps:
    """Return steps with one more: whether a row is drawn, out of those that the steps do not explain."""
    kept = _draw(names, turn) < nw.col(_SHARE)
    if steps is None:
        return Steps(({_KEPT: kept},))
    return Steps((*steps.each, {_KEPT: kept & nw.col("regime").is_null()}))


def _draw(names: Sequence[str], turn: int) -> nw.Expr:
    """Return a number from 0 to 1 that looks random, out of the values of a row."""
    mixed = nw.lit(float(turn * 7_919))
    for name, factor in (("native_tokens_prompt", 7_927), ("native_tokens_completion", 104_729)):
        if name in names:
            mixed = mixed + nw.col(name_clean(name)).fill_null(0.0) * (factor + 2 * turn)
    if "created_at" in names:
        moment = nw.col(name_clean("created_at")).dt
        parts = moment.minute() * 60_000 + moment.second() * 1_000 + moment.millisecond()
        mixed = mixed + parts.cast(nw.Float64).fill_null(0.0) * (31 + 2 * turn)
    return (mixed - (mixed / _MODULUS).floor() * _MODULUS) / _MODULUS


def _arrange(table: pa.Table, groups: int) -> Sample:
    def read(name: str) -> "np.ndarray":
        column = name_clean(name)
        return to_floats(table[column]) if column in table.column_names else np.full(len(table), np.nan)

    own = np.nan_to_num(read("is_byok")) > 0
    paid = np.where(own, read("upstream_inference_cost"), read("total_cost")) * MICRO_PER_USD
    saved = read("cache_discount") * MICRO_PER_USD
    exported = np.zeros(len(table), bool)
    if name_clean("source") in table.column_names:
        exported = np.array([value == EXPORTED for value in table[name_clean("source")].to_pylist()], bool)
    billed = ((paid > 0) | ((paid == 0) & (np.nan_to_num(saved) != 0))) & (paid < _MOST_PAID)
    counts = {name: read(name) for name in _COUNTS}
    for count in counts.values():
        billed &= ~(count > _MOST_TOKENS)
    usable = np.flatnonzero(billed)
    counts = {name: count[usable] for name, count in counts.items()}
    numbers = to_floats(table[NUMBER]).astype(np.int64)
    return Sample(groups, numbers[usable], paid[usable], saved[usable], counts, exported[usable])
