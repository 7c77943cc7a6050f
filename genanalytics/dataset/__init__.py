"""The data set that grows, on disk or in an object store, as Parquet files or a Delta table; redaction."""
