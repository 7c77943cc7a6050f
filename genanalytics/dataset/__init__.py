"""The Parquet data set that grows, and redaction."""
