"""The calls of sessions in the order of time, each with its prices, its endpoint and its failed attempts."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.bill.book import PRICES, list_keys
from genanalytics.bill.items import itemize
from genanalytics.bill.relations import is_of_length
from genanalytics.bill.split import NEEDS
from genanalytics.metrics.attempts import attempts
from genanalytics.metrics.engines.memory import InMemory
from genanalytics.records.frame import to_frame
from genanalytics.records.schema import BY_NAME
from genanalytics.units import format_count

REQUIRED = ("requested_id", "created_at", "model", "provider_name", "native_tokens_prompt")
"""The columns that calls cannot be compared without."""
OPTIONAL = ("session_id", "app_id", "native_tokens_cached", "provider_responses", "response_cache_source_id", "extra")
"""The columns that are read if the data has them."""

_OTHERS = ("native_tokens_completion", "total_cost")


def read_calls(source: InMemory) -> tuple[pd.DataFrame, list[str]]:
    """Return the calls that can be compared, ordered by time, and what a user should know about the others.

    Returns:
        The calls: `REQUIRED`, `OPTIONAL` and the columns that `itemize` reads, with the dtypes of the frame; and the
        sentences.
    """
    wanted = dict.fromkeys((*REQUIRED, *OPTIONAL, *_OTHERS, *NEEDS))
    table = source.table([name for name in wanted if name in source.columns])
    for name in (*OPTIONAL, *_OTHERS):
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(len(table), BY_NAME[name].kind.arrow_type))
    frame = to_frame(table)
    frame = frame[frame["response_cache_source_id"].isna() & (frame["native_tokens_prompt"] > 0).fillna(value=False)]
    frame = frame.sort_values(["created_at", "requested_id"], kind="stable", ignore_index=True)
    repeated = frame["requested_id"].duplicated() & frame["requested_id"].notna()
    timeless = frame["created_at"].isna() & ~repeated
    uncounted = frame["native_tokens_cached"].isna() & ~repeated & ~timeless
    has_sessions = bool(frame["session_id"].notna().any())
    outside = frame["session_id"].isna() & has_sessions & ~(repeated | timeless | uncounted)
    reasons = {
        "since another one has the same id": repeated,
        "since created_at is unknown": timeless,
        "since native_tokens_cached is unknown": uncounted,
        "since session_id is unknown": outside,
    }
    notices = [
        f"{format_count(int(rows.sum()), 'record')} left out, {why}" for why, rows in reasons.items() if rows.any()
    ]
    return frame[~(repeated | timeless | uncounted | outside)].reset_index(drop=True), notices


def add_prices(calls: pd.DataFrame, prices: pd.DataFrame) -> pd.DataFrame:
    """Return calls with `regime`, the tokens and prices of `itemize` and `prices`, and `level`.

    `level` is the regime without those of other lengths of the prompt: a prompt that grows past a limit has another
    price, but nothing happened to its cache. Gaps where the prices are unknown.
    """
    itemized = itemize(calls, prices)
    keys = [*list_keys(prices), "regime"]
    known = prices[prices["regime"].notna()]
    of_length = is_of_length(known["relation"])
    priced = known[[*keys, *PRICES]].assign(level=known["regime"].mask(of_length))
    found: pd.DataFrame = itemized.merge(priced, on=keys, how="left", validate="many_to_one")
    return found


def add_attempts(calls: pd.DataFrame) -> pd.DataFrame:
    """Return calls with `endpoint` (str) of the attempt that succeeded, and `retried`, whether an attempt failed."""
    numbered = calls[["created_at", "provider_responses"]].assign(requested_id=calls.index.astype("str"))
    each = attempts(numbered)
    number = each["requested_id"].astype(np.int64)
    good = each["succeeded"].fillna(value=False).to_numpy(dtype=bool)
    endpoint = each["endpoint_id"][good].groupby(number[good]).last()
    failed = number[(~each["succeeded"]).fillna(value=False).to_numpy(dtype=bool)].unique()
    return calls.assign(
        endpoint=endpoint.reindex(calls.index).astype("str"), retried=np.isin(calls.index.to_numpy(), failed)
    )


def name_apps(calls: pd.DataFrame) -> pd.Series:
    """Return the app of each call as text: `app_id`, else the name that an activity export contains; empty without."""
    names = {text: _read_app(text) for text in calls["extra"].dropna().unique()}
    exported = calls["extra"].map(names)
    return calls["app_id"].astype("object").where(calls["app_id"].notna(), exported).fillna("").astype("str")


def _read_app(extra: str) -> str:
    """Return the name of the app in the field `extra`.

    >>> _read_app('{"app_name": "Agent"}'), _read_app("[]"), _read_app("{")
    ('Agent', '', '')
    """
    try:
        values = json.loads(extra)
    except ValueError:
        return ""
    return str(values.get("app_name") or "") if isinstance(values, dict) else ""
