"""What a data set on an S3 server of this machine contains."""

from collections import Counter

import pyarrow.parquet as pq

from genanalytics.base.stores.arrow import make_filesystem
from genanalytics.base.stores.store import Store
from genanalytics.dataset.manifest import read_manifest
from genanalytics.files import read_parquet

URL = "s3://bucket/some/generations"


def count_ids(url: str = URL) -> Counter[str]:
    """Return how often each id is in the data set, as its readers see it."""
    return Counter(read_parquet(url)["requested_id"])


def count_plain(url: str = URL) -> Counter[str]:
    """Return how often each id is in all files of `data/`, as readers without the manifest see it."""
    store = Store(url)
    filesystem = make_filesystem(store)
    files = [each.key for each in store.list("data")]
    tables = [pq.ParquetFile(filesystem.open_input_file(name)).read(["requested_id"]) for name in files]
    return Counter(each for table in tables for each in table["requested_id"].to_pylist())


def list_orphans(url: str = URL) -> list[str]:
    """Return the files with rows that the last manifest does not name."""
    named = set(read_manifest(url).list_names())
    return [each.key for each in Store(url).list("data") if each.key not in named]
