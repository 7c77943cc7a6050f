"""Where the cost of a period will end."""
