"""The dtype of text, which the versions of pandas name differently."""

from typing import TypeAlias

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionDtype

TEXT = pd.StringDtype(na_value=np.nan)
"""Text in a frame: what the name `str` means in pandas 3; in pandas 2, it means Python objects."""
Dtypes: TypeAlias = dict[str, ExtensionDtype | str]
"""The dtypes of columns by name."""
