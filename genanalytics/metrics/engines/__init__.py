"""Where statistics are computed: in memory, by DuckDB, by Spark."""
