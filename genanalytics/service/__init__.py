"""Files of the service and of FinOps: the activity export, reconciliation, FOCUS."""
