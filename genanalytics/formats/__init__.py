"""One file format per module: tables as files, and back."""
