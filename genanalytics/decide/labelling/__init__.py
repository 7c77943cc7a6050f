"""Customers, revenue and outcomes, from tables of the user."""
