"""The Parquet data set that grows."""
