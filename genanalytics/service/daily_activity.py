"""A file with the daily activity, as a frame."""

import json
import os
from pathlib import Path

import pandas as pd

from genanalytics.errors import InputError
from genanalytics.records.daily_activity import parse_daily_activity


def read_daily_activity(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Return the daily activity in a file: the JSON of an answer to `GET /activity`.

    Raises:
        InputError: The file cannot be read, or contains anything else.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "it is not JSON"
        msg = f"cannot read the daily activity {os.fspath(path)}: {reason}"
        raise InputError(msg) from None
    try:
        return parse_daily_activity(document)
    except InputError as error:
        msg = f"{os.fspath(path)}: {error}"
        raise InputError(msg) from None
