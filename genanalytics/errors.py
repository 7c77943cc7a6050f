"""What can go wrong: one base, few children, each also the builtin that a caller would expect."""

from collections.abc import Sequence


class GenAnalyticsError(Exception):
    """The base of all errors of this package; the text names the value, what is allowed, and the next step."""


class InputError(GenAnalyticsError, ValueError):
    """A value, a file or a frame that cannot be used as it is.

    Args:
        message: The text.
        arguments: The arguments that the text names as `name=`. The command line names its options instead.
    """

    def __init__(self, message: str = "", *, arguments: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.arguments = tuple(arguments)


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


class PoorerResultError(OutputError):
    """A file that is not replaced, because the new result lacks records that the file has or may have."""
