"""Tools for coding agents: questions about records, answered as bounded text."""
