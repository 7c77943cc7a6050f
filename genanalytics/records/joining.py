"""Records of several files or fetches as one frame."""

from collections.abc import Iterable

import pandas as pd

from genanalytics.records.coverage import COVERAGE, find_coverage, join_coverage, list_missing


def join_frames(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return frames as one, each generation once: the record fetched last, or the row of an export if there is none.

    The coverage is that of all frames together.
    """
    parts = list(frames)
    frame = pd.concat(parts, ignore_index=True)
    latest = frame.sort_values("fetched_at", kind="stable", na_position="first")
    joined = latest[latest["requested_id"].isna() | ~latest.duplicated("requested_id", keep="last")].sort_index()
    coverages = [find_coverage(part) for part in parts]
    missing, ids = list_missing(coverages), joined["requested_id"]
    coverage = join_coverage(coverages, found=int(ids.nunique()), present=set(ids[ids.isin(missing)]))
    joined.attrs = {} if coverage is None else {COVERAGE: coverage.to_json()}
    return joined
