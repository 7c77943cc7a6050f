"""What can go wrong: one base, few children, each also the builtin that a caller would expect."""

import os


class GenAnalyticsError(Exception):
    """Anything that this package raises on purpose; its text names the value, what is allowed, and the next step."""


class InputError(GenAnalyticsError, ValueError):
    """A value, a file or a frame that cannot be used as it is."""


class MissingColumnError(GenAnalyticsError, KeyError):
    """A frame without a column that was asked for."""

    def __str__(self) -> str:
        """Return the message itself; `KeyError` would return its repr."""
        return str(self.args[0])


class KeyRefusedError(GenAnalyticsError, PermissionError):
    """No API key, or one that the service answers with 401."""


class CacheError(GenAnalyticsError, OSError):
    """The on-disk cache cannot be opened or used safely."""


class OutputError(GenAnalyticsError, OSError):
    """A file that cannot be written."""


def reason_of(error: OSError) -> str:
    """Return the system's own words for what went wrong; Arrow and others add theirs.

    >>> reason_of(OSError(28, "Error writing bytes to file. Detail: [errno 28] No space left on device"))
    'No space left on device'
    """
    return os.strerror(error.errno) if error.errno else str(error)
