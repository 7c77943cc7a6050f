"""What another policy of prompt caching would have cost."""
