"""A prefix of an object store as the place of a data set that is written, by several writers if need be.

There is no lock. The store creates a manifest only if there is none with its number (`If-None-Match`), so one of two
writers of a commit fails, reads the commit of the other one, and tries again after it.

Readers that know no manifest read all of `data/`. So files in it are never replaced by a commit, except to merge them:
young rows, which are replaced, are in `young/`, and failures in `failures/`.
"""

import re
import secrets
import time
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from itertools import pairwise

import pyarrow as pa

from genanalytics.base.stores.arrow import make_filesystem
from genanalytics.base.stores.find import repeat
from genanalytics.base.stores.store import Store, StoredObject
from genanalytics.dataset.bucket import Bucket
from genanalytics.dataset.content import Manifest
from genanalytics.dataset.folder import FILES
from genanalytics.dataset.manifest import MANIFEST, load_manifest
from genanalytics.dataset.place import MANIFESTS, TakenError, list_numbers, name_manifest
from genanalytics.errors import InputError, OutputError
from genanalytics.formats.parquet import pack_table

GRACE_S = 60.0
"""How long `compact` leaves the files that it merged, for readers that began before."""
_KEPT = timedelta(hours=1)
"""How long a manifest and its files remain at least after the next one."""
_ORPHANED_AFTER = timedelta(days=1)
"""The age, by the clock of the store, from which `compact` removes a file that a manifest could still name."""

_PROBES = "probes"
_FOLDERS = ("data", "young", "failures", "ids", _PROBES)
_COMMIT = re.compile(r"(?:data|young|failures|ids)/(?:[^/]+/)?(\d{8,})-[0-9a-f]{8}(?:-young|-\d+)?\.(?:parquet|ids)")
_OTHERS = re.compile(rf"{_PROBES}/[0-9a-f]{{16}}|{MANIFESTS}/\d{{8,}}\.json")
_CLEANED_EVERY = 32
_PAUSES_S = (0.1, 0.4, 1.6, 3.2)
"""The pauses after requests for one key that met another one."""
_MOST_KEPT = 10


class SharedBucket(Bucket):
    """A prefix of an object store that is written.

    Args:
        url: The URL.

    Raises:
        InputError: It is no URL of an object store, or obstore is not installed.
    """

    inode = None
    young_folder = "young"
    merges_final = False
    files_at_once = 4

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._patient = Store(url, patience="long")
        self._has_cleaned = False

    @contextmanager
    def open(self) -> Iterator[None]:
        """Check that the store creates an object only once.

        Raises:
            OutputError: It does not.
            OSError: The store does not answer, or refuses.
        """
        self._find_now()
        self.store, self.filesystem = self._patient, make_filesystem(self._patient)
        yield

    def find_last(self) -> Manifest | None:
        """Return the last commit; None if there is none, and nothing else either."""
        numbers = self.list_manifests()
        if numbers:
            name = name_manifest(numbers[-1])
            found = load_manifest(self, name)
            if found.commit != numbers[-1]:
                msg = f"{name} of {self.title} is that of another commit ({found.commit}): remove it"
                raise InputError(msg)
            return found
        foreign = next((each.key for each in self.store.list() if each.size and not _is_ours(each.key)), None)
        if foreign is not None:
            is_copy = foreign == MANIFEST or foreign.startswith(f"{FILES}/")
            what = "a copy of a data set, which is read-only" if is_copy else f"other objects ({foreign})"
            msg = f"{self.title} contains {what}: give a URL below which there is nothing, or an existing data set"
            raise InputError(msg)
        return None

    def write_table(self, rows: pa.Table, name: str) -> None:
        """Write a new Parquet file, in one request: the parts of a longer upload remain if the process ends."""
        self._patient.write(name, pack_table(rows))

    def write_bytes(self, content: bytes, name: str) -> None:
        """Write a new file."""
        self._patient.write(name, content)

    def flush(self) -> None:
        """Do nothing: a store answers once an object is durable."""

    def publish(self, manifest: Manifest) -> None:
        """Publish a manifest, after which readers see its commit.

        If the answer to the request was lost, the manifest that is there is compared with this one. A number is also
        taken if later commits are there: its manifest may have been removed since.

        Raises:
            TakenError: Another writer has published the commit with its number.
            OSError: The store does not answer, or refuses.
        """
        name, content = name_manifest(manifest.commit), manifest.to_json().encode()
        later = repeat(lambda: list(self.store.list(MANIFESTS, after=name_manifest(manifest.commit - 1))))
        if list_numbers(each.key for each in later):
            raise TakenError(name)
        for pause_s in _PAUSES_S:
            if self._create(name, content):
                return
            time.sleep(pause_s)
        msg = f"{self.title} refuses to create {name}, which does not exist"
        raise OSError(msg)

    def _create(self, name: str, content: bytes) -> bool:
        """Create an object, and return whether it is there: S3 refuses requests for one key that meet (409)."""
        try:
            self._patient.create(name, content)
        except FileExistsError as error:
            with suppress(FileNotFoundError):
                if self._patient.read(name) != content:
                    raise TakenError(name) from error
                return True
            return False
        return True

    def show(self, manifest: Manifest) -> None:
        """Do nothing: readers without the manifest see all of `data/`."""

    def remove(self, names: Iterable[str]) -> None:
        """Remove files that no manifest names; those that cannot be removed stay until `sweep`."""
        with suppress(OSError):
            self._patient.remove(names)

    def discard(self, names: Iterable[str], number: int) -> None:  # noqa: ARG002 - of the protocol
        """Leave the files of a failed commit, for a request whose answer never came may still publish them.

        If the run goes on, its next commit removes them.
        """
        self._has_cleaned = False

    def clean(self, manifest: Manifest) -> None:
        """Remove what killed writers left in `data/`, once, and old manifests now and then; a failure does no harm."""
        with suppress(OSError, InputError):
            if not self._has_cleaned:
                self._has_cleaned = True
                named = set(manifest.list_names())
                if any(_is_dead(each.key, manifest.commit, named) for each in self.store.list("data")):
                    self._remove_dead(["data"], [each for _, each in self.find_manifests()])
            if manifest.commit % _CLEANED_EVERY == 0:
                manifests = [each for _, each in self.find_manifests()]
                self._remove_old(manifests, manifests[-1].modified)

    def sweep(self) -> None:
        """Remove merged files after `GRACE_S`, and everything that no manifest names or can name any more.

        Raises:
            InputError, OSError: The store does not answer, or refuses.
        """
        now = self._find_now()
        manifests = self._remove_old([each for _, each in self.find_manifests()], now)
        if not manifests:
            return
        replaced = self._remove_dead(_FOLDERS, manifests, now)
        longest_s = max((GRACE_S - (now - at).total_seconds() for at in replaced.values()), default=0.0)
        if longest_s > 0:
            time.sleep(min(GRACE_S, longest_s))
        self._patient.remove(sorted(replaced))

    def _remove_dead(
        self, folders: Iterable[str], manifests: Sequence[StoredObject], now: datetime | None = None
    ) -> dict[str, datetime]:
        """Remove files of folders that no manifest names, and return when each file in `data/` was merged.

        A file of a commit that another writer has published can never be named. One of the next commit may belong to a
        writer that is at work; `now` is the time by the clock of the store, by which it is old.
        """
        replaced, named = self._find_replaced(manifests)
        last = list_numbers(each.key for each in manifests)[-1]
        listed = repeat(lambda: [each for folder in folders for each in self.store.list(folder)])
        self._patient.remove(
            each.key
            for each in listed
            if each.key not in replaced
            and _is_ours(each.key)
            and (
                _is_dead(each.key, last, named)
                or (now is not None and each.key not in named and now - each.modified > _ORPHANED_AFTER)
            )
        )
        return replaced

    def _find_replaced(self, manifests: Sequence[StoredObject]) -> tuple[dict[str, datetime], set[str]]:
        """Return when each file in `data/` was merged, and the files that remain.

        Other files remain as long as a manifest that names them: readers without the manifest do not see them.
        """
        named: set[str] = set()
        replaced: dict[str, datetime] = {}
        last: set[str] = set()
        for each in manifests:
            try:
                names = set(load_manifest(self, each.key).list_names())
            except FileNotFoundError:  # another compaction has removed it
                continue
            rows = {name for name in names if name.startswith("data/")}
            replaced |= dict.fromkeys(last - rows, each.modified)
            named |= names
            last = rows
        return replaced, named - replaced.keys()

    def _remove_old(self, manifests: list[StoredObject], now: datetime) -> list[StoredObject]:
        """Remove manifests that were followed by another one long ago, and return the others."""
        followed = pairwise(manifests[: 1 - _MOST_KEPT])
        old = [each.key for each, next_one in followed if now - next_one.modified > _KEPT]
        self._patient.remove(old)
        return [each for each in manifests if each.key not in old]

    def _find_now(self) -> datetime:
        """Return the time by the clock of the store, after a check that it creates an object only once."""
        name = f"{_PROBES}/{secrets.token_hex(8)}"
        try:
            for _ in range(2):  # also the repetition of a request whose answer was lost shows that the store refuses it
                self.store.create(name, b"")
        except FileExistsError:
            return self.store.find(name).modified
        finally:
            self.store.remove([name])
        msg = (
            f"cannot write the data set {self.title}: its store creates an object that exists already (it ignores"
            " If-None-Match), so that two exports could lose rows; give another store, or a directory"
        )
        raise OutputError(msg)


def _is_dead(name: str, last: int, named: Container[str]) -> bool:
    """Return whether no manifest can name a file: it belongs to a commit that another writer has published.

    >>> names = ["data/month=2026-11/00000041-1f0c9a7e.parquet", "ids/00000042-1f0c9a7e.ids", "probes/1f0c9a7e"]
    >>> [_is_dead(name, 41, set()) for name in names], _is_dead(names[0], 41, set(names))
    ([True, False, False], False)
    """
    found = _COMMIT.fullmatch(name)
    return found is not None and int(found[1]) <= last and name not in named


def _is_ours(name: str) -> bool:
    """Return whether an object has a name that a writer gives: only such objects are ever removed.

    >>> [_is_ours(name) for name in ("ids/00000042-1f0c9a7e.ids", "manifests/00000042.json", "data/2026-11.csv")]
    [True, True, False]
    """
    return bool(_COMMIT.fullmatch(name) or _OTHERS.fullmatch(name))
