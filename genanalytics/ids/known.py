"""Which ids were seen before, in 16 bytes each."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

_DIGEST = 16
Digests = npt.NDArray[np.bytes_]


class KnownIds:
    """A set of ids that grows: 16 MB for a million, where a set of strings takes some 140.

    What is kept are digests, in sorted arrays of which each is more than twice as long as the next: an id is looked up
    in a handful of them. Two ids of one digest are not to be expected (128 bits).

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

    def has(self, ids: Sequence[str]) -> list[bool]:
        """Return of each id whether it was added before."""
        distinct, places = np.unique(_digests(ids), return_inverse=True)  # sorted, they are found in half the time
        found: list[bool] = self._found(distinct)[places].tolist()
        return found

    def add(self, ids: Sequence[str]) -> list[bool]:
        """Add the ids, and return of each whether it is new, once where it stands several times among them."""
        digests = _digests(ids)
        distinct, first = np.unique(digests, return_index=True)
        new = ~self._found(distinct)
        if new.any():
            self._keep(distinct[new])
        is_new = np.zeros(len(digests), dtype=bool)
        is_new[first[new]] = True
        flags: list[bool] = is_new.tolist()
        return flags

    def _found(self, digests: Digests) -> npt.NDArray[np.bool_]:
        found = np.zeros(len(digests), dtype=bool)
        for array in self._arrays:
            places = np.searchsorted(array, digests)
            found |= array[np.minimum(places, len(array) - 1)] == digests
        return found

    def _keep(self, digests: Digests) -> None:
        while self._arrays and len(self._arrays[-1]) <= 2 * len(digests):
            digests = np.sort(np.concatenate([self._arrays.pop(), digests]))
        self._arrays.append(digests)


def _digests(ids: Sequence[str]) -> Digests:
    hashed = (blake2b(each.encode("utf-8", "surrogatepass"), digest_size=_DIGEST).digest() for each in ids)
    # numpy drops trailing NULs of what it shows, but compares all 16 bytes
    return np.frombuffer(b"".join(hashed), dtype=f"S{_DIGEST}")
