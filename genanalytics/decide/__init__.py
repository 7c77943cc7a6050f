"""Decisions: what would it cost elsewhere, what is wasted, where will it end, what changed, what to do first."""
