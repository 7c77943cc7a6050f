"""Any file with records as a frame, whoever wrote it: `genanalytics fetch`, or the service as an activity export."""

import os
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from genanalytics.errors import MissingColumnError
from genanalytics.files import SUFFIXES, read_frame
from genanalytics.service.activity import is_activity, read_activity


def open_frame(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Return the records of a file: what `write_frame` wrote, or an activity export, which is known by its header.

    Raises:
        InputError: The file cannot be read, or is neither.
        MissingColumnError: The file does not say which id each row was asked for under.
    """
    suffix = Path(path).suffix.lower()
    is_text = suffix == ".csv" or suffix not in SUFFIXES  # an export may be packed: activity.csv.gz
    frame = read_activity(path) if is_text and Path(path).is_file() and is_activity(path) else read_frame(path)
    missing = [name for name in ("fetched_at", "created_at") if name not in frame.columns]
    if missing:
        lacking = ", ".join(map(repr, missing))
        msg = f"{os.fspath(path)} holds no records, for it has no column {lacking}: did `--failures` write it?"
        raise MissingColumnError(msg)
    return frame


def joined(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return frames as one, each generation once: the record that was fetched last, a row of an export if none was."""
    frame = pd.concat(frames, ignore_index=True)
    latest = frame.sort_values("fetched_at", kind="stable", na_position="first")
    return latest[latest["requested_id"].isna() | ~latest.duplicated("requested_id", keep="last")].sort_index()
