"""The calls of sessions in the order of time, each with its prices, its endpoint and its failed attempts."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.base.frames import TEXT
from genanalytics.bill.book import PRICES, list_keys
from genanalytics.bill.items import itemize
from genanalytics.bill.relations import is_of_length
from genanalytics.bill.split import NEEDS
from genanalytics.metrics.attempts import attempts
from genanalytics.metrics.engines.memory import InMemory
from genanalytics.metrics.engines.protocol import Source
from genanalytics.records.exported import ONLY_EXPORTED
from genanalytics.records.frame import to_frame
from genanalytics.records.schema import BY_NAME
from genanalytics.units import format_count

_APP = "app_name"
REQUIRED = ("requested_id", "created_at", "model", "provider_name", "native_tokens_prompt")
"""The columns that calls cannot be compared without."""
OPTIONAL = (
    "session_id",
    "app_id",
    "native_tokens_cached",
    "provider_responses",
    "response_cache_source_id",
    "extra",
    _APP,
)
"""The columns that are read if the data has them."""

LEFT_OUT = (
    "another one has the same id",
    "created_at is unknown",
    "native_tokens_cached is unknown",
    "session_id is unknown",
)
"""Why a record cannot be compared with others, in the order in which it is looked for."""

SPLIT = ("regime", "cache_read_tokens", "cache_write_tokens")
"""The columns of `itemize` that calls have."""

_OTHERS = ("native_tokens_completion", "total_cost")


def list_columns(source: Source, others: Sequence[str] = ()) -> list[str]:
    """Return the columns of the data that calls are made of, and others."""
    wanted = dict.fromkeys((*REQUIRED, *OPTIONAL, *_OTHERS, *NEEDS, *others))
    return [name for name in wanted if name in source.columns]


def describe_left_out(numbers: Mapping[str, int]) -> list[str]:
    """Return a sentence for each reason why records were left out."""
    return [f"{format_count(number, 'record')} left out, since {why}" for why, number in numbers.items() if number]


def describe_guessed(number: int) -> str:
    """Return a sentence about the number of calls whose sessions are guessed."""
    return (
        f"{format_count(number, 'call')} without session_id: their sessions are guessed by app, model and growing"
        " prompt within an hour"
    )


def read_calls(source: InMemory, known: Sequence[str] = ()) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the calls that can be compared, ordered by time, and the number of others by reason.

    Args:
        source: The data.
        known: `SPLIT` if the data has these columns, at the prices that are added later; else nothing.

    Returns:
        The calls: `REQUIRED`, `OPTIONAL` and the columns that `itemize` reads, with the dtypes of the frame; and the
        number of records that are left out for each of `LEFT_OUT`.
    """
    table = source.table(list_columns(source, known))
    for name in (*OPTIONAL, *_OTHERS):
        if name not in table.column_names:
            column = BY_NAME.get(name) or ONLY_EXPORTED[name]
            table = table.append_column(name, pa.nulls(len(table), column.kind.arrow_type))
    frame = to_frame(table)
    is_call = frame["response_cache_source_id"].isna() & (frame["native_tokens_prompt"] > 0).fillna(value=False)
    calls = frame[["created_at", "requested_id", "native_tokens_cached", "session_id"]][is_call]
    calls = calls.sort_values(["created_at", "requested_id"], kind="stable")
    has_sessions = bool(calls["session_id"].notna().any())
    flags = (
        calls["requested_id"].duplicated() & calls["requested_id"].notna(),
        calls["created_at"].isna(),
        calls["native_tokens_cached"].isna(),
        calls["session_id"].isna() & has_sessions,
    )
    kept, left_out = pd.Series(data=True, index=calls.index), {}
    for reason, flag in zip(LEFT_OUT, flags, strict=True):
        left_out[reason] = int((kept & flag).sum())
        kept &= ~flag
    return frame.take(kept.index[kept].to_numpy()).reset_index(drop=True), left_out


def add_prices(calls: pd.DataFrame, prices: pd.DataFrame) -> pd.DataFrame:
    """Return calls with `regime`, the tokens and prices of `itemize` and `prices`, and `level`.

    `level` is the regime without those of other lengths of the prompt: a prompt that grows past a limit has another
    price, but nothing happened to its cache. Gaps where the prices are unknown.
    """
    itemized = calls if {*SPLIT} <= {*calls} else itemize(calls, prices)
    keys = [*list_keys(prices), "regime"]
    known = prices[prices["regime"].notna()]
    of_length = is_of_length(known["relation"])
    priced = known[[*keys, *PRICES]].assign(level=known["regime"].mask(of_length))
    found: pd.DataFrame = itemized.merge(priced, on=keys, how="left", validate="many_to_one")
    return found


def add_attempts(calls: pd.DataFrame) -> pd.DataFrame:
    """Return calls with `endpoint` (str) of the attempt that succeeded, and `retried`, whether an attempt failed."""
    numbered = calls[["created_at", "provider_responses"]].assign(requested_id=calls.index.astype(TEXT))
    each = attempts(numbered)
    number = each["requested_id"].astype(np.int64)
    good = each["succeeded"].fillna(value=False).to_numpy(dtype=bool)
    endpoint = each["endpoint_id"][good].groupby(number[good]).last()
    failed = number[(~each["succeeded"]).fillna(value=False).to_numpy(dtype=bool)].unique()
    return calls.assign(
        endpoint=endpoint.reindex(calls.index).astype(TEXT), retried=np.isin(calls.index.to_numpy(), failed)
    )


def name_apps(calls: pd.DataFrame) -> pd.Series:
    """Return the app of each call as text: `app_id`, else the name that an activity export contains; empty without."""
    in_extra = {text: _read_app(text) for text in calls["extra"].dropna().unique()}
    names = calls[_APP].astype("object").where(calls[_APP].notna(), calls["extra"].map(in_extra))
    apps = calls["app_id"].astype("object").where(calls["app_id"].notna(), names)
    return apps.where(apps.notna(), "").astype(TEXT)


def _read_app(extra: str) -> str:
    """Return the name of the app in `extra`, where JSON lines keep it.

    >>> _read_app('{"app_name": "Agent"}'), _read_app("[]"), _read_app("{")
    ('Agent', '', '')
    """
    try:
        values = json.loads(extra)
    except ValueError:
        return ""
    return str(values.get("app_name") or "") if isinstance(values, dict) else ""
