"""The memory that an engine may use."""

import re
from typing import Any

_SIZE = re.compile(r"([0-9.]+) *([kmgtp]?)(i?b|bytes?)?", re.IGNORECASE)
_POWERS = " kmgtp"
_MEMORY_OF_SPARK = ("spark.executor.memory", "spark.driver.memory")
_DEFAULT_OF_SPARK = "1g"


def read_size(text: str, unit: str = "") -> int:
    """Return a size as a number of bytes, 0 for any other text; a number without a unit has the one given.

    >>> read_size("953.6 MiB"), read_size("4g"), read_size("512", "m"), read_size("0 bytes")
    (999922073, 4294967296, 536870912, 0)
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        return 0
    return int(float(found[1]) * 1024 ** _POWERS.index((found[2] or ("" if found[3] else unit)).lower() or " "))


def find_memory_of_duckdb(relation: Any) -> int:  # noqa: ANN401 - of a package that may not be installed
    """Return the memory limit of the connection of a relation, in bytes."""
    # not a query, for which DuckDB 1.5 makes a view: a database can be open for reading alone
    ((limit, _),) = relation.limit(0).aggregate("current_setting('memory_limit'), count(*)").fetchall()
    return read_size(limit)


def find_memory_of_spark(frame: Any) -> int:  # noqa: ANN401
    """Return the memory of one process of Spark, in bytes: of the executors, or of the driver if that is larger."""
    settings = frame.sparkSession.conf
    return max(read_size(_read_setting(settings, name), "m") for name in _MEMORY_OF_SPARK)


def _read_setting(settings: Any, name: str) -> str:  # noqa: ANN401
    """Return a setting of Spark, or its default where Spark tells nobody, as a service without clusters may."""
    from pyspark.errors import PySparkException  # noqa: PLC0415 - it is installed where the frames come from

    try:
        return str(settings.get(name, _DEFAULT_OF_SPARK))
    except PySparkException:
        return _DEFAULT_OF_SPARK
