"""The locks of the project."""

GROUPS = ("spark", "connect", "stores", "mcp", "browser", "site", "types")
"""The dependency groups with a lock of their own."""
LOCK_FILES = ["requirements.lock", *(f"requirements-{group}.lock" for group in GROUPS)]
