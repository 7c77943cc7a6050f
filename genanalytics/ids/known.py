"""A large set of ids, in 16 bytes each."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

DIGEST_BYTES = 16
Digests = npt.NDArray[np.bytes_]


class KnownIds:
    """A set of ids that grows: 16 MB per million, against about 140 MB for a set of strings.

    It holds digests in sorted arrays. Each array is more than twice as long as the next, so a look-up searches only a
    few of them. Two ids with one digest are not to be expected (128 bits).

    >>> known = KnownIds()
    >>> known.add(["gen-1", "gen-2", "gen-1"]), known.add(["gen-2", "gen-3"])
    ([True, True, False], [False, True])
    >>> len(known), known.has(["gen-3", "gen-4"])
    (3, [True, False])
    """

    def __init__(self) -> None:
        self._arrays: list[Digests] = []

    def __len__(self) -> int:
        return sum(map(len, self._arrays))

    @property
    def digests(self) -> Digests:
        """The digests of all ids, in ascending order."""
        return merge(self._arrays)

    def has(self, ids: Sequence[str]) -> list[bool]:
        """Return for each id whether it was added before."""
        if not self._arrays:
            return [False] * len(ids)
        distinct, places = np.unique(digest(ids), return_inverse=True)  # sorted, they are found in half the time
        found: list[bool] = self._find(distinct)[places].tolist()
        return found

    def add(self, ids: Sequence[str]) -> list[bool]:
        """Add the ids and return for each whether it is new; a repeated new id is new once."""
        digests = digest(ids)
        distinct, first = np.unique(digests, return_index=True)
        new = ~self._find(distinct)
        if new.any():
            self._insert(distinct[new])
        is_new = np.zeros(len(digests), dtype=bool)
        is_new[first[new]] = True
        flags: list[bool] = is_new.tolist()
        return flags

    def add_digests(self, digests: Digests) -> None:
        """Add ids whose digests are given in ascending order, each once; some may be known."""
        new = digests[~self._find(digests)] if self._arrays else digests
        if len(new):
            self._insert(new)

    def _find(self, digests: Digests) -> npt.NDArray[np.bool_]:
        found = np.zeros(len(digests), dtype=bool)
        for array in self._arrays:
            places = np.searchsorted(array, digests)
            found |= array[np.minimum(places, len(array) - 1)] == digests
        return found

    def _insert(self, digests: Digests) -> None:
        arrays = list(self._arrays)
        while arrays and len(arrays[-1]) <= 2 * len(digests):
            digests = merge([arrays.pop(), digests])
        self._arrays = [*arrays, digests]  # in one step, since another thread may be looking up


def digest(ids: Sequence[str]) -> Digests:
    """Return the digest of each id."""
    digests = (blake2b(each.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest() for each in ids)
    # numpy hides trailing NULs, but compares all 16 bytes
    return np.frombuffer(b"".join(digests), dtype=f"S{DIGEST_BYTES}")


def merge(arrays: Sequence[Digests]) -> Digests:
    """Return the digests of sorted arrays in ascending order."""
    if len(arrays) == 1:
        return arrays[0]
    joined = np.concatenate([np.empty(0, f"S{DIGEST_BYTES}"), *arrays])
    return np.sort(joined, kind="stable")
