"""What the same requests would have cost at the same provider without a cache, or without lost caches."""

from collections.abc import Iterator
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from genanalytics.bill.book import BY
from genanalytics.bill.flips import cache_flips
from genanalytics.decide.elsewhere.result import arrange, describe_total
from genanalytics.metrics.declare import RowValue, Statistic
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.forms import count_of, total
from genanalytics.metrics.sets.cost import EFFECTIVE
from genanalytics.metrics.sets.rows import PAID_HERE
from genanalytics.metrics.summary import describe_completeness, summarize
from genanalytics.units import Unit, format_count, format_value

_IS_KNOWN = PAID_HERE.column & ~nw.col("total_cost").is_null()
_APART = "free, replayed, paid with an own key (BYOK), or of unknown cost"


def _make_total(name: str, needs: tuple[str | RowValue, ...], value: nw.Expr) -> Statistic:
    return total(RowValue(name, name, Unit.USD, name, needs, value, signed=True))


_PAID = RowValue(
    "paid", "paid", Unit.USD, "Charge", (PAID_HERE, "total_cost"), nw.when(_IS_KNOWN).then(nw.col("total_cost"))
)
_SAVED = _make_total(
    "saved",
    (PAID_HERE, "total_cost", "cache_discount"),
    nw.when(_IS_KNOWN).then(nw.col("cache_discount").fill_null(0.0)),  # not reported, so nothing saved
)
_OTHERS = _make_total("cost_apart", (EFFECTIVE, PAID_HERE, "total_cost"), nw.when(~_IS_KNOWN).then(EFFECTIVE.column))


def compare_uncached(data: Records) -> pd.DataFrame:
    """Return what requests would have cost at the same provider if nothing had been cached, as `what_if` does.

    The cost is `total_cost` + `cache_discount`, which needs no price.
    """
    return _answer(data, summarize(data, by=[*BY], metrics=[total(_PAID), count_of_paid(), _SAVED, _OTHERS]))


def count_of_paid() -> Statistic:
    """Return the number of requests whose charge is known."""
    known = RowValue("known", "known", Unit.COUNT, "Requests with a charge", (_PAID,), _PAID.column)
    return count_of(known)


def compare_unflipped(data: Records, prices: pd.DataFrame | None) -> pd.DataFrame:
    """Return what requests would have cost at the same provider if no session had lost its cache, as `what_if` does.

    Raises:
        InputError: No record has a `session_id`, and there are too many to guess sessions.
    """
    flips = cache_flips(data, prices)
    summary = summarize(data, by=[*BY], metrics=[total(_PAID), count_of_paid(), _OTHERS])
    unknown = flips["loss"].isna() & (flips["cause"] != "shorter prompt")
    grouped = flips.assign(unknown=unknown).groupby([*BY], dropna=False)
    sums = {"lost": grouped["loss"].sum(), "flips": grouped.size(), "unknown": grouped["unknown"].sum()}
    losses = pd.DataFrame(sums).reset_index()
    found = _answer(data, summary.merge(losses, how="left", on=[*BY]))
    found.attrs["notices"] += [notice for notice in flips.attrs["notices"] if notice not in found.attrs["notices"]]
    return found


def _answer(data: Records, summary: pd.DataFrame) -> pd.DataFrame:
    found = arrange(map(_make_row, summary.to_dict("records")))
    notices = list(dict.fromkeys([*summary.attrs.get("notices", ()), *describe_total(found, "answer")]))
    found.attrs |= describe_completeness(data, ("requests", "requests_apart")) | {"notices": notices}
    return found


def _make_row(row: dict[Any, Any]) -> dict[str, Any]:
    known, requests = int(row["known"]), int(row["requests"])
    cost = 0.0 if pd.isna(row["paid"]) else float(row["paid"])
    found = {name: row[name] for name in BY} | {"to_model": row["model"], "to_provider": row["provider_name"]}
    found |= {
        "requests": known,
        "requests_apart": requests - known,
        "cost": cost,
        "cost_apart": 0.0 if pd.isna(row["cost_apart"]) else float(row["cost_apart"]),
        "apart": f"{requests - known:,} {_APART}" if requests > known else "",
        "is_same": True,
    }
    if not known:
        return found | {"refused": f"no request can be compared: {found['apart']}"}
    if pd.notna(row.get("unknown")) and row["unknown"]:
        return found | {
            "requests": 0,
            "requests_apart": requests,
            "cost": 0.0,
            "cost_apart": cost + found["cost_apart"],
            "refused": _describe_unknown(row),
        }
    return found | dict(_bound(row, cost))


def _describe_unknown(row: dict[Any, Any]) -> str:
    flips, unknown, lost = int(row["flips"]), int(row["unknown"]), float(row["lost"])
    words = f"the loss of {unknown:,} of {format_count(flips, 'call')} that lost the cache is unknown"
    return f"{words}; the others lost at most {format_value(lost, Unit.USD)}" if lost else words


def _bound(row: dict[Any, Any], cost: float) -> Iterator[tuple[str, Any]]:
    if "saved" in row:
        yield from dict.fromkeys(("cost_there_low", "cost_there_high"), cost + float(row["saved"])).items()
        yield "assumed", "nothing cached: the charge, plus what caching saved"
        return
    lost = 0.0 if pd.isna(row["lost"]) else float(row["lost"])
    flips = 0 if pd.isna(row["flips"]) else int(row["flips"])
    yield "cost_there_low", cost - lost
    yield "cost_there_high", cost
    yield "assumed", f"{format_count(flips, 'call')} that lost the cache would have read it, at most"
