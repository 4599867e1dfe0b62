"""Dagster code location: assets, checks and jobs."""
