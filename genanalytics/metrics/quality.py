"""Doubtful records: values that contradict each other, gaps where the contract promises a value."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import narwhals.stable.v2 as nw
import pandas as pd

from genanalytics.base.frames import TEXT
from genanalytics.base.opening import opens_paths
from genanalytics.metrics.declare import Count, RowValue, Sum
from genanalytics.metrics.engines.protocol import Source
from genanalytics.metrics.engines.source import Records, open_source
from genanalytics.metrics.grouping.labels import check_columns
from genanalytics.metrics.sets.rows import is_flagged, is_true
from genanalytics.metrics.summary import describe_completeness
from genanalytics.records.exported import EXPORTED, NEVER_EXPORTED, SOURCE
from genanalytics.records.record import SETTLING_S
from genanalytics.records.schema import COLUMNS, Origin
from genanalytics.units import Unit

_ID = "requested_id"
_NANO_DOLLAR = 1e-9

_TOTAL, _USAGE = nw.col("total_cost"), nw.col("usage")
_CREATED, _FETCHED = nw.col("created_at"), nw.col("fetched_at")


def _make_check(name: str, meaning: str, needs: tuple[str, ...], is_doubtful: nw.Expr) -> RowValue:
    """Return 1 for a doubtful row, 0 for one that is not, null for one that cannot be checked."""
    return RowValue(name, name.replace("_", " "), Unit.SHARE, meaning, needs, is_doubtful.cast(nw.Int64))


CHECKS: tuple[RowValue, ...] = (
    _make_check(
        "usage_differs",
        "usage differs from total_cost: the service names two amounts for one charge; the statistics use total_cost",
        ("usage", "total_cost"),
        ((_USAGE - _TOTAL) > _NANO_DOLLAR) | ((_TOTAL - _USAGE) > _NANO_DOLLAR),
    ),
    _make_check(
        "byok_cost_unknown",
        "Paid with the user's own key (is_byok), but the charge of the provider is unknown: costs do not include it",
        ("is_byok", "upstream_inference_cost"),
        is_flagged("is_byok") & nw.col("upstream_inference_cost").is_null(),
    ),
    _make_check(
        "reasoning_above_completion",
        "native_tokens_reasoning is above native_tokens_completion, which should include it",
        ("native_tokens_reasoning", "native_tokens_completion"),
        nw.col("native_tokens_reasoning") > nw.col("native_tokens_completion"),
    ),
    _make_check(
        "cached_above_prompt",
        "native_tokens_cached is above native_tokens_prompt, which should include it: cache_hit_rate is too high",
        ("native_tokens_cached", "native_tokens_prompt"),
        nw.col("native_tokens_cached") > nw.col("native_tokens_prompt"),
    ),
    _make_check(
        "generation_below_latency",
        "Streamed, and generation_time is below latency, the time to the first token: no decode_ms",
        ("generation_time", "latency", "streamed"),
        nw.when(is_flagged("streamed")).then(nw.col("generation_time") < nw.col("latency")),
    ),
    _make_check(
        "id_mismatch",
        "The record contains another id than the requested one: it may belong to another generation",
        ("id", _ID),
        nw.col("id") != nw.col(_ID),
    ),
    _make_check(
        "unread",
        "A value has no column, or does not fit its type: it is in extra, and ga.drift(frame) names the fields",
        ("extra",),
        ~nw.col("extra").is_null(),
    ),
    _make_check(
        "created_after_fetched",
        "created_at is later than fetched_at: a clock is wrong",
        ("created_at", "fetched_at"),
        _CREATED > _FETCHED,
    ),
    _make_check(
        "fetched_young",
        f"Fetched less than {SETTLING_S // 60} minutes after its creation: it may have changed since; fetch it again",
        ("created_at", "fetched_at"),
        _FETCHED.is_between(_CREATED, _CREATED + nw.lit(timedelta(seconds=SETTLING_S)), closed="left"),
    ),
    *(
        _make_check(
            f"no_{column.name}",
            f"No {column.name}, which the contract promises",
            (column.name,),
            nw.col(column.name).is_null(),
        )
        for column in COLUMNS
        if column.required and column.origin is Origin.CONTRACT
    ),
)
"""The checks of a single row."""


_PROMISED = frozenset(f"no_{name}" for name in NEVER_EXPORTED)
"""The checks of gaps in columns that an activity export never has."""


def _choose_checks(source: Source) -> list[RowValue]:
    """Return the checks of these rows: what an export never has is no gap in a row of one."""
    if SOURCE not in source.columns:
        return list(CHECKS)
    return [_leave_out_exported(check) if check.name in _PROMISED else check for check in CHECKS]


def _leave_out_exported(check: RowValue) -> RowValue:
    is_exported = is_true(nw.col(SOURCE).cast(nw.String) == EXPORTED)
    return replace(check, needs=(*check.needs, SOURCE), expression=nw.when(~is_exported).then(check.expression))


def _pick_id(check: RowValue) -> RowValue:
    """Return the id of a row that a check finds doubtful; null for any other."""
    kept = nw.when((check.column == 1).fill_null(value=False)).then(nw.col(_ID))
    return RowValue(f"id of {check.name}", check.label, Unit.NONE, check.description, (check, _ID), kept)


def _name_examples(check: RowValue) -> tuple[str, str]:
    return f"first id of {check.name}", f"last id of {check.name}"


@opens_paths("data")
def quality(data: Records) -> pd.DataFrame:
    """Return the number of doubtful records: one row per check, the check with the most doubtful rows first.

    Args:
        data: Anything that `summarize` takes: a frame, a DuckDB relation, a Spark data frame.

    Returns:
        `check` (str); `rows` (Int64), the number of doubtful rows; `of` (Int64), the number of rows that could be
        checked; `share` (Float64), `rows / of`; `examples` (str), the first and the last of the doubtful ids in
        alphabetical order, which is mostly that of time; `meaning` (str). The numbers are gaps if the data lacks the
        columns of the check. Rows of an activity export are not checked for values that no export has. `ga.drift`
        names the fields behind the check `unread`. `attrs` contains `units`, `labels`, `notices`, `coverage` and
        `lower_bounds`, as that of `summarize`.

    Raises:
        MissingColumnError: The data has no column `requested_id`.

    >>> frame = pd.DataFrame({"requested_id": ["gen-1", "gen-1", "gen-2"], "id": ["gen-1", "gen-1", "gen-7"]})
    >>> quality(frame)[["check", "rows", "of", "examples"]].iloc[0].to_dict()
    {'check': 'id_mismatch', 'rows': 1, 'of': 3, 'examples': 'gen-2'}
    """
    source = open_source(data)
    check_columns(source, [_ID], "quality")
    checks = _choose_checks(source)
    possible = [check for check in checks if set(check.columns) <= set(source.columns)]
    numbers: dict[str, object] = {}
    if possible:
        aggregates = [step for check in possible for step in (Sum(check), Count(check))]
        ids = {check: _pick_id(check) for check in possible}
        own: dict[str, nw.Expr] = {}
        for check, value in ids.items():
            own |= dict(zip(_name_examples(check), (value.column.min(), value.column.max()), strict=True))
        (numbers,) = source.aggregate([], aggregates, own, list(ids.values())).to_table().to_pylist()
    found = [_make_row(check, numbers) for check in checks] + [_count_repeated(source)]
    report = pd.DataFrame(found, columns=["check", "rows", "of", "examples", "meaning"]).astype(
        {"check": TEXT, "rows": "Int64", "of": "Int64", "examples": TEXT, "meaning": TEXT}
    )
    report.insert(3, "share", (report["rows"] / report["of"].mask(report["of"] == 0)).astype("Float64"))
    report.attrs = {
        "units": {"rows": Unit.COUNT.value, "of": Unit.COUNT.value, "share": Unit.SHARE.value},
        "labels": {name: name for name in ("rows", "of", "share")},
        **describe_completeness(data, ("rows", "of")),
        "notices": source.notices,
    }
    return report.sort_values("rows", ascending=False, kind="stable", ignore_index=True)


def _make_row(check: RowValue, numbers: Mapping[str, object]) -> tuple[object, ...]:
    rows, of = numbers.get(Sum(check).name), numbers.get(Count(check).name)
    ids = _join_ids(*map(numbers.get, _name_examples(check)))
    return check.name, 0 if of == 0 else rows, of, ids, check.description


def _count_repeated(source: Source) -> tuple[object, ...]:
    """Return the number of surplus rows as one row of the report."""
    ids = source.select([_ID]).filter(~nw.col(_ID).is_null())
    repeated = ids.group_by(_ID).agg(n=nw.len()).filter(nw.col("n") > 1)
    steps = {"rows": nw.col("n").sum(), "ids": nw.len(), "first": nw.col(_ID).min(), "last": nw.col(_ID).max()}
    (found,) = repeated.select(**steps).collect(backend="pyarrow").to_native().to_pylist()
    meaning = f"{_ID} occurs more than once: sums include its generation as often (rows are the surplus)"
    rows = int(found["rows"] or 0) - found["ids"]
    return "repeated_id", rows, source.count(), _join_ids(found["first"], found["last"]), meaning


def _join_ids(*ids: object) -> str | None:
    return ", ".join(dict.fromkeys(str(generation_id) for generation_id in ids if generation_id is not None)) or None
