"""The locks of the project."""

GROUPS = ("spark", "connect", "stores", "mcp", "browser", "site", "types")
"""The dependency groups with a lock of their own."""
LOWEST_LOCK = "requirements-lowest.lock"
"""The lock of an environment of its own, with the lowest versions."""
LOCK_FILES = ["requirements.lock", *(f"requirements-{group}.lock" for group in GROUPS), LOWEST_LOCK]
