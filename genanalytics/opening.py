"""The records of paths, opened by the engine that suits their size."""

import os
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import narwhals.stable.v2 as nw

from genanalytics.base.content import expand_glob, translate_errors
from genanalytics.base.opening import Place
from genanalytics.base.stores.address import is_store_url, is_url, parse_url, to_local
from genanalytics.base.stores.find import find_objects, has_pattern, is_object
from genanalytics.dataset.delta.places import is_delta
from genanalytics.dataset.listing import list_parquet
from genanalytics.dataset.manifest import is_dataset
from genanalytics.files import read, read_coverage
from genanalytics.metrics.engines.scan import Engine, scan
from genanalytics.metrics.engines.source import Covered
from genanalytics.records.coverage import Coverage, join_coverage, list_missing

LARGE_BYTES = 200_000_000
"""More Parquet than this is read by DuckDB, if it is installed: unpacked, it may be larger than memory."""


def open_records(path: str | os.PathLike[str], place: Place = "any") -> Any:  # noqa: ANN401 - of any engine
    """Return the records of a file or a data set: a frame, or large Parquet on DuckDB, with its coverage.

    Raises:
        InputError: It cannot be read, or has no known format.
        MissingColumnError: It has no records.
    """
    paths = expand_globs([os.fspath(path)])
    if place == "memory" or choose_engine(paths) == "pandas":
        return read(path)
    data = scan(paths)
    return Covered(data, find_coverage_of_files(paths, data))


def expand_globs(paths: Iterable[str]) -> list[str]:
    """Return paths with what each glob matches in its place; a URL stays, and so does a glob that matches nothing."""
    local = map(to_local, paths)
    return [one for path in local for one in ([path] if is_url(path) else expand_glob(path) or [path])]


def choose_engine(paths: Sequence[str], *, large_bytes: int | None = None) -> Engine:
    """Return the engine for files: pandas, or DuckDB for large Parquet if it is installed.

    Args:
        paths: Files and data sets, without globs of files on this machine (`expand_globs`).
        large_bytes: The largest size for pandas; None for `LARGE_BYTES`.
    """
    limit = LARGE_BYTES if large_bytes is None else large_bytes
    sizes = [size for path in paths for size in _measure(to_local(path))]
    large = None not in sizes and sum(size for size in sizes if size is not None) > limit
    return "duckdb" if large and find_spec("duckdb") else "pandas"


def find_coverage_of_files(paths: Sequence[str], data: Any) -> Coverage | None:  # noqa: ANN401 - of any engine
    """Return the coverage of Parquet files that an engine reads, which counts their ids if there are several files.

    It is None if it is unknown, as for a glob of objects or a plain directory.
    """
    places = list(map(to_local, paths))
    if not all(os.path.isfile(place) or is_object(place) or _is_table(place) for place in places):  # noqa: PTH113
        return None
    coverages = list(map(read_coverage, places))
    if len(places) == 1:
        return coverages[0]
    known = nw.from_native(data).select("requested_id").drop_nulls().unique()
    is_missing = nw.col("requested_id").is_in(sorted(list_missing(coverages)))
    present = known.filter(is_missing).collect()["requested_id"].to_list()
    found = int(known.select(nw.len()).collect().item())
    return join_coverage(coverages, found=found, present=set(present))


def _is_table(place: str) -> bool:
    """Return whether a place is a data set or a Delta table."""
    if is_url(place) and (has_pattern(place) or not is_store_url(place)):
        return False
    return is_dataset(place) or is_delta(place)


def _measure(place: str) -> Iterator[int | None]:
    """Yield the sizes of the Parquet files of a place; None for each other file."""
    if is_store_url(place):
        with translate_errors(place, OSError):
            found = {each.address.key: each.size for each in find_objects(place)}
        whole = parse_url(place).key
        yield from (
            size if key.endswith(".parquet") else None
            for key, size in found.items()
            if key.endswith(".parquet") or key == whole
        )
        return
    if is_url(place):
        yield None
        return
    files = list_parquet(Path(place))
    yield from (file.stat().st_size for file in files)
    if not files:
        yield None
