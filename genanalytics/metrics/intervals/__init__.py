"""How sure a statistic is."""
