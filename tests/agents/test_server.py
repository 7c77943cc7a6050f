"""The server, as the client of the SDK and the operating system see it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from threading import Lock
from typing import Any, TextIO

import pytest

from genanalytics import write
from genanalytics.agents.answer import BEGIN, END
from genanalytics.agents.ask import INSTRUCTIONS, TOOLS
from genanalytics.agents.kept import KeptRecords
from genanalytics.agents.server import make_server
from genanalytics.cli.records import Selection
from genanalytics.cli.repeat import find_state
from support.faults import KEY
from support.generations import frame_of

pytestmark = pytest.mark.long
COMMAND = [sys.executable, "-m", "genanalytics", "mcp"]
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}


@pytest.fixture(autouse=True)
def _with_the_sdk() -> None:
    pytest.importorskip("mcp", reason="mcp is not installed: pip install 'genanalytics[mcp]'")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / "records.parquet"
    write(frame_of({"total_cost": 1.5}, {"model": "b", "total_cost": 2.5}), place)
    return place


def make_environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OPENROUTER_API_KEY": KEY}


def talk(path: Path, use: Callable[[Any, Any], Awaitable[None]]) -> None:
    """Start the server as a client does, and use the session and the result of its beginning."""
    import anyio  # noqa: PLC0415 - the SDK need not be installed
    from mcp import ClientSession, StdioServerParameters  # noqa: PLC0415
    from mcp.client.stdio import stdio_client  # noqa: PLC0415

    server = StdioServerParameters(command=COMMAND[0], args=[*COMMAND[1:], str(path)], env=make_environment())

    async def start(log: TextIO) -> None:
        async with stdio_client(server, errlog=log) as streams, ClientSession(*streams) as session:
            await use(session, await session.initialize())

    with Path(os.devnull).open("w", encoding="utf-8") as log:
        anyio.run(start, log)


def test_a_client_finds_read_only_tools_and_gets_answers(path: Path) -> None:
    async def use(session: Any, began: Any) -> None:  # noqa: ANN401 - of the SDK
        assert began.instructions == INSTRUCTIONS
        assert began.serverInfo.name == "genanalytics"
        listed = (await session.list_tools()).tools
        assert [tool.name for tool in listed] == list(TOOLS)
        assert all(tool.annotations.readOnlyHint and not tool.annotations.openWorldHint for tool in listed)
        found = await session.call_tool("summary", {"by": ["model"]})
        assert not found.isError
        [content] = found.content
        assert content.text.startswith(BEGIN)
        assert content.text.endswith(END)
        assert "$4.000" in content.text
        assert KEY not in content.text
        refused = await session.call_tool("summary", {"by": ["modle"]})
        assert refused.isError
        assert refused.content[0].text.startswith("Error: cannot group by 'modle'; did you mean 'model'?")
        assert (await session.call_tool("nope", {})).isError

    talk(path, use)


def test_a_file_that_grew_is_read_again_in_one_session(path: Path) -> None:
    async def use(session: Any, _: Any) -> None:  # noqa: ANN401 - of the SDK
        first = await session.call_tool("overview", {})
        assert "2 records in" in first.content[0].text
        write(frame_of({}, {}, {}), path)
        second = await session.call_tool("overview", {})
        assert "3 records in" in second.content[0].text

    talk(path, use)


def test_a_fault_of_a_tool_is_one_sentence_and_the_server_goes_on(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import anyio  # noqa: PLC0415
    from mcp.shared.memory import create_connected_server_and_client_session as connect  # noqa: PLC0415

    records = KeptRecords(Selection((str(path),)), find_state)

    def fail(*_: object) -> None:
        msg = "division by zero"
        raise ZeroDivisionError(msg)

    async def use() -> None:
        async with connect(make_server(records, Lock())) as session:
            monkeypatch.setattr(KeptRecords, "query", fail)
            failed = await session.call_tool("overview", {})
            assert failed.isError
            assert "Error: ZeroDivisionError: this is a fault of genanalytics" in failed.model_dump_json()
            monkeypatch.undo()
            assert not (await session.call_tool("overview", {})).isError

    anyio.run(use)
    assert "division by zero" in capsys.readouterr().err


def test_a_client_that_wants_to_know_it_hears_that_a_call_is_still_computed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import anyio  # noqa: PLC0415
    from mcp.shared.memory import create_connected_server_and_client_session as connect  # noqa: PLC0415

    monkeypatch.setattr("genanalytics.agents.server.PROGRESS_S", 0.01)
    heard: list[str | None] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:  # noqa: ARG001 - as the SDK calls it
        heard.append(message)

    async def use() -> None:
        async with connect(make_server(KeptRecords(Selection((str(path),)), find_state), Lock())) as session:
            assert not (await session.call_tool("recommend", {}, progress_callback=hear)).isError
            assert not (await session.call_tool("overview", {})).isError

    anyio.run(use)
    assert set(heard) == {"computing"}


def start(path: Path) -> "subprocess.Popen[bytes]":
    """Start the server, and wait for its first response."""
    pipe = subprocess.PIPE
    running = subprocess.Popen([*COMMAND, str(path)], stdin=pipe, stdout=pipe, stderr=pipe, env=make_environment())
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write(json.dumps(INITIALIZE).encode() + b"\n")
    running.stdin.flush()
    assert json.loads(running.stdout.readline())["result"]["serverInfo"]["name"] == "genanalytics"
    return running


def test_it_ends_with_the_stream_of_its_client(path: Path) -> None:
    with start(path) as running:
        out, err = running.communicate(timeout=60)
    assert running.returncode == 0
    assert out == b""
    assert b"Traceback" not in err


def test_it_does_not_wait_for_an_answer_that_nobody_reads(path: Path) -> None:
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "recommend", "arguments": {}}}
    with start(path) as running:
        assert running.stdin is not None
        running.stdin.write(json.dumps(call).encode() + b"\n")
        _, err = running.communicate(timeout=60)
    assert running.returncode == 0
    assert b"Traceback" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_it_ends_at_sigterm_while_it_waits(path: Path) -> None:
    with start(path) as running:
        running.send_signal(signal.SIGTERM)
        out, err = running.communicate(timeout=60)
    assert running.returncode == 128 + signal.SIGTERM
    assert out == b""
    assert b"Traceback" not in err


def test_nonsense_does_not_end_it(path: Path) -> None:
    with start(path) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(b"\xff\xfe nonsense\n{}\n[]\n" + json.dumps({**INITIALIZE, "id": 2}).encode() + b"\n")
        running.stdin.flush()
        while json.loads(running.stdout.readline()).get("id") != 2:
            pass
        _, err = running.communicate(timeout=60)
    assert running.returncode == 0
    assert b"Traceback" not in err
