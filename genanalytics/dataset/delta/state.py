"""What `export` knows of a table in addition to its rows: the ids without a record.

Every commit of `export` carries the transaction `APP` with a version of its own. `_genanalytics/<version>.json` names
the files with the failures as of that commit, so rows and failures change in one step. Delta readers and vacuum pass
over folders that begin with `_`.
"""

import json
import re
import secrets
from dataclasses import asdict, dataclass

import pyarrow as pa

from genanalytics.base.content import unreadable
from genanalytics.dataset.delta.log import Snapshot
from genanalytics.dataset.failures import FAILURES, FailuresFile, apply_changes
from genanalytics.errors import InputError

APP = "genanalytics"
"""The id of the application whose transactions are in the log."""
FOLDER = "_genanalytics"

_RANDOM_BITS = 32
_FILE = re.compile(FOLDER + r"/[\w-]+\.parquet")


@dataclass(frozen=True, slots=True)
class State:
    """The ids without a record as of one commit.

    Attributes:
        failures: Their number.
        files: The files with them, in their order; see `failures.count_kept`.
    """

    failures: int = 0
    files: tuple[FailuresFile, ...] = ()

    def read_failures(self, snapshot: Snapshot) -> pa.Table:
        """Return the ids without a record, with the columns of `failures.FAILURES`."""
        tables = [snapshot.read_rows(file.path).cast(FAILURES) for file in self.files]
        if not tables:
            return FAILURES.empty_table()
        return tables[0] if len(tables) == 1 else apply_changes(pa.concat_tables(tables))

    def to_json(self) -> str:
        """Return the text of the file."""
        return json.dumps(asdict(self), indent=1)


def make_version(before: int | None) -> int:
    """Return the version of the next transaction: one more commit, and 32 random bits that no other writer has.

    >>> count_commits(make_version(None)), count_commits(make_version(make_version(None)))
    (1, 2)
    """
    return (count_commits(before) + 1 << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)


def count_commits(version: int | None) -> int:
    """Return the number of commits of `export` up to a transaction."""
    return 0 if version is None else version >> _RANDOM_BITS


def name_state(version: int) -> str:
    """Return the path of the file with the state of a commit, relative to the table."""
    return f"{FOLDER}/{version:020d}.json"


def read_state(snapshot: Snapshot) -> State | None:
    """Return the state as of the last commit of `export`; None in a table without one, and in a copy without the file.

    Raises:
        InputError: The file cannot be read.
    """
    version = snapshot.table.transaction_version(APP)
    if version is None:
        return None
    try:
        content = json.loads(_read_bytes(snapshot, name_state(version)))
        state = State(int(content["failures"]), tuple(FailuresFile(**file) for file in content["files"]))
        if all(_FILE.fullmatch(file.path) for file in state.files):
            return state
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise unreadable(snapshot.locate(name_state(version)), error) from error
    msg = (
        f"cannot read {snapshot.locate(name_state(version))}: it names a file outside of {FOLDER}; restore the"
        " table from a copy"
    )
    raise InputError(msg)


def _read_bytes(snapshot: Snapshot, path: str) -> bytes:
    """Return the content of a file of a table."""
    if snapshot.store is not None:
        return snapshot.store.read(path)
    with open(snapshot.locate(path), "rb") as stream:  # noqa: PTH123 - a path of any form
        return stream.read()
