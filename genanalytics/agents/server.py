"""The server of the tools, by the Model Context Protocol on two streams.

The SDK is imported when a server starts: it need not be installed for anything else.
"""

import sys
import traceback
from functools import partial
from io import TextIOWrapper
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO

from genanalytics._version import __version__
from genanalytics.agents.answer import make_safe
from genanalytics.agents.arguments import make_schema
from genanalytics.agents.ask import INSTRUCTIONS, TOOLS, Reply, ask
from genanalytics.agents.kept import KeptRecords
from genanalytics.agents.tool import Tool

if TYPE_CHECKING:
    from mcp import types
    from mcp.server.lowlevel import Server
    from mcp.server.session import ServerSession
    from mcp.shared.context import RequestContext

PROGRESS_S = 5.0
"""The time between two notifications that a call is still computed."""

_NAME = "genanalytics"
_FAULT = "this is a fault of genanalytics, not of the question; the log of the server (stderr) has the details"


def serve(records: KeptRecords, requests: BinaryIO, responses: BinaryIO) -> bool:
    """Answer the requests of one client until it closes its stream, and return whether a call is still computed.

    Args:
        records: The records that the tools show.
        requests: The stream of requests.
        responses: The stream of responses; nothing else may write there.
    """
    import anyio  # noqa: PLC0415

    busy = Lock()
    anyio.run(_serve, make_server(records, busy), requests, responses)
    return busy.locked()


async def _serve(server: "Server[object, object]", requests: BinaryIO, responses: BinaryIO) -> None:
    import anyio  # noqa: PLC0415
    from mcp.server.stdio import stdio_server  # noqa: PLC0415

    reader = anyio.wrap_file(TextIOWrapper(requests, encoding="utf-8", errors="replace"))
    writer = anyio.wrap_file(TextIOWrapper(responses, encoding="utf-8", newline="\n"))
    async with stdio_server(reader, writer) as (received, sent):
        await server.run(received, sent, server.create_initialization_options())


def make_server(records: KeptRecords, busy: Lock) -> "Server[object, object]":
    """Return the server, which answers one call after the other.

    Args:
        records: The records that the tools show.
        busy: The lock that a call holds while it is computed.
    """
    from anyio import create_task_group, to_thread  # noqa: PLC0415
    from mcp import types  # noqa: PLC0415
    from mcp.server.lowlevel import Server  # noqa: PLC0415

    server: Server[object, object] = Server(_NAME, version=__version__, instructions=INSTRUCTIONS)

    async def list_tools(_: types.ListToolsRequest) -> types.ServerResult:
        return types.ServerResult(types.ListToolsResult(tools=[_describe(tool) for tool in TOOLS.values()]))

    async def call_tool(request: types.CallToolRequest) -> types.ServerResult:
        answer = partial(_answer, records, busy, request.params)
        async with create_task_group() as group:
            group.start_soon(_report_progress, server.request_context)
            reply = await to_thread.run_sync(answer, abandon_on_cancel=True)
            group.cancel_scope.cancel()
        content: list[types.ContentBlock] = [types.TextContent(type="text", text=reply.text)]
        return types.ServerResult(types.CallToolResult(content=content, isError=reply.is_error))

    server.request_handlers[types.ListToolsRequest] = list_tools
    server.request_handlers[types.CallToolRequest] = call_tool
    return server


async def _report_progress(context: "RequestContext[ServerSession, object, object]") -> None:
    """Report to a client that asks for progress that its call is still computed."""
    from anyio import sleep  # noqa: PLC0415

    token = context.meta.progressToken if context.meta else None
    for time in count(1):
        await sleep(PROGRESS_S)
        if token is not None:
            await context.session.send_progress_notification(token, time * PROGRESS_S, message="computing")


def _answer(records: KeptRecords, busy: Lock, params: "types.CallToolRequestParams") -> Reply:
    try:
        with busy:
            return ask(records, params.name, params.arguments or {})
    except Exception as error:  # noqa: BLE001 - the client gets a reply, and the server goes on
        sys.stderr.write(f"{make_safe(traceback.format_exc())}\n")
        return Reply(f"Error: {type(error).__name__}: {_FAULT}", is_error=True)


def _describe(tool: Tool) -> "types.Tool":
    from mcp import types  # noqa: PLC0415

    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=f"{tool.title} {tool.meaning}",
        inputSchema=make_schema(tool.arguments),
        annotations=types.ToolAnnotations(
            title=tool.title, readOnlyHint=True, destructiveHint=False, idempotentHint=True, openWorldHint=False
        ),
    )
