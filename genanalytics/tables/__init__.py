"""Summaries as text and HTML tables."""
