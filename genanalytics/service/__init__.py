"""The service's own activity export, and charges as FinOps have them."""
