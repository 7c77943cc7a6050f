"""A folder of this machine, or of a file system that pyarrow knows, as the place of a data set that is read."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.fs

from genanalytics.base.content import unreadable
from genanalytics.base.stores.address import is_store_url, is_url, parse_url
from genanalytics.dataset.bucket import Bucket
from genanalytics.dataset.content import Manifest
from genanalytics.dataset.place import MANIFESTS, list_numbers

FILES = ".files"
"""The folder of the immutable files of a data set on disk."""
CURRENT = ".current"
"""The link to the last commit of a data set of format 1."""


class Folder:
    """A folder of this machine with the files of a data set.

    Args:
        directory: The data set. Its files are in the hidden folder `FILES`; in a copy without hidden names they are in
            the directory itself, and in format 1 in the folder of the last commit.
    """

    filesystem = None

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.title = os.fspath(directory)
        self.root = _find_root(self.title)

    def locate(self, name: str) -> str:
        """Return the path of a file."""
        return f"{self.root}/{name}"

    def list_manifests(self) -> Sequence[int]:
        """Return the numbers of the manifests, in ascending order."""
        try:
            return list_numbers(os.listdir(self.locate(MANIFESTS)))  # noqa: PTH208 - texts
        except (FileNotFoundError, NotADirectoryError):
            return []

    def read_bytes(self, name: str) -> bytes:
        """Return the content of a file."""
        path = Path(self.locate(name))
        if path.exists() and not path.is_file():  # reading a pipe would wait for its writer
            msg = f"{name} is not a regular file"
            raise OSError(msg)
        return path.read_bytes()

    @property
    def inode(self) -> int:
        """The inode of the folder: a copy has another one."""
        return os.stat(self.root).st_ino  # noqa: PTH116 - a text

    def is_own(self, manifest: Manifest) -> bool:
        """Return whether exports of this user wrote the files where they are, so that they need no check of memory."""
        found = os.stat(self.root)  # noqa: PTH116 - a text
        return found.st_ino == manifest.inode and os.name != "nt" and found.st_uid == os.geteuid()


class RemoteFolder:
    """A folder behind a URL that pyarrow knows.

    Args:
        url: The URL of the data set.
    """

    def __init__(self, url: str) -> None:
        self.title = url
        try:
            self.filesystem, root = pyarrow.fs.FileSystem.from_uri(url.rstrip("/"))
        except (OSError, ValueError, pyarrow.ArrowException) as error:
            if isinstance(error, pyarrow.ArrowInvalid):
                parse_url(url)  # refuses a scheme that pyarrow does not know
            raise unreadable(url, error) from error
        self._root = root
        if isinstance(self.filesystem, pyarrow.fs.LocalFileSystem):
            self._root = _find_root(root)

    def locate(self, name: str) -> str:
        """Return the path of a file."""
        return f"{self._root}/{name}"

    def list_manifests(self) -> Sequence[int]:
        """Return the numbers of the manifests, in ascending order."""
        selector = pyarrow.fs.FileSelector(self.locate(MANIFESTS), allow_not_found=True)
        return list_numbers([found.base_name for found in self.filesystem.get_file_info(selector)])

    def read_bytes(self, name: str) -> bytes:
        """Return the content of a file."""
        with self.filesystem.open_input_stream(self.locate(name)) as stream:
            content: bytes = stream.read()
        return content


def open_source(path: str | os.PathLike[str]) -> Any:  # noqa: ANN401 - one of two
    """Return the place of a data set that is read, given by its directory or URL.

    Raises:
        InputError: No file system has the URL.
    """
    if is_store_url(path):
        return Bucket(os.fspath(path))
    return RemoteFolder(os.fspath(path)) if is_url(path) else Folder(path)


def _find_root(directory: str) -> str:
    """Return the folder with the files of a data set."""
    files, current = Path(directory, FILES), Path(directory, CURRENT)
    if current.is_dir() and not any(Path(files, MANIFESTS).glob("*.json")):
        return os.path.realpath(current)
    try:
        return os.path.realpath(files if Path(files, MANIFESTS).is_dir() else directory)
    except FileNotFoundError:  # the current directory was deleted
        return directory
