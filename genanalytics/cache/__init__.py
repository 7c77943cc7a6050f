"""The answers on disk."""
