"""From ids to answers over HTTP, and to a typed frame."""
