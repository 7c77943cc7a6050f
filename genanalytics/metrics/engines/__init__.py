"""The engines that compute statistics: pandas in memory, DuckDB, Spark."""
