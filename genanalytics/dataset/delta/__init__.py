"""Delta Lake tables: reading any of them, and writing those that `export` grows."""
