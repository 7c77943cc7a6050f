"""Reliability among recorded generations: a request that never got an id is not included."""

import narwhals.stable.v2 as nw

from genanalytics.errors import InputError
from genanalytics.metrics.declare import RowValue, Statistic
from genanalytics.metrics.forms import rate
from genanalytics.metrics.sets.latency import E2E, TPS_E2E, TTFT
from genanalytics.metrics.sets.rows import SUCCESS, finished_with
from genanalytics.units import Unit


def goodput(
    *, ttft_ms: float | None = None, e2e_ms: float | None = None, tps: float | None = None, name: str = "goodput"
) -> Statistic:
    """Return the share of all rows, including failed ones, that succeeded and met every limit given.

    A row with an unknown time or speed has not met that limit.

    Args:
        ttft_ms: The longest time to first token, in milliseconds.
        e2e_ms: The longest end-to-end time, in milliseconds.
        tps: The lowest end-to-end throughput, in tokens per second.
        name: The name of the statistic.

    Raises:
        InputError: No limit is given.

    >>> goodput(ttft_ms=2000, tps=20).description
    'Rows that succeeded with ttft_ms <= 2000, tps_e2e >= 20 / rows, among recorded generations'
    """
    limits = [(TTFT, "<=", ttft_ms), (E2E, "<=", e2e_ms), (TPS_E2E, ">=", tps)]
    given = [(value, sign, limit) for value, sign, limit in limits if limit is not None]
    if not given:
        msg = "goodput needs a limit: give ttft_ms, e2e_ms or tps"
        raise InputError(msg)
    met = SUCCESS.column
    for value, sign, limit in given:
        met &= ((value.column <= limit) if sign == "<=" else (value.column >= limit)).fill_null(value=False)
    described = ", ".join(f"{value.name} {sign} {limit:g}" for value, sign, limit in given)
    needs = (SUCCESS, *(value for value, _, _ in given))
    return rate(_make_flag(name, name, f"Rows that succeeded with {described} / rows", needs, met))


def _make_flag(
    name: str, label: str, description: str, needs: tuple[str | RowValue, ...], condition: nw.Expr
) -> RowValue:
    """Return 1 where a condition is met, 0 where it is not, null where that is unknown."""
    described = f"{description}, among recorded generations"
    return RowValue(name, label, Unit.SHARE, described, needs, condition.cast(nw.Int64))


def _rate_of_ending(name: str, label: str, reason: str) -> Statistic:
    described = f"Rows whose finish_reason is {reason} / rows"
    return rate(_make_flag(name, label, described, ("finish_reason",), finished_with(reason)))


RELIABILITY: tuple[Statistic, ...] = (
    rate(
        _make_flag(
            "cancel_rate",
            "cancelled",
            "Rows that the client cancelled / rows where that is known",
            ("cancelled",),
            nw.col("cancelled"),
        )
    ),
    _rate_of_ending("error_rate", "errors", "error"),
    _rate_of_ending("truncation_rate", "truncated", "length"),
    _rate_of_ending("filter_rate", "filtered", "content_filter"),
    rate(
        _make_flag(
            "fallback_rate",
            "fallbacks",
            "Rows with two or more provider_responses / rows where those are known",
            ("provider_responses",),
            nw.col("provider_responses").list.len() > 1,
        )
    ),
)
