"""A process that answers like S3: moto's server, one request at a time, since its conditional writes are not atomic.

It prints its port, and ends when its standard input does, so that it never outlives the tests.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from threading import Lock, Thread
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server


class OneAtATime:
    """An application behind a lock."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application
        self._lock = Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterator[bytes]:
        with self._lock:
            return iter([b"".join(self._application(environ, start_response))])


class Quiet(WSGIRequestHandler):  # type: ignore[misc] # without types
    """Writes no log."""

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Write nothing."""


def main() -> None:
    """Serve until standard input ends."""
    application = OneAtATime(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Quiet)
    print(server.server_port, flush=True)  # noqa: T201 - the parent reads it
    Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
