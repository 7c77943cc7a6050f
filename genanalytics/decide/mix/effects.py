"""How a change of an amount divides into the effects of its factors."""

import numpy as np

_NOISE = 1e-13
"""The logarithm of a factor that did not change, out of sums of floats, is below this."""


def split_product(before: "np.ndarray", after: "np.ndarray") -> "np.ndarray":
    """Return the effect of each factor on a product, which add up to its change.

    The effect of a factor is the logarithmic mean of both products times the logarithm of the factor's own change
    (LMDI-I: B. W. Ang, "The LMDI approach to decomposition analysis: a practical guide", Energy Policy 33, 2005). If
    the product is 0 in one period, this has a limit: the whole change belongs to the factor that is 0 (B. W. Ang and
    N. Liu, "Handling zero values in the logarithmic mean Divisia index decomposition approach", Energy Policy 35,
    2007); of several, to the first one.

    Args:
        before: The levels of each product, in rows: the first factor, then each level is the one before it times a
            factor, and the last one is the product. A column per product. A level of 0 or less that is followed by a
            product other than 0 counts as the one before it: the factor cannot be separated from the next one.
        after: The same in the other period.

    >>> split_product(np.array([[2.0], [8.0]]), np.array([[4.0], [8.0]])).round(3).tolist()
    [[5.545], [-5.545]]
    """
    was, now = _fill(before, after)
    change = now[-1] - was[-1]
    is_zero = (was <= 0) | (now <= 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = np.log(now / was)
        nearly_same = np.abs(change) < was[-1] / 2
        growth[-1] = np.where(nearly_same, np.log1p(change / was[-1]), growth[-1])
        mean = np.where(change == 0, now[-1], change / growth[-1])
        of_factors = np.diff(growth, axis=0, prepend=0.0)
        effects = np.where(np.abs(of_factors) < _NOISE, 0.0, of_factors * mean)
    first = np.arange(len(was))[:, None] == is_zero.argmax(axis=0)
    found: np.ndarray = np.where(is_zero.any(axis=0), np.where(first, change, 0.0), effects)
    return found


def split_rest(
    counts_before: "np.ndarray", counts_after: "np.ndarray", before: "np.ndarray", after: "np.ndarray"
) -> "np.ndarray":
    """Return the effects of the factors of a count, and of the amount per row, on an amount of any sign.

    The two effects are those of Bennet: the change of each, times the arithmetic mean of the other (T. L. Bennet, "The
    theory of measurement of changes in cost of living", Journal of the Royal Statistical Society 83, 1920). That of
    the count is split by `split_product`. Without rows in a period, the amount per row did not change.

    Args:
        counts_before: The levels of each count, as `split_product` takes them.
        counts_after: The same in the other period.
        before: The amount of each of these rows.
        after: The same in the other period.

    >>> split_rest(np.array([[2.0]]), np.array([[4.0]]), np.array([-2.0]), np.array([4.0])).tolist()
    [[0.0], [6.0]]
    """
    rows_before, rows_after = counts_before[-1], counts_after[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        was, now = before / rows_before, after / rows_after
    was, now = np.where(rows_before > 0, was, now), np.where(rows_after > 0, now, was)
    was, now = np.nan_to_num(was), np.nan_to_num(now)  # no rows in either period
    of_counts = split_product(counts_before, counts_after) * (was + now) / 2
    return np.vstack([of_counts, (rows_before + rows_after) / 2 * (now - was)])


def _fill(before: "np.ndarray", after: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Return levels in which each impossible level of a product is replaced by the level before it."""
    was, now = before.copy(), after.copy()
    for place in range(1, len(was) - 1):
        impossible = ((was[place] <= 0) & (was[-1] != 0)) | ((now[place] <= 0) & (now[-1] != 0))
        was[place] = np.where(impossible, was[place - 1], was[place])
        now[place] = np.where(impossible, now[place - 1], now[place])
    return was, now
