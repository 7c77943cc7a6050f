"""What engines say about their memory."""

from types import SimpleNamespace

import pytest

from genanalytics.metrics.engines.capacity import find_memory_of_spark


def test_a_spark_that_tells_no_settings_has_the_memory_of_its_default() -> None:
    errors = pytest.importorskip("pyspark.errors", reason="pyspark is not installed: pip install 'genanalytics[spark]'")

    def get(name: str, _: str) -> str:
        msg = f"[CONFIG_NOT_AVAILABLE] Configuration {name} is not available."
        raise errors.PySparkException(msg)

    frame = SimpleNamespace(sparkSession=SimpleNamespace(conf=SimpleNamespace(get=get)))
    assert find_memory_of_spark(frame) == 1 << 30
