"""Records of every kind for files, and what comes back out of one."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from hypothesis import strategies as st

from genanalytics.files import read, write
from genanalytics.records.coverage import Coverage
from genanalytics.records.frame import parse_frame
from genanalytics.records.parse import Row
from genanalytics.records.schema import COLUMNS, Kind, Origin
from genanalytics.sandbox import sample

FETCHED_AT = 1_790_000_000.123456
NASTY = '"a";b,c\t\'\\\r\n\n\r🙂\u202e\u2028\ufeff|NULL'
"""What a separated file could trip over: quotes, separators, line ends, an escape, text from right to left."""


def row(fields: Mapping[str, object], requested_id: str = "gen-1") -> Row:
    return Row(requested_id, json.dumps({"data": {"id": "gen-1", **fields}}).encode(), FETCHED_AT)


def written_and_read(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    write(frame, path)
    return read(path)


def covered(frame: pd.DataFrame, coverage: Coverage) -> pd.DataFrame:
    frame = frame.copy()
    frame.attrs["coverage"] = coverage.to_json()
    return frame


FIELDS = [column for column in COLUMNS if column.origin is not Origin.OURS and column.name != "id"]
TEXTS = st.text(st.sampled_from(NASTY) | st.characters(), max_size=10)
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.INTEGER: st.integers(-(2**63), 2**63 - 1) | st.floats(-1e6, 1e6),
    Kind.NUMBER: st.floats(allow_nan=False, allow_infinity=False) | st.integers(),
    Kind.FLAG: st.booleans(),
    Kind.TEXT: TEXTS,
    Kind.TIME: st.datetimes().map(lambda moment: f"{moment.isoformat()}Z"),
    Kind.ATTEMPTS: st.lists(
        st.fixed_dictionaries(
            {}, optional={"id": TEXTS, "status": st.integers(0, 999), "is_byok": st.booleans(), "new": TEXTS}
        ),
        max_size=3,
    ),
}
RECORDS = st.builds(
    dict[str, object].__or__,
    st.fixed_dictionaries({}, optional={column.name: st.none() | VALUES[column.kind] for column in FIELDS}),
    st.dictionaries(TEXTS, TEXTS | st.none() | st.lists(st.integers()), max_size=2),
)


@cache
def make_month() -> pd.DataFrame:
    """Return the records of a month; no test changes them."""
    return parse_frame([row(record, generation_id) for generation_id, record in sample().records.items()])
