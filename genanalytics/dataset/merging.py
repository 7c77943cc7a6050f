"""Which files of a partition to merge, so that each has few files and each row is rewritten a few times only."""

from collections.abc import Iterator, Sequence
from posixpath import dirname

from genanalytics.dataset.content import DataFile

SMALL = 1 << 17
"""Files with fewer rows are small: `compact` merges them up to this size."""
_MERGED_BELOW = 1 << 13
"""A commit merges only files with fewer rows; a batch of a year in random order makes larger ones in each month."""
_SIZE_BITS = 3
"""The sizes of files of one class are within a factor of eight."""
_MOST_OF_A_CLASS = 7


def choose_merged(files: Sequence[DataFile], rows: int) -> list[DataFile]:
    """Return the files of a partition that new rows are merged with into one file.

    Once there are eight files of a class of sizes or below it, they become one file of the next class.

    >>> files = [DataFile(f"data/{number}.parquet", 10, young=False) for number in range(7)]
    >>> len(choose_merged(files, 12)), len(choose_merged(files[1:], 12)), len(choose_merged(files, 1))
    (7, 0, 0)
    """
    chosen: list[DataFile] = []
    while True:
        limit = _find_class(rows + sum(file.rows for file in chosen))
        within = [file for file in files if file.rows < _MERGED_BELOW and _find_class(file.rows) <= limit]
        if len(within) - len(chosen) < _MOST_OF_A_CLASS:
            return chosen
        chosen = within


def group_small(files: Sequence[DataFile]) -> Iterator[list[DataFile]]:
    """Yield the small files to merge: of one partition, all final or all young, until they are not small."""
    waiting: dict[tuple[str, bool], list[DataFile]] = {}
    for file in files:
        if file.rows < SMALL:
            key = (dirname(file.path), file.young)
            group = waiting.setdefault(key, [])
            group.append(file)
            if sum(one.rows for one in group) >= SMALL:
                yield waiting.pop(key)
    yield from (group for group in waiting.values() if len(group) > 1)


def _find_class(rows: int) -> int:
    return rows.bit_length() // _SIZE_BITS
