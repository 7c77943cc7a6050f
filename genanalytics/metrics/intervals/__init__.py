"""The 95 % intervals of statistics."""
