"""Records by conditions and by time, in one call."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import pandas as pd

from genanalytics.base.opening import opens_paths
from genanalytics.metrics.where.choose import choose_rows
from genanalytics.metrics.where.time_range import find_time_range


@opens_paths("data")
def select(
    data: Any,  # noqa: ANN401 - of any engine
    where: str | Sequence[str] = (),
    *,
    since: str | date | None = None,
    until: str | date | None = None,
    last: str | None = None,
    period: str | None = None,
    tz: str = "UTC",
    now: datetime | None = None,
) -> Any:  # noqa: ANN401 - of the same kind
    """Return the records that meet conditions and were created within a range of time, as the command line does.

    Args:
        data: Anything that `summarize` takes.
        where: Conditions that all rows meet, such as `"model ~ gpt and total_cost >= 0.1"`; docs/select.md describes
            them.
        since: The first moment: an ISO date or time, an age such as `7d`, `today` or `yesterday`.
        until: The moment after the last one, in the same forms: `today` leaves out today.
        last: The last full `day`, `week` (from Monday) or `month`; or an age, such as `7d`, up to now.
        period: This `day`, `week` or `month` up to now.
        tz: The time zone of days and of moments without one, by its IANA name; `local` is that of the computer.
        now: The current moment; the clock by default.

    Returns:
        The rows, of the same type. `attrs["notices"]` of a pandas frame says which period was chosen, and which values
        of the conditions occur nowhere.

    Raises:
        MissingColumnError: A condition names a column that the data lacks.
        InputError: A condition or a moment cannot be read, or more than one way is given to choose the time.

    >>> frame = pd.DataFrame({"model": ["openai/gpt-5", "b"], "created_at": pd.to_datetime(["2026-09-01T12:00Z"] * 2)})
    >>> select(frame, "model ~ gpt", since="2026-08-01")["model"].tolist()
    ['openai/gpt-5']
    """
    within = find_time_range(since=since, until=until, last=last, period=period, tz=tz, now=now)
    conditions = [where] if isinstance(where, str) else list(where)
    found, notices = choose_rows(data, conditions, within, tz=tz)
    if isinstance(found, pd.DataFrame) and notices:
        found.attrs = found.attrs | {"notices": [*found.attrs.get("notices", []), *notices]}
    return found
