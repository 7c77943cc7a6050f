"""What requests used, added up on the engine: tokens by price regime, and the requests that cannot be compared."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache, reduce
from typing import Any, TypeAlias

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.base.text import is_missing
from genanalytics.bill.book import BY
from genanalytics.bill.groups import number_groups
from genanalytics.bill.price_changes import USUAL_TIERS
from genanalytics.bill.sample import NUMBER
from genanalytics.bill.survey import BATCH, read_mark
from genanalytics.metrics.declare import Count
from genanalytics.metrics.engines.protocol import KEPT_STEPS, Steps
from genanalytics.metrics.engines.source import Records, open_source
from genanalytics.metrics.grouping.labels import label_groups, resolve_by
from genanalytics.metrics.names import name_clean
from genanalytics.metrics.sets.rows import TEXT_APIS, is_true
from genanalytics.records.frame import to_nullable

Group = tuple[str | None, str | None]
"""A model and a provider."""
Row: TypeAlias = Mapping[Any, Any]
"""A row of a table of prices or of what requests used."""
RowsByGroup: TypeAlias = Mapping[Group, Sequence[Row]]
"""The rows of such a table by model and provider."""
COMPARED = ""
"""The reason of a request that can be compared."""
TIER = "batches or of a service tier"
REASONS = (
    COMPARED,
    "free or replayed",
    "paid with an own key (BYOK)",
    "of unknown cost",
    "of unknown tokens",
    "at a cost that no price explains",
    "with unknown cached tokens",
    TIER,
)
"""Why a request cannot be compared at other prices; the first reason that applies."""
SUMS = (
    "requests",
    "cost",
    "prompt",
    "read",
    "written",
    "perhaps written",
    "completion",
    "other",
    "counted prompt",
    "normal prompt",
    "counted completion",
    "normal completion",
)
"""What is added up: US$ of `cost` and `other` (fees), otherwise tokens.

`perhaps written` has the tokens that were not read where the written ones are unknown. Native tokens are `counted`
where the normalized ones (`normal`) are known too.
"""

_READS = (
    "requested_id",
    "service_tier",
    "is_byok",
    "response_cache_source_id",
    "total_cost",
    "upstream_inference_cost",
    "native_tokens_prompt",
    "native_tokens_completion",
    "tokens_prompt",
    "tokens_completion",
    "num_media_prompt",
    "num_input_audio_prompt",
    "num_media_completion",
    "api_type",
    "streamed",
    "created_at",
)
_ITEMS = ("regime", "cache_read_tokens", "cache_write_tokens", "other_cost")
_CLASSES = ("use regime", "use reason", "use batch", "use media", "use streamed", "use length", "use context")
_LENGTH, _CONTEXT = "limit of length", "limit of context"


def make_group(model: object, provider: object) -> Group:
    """Return the values of a group, gaps as None."""
    return None if is_missing(model) else str(model), None if is_missing(provider) else str(provider)


def list_by_group(table: pd.DataFrame) -> dict[Group, list[Row]]:
    """Return the rows of a table by model and provider, in the order of their names; gaps are last.

    >>> table = pd.DataFrame({"model": ["b", "a", "b"], "provider_name": "p", "regime": [1, 1, 2]})
    >>> {group: [row["regime"] for row in rows] for group, rows in list_by_group(table).items()}
    {('a', 'p'): [1], ('b', 'p'): [1, 2]}
    """
    found: dict[Group, list[Row]] = {}
    for row in table.to_dict("records"):
        found.setdefault(make_group(*(row[name] for name in BY)), []).append(row)
    order = sorted(found, key=lambda group: [(name is None, name or "") for name in group])
    return {group: found[group] for group in order}


def _read(name: str) -> nw.Expr:
    return nw.col(name_clean(name))


def read_usage(
    data: Records,
    lengths: Mapping[Group, Collection[float]] | None = None,
    contexts: Mapping[Group, Collection[float]] | None = None,
) -> RowsByGroup:
    """Return what requests used, by model, provider, regime, and whether other prices fit them.

    Args:
        data: The result of `itemize`.
        lengths: Numbers of prompt tokens by model and provider: shorter and longer prompts are in different rows.
        contexts: The same for tokens of prompt and answer together.

    Returns:
        Rows by model and provider: `regime`, `reason` (one of `REASONS`), `batch`, `media`, `streamed`; `SUMS` (float);
        `shortest` and `longest` (float), the ends of the prompts, and `most` (float), the most tokens of prompt and
        answer; and `first` and `last`, the ends of the moments.
    """
    source = open_source(data)
    keys = resolve_by(source, BY, None, "UTC", others=())
    groups = number_groups(pa.table(dict(source.aggregate(keys, [Count()], {}, []).keys)))
    labels = label_groups(groups, keys)
    groups, limits = _add_limits(groups, labels, lengths or {}, contexts or {})
    steps = _make_steps(limits)
    sums = [f"use {name}" for name in SUMS]
    ends = ["use prompt", "use context tokens", "use moment"]
    wanted = [NUMBER, *_CLASSES, *dict.fromkeys([*sums, *ends])]
    rows: nw.LazyFrame[Any] = nw.from_native(source.extend(keys, groups, [*_READS, *_ITEMS], steps, wanted)).lazy()
    added = [
        *(nw.col(f"use {name}").sum().alias(name) for name in SUMS),
        nw.col("use prompt").min().alias("shortest"),
        nw.col("use prompt").max().alias("longest"),
        nw.col("use context tokens").max().alias("most"),
        nw.col("use moment").min().alias("first"),
        nw.col("use moment").max().alias("last"),
    ]
    counted = rows.group_by(NUMBER, *_CLASSES).agg(*added).collect(backend="pyarrow").to_native()
    return list_by_group(_arrange(to_nullable(counted), labels))


def _arrange(found: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    keys = labels.iloc[found[NUMBER].to_numpy(dtype=np.int64)].reset_index(drop=True)
    found = pd.concat([keys, found], axis=1)
    found = found.sort_values([*BY, *_CLASSES], kind="stable", ignore_index=True)
    numbers = found[[*SUMS, "shortest", "longest", "most"]].astype("Float64").fillna(0.0).astype(float)
    reasons = found["use reason"].map(lambda code: REASONS[int(code)])
    moments = {name: pd.to_datetime(found[name], utc=True).astype("datetime64[us, UTC]") for name in ("first", "last")}
    return found[[*BY]].assign(
        regime=found["use regime"].astype("Int64"),
        reason=reasons,
        batch=found["use batch"].astype(bool),
        media=found["use media"].astype(bool),
        streamed=found["use streamed"].astype(bool),
        **{str(name): numbers[name] for name in numbers},
        **moments,
    )


def _add_limits(
    groups: pa.Table,
    labels: pd.DataFrame,
    lengths: Mapping[Group, Collection[float]],
    contexts: Mapping[Group, Collection[float]],
) -> tuple[pa.Table, tuple[int, int]]:
    """Return groups with their limits side by side, and how many there are of each kind."""
    names = list(map(make_group, labels["model"], labels["provider_name"]))
    counts = []
    for name, limits in ((_LENGTH, lengths), (_CONTEXT, contexts)):
        own = [sorted(limits.get(name, ())) for name in names]
        counts.append(max(map(len, own), default=0))
        for place in range(counts[-1]):
            column = [each[place] if place < len(each) else None for each in own]
            groups = groups.append_column(f"{name} {place}", pa.array(column, pa.float64()))
    return groups, (counts[0], counts[1])


@lru_cache(maxsize=KEPT_STEPS)
def _make_steps(limits: tuple[int, int]) -> Steps:
    return Steps((_read_classes(), _read_reason(), _read_sums(limits)))


def _read_classes() -> Mapping[str, nw.Expr]:
    tier = _read("service_tier").fill_null("")
    media = [_read(name) > 0 for name in ("num_media_prompt", "num_input_audio_prompt", "num_media_completion")]
    other_api = ~_read("api_type").is_null() & ~_read("api_type").is_in(TEXT_APIS)
    return {
        "use own key": is_true(_read("is_byok")),
        "use batch": is_true(read_mark(BATCH, _read("requested_id"))) | (tier == BATCH),
        "use tier": ~tier.is_in(sorted(USUAL_TIERS)),
        "use media": reduce(lambda one, other: one | other, map(is_true, [*media, other_api])),
        "use streamed": _read("streamed").fill_null(value=True),
        "use regime": _read("regime").cast(nw.Float64),
        "use prompt": _read("native_tokens_prompt").cast(nw.Float64),
        "use completion": _read("native_tokens_completion").cast(nw.Float64),
        "use read": _read("cache_read_tokens").cast(nw.Float64),
        "use moment": _read("created_at"),
    }


def _read_reason() -> Mapping[str, nw.Expr]:
    free = is_true(_read("total_cost") == 0) | ~_read("response_cache_source_id").is_null()
    conditions = (
        free & ~nw.col("use own key"),
        nw.col("use own key"),
        _read("total_cost").is_null(),
        nw.col("use prompt").is_null() | nw.col("use completion").is_null(),
        nw.col("use regime").is_null(),
        nw.col("use read").is_null(),
        nw.col("use tier") | nw.col("use batch"),
    )
    reason = nw.lit(0)
    for code in range(len(conditions), 0, -1):
        reason = nw.when(conditions[code - 1]).then(nw.lit(code)).otherwise(reason)
    upstream = nw.when(nw.col("use own key")).then(_read("upstream_inference_cost"))
    context = nw.col("use prompt") + nw.col("use completion")
    written = _read("cache_write_tokens").cast(nw.Float64)
    return {
        "use reason": reason,
        "use requests": nw.lit(1.0),
        # requests of unknown cost have another reason
        "use cost": _read("total_cost").fill_null(0.0) + upstream.fill_null(0.0),
        "use written": written,
        "use perhaps written": nw.when(written.is_null()).then(nw.col("use prompt") - nw.col("use read")),
        "use other": _read("other_cost").cast(nw.Float64),
        "use context tokens": context,
    } | {
        f"use {kind} {of}": nw.when(~_read(f"tokens_{of}").is_null() & ~_read(f"native_tokens_{of}").is_null()).then(
            _read(f"{prefix}tokens_{of}").cast(nw.Float64)
        )
        for kind, prefix in (("counted", "native_"), ("normal", ""))
        for of in ("prompt", "completion")
    }


def _read_sums(limits: tuple[int, int]) -> Mapping[str, nw.Expr]:
    return {
        "use length": _count_above(nw.col("use prompt"), _LENGTH, limits[0]),
        "use context": _count_above(nw.col("use context tokens"), _CONTEXT, limits[1]),
    }


def _count_above(tokens: nw.Expr, name: str, count: int) -> nw.Expr:
    """Return how many limits are below a number of tokens."""
    above = (is_true(tokens > nw.col(f"{name} {place}")).cast(nw.Int64) for place in range(count))
    return reduce(lambda one, other: one + other, above, nw.lit(0))
