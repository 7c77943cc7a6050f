"""Which price regimes of a model at a provider are one price that changed, and which ones are prices to choose from."""

from collections.abc import Iterable, Sequence

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from genanalytics.bill.book import BY
from genanalytics.bill.levels import LONG_PROMPT
from genanalytics.metrics.declare import Statistic
from genanalytics.metrics.engines.kernels import to_floats
from genanalytics.metrics.engines.source import Records
from genanalytics.metrics.summary import summarize
from genanalytics.units import Unit

_KEYS = [*BY, "regime"]
_PROMPT = nw.col("native_tokens_prompt")
_SHORTEST, _LONGEST = (
    Statistic(name, name, Unit.TOKENS, name, own={name: end}, needs=("native_tokens_prompt",))
    for name, end in (("shortest prompt", _PROMPT.min()), ("longest prompt", _PROMPT.max()))
)


def number_lines(regimes: pd.DataFrame, sides: Sequence[Records]) -> pd.Series:
    """Return the number of the price line of each regime.

    Each regime that occurs in both periods is a separate line: the caller, the provider or the length of the prompt
    chose between them, so their shares are mix. Those that occur in one period only are a price that changed.
    They are one line, and that of the most used regime of both periods if only one period has such regimes. A regime
    for long prompts alone, next to another one at the same time, is a separate line too.

    Args:
        regimes: A row per regime: `BY`, `regime` (a gap for rows without a price), and `before` and `after`, its rows.
        sides: Both periods with their regimes.
    """
    rows = [regimes[name].to_numpy(dtype=float) for name in ("before", "after")]
    alone = (rows[0] > 0) != (rows[1] > 0)
    indices = regimes.groupby([*BY], dropna=False, sort=False).indices
    groups = [np.asarray(places) for places in indices.values()]
    if any(alone[places].any() and not alone[places].all() for places in groups):
        alone &= ~_find_long(regimes, sides, groups)
    lines = np.arange(len(regimes))
    for places in groups:
        changed = places[alone[places]]
        common = places[~alone[places] & (rows[0][places] > 0) & (rows[1][places] > 0)]
        if not len(changed):
            continue
        one_sided = not (rows[0][changed].any() and rows[1][changed].any())
        most = common[np.argmax((rows[0] + rows[1])[common])] if one_sided and len(common) else changed[0]
        lines[changed] = most
    return pd.Series(lines, regimes.index)


def _find_long(regimes: pd.DataFrame, sides: Sequence[Records], groups: "Iterable[np.ndarray]") -> "np.ndarray":
    """Return the regimes whose prompts are long, and longer than all others of their model at the same time."""
    found = np.zeros(len(regimes), dtype=bool)
    for side in sides:
        ends = summarize(side, by=_KEYS, metrics=[_SHORTEST, _LONGEST])
        known = regimes[_KEYS].merge(ends[ends["regime"].notna()], how="left", on=_KEYS)
        shortest, longest = (to_floats(known[one.name]) for one in (_SHORTEST, _LONGEST))
        pairs = ((place, places) for places in groups for place in places[shortest[places] >= LONG_PROMPT])
        for place, places in pairs:
            others = longest[places[places != place]]
            found[place] |= bool((others < shortest[place]).any() and not (others >= shortest[place]).any())
    return found
