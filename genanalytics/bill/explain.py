"""One generation in full: out of its record, and out of the other records next to it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from genanalytics.base.opening import opens_paths
from genanalytics.base.text import is_missing, list_names, suggest, to_one_line
from genanalytics.bill.book import PRICES, check_prices, list_keys
from genanalytics.bill.compared import compare_with_model, find_session_share
from genanalytics.bill.explanation import Attempt, Explanation, Regime, Tokens
from genanalytics.bill.items import itemize
from genanalytics.bill.meters import Bill, list_bills, to_decimal
from genanalytics.bill.page import show_usd
from genanalytics.bill.prices import prices as compute_prices
from genanalytics.bill.regimes import KNOWN
from genanalytics.errors import InputError, MissingColumnError
from genanalytics.metrics.engines.source import Records, collect, keep_rows, uncover
from genanalytics.records.frame import add_missing_columns, parse_frame, to_arrow, to_frame
from genanalytics.records.parse import Row
from genanalytics.records.record import NotARecordError, read_record
from genanalytics.records.schema import BY_NAME
from genanalytics.units import format_count

_ID = "requested_id"
_STARTS = (14, 8)
"""The number of first characters that a near id shares: the second of its creation, or about the day."""
_MOST_NEAR = 1_000
_WHO = {
    "app_id": "app",
    "app_name": "app",
    "api_key_name": "key",
    "external_user": "user",
    "user": "user",
    "session_id": "session",
    "workspace_id": "workspace",
    "request_id": "request",
    "preset_id": "preset",
    "origin": "origin",
    "http_referer": "referer",
    "user_agent": "user agent",
}
"""What tells who called, by the name in a record or in an activity export."""
_KINDS = {"gen-img-": "image", "gen-vid-": "video", "gen-tts-": "tts", "gen-stt-": "stt", "gen-batch-": "batch"}


@opens_paths("data")
def explain(
    record_or_id: str | Mapping[str, Any] | pd.Series | pd.DataFrame,
    data: Records | None = None,
    *,
    prices: pd.DataFrame | None = None,
) -> Explanation:
    """Return one generation in full: attempts, tokens, prices, and every dollar of its cost with its reason.

    Args:
        record_or_id: An id that is in `data`; a row of a frame (a Series, a dict or a frame of one row); or a record
            as the API returns it (a dict, with or without `data` around it).
        data: The records that tell the prices, the session and the medians of the model: anything that `summarize`
            takes. On DuckDB and Spark only aggregates and the row itself are read. None for what the record says alone.
        prices: The result of `ga.prices(data)`; None computes it. Give it if you explain many generations.

    Returns:
        An `Explanation`, which is a page when it is printed. Amounts are exact decimals in US dollars. The lines of
        `charge` add up to `total_cost`. What is unknown is None, with a reason in `notices`.

    Raises:
        InputError: There is no such id in the data, or it is not a record.
        MissingColumnError: The data lacks a column.

    >>> body = {"id": "gen-1", "model": "maker/image-1", "total_cost": 0.04, "is_byok": False}
    >>> explanation = explain(body)
    >>> explanation.total_cost.normalize(), explanation.charge.lines[0].meter.value
    (Decimal('0.04'), 'unexplained')
    """
    data = uncover(data)
    frame = _find_row(record_or_id, data)
    row = _read_row(frame)
    table = _find_prices(frame, data, prices)
    itemized = itemize(frame, table)
    bills = next(list_bills(itemized, table))
    sheet = _find_sheet(row, itemized, table)
    return Explanation(
        requested_id=row[_ID] or row["id"],
        created_at=row["created_at"],
        model=row["model"],
        provider_name=row["provider_name"],
        kind=", ".join(_describe_kind(row)),
        who=dict(_list_callers(row)),
        attempts=tuple(_list_attempts(row)),
        tokens=_count_tokens(row, itemized),
        timings=_list_timings(row),
        regime=None if sheet is None else _make_regime(sheet),
        charge=bills[0],
        upstream=bills[1],
        session=None if data is None else find_session_share(row, data),
        comparisons=() if data is None else compare_with_model(row, data),
        notices=tuple(_list_notices(row, sheet, table, bills, has_data=data is not None or prices is not None)),
    )


def _find_row(given: object, data: Any) -> pd.DataFrame:  # noqa: ANN401 - of any engine
    """Return a frame of one row with all columns of a record."""
    if isinstance(given, str):
        return to_frame(add_missing_columns(to_arrow(_look_up(given, data))))
    if isinstance(given, pd.DataFrame) and len(given) == 1:
        return to_frame(add_missing_columns(to_arrow(given)))
    if isinstance(given, pd.Series):
        given = given.to_dict()
    if isinstance(given, Mapping) and _ID in given:
        return to_frame(add_missing_columns(_tabulate(given)))
    if isinstance(given, Mapping):
        return _parse(given if isinstance(given.get("data"), Mapping) else {"data": given})
    what = f"a frame of {format_count(len(given), 'row')}" if isinstance(given, pd.DataFrame) else type(given).__name__
    msg = f"cannot explain {what}: give an id of the data, one row of a frame, or a record as the API returns it"
    raise InputError(msg)


def _parse(body: Mapping[str, Any]) -> pd.DataFrame:
    try:
        text = json.dumps(body, allow_nan=False).encode()
        return parse_frame([Row(read_record(text)["id"], text, None)])
    except (NotARecordError, TypeError, ValueError) as error:
        msg = f"this is no record as the API returns it: {error}; a row of a frame needs {_ID!r}"
        raise InputError(msg) from error


def _look_up(generation_id: str, data: Any) -> pd.DataFrame:  # noqa: ANN401 - of any engine
    """Return the row with an id, the one fetched last if there are several."""
    if data is None:
        msg = f"no data to find {generation_id!a} in: give a frame of records, or the record itself"
        raise InputError(msg)
    names = nw.from_native(data).collect_schema().names()
    if _ID not in names:
        msg = f"no column {_ID!r}; there are {list_names(names, near=_ID)}: read records with ga.read"
        raise MissingColumnError(msg)
    for name in (_ID, "id"):
        found = collect(keep_rows(data, nw.col(name) == nw.lit(generation_id))) if name in names else pd.DataFrame()
        if len(found):
            latest = (
                found.sort_values("fetched_at", kind="stable", na_position="first") if "fetched_at" in found else found
            )
            return latest.tail(1)
    nearest = suggest(generation_id, _list_near_ids(generation_id, data))
    msg = f"no record of {generation_id!a:.200} in the data; {nearest}fetch it with `genanalytics fetch` or ga.fetch"
    raise InputError(msg)


def _list_near_ids(generation_id: str, data: Any) -> list[str]:  # noqa: ANN401 - of any engine
    for characters in _STARTS:
        rows = nw.from_native(data).lazy().filter(nw.col(_ID).str.starts_with(generation_id[:characters]))
        near = rows.select(_ID).head(_MOST_NEAR).collect(backend="pyarrow")[_ID].to_list()
        if near:
            return [one for one in near if one is not None]
    return []


def _tabulate(row: Mapping[Any, Any]) -> pa.Table:
    """Return the values of a row as a table.

    Raises:
        InputError: A value does not fit its column.
    """
    arrays = {}
    for name, value in row.items():
        column = BY_NAME.get(str(name))
        nested = list(value) if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str) else None
        known = nested if nested is not None else None if is_missing(value) else value
        try:
            arrays[str(name)] = pa.array([known], column.kind.arrow_type if column else None)
        except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            msg = f"{name!r} of the row does not fit its column: {to_one_line(str(error))}"
            raise InputError(msg) from error
    return pa.table(arrays)


def _read_row(frame: pd.DataFrame) -> dict[str, Any]:
    """Return the values of one row as plain Python values; gaps are None."""
    row: dict[str, Any] = to_arrow(frame).to_pylist()[0]
    return {name: None if is_missing(value) else value for name, value in row.items()}


def _find_prices(frame: pd.DataFrame, data: Any, prices: pd.DataFrame | None) -> pd.DataFrame:  # noqa: ANN401
    if prices is not None:
        check_prices(prices, "identified")
        return prices
    if data is not None:
        return compute_prices(data)
    return compute_prices(frame.head(0))


def _find_sheet(row: Mapping[str, Any], itemized: pd.DataFrame, table: pd.DataFrame) -> dict[str, Any] | None:
    """Return the row of the table of prices that explains a row; None if none does."""
    number = itemized["regime"].iloc[0]
    if is_missing(number):
        return None
    sheets = (sheet for sheet in _list_group(row, table) if sheet["regime"] == number)
    return next(sheets, None)


def _list_group(row: Mapping[str, Any], table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of the table of prices that are about the group of a row; gaps are None."""
    keys = list_keys(table)
    sheets = [
        {str(name): None if is_missing(value) else value for name, value in sheet.items()}
        for sheet in table.to_dict("records")
    ]
    return [sheet for sheet in sheets if all(sheet[key] == row.get(key) for key in keys)]


def _make_regime(sheet: Mapping[str, Any]) -> Regime:
    share = sheet.get("explained_share")
    return Regime(
        number=int(sheet["regime"]),
        relation=sheet.get("relation"),
        first_seen=sheet.get("first_seen"),
        last_seen=sheet.get("last_seen"),
        requests=None if sheet.get("requests") is None else int(sheet["requests"]),
        explained_share=None if share is None else float(share),
        prices={name: None if sheet[name] is None else float(sheet[name]) for name in PRICES},
    )


def _describe_kind(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a generation is, in words."""
    prefix = next((kind for start, kind in _KINDS.items() if str(row[_ID] or row["id"]).startswith(start)), None)
    yield row["api_type"] or prefix or "generation"
    if row["streamed"]:
        yield "streamed"
    if row["response_cache_source_id"] is not None:
        yield "replayed from the response cache, which is free"
    elif _is_free(row):
        yield "free"
    if row["is_byok"]:
        yield "paid by your own key at the provider (BYOK)"
    if len(row["provider_responses"] or ()) > 1:
        yield "fallback"
    if row["cancelled"]:
        yield "cancelled, which is billed"
    if row["finish_reason"]:
        yield f"finished: {row['finish_reason']}"


def _is_free(row: Mapping[str, Any]) -> bool:
    own = row["upstream_inference_cost"] if row["is_byok"] else 0
    return row["total_cost"] == 0 and own == 0 and not row["cache_discount"]


def _list_callers(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    try:
        extra = json.loads(row["extra"] or "{}")
    except ValueError:  # a column of that name from elsewhere
        extra = {}
    others = extra if isinstance(extra, dict) else {}
    for name, label in _WHO.items():
        value = row.get(name)
        value = others.get(name) if value is None else value
        if value not in {None, ""} if isinstance(value, str | int | None) else False:
            yield label, str(value)


def _list_attempts(row: Mapping[str, Any]) -> Iterator[Attempt]:
    for attempt in row["provider_responses"] or ():
        if attempt is not None:
            names = ("provider_name", "status", "latency", "routed_service_tier")
            yield Attempt(*(attempt.get(name) for name in names))


def _count_tokens(row: Mapping[str, Any], itemized: pd.DataFrame) -> Tokens:
    read, written = (
        None if is_missing(value) else int(value)
        for value in (itemized[f"cache_{name}_tokens"].iloc[0] for name in ("read", "write"))
    )
    names = ("native_tokens_prompt", "native_tokens_cached", "native_tokens_completion", "native_tokens_reasoning")
    prompt, cached, completion, reasoning = (row[name] for name in names)
    return Tokens(prompt, read if cached is None else cached, written, completion, reasoning)


def _list_timings(row: Mapping[str, Any]) -> dict[str, float | None]:
    first = "time to first token" if row["streamed"] else "latency"
    found = {first: row["latency"], "generation time": row["generation_time"]}
    if row["moderation_latency"] is not None:
        found["moderation"] = row["moderation_latency"]
    return found


def _list_notices(
    row: Mapping[str, Any],
    sheet: Mapping[str, Any] | None,
    table: pd.DataFrame,
    bills: tuple[Bill, Bill | None],
    *,
    has_data: bool,
) -> Iterator[str]:
    """Yield what is unknown, and why."""
    bill = bills[1] or bills[0]
    if bill.total is None:
        yield "the record has no cost" if bills[1] is None else "the provider's price is not reported"
    elif sheet is None and not _is_free(row):
        yield _explain_gap(row, table, has_data=has_data)
    usage, cost = to_decimal(row["usage"]), to_decimal(row["total_cost"])
    if usage is not None and cost is not None and usage != cost:
        yield f"usage ({show_usd(usage)}) differs from total_cost ({show_usd(cost)}), which marks a faulty record"
    if row["id"] is not None and row[_ID] is not None and row["id"] != row[_ID]:
        yield f"the record carries another id: {row['id']}"


def _explain_gap(row: Mapping[str, Any], table: pd.DataFrame, *, has_data: bool) -> str:
    """Return why the prices of a row are not known."""
    if not has_data:
        return "one record does not tell its prices: give other records of the same model and provider"
    group = _list_group(row, table)
    numbered = [sheet for sheet in group if sheet["regime"] is not None]
    if not group:
        return "the data has no billed record of this model and provider, so the prices are not known"
    reasons = [sheet["identified"] for sheet in numbered if sheet["identified"] != KNOWN]
    if numbered and not reasons:
        return "none of the prices that were found for this model and provider explains this amount"
    reason = (reasons or [sheet["identified"] for sheet in group])[0]
    limits = ", ".join(_list_limits(next((one for one in numbered if one["identified"] == reason), {})))
    return f"the prices are unknown: {reason}" + (f" ({limits})" if limits else "")


def _list_limits(sheet: Mapping[str, Any]) -> Iterator[str]:
    for name in ("input_price", "output_price"):
        low, high = sheet.get(f"{name}_min"), sheet.get(f"{name}_max")
        if low is not None and high is not None:
            yield f"{name.removesuffix('_price')} between {low:.6g} and {high:.6g} US$ per million tokens"
