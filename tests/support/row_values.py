"""Row values and statistics of plain columns, for tests of what is computed from them."""

from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from genanalytics.metrics import RowValue, Statistic, rate, ratio, spread, total
from genanalytics.units import Unit

COST = RowValue("cost", "cost", Unit.USD, "cost", ("usd",), nw.col("usd"))
TOKENS = RowValue("tokens", "tokens", Unit.TOKENS, "tokens", ("out",), nw.col("out"))
TIME = RowValue("time", "time", Unit.MS, "time", ("ms",), nw.col("ms"))
FAILED = RowValue("failed", "failed", Unit.SHARE, "failed", ("flag",), nw.col("flag"))

TOTAL, MEAN, PRICE = total(COST), spread(COST).mean, ratio("price", "price", Unit.USD, "price", COST, TOKENS)
FAILURES = rate(FAILED)
OF_SUMS: list[Statistic] = [TOTAL, MEAN, PRICE]
PERCENTILES: list[Statistic] = [one for one in spread(TIME) if one.basis is not None and one.basis.kind == "quantile"]


def limits(summary: pd.DataFrame, name: str) -> list[Any]:
    """Return the interval of a statistic in each group, gaps as None."""
    low, high = ([None if pd.isna(value) else value for value in summary[f"{name}_{side}"]] for side in ("low", "high"))
    return list(zip(low, high, strict=True))
