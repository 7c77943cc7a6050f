"""The cache: answers on disk."""
