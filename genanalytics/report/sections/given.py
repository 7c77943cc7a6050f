"""What every section of a report is made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from genanalytics.decide.advice.recommend import rank_actions
from genanalytics.decide.budget.forecast import forecast
from genanalytics.decide.budget.outlook import Forecast
from genanalytics.decide.labelling.label_table import OUTCOMES, REVENUE, SUCCESS
from genanalytics.decide.losses.waste import Measured, measure_waste
from genanalytics.metrics.engines.source import Records, open_source
from genanalytics.metrics.grouping.calendar import Period
from genanalytics.plots.palette import GREY, HUES
from genanalytics.records.schema import BY_NAME
from genanalytics.report.figures import Figures, compute_figures

_OF_LABELS = {SUCCESS, REVENUE, OUTCOMES}


@dataclass(frozen=True, slots=True)
class Given:
    """What a section is made from.

    Attributes:
        data: The records.
        previous: Records of another period to compare with; None for none.
        figures: The numbers that several sections need.
        wasted: What `measure_waste` returns: the ledger of waste, and the lost caches.
        recommended: What to do, as `ga.recommend` returns it.
        ahead: The forecast of the month.
        tz: The time zone of days and other periods.
        every: The periods of charts over time.
        colors: The color of each model in all charts: the most expensive ones have hues of their own.
        labels: The columns that labels added to the records.
        files: The names of the files of the data, for commands; empty if unknown.
    """

    data: Records
    previous: Records | None
    figures: Figures
    wasted: Measured
    recommended: pd.DataFrame
    ahead: Forecast
    tz: str
    every: Period
    colors: Mapping[Any, str]
    labels: Sequence[str]
    files: Sequence[str] = ()


def make_given(data: Records, *, previous: Records | None = None, tz: str = "UTC", files: Sequence[str] = ()) -> Given:
    """Return what the sections of a report on the data are made from.

    Raises:
        MissingColumnError: The data lacks a column.
        InputError: There is no such time zone, or the data has a wrong type.
    """
    figures = compute_figures(data, previous=previous, tz=tz)
    bill = figures.bill
    wasted = measure_waste(bill.itemized, bill.prices)
    return Given(
        data=data,
        previous=previous,
        figures=figures,
        wasted=wasted,
        recommended=rank_actions(bill.itemized, tz=tz, prices=bill.prices, wasted=wasted),
        ahead=forecast(data, tz=tz),
        tz=tz,
        every=figures.every,
        colors=_choose_colors(figures),
        labels=_find_labels(data),
        files=files,
    )


def _choose_colors(figures: Figures) -> dict[Any, str]:
    ranked = figures.models.sort_values(["effective_cost", "requests"], ascending=False, kind="stable")["model"]
    return {model: HUES[place] if place < len(HUES) else GREY for place, model in enumerate(ranked)}


def _find_labels(data: Records) -> list[str]:
    """Return the columns that no record has, and that labels may have added."""
    return [name for name in open_source(data).columns if name not in BY_NAME and name not in _OF_LABELS]
