"""The ids that a data set contains."""

from collections.abc import Iterable
from pathlib import Path

from genanalytics.dataset.manifest import DataFile
from genanalytics.formats.parquet import read_table
from genanalytics.ids.known import KnownIds


class StoredIds(KnownIds):
    """The ids that a data set contains, learned from each of its files once."""

    def __init__(self) -> None:
        super().__init__()
        self._files: set[str] = set()

    def learn(self, directory: Path, files: Iterable[DataFile]) -> None:
        """Learn the ids of files that were not read before."""
        for file in files:
            if file.path not in self._files:
                for chunk in read_table(directory / file.path, columns=["requested_id"])["requested_id"].chunks:
                    self.add(chunk.to_pylist())
                self._files.add(file.path)
