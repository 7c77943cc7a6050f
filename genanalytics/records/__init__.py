"""Records: their columns, their parsing, the typed frame."""
