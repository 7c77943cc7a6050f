"""What changed, and since when."""
