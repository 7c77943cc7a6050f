"""An object store as a file system of pyarrow, for reading."""

from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.fs

from genanalytics.base.stores.parts import ObjectFile, read_object
from genanalytics.base.stores.store import Store


def make_filesystem(store: Store) -> pa.fs.FileSystem:
    """Return a file system whose paths are keys of a store. It reads, and writes nothing."""
    return pa.fs.PyFileSystem(_Handler(store))


class _Handler(pa.fs.FileSystemHandler):  # type: ignore[misc]
    """The methods that pyarrow calls; directories are prefixes of keys."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Handler) and other._store is self._store

    __hash__ = None  # type: ignore[assignment]

    def get_type_name(self) -> str:
        return "genanalytics store"

    def normalize_path(self, path: str) -> str:
        return path.strip("/")

    def get_file_info(self, paths: list[str]) -> list[pa.fs.FileInfo]:
        return [self._find(path.strip("/")) for path in paths]

    def get_file_info_selector(self, selector: pa.fs.FileSelector) -> list[pa.fs.FileInfo]:
        prefix = selector.base_dir.strip("/")
        found = [one for one in self._store.list(prefix) if selector.recursive or "/" not in one.key[len(prefix) + 1 :]]
        if not found and not selector.allow_not_found:
            msg = f"there is no object below {self._store.address.join(prefix)}"
            raise FileNotFoundError(msg)
        return [_describe(one.key, one.size) for one in found]

    def open_input_stream(self, path: str) -> pa.NativeFile:
        return pa.BufferReader(read_object(self._store, path))

    def open_input_file(self, path: str) -> pa.NativeFile:
        return pa.PythonFile(ObjectFile(self._store, path), mode="r")

    def _find(self, path: str) -> pa.fs.FileInfo:
        try:
            return _describe(path, self._store.find(path).size)
        except FileNotFoundError:
            below = next(self._store.list(path), None)
            return pa.fs.FileInfo(path, pa.fs.FileType.NotFound if below is None else pa.fs.FileType.Directory)

    def _refuse(self, *_: Any) -> NoReturn:  # noqa: ANN401 - arguments of any method
        msg = f"{self._store} is opened for reading only"
        raise PermissionError(msg)

    create_dir = delete_dir = delete_dir_contents = delete_root_dir_contents = delete_file = _refuse
    move = copy_file = open_output_stream = open_append_stream = _refuse


def _describe(path: str, size: int) -> pa.fs.FileInfo:
    return pa.fs.FileInfo(path, pa.fs.FileType.File, size=size)
