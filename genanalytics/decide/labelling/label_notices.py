"""What a user should know about labels: which matched, and what figures of revenue and outcomes mean."""

from collections.abc import Iterator
from dataclasses import dataclass

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.decide.labelling.label_table import REVENUE, SUCCESS, LabelTable, quote
from genanalytics.metrics.declare import Count
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.metrics.engines.protocol import Source
from genanalytics.metrics.engines.source import Records, find_coverage_of
from genanalytics.units import Unit, format_count, format_value

_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Matched:
    """How many rows have which label.

    Attributes:
        rows: The number of rows of each label.
        others: The number of rows without a label.
        without_key: The number of those that have no key.
    """

    rows: "np.ndarray"
    others: int
    without_key: int

    def count_gaps(self, values: pa.ChunkedArray) -> int:
        """Return the number of rows with a gap in a column of labels."""
        return self.others + int(self.rows[values.is_null().to_numpy()].sum())


def describe_labels(data: Records, source: Source, table: LabelTable, on: str, matched: Matched) -> list[str]:
    """Return sentences about labels that were added to data, whose source is given too."""
    notices = [*_describe_rows(table, on, matched), *_describe_keys(source, table, on, matched)]
    shared = bool((matched.rows > 1).any())
    if REVENUE in table.columns:
        notices += _describe_revenue(table, matched)
        if shared:
            notices.append(
                f"the revenue of each {on} is divided equally among its records{_describe_time(source)}: a margin is"
                " right if it is the revenue of that time"
            )
        notices += _describe_repeated(table, on)
        coverage = find_coverage_of(data)
        if coverage is not None and coverage.is_partial:
            notices.append("some of the requested ids have no record, so that margins are upper bounds")
    if SUCCESS in table.columns and shared:
        notices.append(f"an outcome counts once for each {on}, and is divided equally among its records")
    return notices


def _describe_rows(table: LabelTable, on: str, matched: Matched) -> Iterator[str]:
    if matched.others:
        rows, unknown = int(matched.rows.sum()) + matched.others, matched.others - matched.without_key
        parts = [f"{matched.without_key:,} without {on}"] if matched.without_key else []
        parts += [f"{unknown:,} with {on} that is no key"] if unknown else []
        yield f"{matched.others:,} of {format_count(rows, 'record')} have no label: {', '.join(parts)}"
    for name, values in table.columns.items():
        gaps = matched.count_gaps(values) - matched.others
        if gaps:
            yield f"{format_count(gaps, 'labelled record')} without {name}: its cell is empty"


def _describe_keys(source: Source, table: LabelTable, on: str, matched: Matched) -> Iterator[str]:
    known = len(table.keys) - table.keys.null_count
    if table.keys.null_count:
        yield f"{format_count(table.keys.null_count, 'label')} without a key"
    unused = table.keys.filter(pa.array(matched.rows == 0)).drop_null()
    if not len(unused):
        return
    examples = ", ".join(map(quote, unused[:_EXAMPLES].to_pylist()))
    verb, such = "matches" if len(unused) == 1 else "match", ", such as" if len(unused) > _EXAMPLES else ":"
    yield f"{len(unused):,} of {format_count(known, 'key')} {verb} no record{such} {examples}"
    if not matched.rows.any() and matched.others:
        some = source.select([on]).drop_nulls().head(1).collect(backend="pyarrow")[on].to_list()
        found = f"holds values such as {quote(some[0])}; case and spaces count" if some else "has no value"
        yield f"no label was used: {on} {found}"


def _describe_revenue(table: LabelTable, matched: Matched) -> Iterator[str]:
    lost = float(np.nansum(to_floats(table.columns[REVENUE])[matched.rows == 0]))
    if lost:
        amount = format_value(lost, Unit.USD, decimals=2)
        yield f"{amount} of revenue belongs to keys without a record and is in no sum"
    if matched.count_gaps(table.columns[REVENUE]):
        yield "the cost of records without revenue is in no margin: give revenue 0 to what earns nothing"


def _describe_repeated(table: LabelTable, on: str) -> Iterator[str]:
    """Yield a notice for each label whose keys have one revenue: perhaps that of the label, once for each key."""
    revenue = table.columns[REVENUE].to_pandas()
    for name, values in table.columns.items():
        if not pa.types.is_string(values.type) or not (revenue != 0).any():
            continue
        groups = revenue.groupby(values.to_pandas())
        several = groups.count()[groups.count() > 1]
        if len(several) and (groups.min() == groups.max()).all():
            yield (
                f"each {on} of {name} {quote(several.index[0])} has the same revenue, which counts {several.iloc[0]}"
                f" times: if it is that of the whole {name}, label it on {name!r}, with a separate table"
            )


def _describe_time(source: Source) -> str:
    if "created_at" not in source.columns:
        return ""
    moment = nw.col("created_at")
    found = source.aggregate([], [Count()], {"first": moment.min(), "last": moment.max()}, ("created_at",))
    first, last = (found.others[name][0].as_py() for name in ("first", "last"))
    return "" if first is None else f" from {pd.Timestamp(first):%Y-%m-%d} to {pd.Timestamp(last):%Y-%m-%d}"
