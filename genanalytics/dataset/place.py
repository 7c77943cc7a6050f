"""Where a data set is stored: a directory of this machine or a prefix of an object store.

Files have names relative to the place, with slashes:

    data/month=2026-11/00000042-1f0c9a7e.parquet   rows
    failures/00000042-1f0c9a7e.parquet             ids without a record (see `failures`)
    ids/00000042-1f0c9a7e.ids                      digests of the stored ids (see `stored`)
    manifests/00000042.json                        the content as of one commit (see `content`)

All of them are immutable, and no name is used twice. A commit writes new files, makes them durable, and then publishes
one manifest with a number that no manifest has. The last manifest says what belongs to the data set.
"""

import re
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import pyarrow as pa

from genanalytics.dataset.content import Manifest

MANIFESTS = "manifests"

_NUMBER = re.compile(r"(\d{8,})\.json")
_WRITTEN = re.compile(r"\.?(\d{8,})-")


class TakenError(Exception):
    """Another writer has published the commit with this number."""


class Source(Protocol):
    """A place that is read."""

    @property
    def title(self) -> str:
        """The path or the URL of the data set, for messages."""
        ...

    @property
    def filesystem(self) -> Any:  # noqa: ANN401 - pyarrow has no types
        """The pyarrow file system of the paths of `locate`; None for the local one."""
        ...

    def locate(self, name: str) -> str:
        """Return the path of a file on `filesystem`."""
        ...

    def list_manifests(self) -> Sequence[int]:
        """Return the numbers of the manifests, in ascending order; empty if there is no data set."""
        ...

    def read_bytes(self, name: str) -> bytes:
        """Return the content of a file.

        Raises:
            FileNotFoundError: There is no such file.
            OSError: It cannot be read.
        """
        ...


class Place(Source, Protocol):
    """A place that is written by one writer, or by several that find each other's commits by `TakenError`."""

    @property
    def young_folder(self) -> str:
        """The folder of young rows: `data`, or another one if readers without the manifest would see replaced rows."""
        ...

    @property
    def merges_final(self) -> bool:
        """Whether commits merge small files of final rows; if not, readers without the manifest would see both."""
        ...

    @property
    def files_at_once(self) -> int:
        """How many files are written at a time: several hide the delay of a store, but cost processor time."""
        ...

    @property
    def inode(self) -> int | None:
        """What tells a copy from the original; None on a store."""
        ...

    def open(self) -> AbstractContextManager[None]:
        """Check that it can be written, and hold what a writer holds, until the context ends.

        On disk this is the lock. On a store it is the check for conditional writes.

        Raises:
            InputError: It contains something else, or others could change it.
            OutputError: It cannot be written, or another process writes it.
        """
        ...

    def find_last(self) -> Manifest | None:
        """Return the last commit; None if there is none.

        Raises:
            InputError: It cannot be read, or a file is missing.
        """
        ...

    def write_table(self, rows: pa.Table, name: str) -> None:
        """Write a new Parquet file with `formats.parquet.write_table`.

        Raises:
            OSError: It cannot be written.
        """
        ...

    def write_bytes(self, content: bytes, name: str) -> None:
        """Write a new file.

        Raises:
            OSError: It cannot be written.
        """
        ...

    def flush(self) -> None:
        """Make all written files durable.

        Raises:
            OSError: It fails; they may be lost.
        """
        ...

    def publish(self, manifest: Manifest) -> None:
        """Publish a manifest, after which it is durable and readers see its commit. Implies `flush`.

        Raises:
            TakenError: There is a manifest with its number.
            OSError: It cannot be published.
        """
        ...

    def show(self, manifest: Manifest) -> None:
        """Bring what readers without the manifest see to the published commit; called after `publish` and `open`.

        Raises:
            OSError: It cannot be written.
        """
        ...

    def remove(self, names: Iterable[str]) -> None:
        """Remove files that no manifest names; a file that is not there is no error."""
        ...

    def discard(self, names: Iterable[str], number: int) -> None:
        """Remove the files of a commit that was not published, as far as that is certain."""
        ...

    def sweep(self) -> None:
        """Remove what merging leaves behind; called after `compact`."""
        ...

    def clean(self, manifest: Manifest) -> None:
        """Remove replaced files and old manifests that no reader can be expected to use any more.

        Called after commits. On disk they remain for ten commits and an hour.
        """
        ...


def name_manifest(number: int) -> str:
    """Return the name of a manifest.

    >>> name_manifest(42)
    'manifests/00000042.json'
    """
    return f"{MANIFESTS}/{number:08d}.json"


def find_number(name: str) -> int | None:
    """Return the number of the manifest with a name, with or without its folder; None for other files.

    >>> find_number("manifests/00000042.json"), find_number(".00000042.json.part")
    (42, None)
    """
    found = _NUMBER.fullmatch(name.rpartition("/")[2])
    return int(found[1]) if found else None


def find_commit(name: str) -> int:
    """Return the number of the commit that wrote a file, complete or not; 0 if its name has none.

    >>> find_commit("data/month=2026-11/00000042-1f0c9a7e.parquet"), find_commit("ids/.00000042-1f0c9a7e.ids.part")
    (42, 42)
    """
    found = _WRITTEN.match(name.rpartition("/")[2])
    return int(found[1]) if found else 0


def list_numbers(names: Iterable[str]) -> list[int]:
    """Return the numbers of the manifests among names, in ascending order."""
    return sorted(number for name in names if (number := find_number(name)) is not None)
