"""Frames that are the same in every supported version of pandas."""

from typing import TypeAlias

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionDtype

TEXT = pd.StringDtype(na_value=np.nan)
"""Text in a frame: what the name `str` means in pandas 3; in pandas 2, it means Python objects."""
Dtypes: TypeAlias = dict[str, ExtensionDtype | str]
"""The dtypes of columns by name."""


def drop_attrs(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame without its `attrs`: pandas copies every value in them whenever rows or a column are chosen.

    >>> frame = pd.DataFrame({"n": [1]})
    >>> frame.attrs["units"] = {"n": "count"}
    >>> drop_attrs(frame).attrs, frame.attrs
    ({}, {'units': {'n': 'count'}})
    """
    bare = frame.copy(deep=False)
    bare.attrs = {}
    return bare
