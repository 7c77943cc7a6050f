"""Ids to answers over HTTP, and answers to a typed frame."""
