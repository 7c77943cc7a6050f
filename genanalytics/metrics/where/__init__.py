"""Which rows count: conditions and periods as users type them, for frames and engines."""
