"""Figures by group as text and HTML."""
