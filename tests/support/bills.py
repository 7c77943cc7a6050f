"""Bills with a known truth: price sheets drawn at random, and the records that they make."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

Sheet = tuple[float, float, float, float]
Shown = Literal["exact", "rounded", "cut"]

_NAMES = ("input_price", "output_price", "cache_read_price", "cache_write_price")
_CLOSE = 1e-7


@dataclass(frozen=True)
class Truth:
    """A frame, and the prices of its rows in US$ per million tokens: input, output, cache read, cache write.

    `who` is the number of each row's sheet; -1 for a row with another amount.
    """

    frame: pd.DataFrame
    sheets: list[Sheet]
    who: np.ndarray


def draw_bill(seed: int, shown: Shown, rows: int = 300) -> Truth:
    """Return a group of requests with 1 to 3 sheets of 2 to 4 digits, and 0 to 5 % rows with amounts of no sheet."""
    draws = np.random.default_rng(seed)
    sheets = _draw_sheets(draws)
    who = draws.choice(len(sheets), rows, p=draws.dirichlet(np.full(len(sheets), 4)))
    agent = draws.random(rows) < 0.6
    size = np.where(agent, draws.normal(10.5, 0.8, rows), draws.normal(7.5, 1, rows))
    prompt = np.exp(size).astype(int) + 1.0
    completion = np.exp(draws.normal(5.5, 1, rows)).astype(int) + 1.0
    cached = np.where(agent & (draws.random(rows) < 0.85), np.floor(prompt * draws.uniform(0.5, 0.999, rows)), 0.0)
    written = np.where(agent, prompt - cached, 0.0)
    of_input, output, read, write = np.array(sheets)[who].T
    saved = np.round((of_input - read) * cached - (write - of_input) * written, 9)
    paid = np.round(of_input * prompt + output * completion - saved, 9)
    noise = draws.random(rows) < draws.uniform(0, 0.05)
    paid = np.where(noise, paid * draws.uniform(1.01, 2, rows), paid)
    paid, saved = show(paid, shown), show(saved, shown)
    frame = pd.DataFrame(
        {
            "requested_id": [f"gen-{place}" for place in range(rows)],
            "model": "a/model",
            "provider_name": "A Provider",
            "created_at": pd.Timestamp("2026-09-01", tz="UTC") + pd.to_timedelta(np.arange(rows), unit="min"),
            "total_cost": paid / 1e6,
            "cache_discount": np.where(saved == 0, np.nan, saved) / 1e6,
            "native_tokens_prompt": prompt,
            "native_tokens_completion": completion,
            "native_tokens_cached": cached,
        }
    )
    return Truth(frame, sheets, np.where(noise, -1, who))


def show(micro_dollars: np.ndarray, shown: Shown) -> np.ndarray:
    """Return amounts as an answer or an export shows them."""
    if shown == "cut":
        cut: np.ndarray = np.sign(micro_dollars) * np.floor(np.abs(micro_dollars) + 1e-7)
        return cut
    return np.round(micro_dollars) if shown == "rounded" else micro_dollars


def is_price(found: Any, wanted: float) -> bool:  # noqa: ANN401 - a number or a gap
    """Return whether a price is the true one; a gap is not."""
    return bool(pd.notna(found)) and abs(found - wanted) <= _CLOSE


def matches(regime: pd.Series, sheet: Sheet) -> bool:
    """Return whether all known prices of a regime are those of a sheet."""
    return all(
        pd.isna(regime[name]) or is_price(regime[name], price) for name, price in zip(_NAMES, sheet, strict=True)
    )


def allows(regime: pd.Series, sheet: Sheet) -> bool:
    """Return whether a regime has the prices of input and output of a sheet, or leaves only close ones open."""
    for name, price in zip(_NAMES[:2], sheet[:2], strict=True):
        low, high = float(regime[f"{name}_min"]), float(regime[f"{name}_max"])
        is_between = low - _CLOSE <= price <= high + _CLOSE and high - low <= 0.01 * high
        if not (is_price(regime[name], price) or (pd.isna(regime[name]) and is_between)):
            return False
    return True


def _draw_sheets(draws: np.random.Generator) -> list[Sheet]:
    digits = int(draws.integers(2, 5))
    base = _keep(float(10 ** draws.uniform(-1.2, 1)), digits)
    first = (
        base,
        _keep(base * draws.uniform(1.5, 8), digits),
        _keep(base * draws.choice([0.1, 0.25, 0.5]), digits),
        _keep(base * draws.choice([1, 1.25, 2]), digits + 1),
    )
    sheets = [first]
    for ratio in draws.permutation([1.1, 0.5, 0, 2])[: int(draws.integers(0, 3))]:
        if ratio:
            sheets.append(_change(first, (ratio, ratio, ratio, ratio), 7))
        else:
            factors = (draws.uniform(0.3, 3), draws.uniform(0.3, 3), draws.uniform(0.3, 1), 1.5)
            sheets.append(_change(first, factors, digits))
    return sheets


def _change(sheet: Sheet, factors: Sheet, digits: int) -> Sheet:
    """Return a sheet times factors, with so many significant digits."""
    one, two, three, four = (_keep(price * factor, digits) for price, factor in zip(sheet, factors, strict=True))
    return one, two, three, four


def _keep(price: float, digits: int) -> float:
    """Return a price with so many significant digits."""
    return float(f"{price:.{digits - 1}e}")
