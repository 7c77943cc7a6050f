"""The daily activity of the account, from the service."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from genanalytics.errors import GenAnalyticsError, InputError
from genanalytics.fetching.account.management import TIMEOUT_S, Answered, Management, TooMuchError
from genanalytics.fetching.secret import Secret
from genanalytics.records.daily_activity import DAYS, parse_daily_activity

_PATH = "activity"


def fetch_daily_activity(
    *, management_key: "str | Secret | None" = None, base_url: str | None = None, timeout_s: float = TIMEOUT_S
) -> pd.DataFrame:
    """Return what the service charged per day (UTC), model and provider, for the last 30 completed days.

    Args:
        management_key: The management key; None for the one in `OPENROUTER_MANAGEMENT_KEY`. An API key is refused.
        base_url: The URL of the API; None for `GENANALYTICS_BASE_URL`, or else the service's.
        timeout_s: The time limit for one request in seconds.

    Returns:
        One row per day, model, and endpoint of a provider, with day, model, provider_name, usage and
        byok_usage_inference (US$), requests, prompt_tokens, completion_tokens and reasoning_tokens. `attrs` contains
        `first_day` and `last_day`, and `at`, the time of the answer.

    Raises:
        KeyRefusedError: There is no management key, or the service refused it.
        InputError: The URL cannot be used.
        GenAnalyticsError: There is no usable answer.
    """
    secret, url = Secret(management_key), Secret(base_url)
    del management_key, base_url  # an exception from here on may print the variables of its frames
    with Management(secret, base_url=url, timeout_s=timeout_s) as management:
        try:
            answered = _ask(management)
            return parse_daily_activity(answered.document, at=datetime.fromtimestamp(answered.at, UTC))
        except TooMuchError as error:
            reason = str(error)
        except InputError as error:
            reason = f"{error}; is the base URL right?"
    msg = f"{management.base_url}/{_PATH}: {reason}"
    raise GenAnalyticsError(msg)


def _ask(management: Management) -> Answered:
    """Return all rows: those of one answer, or those of an answer per day if one would be too long."""
    try:
        answered = management.get(_PATH)
        if not _has_more(answered.document):
            return answered
        at = answered.at
    except TooMuchError:
        at = datetime.now(UTC).timestamp()
    rows: list[Any] = []
    today = datetime.fromtimestamp(at, UTC)
    for age in range(DAYS, 0, -1):
        answered = management.get(f"{_PATH}?date={today - timedelta(days=age):%Y-%m-%d}")
        found = answered.document.get("data")
        if not isinstance(found, list):
            return answered  # no activity, which the caller says
        rows += found
    return Answered({"data": rows}, answered.at)


def _has_more(document: Any) -> bool:  # noqa: ANN401 - JSON
    """Return whether an answer says that it is one page of several; the documents know of no pages."""
    links = document.get("links")
    following = isinstance(links, dict) and links.get("next")
    total = document.get("total_count")
    rows = document.get("data")
    return bool(
        document.get("has_more") is True
        or following
        or (isinstance(total, int) and isinstance(rows, list) and total > len(rows))
    )
