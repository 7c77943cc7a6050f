"""The exit codes of every command."""

from enum import IntEnum


class Exit(IntEnum):
    """An exit code; docs/cli.md has their meaning."""

    SUCCESS = 0
    FAILURE = 1
    USAGE = 2
    PARTIAL = 3
    KEY_REFUSED = 4
    OVER_BUDGET = 5
    UNDECIDED = 6
    HUNG_UP = 129
    INTERRUPTED = 130
    PIPE_CLOSED = 141
    TERMINATED = 143
