"""Sessions of Spark on this machine."""

import os
import shutil
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.session.timeZone": "America/New_York",
}
PORT = "spark.connect.grpc.binding.port"


@contextmanager
def start_spark() -> Iterator[Any]:
    """Yield a local session whose zone is nobody's UTC; it serves Spark Connect too, if it has a server."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a package that is not ours
        sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed: pip install 'genanalytics[spark]'")
        if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
            pytest.skip("there is no Java for Spark")
        builder = sql.SparkSession.builder.master("local[2]")
        for name, value in (SETTINGS | _serve(Path(sql.__file__).parents[1])).items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
        session.sparkContext.setLogLevel("ERROR")
        yield session
        session.stop()


def _serve(package: Path) -> dict[str, str]:
    """Return the settings of a server of Spark Connect, which pyspark contains from 4 on."""
    if not list((package / "jars").glob("spark-connect_*.jar")):
        return {}
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = str(found.getsockname()[1])
    plugin = "org.apache.spark.sql.connect.SparkConnectPlugin"
    return {"spark.plugins": plugin, "spark.connect.grpc.binding.address": "127.0.0.1", PORT: port}


def find_url(spark: Any) -> str:  # noqa: ANN401 - pyspark has no types that are known here
    """Return the URL of the server of a session."""
    port = spark.conf.get(PORT, None)
    if port is None:
        pytest.skip("this pyspark contains no server of Spark Connect")
    return f"sc://127.0.0.1:{port}"


@contextmanager
def connect(url: str) -> Iterator[Any]:
    """Yield a session of Spark Connect, next to sessions of Spark in the same process."""
    pytest.importorskip("grpc", reason="the packages of Spark Connect are not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a package that is not ours
        from pyspark.sql.connect.session import SparkSession  # noqa: PLC0415 - an extra

        session = SparkSession.builder.remote(url).create()
        yield session
        session.stop()
