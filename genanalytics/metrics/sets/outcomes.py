"""Revenue, margin, and the cost per success, from the labels that `ga.label` adds."""

import narwhals.stable.v2 as nw

from genanalytics.metrics.declare import RowValue, Statistic
from genanalytics.metrics.forms import ratio, total
from genanalytics.metrics.sets.cost import PER_REQUEST
from genanalytics.units import Unit

REVENUE = RowValue(
    "revenue",
    "revenue",
    Unit.USD,
    "Sum of revenue, of which each record has an equal part of that of its key",
    ("revenue",),
    nw.col("revenue"),
    signed=True,
)
MARGIN = RowValue(
    "margin",
    "margin",
    Unit.USD,
    "revenue - cost, over the rows where both are known",
    (REVENUE, PER_REQUEST),
    REVENUE.column - PER_REQUEST.column,
    signed=True,
)
_REVENUE_WITH_COST = RowValue(
    "revenue with cost",
    "revenue",
    Unit.USD,
    "revenue of the rows with a known cost",
    (REVENUE, PER_REQUEST),
    nw.when(~PER_REQUEST.column.is_null()).then(REVENUE.column),
    signed=True,
)
_REVENUE_SIZE = RowValue(
    "size of revenue",
    "revenue",
    Unit.USD,
    "revenue with cost, without its sign",
    (_REVENUE_WITH_COST,),
    _REVENUE_WITH_COST.column.abs(),
)
_NOISE = 1e-9
"""A sum of at most this part of the sizes of its terms is what rounding left of terms that cancel out."""

OUTCOMES_KNOWN = RowValue(
    "known_outcomes",
    "outcomes",
    Unit.NONE,
    "Number of known outcomes; that of a session is divided equally among its records",
    ("outcomes",),
    nw.col("outcomes"),
)
_SUCCEEDED = RowValue(
    "successes",
    "successes",
    Unit.NONE,
    "known_outcomes where success is true, 0 where it is false",
    ("success", OUTCOMES_KNOWN),
    nw.when(nw.col("success")).then(OUTCOMES_KNOWN.column).otherwise(OUTCOMES_KNOWN.column * 0.0),
)

OUTCOMES: tuple[Statistic, ...] = (
    total(OUTCOMES_KNOWN),
    ratio(
        "success_rate",
        "success rate",
        Unit.SHARE,
        "Share of successes among the known outcomes",
        _SUCCEEDED,
        OUTCOMES_KNOWN,
        known_together=True,
        bound="share",
    ),
    ratio(
        "usd_per_success",
        "cost per success",
        Unit.USD,
        "Cost of all requests with a known outcome, failed ones too / number of successes; missing without a success",
        PER_REQUEST,
        _SUCCEEDED,
    ),
)
"""The statistics of outcomes, over records that `ga.label` has given a success."""

MARGINS: tuple[Statistic, ...] = (
    total(REVENUE),
    total(MARGIN),
    Statistic(
        "margin_share",
        "margin share",
        Unit.SHARE,
        "margin / revenue, over the rows where revenue and cost are known; missing unless the revenue is above 0",
        finish=nw.when(nw.col("revenue there") > _NOISE * nw.col("size there")).then(
            nw.col("margin there") / nw.col("revenue there")
        ),
        own={
            "margin there": MARGIN.column.sum(),
            "revenue there": _REVENUE_WITH_COST.column.sum(),
            "size there": _REVENUE_SIZE.column.sum(),
        },
        needs=(MARGIN, _REVENUE_WITH_COST, _REVENUE_SIZE),
    ),
)
"""The statistics of revenue, over records that `ga.label` has given a revenue."""
