"""What rows are grouped by, and which rows count."""
