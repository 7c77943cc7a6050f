"""What every section of a report is made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from genanalytics.decide.advice.recommend import rank_actions
from genanalytics.decide.budget.forecast import forecast
from genanalytics.decide.budget.outlook import Forecast
from genanalytics.decide.losses.waste import Measured, measure_waste
from genanalytics.metrics.engines.source import Records, uncover
from genanalytics.metrics.grouping.calendar import Period
from genanalytics.plots.palette import choose_colors
from genanalytics.records.schema import BY_NAME
from genanalytics.report.figures import Figures, compute_figures
from genanalytics.report.tables import rank
from genanalytics.tables.recommendations import Options


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
        options: The options of the command line that choose the data out of the files.
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
    options: Options = ()

    def knows(self, ending: str) -> bool:
        """Return whether the records tell which generations ended like this: a class of waste, such as `error`."""
        return bool(pd.isna(self.wasted.ledger.set_index("class")["gap"][ending]))


def make_given(
    data: Records,
    *,
    previous: Records | None = None,
    tz: str = "UTC",
    files: Sequence[str] = (),
    options: Options = (),
) -> Given:
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
        colors=_choose_colors(figures.models),
        labels=_find_labels(data),
        files=files,
        options=options,
    )


def _choose_colors(models: pd.DataFrame) -> dict[Any, str]:
    ranked = rank(models)["model"].tolist()
    return dict(zip(ranked, choose_colors(ranked), strict=True))


def _find_labels(data: Records) -> list[str]:
    """Return the columns of text that no record has, which labels may have added."""
    schema = nw.from_native(uncover(data)).collect_schema()
    return [name for name, kind in schema.items() if name not in BY_NAME and kind in {nw.String, nw.Categorical}]
