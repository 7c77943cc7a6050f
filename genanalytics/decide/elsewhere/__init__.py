"""What the same requests would have cost elsewhere."""
