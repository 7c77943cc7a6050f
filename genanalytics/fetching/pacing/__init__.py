"""When requests may be sent to a service whose limits are unknown."""
