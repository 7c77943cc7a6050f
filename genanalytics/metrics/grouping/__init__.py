"""Groups and periods, and conditions on rows."""
