"""Generation ids: their form, and reading them from any source."""
