"""What changed the cost between two periods."""
