"""What was paid for nothing."""
