"""A prefix of an object store as the place of a data set that is read."""

from collections.abc import Sequence

from genanalytics.base.content import translate_errors
from genanalytics.base.stores.arrow import make_filesystem
from genanalytics.base.stores.find import repeat
from genanalytics.base.stores.store import Store, StoredObject
from genanalytics.dataset.place import MANIFESTS, find_number


class Bucket:
    """A prefix of an object store with the files of a data set.

    Args:
        url: The URL.

    Raises:
        InputError: It is no URL of an object store, or obstore is not installed.
    """

    def __init__(self, url: str) -> None:
        self.store = Store(url)
        self.title = str(self.store)
        self.filesystem = make_filesystem(self.store)

    def locate(self, name: str) -> str:
        """Return the path of a file on `filesystem`."""
        return name

    def list_manifests(self) -> Sequence[int]:
        """Return the numbers of the manifests, in ascending order."""
        return [number for number, _ in self.find_manifests()]

    def find_manifests(self) -> list[tuple[int, StoredObject]]:
        """Return the manifests with their numbers, in ascending order.

        Raises:
            InputError: The store does not answer, or refuses.
        """
        with translate_errors(self.title, OSError):
            listed = repeat(lambda: list(self.store.list(MANIFESTS)))
        found = [(find_number(each.key), each) for each in listed]
        return sorted(((number, each) for number, each in found if number is not None), key=lambda pair: pair[0])

    def read_bytes(self, name: str) -> bytes:
        """Return the content of a file."""
        return self.store.read(name)
