"""The ids that a data set contains, and their index.

The index is one or a few files with sorted digests of 16 bytes, followed by a checksum. Each file has more than twice
as many ids as the next one, so a commit rewrites each digest as often as the logarithm of their number says. If a file
is missing or damaged, the ids are read from the rows.
"""

from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b

import numpy as np
import pyarrow as pa

from genanalytics.dataset.content import IdsFile, Manifest
from genanalytics.dataset.place import Source
from genanalytics.formats.parquet import open_file
from genanalytics.ids.known import DIGEST_BYTES, Digests, KnownIds, digest, merge

_CHECKSUM_BYTES = 16
_THREADS = 8


class StoredIds(KnownIds):
    """The ids that a data set contains, learned from each file of its index once."""

    def __init__(self) -> None:
        super().__init__()
        self._files: set[str] = set()

    def learn(self, source: Source, manifest: Manifest) -> None:
        """Learn the ids of rows that were not known before."""
        if _count_indexed(manifest) == manifest.rows:
            try:
                for file in manifest.id_files:
                    self._learn_file(source, file)
            except (OSError, ValueError):
                self._files.clear()
        if len(self) != manifest.rows:
            self._arrays = [_read_all(source, manifest)] if manifest.rows else []

    def _learn_file(self, source: Source, file: IdsFile) -> None:
        if file.path not in self._files:
            self.add_digests(_read_digests(source, file))
            self._files.add(file.path)


def _count_indexed(manifest: Manifest) -> int:
    """Return the number of ids in the index; it is that of the rows, unless there is no index."""
    return sum(file.ids for file in manifest.id_files)


def extend(source: Source, manifest: Manifest, new: Digests) -> tuple[list[IdsFile], Digests]:
    """Return the files of the index that stay, and the digests of one more file, with those of `new` rows."""
    kept = list(manifest.id_files)
    merged = [new]
    try:
        if _count_indexed(manifest) != manifest.rows:
            return [], merge([_read_all(source, manifest), new])
        while kept and kept[-1].ids <= 2 * sum(map(len, merged)):
            merged.append(_read_digests(source, kept.pop()))
    except (OSError, ValueError):
        return [], merge([_read_all(source, manifest), new])
    return kept, merge(merged)


def pack(digests: Digests) -> bytes:
    """Return the content of a file of the index."""
    content = digests.tobytes()
    return content + _hash(content)


def _read_digests(source: Source, file: IdsFile) -> Digests:
    """Return the digests in a file of the index.

    Raises:
        OSError: It cannot be read.
        ValueError: It is damaged.
    """
    content = source.read_bytes(file.path)
    digests, checksum = content[:-_CHECKSUM_BYTES], content[-_CHECKSUM_BYTES:]
    if len(digests) != file.ids * DIGEST_BYTES or _hash(digests) != checksum:
        msg = f"{file.path} is damaged"
        raise ValueError(msg)
    return np.frombuffer(digests, dtype=f"S{DIGEST_BYTES}")


def _read_all(source: Source, manifest: Manifest) -> Digests:
    """Return the digests of the ids of all rows, read from the rows.

    Raises:
        InputError, OSError: A file cannot be read.
    """

    def read(name: str) -> Digests:
        return np.sort(digest_rows(_read_ids(source, name)))

    with ThreadPoolExecutor(_THREADS) as readers:
        return merge(list(readers.map(read, [file.path for file in manifest.files])))


def _read_ids(source: Source, name: str) -> pa.ChunkedArray:
    """Return the requested ids of the rows of a file.

    Raises:
        InputError, OSError: It cannot be read.
    """
    with open_file(source.locate(name), source.filesystem) as file:
        return file.read(columns=["requested_id"], use_threads=False)["requested_id"]


def digest_rows(ids: pa.ChunkedArray) -> Digests:
    """Return the digest of each id of a column."""
    return digest(ids.to_pylist())


def _hash(data: bytes) -> bytes:
    return blake2b(data, digest_size=_CHECKSUM_BYTES).digest()
