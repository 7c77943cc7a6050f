"""What can go wrong: one base, few children, each also the builtin that a caller would expect."""


class GenAnalyticsError(Exception):
    """The base of all errors of this package; the text names the value, what is allowed, and the next step."""


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


class PoorerResultError(OutputError):
    """A file that is not replaced, because the new result lacks records that the file has or may have."""
