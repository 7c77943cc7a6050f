"""Logs that grow, and the data set with the records of their ids."""
