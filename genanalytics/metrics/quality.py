"""What is doubtful about records: values that contradict each other, gaps where the contract promises a value."""

from datetime import timedelta

import narwhals.stable.v2 as nw
import pandas as pd

from genanalytics.metrics.declare import Aggregate, RowValue
from genanalytics.metrics.engines.source import source_of
from genanalytics.metrics.grouping.labels import check_columns
from genanalytics.metrics.sets.rows import flagged
from genanalytics.records.record import SETTLING_S
from genanalytics.records.schema import COLUMNS, Origin
from genanalytics.units import Unit

_ID = "requested_id"
_NANO_DOLLAR = 1e-9

_TOTAL, _USAGE = nw.col("total_cost"), nw.col("usage")
_CREATED, _FETCHED = nw.col("created_at"), nw.col("fetched_at")


def _check(name: str, meaning: str, needs: tuple[str, ...], doubtful: nw.Expr) -> RowValue:
    """Return 1 for a row that is doubtful, 0 for one that is not, null for one that cannot be checked."""
    return RowValue(name, name.replace("_", " "), Unit.SHARE, meaning, needs, doubtful.cast(nw.Int64))


CHECKS: tuple[RowValue, ...] = (
    _check(
        "usage_differs",
        "usage is unlike total_cost: the service names two amounts for one charge; the statistics use total_cost",
        ("usage", "total_cost"),
        ((_USAGE - _TOTAL) > _NANO_DOLLAR) | ((_TOTAL - _USAGE) > _NANO_DOLLAR),
    ),
    _check(
        "byok_cost_unknown",
        "Paid by the user's own key (is_byok), but what the provider charged is not known: the costs lack it",
        ("is_byok", "upstream_inference_cost"),
        flagged("is_byok") & nw.col("upstream_inference_cost").is_null(),
    ),
    _check(
        "reasoning_above_completion",
        "More native_tokens_reasoning than native_tokens_completion, of which they are a part",
        ("native_tokens_reasoning", "native_tokens_completion"),
        nw.col("native_tokens_reasoning") > nw.col("native_tokens_completion"),
    ),
    _check(
        "cached_above_prompt",
        "More native_tokens_cached than native_tokens_prompt, of which they are a part: cache_hit_rate is too high",
        ("native_tokens_cached", "native_tokens_prompt"),
        nw.col("native_tokens_cached") > nw.col("native_tokens_prompt"),
    ),
    _check(
        "generation_below_latency",
        "Streamed, and the whole generation_time is shorter than the latency to the first token: no decode_ms",
        ("generation_time", "latency", "streamed"),
        nw.when(flagged("streamed")).then(nw.col("generation_time") < nw.col("latency")),
    ),
    _check(
        "id_mismatch",
        "The record carries another id than the one that was asked for: it may be another generation's",
        ("id", _ID),
        nw.col("id") != nw.col(_ID),
    ),
    _check(
        "unread",
        "A value has no column, or does not fit its type; it stands in extra, and ga.drift(frame) names the fields",
        ("extra",),
        ~nw.col("extra").is_null(),
    ),
    _check(
        "created_after_fetched",
        "created_at is later than fetched_at: a clock is wrong",
        ("created_at", "fetched_at"),
        _CREATED > _FETCHED,
    ),
    _check(
        "fetched_young",
        f"Fetched less than {SETTLING_S // 60} minutes after it was created: it may have changed since; fetch it again",
        ("created_at", "fetched_at"),
        _FETCHED.is_between(_CREATED, _CREATED + nw.lit(timedelta(seconds=SETTLING_S)), closed="left"),
    ),
    *(
        _check(
            f"no_{column.name}",
            f"No {column.name}, which the contract promises",
            (column.name,),
            nw.col(column.name).is_null(),
        )
        for column in COLUMNS
        if column.required and column.origin is Origin.CONTRACT
    ),
)
"""What is asked of each row by itself."""

_REPEATED = "repeated_id"
_REPEATED_MEANING = f"{_ID} stands in the data more than once: sums count its generation as often (these rows too many)"


def quality(data: object) -> pd.DataFrame:
    """Return what is doubtful about the records: one row per check, that with the most doubtful rows first.

    Args:
        data: What `summarize` takes: a frame, a DuckDB relation, a Spark data frame.

    Returns:
        `check` (str); `rows` (Int64), how many are doubtful, `of` (Int64), how many could be checked, `share`
        (Float64), the one by the other; `examples` (str), the first and the last of the doubtful ids in order of the
        alphabet, which is mostly that of time; `meaning` (str). A check whose columns are not there has gaps for
        numbers. `ga.drift` names the fields behind the check `unread`. `attrs` holds `units` and `labels`.

    Raises:
        MissingColumnError: The data has no column `requested_id`.

    >>> frame = pd.DataFrame({"requested_id": ["gen-1", "gen-1", "gen-2"], "id": ["gen-1", "gen-1", "gen-7"]})
    >>> quality(frame)[["check", "rows", "of", "examples"]].iloc[0].to_dict()
    {'check': 'id_mismatch', 'rows': 1, 'of': 3, 'examples': 'gen-2'}
    """
    source = source_of(data)
    check_columns(source, [_ID], "quality")
    possible = [check for check in CHECKS if set(check.columns) <= set(source.columns)]
    ids = [
        RowValue(_id_of(check), check.label, Unit.NONE, check.description, (check, _ID), _when_doubtful(check))
        for check in possible
    ]
    aggregates: dict[str, Aggregate] = {name: step for check in possible for name, step in check.sums.items()}
    for doubtful in ids:
        column = nw.col(doubtful.name)
        aggregates |= {f"{doubtful.name} first": column.min(), f"{doubtful.name} last": column.max()}
    (numbers,) = source.aggregate([], ids, (), aggregates).to_pylist() if ids else [{}]
    found = [_row(check, numbers) for check in CHECKS] + [_repeated(data, source.count())]
    report = pd.DataFrame(found, columns=["check", "rows", "of", "examples", "meaning"]).astype(
        {"check": "str", "rows": "Int64", "of": "Int64", "examples": "str", "meaning": "str"}
    )
    report.insert(3, "share", (report["rows"] / report["of"].mask(report["of"] == 0)).astype("Float64"))
    report.attrs = {
        "units": {"rows": Unit.COUNT.value, "of": Unit.COUNT.value, "share": Unit.SHARE.value},
        "labels": {name: name for name in ("rows", "of", "share")},
    }
    return report.sort_values("rows", ascending=False, kind="stable", ignore_index=True)


def _id_of(check: RowValue) -> str:
    return f"{check.name} id"


def _when_doubtful(check: RowValue) -> nw.Expr:
    return nw.when((nw.col(check.name) == 1).fill_null(value=False)).then(nw.col(_ID))


def _row(check: RowValue, numbers: dict[str, object]) -> tuple[object, ...]:
    rows, of = numbers.get(f"{check.name} sum"), numbers.get(f"{check.name} n")
    examples = (numbers.get(f"{_id_of(check)} first"), numbers.get(f"{_id_of(check)} last"))
    return check.name, 0 if of == 0 else rows, of, _examples(examples), check.description


def _repeated(data: object, of: int) -> tuple[object, ...]:
    """Return how many rows there are too many of, as one row of the report."""
    frame = nw.from_native(data)  # type: ignore[call-overload]
    ids = frame.lazy().select(_ID).filter(~nw.col(_ID).is_null()).group_by(_ID).agg(n=nw.len()).filter(nw.col("n") > 1)
    steps = {"rows": nw.col("n").sum(), "ids": nw.len(), "first": nw.col(_ID).min(), "last": nw.col(_ID).max()}
    (found,) = ids.select(**steps).collect(backend="pyarrow").to_native().to_pylist()
    rows = int(found["rows"] or 0) - found["ids"]
    return _REPEATED, rows, of, _examples((found["first"], found["last"])), _REPEATED_MEANING


def _examples(ids: tuple[object, ...]) -> str | None:
    return ", ".join(dict.fromkeys(str(generation_id) for generation_id in ids if generation_id is not None)) or None
