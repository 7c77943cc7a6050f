"""The engines that compute statistics: numpy in memory, DuckDB, Spark, and others through Ibis."""
