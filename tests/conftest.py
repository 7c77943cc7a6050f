import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import is_hypothesis_test, settings

from genanalytics import Client
from genanalytics.base.locks import lock_directory
from genanalytics.fetching.pacing import controller, pace
from support.fault_server import FaultServer
from support.faults import KEY
from support.s3_server import S3Server, start_s3
from support.spark import connect, find_url, start_spark

collect_ignore = ["support/s3_process.py"]  # a program that needs moto, not a module with examples

PROJECT = Path(__file__).parent / "project"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="run the tests marked `long` too, and try more examples")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: takes minutes; runs with --all")
    examples = 30 if config.getoption("--all") else 20
    settings.register_profile("genanalytics", max_examples=examples, deadline=None)
    settings.load_profile("genanalytics")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip long tests, or run them at full speed, as properties and documents: the others must cover the code.

    Modules with tests of Spark are the first, so that one worker runs all of them in one session, then those with long
    tests, so that short ones are left at the end for the worker that has nothing to do.
    """
    ranks: dict[Path, int] = {}
    for item in items:
        rank = 0 if "spark" in item.nodeid.lower() else 1 if item.get_closest_marker("long") else 2
        ranks[item.path] = min(rank, ranks.get(item.path, rank))
    items.sort(key=lambda item: ranks[item.path])
    of_long = pytest.mark.no_cover if config.getoption("--all") else pytest.mark.skip(reason="long: run with --all")
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(of_long)
        elif is_hypothesis_test(getattr(item, "function", None)) or item.path.is_relative_to(PROJECT):
            item.add_marker(pytest.mark.no_cover)


@pytest.fixture(autouse=True)
def _no_environment_of_the_developers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a real key, nor a real service, nor a real cache, nor a configuration is ever touched."""
    for name in (
        "OPENROUTER_API_KEY",
        "OPENROUTER_MANAGEMENT_KEY",
        "GENANALYTICS_BASE_URL",
        "GENANALYTICS_CACHE_DIR",
        "GENANALYTICS_DATA",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("platformdirs.user_config_path", lambda *_, **__: Path("no configuration"))


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """Return a service; whatever the test plans must have been delivered in the end."""
    with FaultServer() as server:
        yield server
    assert server.undelivered == {}


@pytest.fixture
def make_client(server: FaultServer, tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """Return a maker of clients of the service, with a cache in `tmp_path / "cache"`; it takes what Client takes."""
    with ExitStack() as stack:

        def make(api_key: str | None = KEY, **options: object) -> Client:
            defaults: dict[str, object] = {"base_url": server.base_url, "cache_dir": tmp_path / "cache"}
            return stack.enter_context(Client(api_key, **(defaults | options)))  # type: ignore[arg-type]

        yield make


@pytest.fixture
def client(make_client: Callable[..., Client]) -> Client:
    return make_client()


@pytest.fixture
def environment(server: FaultServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Change to an empty directory whose environment names the service, a key and a cache."""
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-test")
    monkeypatch.setenv("GENANALYTICS_BASE_URL", server.base_url)
    monkeypatch.setenv("GENANALYTICS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a hundredth of the time: `test_pace` tests how long a wait is, the others that there is one."""
    monkeypatch.setattr(pace, "BASE_DELAY_S", pace.BASE_DELAY_S / 100)
    monkeypatch.setattr(controller, "SLOWEST", 400.0)
    monkeypatch.setattr(controller, "FASTEST_PROBE_S", controller.FASTEST_PROBE_S / 100)
    monkeypatch.setattr(controller, "SLOWEST_PROBE_S", controller.SLOWEST_PROBE_S / 100)
    monkeypatch.setattr(controller, "SLOWEST_PROBE_OF_FAULTS_S", controller.SLOWEST_PROBE_OF_FAULTS_S / 100)


@pytest.fixture
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep tests that start many processes apart from those that measure seconds, which run in parallel otherwise."""
    with lock_directory(tmp_path_factory.getbasetemp().parent):
        yield


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    """Return the port of a server that answers like S3; it is a process of its own."""
    for name in ("obstore", "moto", "flask"):
        pytest.importorskip(name, reason=f"{name} is not installed: pip install --group stores")
    with start_s3() as port:
        yield port


@pytest.fixture
def s3(s3_port: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[S3Server]:
    """Return an S3 server with one empty bucket, to which the environment leads.

    At the end, the server must have delivered all planned faults.
    """
    with S3Server(s3_port) as server:
        server.reset()
        server.create_bucket()
        for name in [name for name in os.environ if name.startswith(("AWS_", "AZURE_", "GOOGLE_"))]:
            monkeypatch.delenv(name)
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
        yield server
    assert server.undelivered == 0


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """Return a local session of Spark whose zone is nobody's UTC."""
    with start_spark() as session:
        yield session


@pytest.fixture(scope="session")
def spark_connect(spark: Any) -> Iterator[Any]:  # noqa: ANN401 - pyspark has no types that are known here
    """Return a session of Spark Connect, served by `spark`."""
    with connect(find_url(spark)) as session:
        yield session
